package main

import (
	"context"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/report"
)

// reading goes through the turns of a record that are wanted, in the order. It has
// one page of them in memory.
type reading struct {
	view   *store.View
	choice report.Choice
	last   int  // the last so many; 0: all
	linked bool // TurnShown.After is wanted
	page   int  // turns, store.MaxPage at most

	pre   store.Filter // lets through what choice does, and some that it does not
	names map[string]turn.Key
	empty bool // nobody spoke whose words are wanted
}

// newReading makes what goes through a record. words are to be searched for, as
// store.View.Find has it; empty: all turns.
func newReading(v *store.View, f report.Filter, words string, last int, linked bool) *reading {
	r := &reading{view: v, choice: f.Choice(), last: last, linked: linked, page: store.MaxPage, names: map[string]turn.Key{}}
	r.pre = store.Filter{Words: words, Since: f.Since}
	if !f.Until.IsZero() {
		r.pre.Until = f.Until.Add(time.Millisecond) // turns have whole ones
	}
	met := v.Restored.Peers
	for _, p := range met {
		if _, known := r.names[p.Name]; !known {
			r.names[p.Name] = p.Key
		}
	}
	if len(f.Names) == 0 || len(met) >= store.MaxPeers {
		return r // at the bound others may have spoken, too
	}
	for _, p := range met {
		if r.choice.WantsPeer(p.Name, p.Key) {
			r.pre.Peers = append(r.pre.Peers, p)
		}
	}
	r.empty = len(r.pre.Peers) == 0
	return r
}

// shown is a turn as an event. Who was met with a name first has it alone.
func (r *reading) shown(s *turn.Signed) peer.TurnShown {
	t := s.Turn()
	name := t.Name
	if r.names[name] != t.Author {
		name += "#" + t.Author.Short()
	}
	return peer.TurnShown{ID: s.ID(), Stamp: t.Stamp, Name: name, Author: t.Author, Time: time.UnixMilli(t.Time), Lines: t.Texts}
}

// turns gives each turn to show, and calls paged at the end of each page; an error of
// paged ends it. more: of those that are wanted, the last ones are not all.
func (r *reading) turns(ctx context.Context, show func(peer.TurnShown), paged func() error) (more bool, err error) {
	if r.empty {
		return false, nil
	}
	f := r.pre
	f.First, f.Limit = true, r.page
	if r.last > 0 {
		if f.From, more, err = r.start(ctx); err != nil || f.From == nil {
			return false, err
		}
	}
	var before turn.ID
	for {
		ts, err := r.view.Find(ctx, f)
		if err != nil {
			return false, err
		}
		for i, s := range ts {
			t := r.shown(s)
			if r.choice.Wants(&t) {
				if t.After = before; r.linked && (r.some() || i == 0) {
					if t.After, err = r.before(ctx, s); err != nil {
						return false, err
					}
				}
				show(t)
			}
			before = t.ID
		}
		if err := paged(); err != nil {
			return false, err
		}
		if len(ts) < f.Limit {
			return more, nil
		}
		last := ts[len(ts)-1].Item()
		f.From, f.After = nil, &last
	}
}

// some tells that pages leave turns out, so that the one before a turn may not be
// there.
func (r *reading) some() bool {
	p := &r.pre
	return p.Words != "" || !p.Since.IsZero() || !p.Until.IsZero() || len(p.Peers) > 0
}

// before gives the turn before one in the order; zero: there is none.
func (r *reading) before(ctx context.Context, s *turn.Signed) (turn.ID, error) {
	it := s.Item()
	ts, err := r.view.Find(ctx, store.Filter{Before: &it, Limit: 1})
	if err != nil || len(ts) == 0 {
		return turn.ID{}, err
	}
	return ts[0].ID(), nil
}

// start gives the place of the first of the last turns, nil if none is wanted. more:
// there are others before it. It goes backwards, and keeps nothing else.
func (r *reading) start(ctx context.Context) (from *turn.Item, more bool, err error) {
	f := r.pre
	f.Limit = min(r.page, r.last+1)
	for left := r.last; ; f.Limit = r.page {
		ts, err := r.view.Find(ctx, f)
		if err != nil {
			return nil, false, err
		}
		for i := len(ts) - 1; i >= 0; i-- {
			t := r.shown(ts[i])
			if !r.choice.Wants(&t) {
				continue
			}
			if left == 0 {
				return from, true, nil
			}
			left--
			it := ts[i].Item()
			from = &it
		}
		if len(ts) < f.Limit {
			return from, false, nil
		}
		first := ts[0].Item()
		f.Before = &first
	}
}
