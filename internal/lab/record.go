package lab

import (
	"bytes"
	"slices"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
)

// record is what a member's record must be, by what its replicas took: computed here in
// the simplest way, beside what the member computes itself.
type record struct {
	turns   map[turn.ID]bool
	parents map[turn.ID]bool // that some turn names
	heads   map[turn.ID]bool // turns that none names
	changed bool             // since it was compared last
}

func newRecord() record {
	return record{turns: map[turn.ID]bool{}, parents: map[turn.ID]bool{}, heads: map[turn.ID]bool{}}
}

func (r *record) add(t *turn.Signed) {
	if r.turns[t.ID()] {
		return
	}
	r.turns[t.ID()], r.changed = true, true
	for _, id := range t.Turn().Parents {
		r.parents[id] = true
		delete(r.heads, id)
	}
	if !r.parents[t.ID()] {
		r.heads[t.ID()] = true
	}
}

// check compares the heads that a member would tell with those of its record.
func (r *record) check(p *process) {
	if !r.changed {
		return
	}
	r.changed = false
	heads := p.core.History().Heads()
	if len(heads) != len(r.heads) || slices.ContainsFunc(heads, func(id turn.ID) bool { return !r.heads[id] }) {
		p.w.wrong("heads", "%s takes %s for the last turns of its record, and they are %s", p.m.label(), shorts(heads), shorts(r.sorted()))
	}
}

// named checks that a new turn of a member follows all that it has.
func (r *record) named(p *process, t *turn.Signed) {
	parents := t.Turn().Parents
	if len(r.heads) > turn.MaxParents {
		return
	}
	for _, id := range r.sorted() {
		if !slices.Contains(parents, id) {
			p.w.wrong("heads", "%s has turn %s, and its next turn %s follows only %s", p.m.label(), id.Short(), t.ID().Short(), shorts(parents))
			return
		}
	}
}

func (r *record) sorted() []turn.ID {
	out := make([]turn.ID, 0, len(r.heads))
	for id := range r.heads {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b turn.ID) int { return bytes.Compare(a[:], b[:]) })
	return out
}

func shorts(ids []turn.ID) (out []string) {
	for _, id := range ids {
		out = append(out, id.Short())
	}
	return out
}

// follows checks that a turn is shown after those that it follows, unless they do not
// come.
func (e *seen) follows(p *process, v peer.TurnShown, k *told) {
	came, ok := e.came[v.ID]
	if !ok || !p.w.o.ParentsFirst || v.Batch || p.now().Boot-came >= peer.Holdback {
		return
	}
	for _, id := range k.signed.Turn().Parents {
		parent := p.w.check.turns[id]
		if !e.shown[id] && !e.had[id] && (parent == nil || !parent.forged) {
			p.w.wrong("parents-first", "%s shows turn %s, %v after it came, and not yet turn %s, which it follows", p.m.label(), v.ID.Short(), p.now().Boot-came, id.Short())
			return
		}
	}
}
