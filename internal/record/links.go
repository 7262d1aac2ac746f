package record

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// links is what the fingerprint, the gaps and the rule of stamps need of turns:
// turn.History without the turns themselves, some 100 bytes for each.
type links struct {
	stamps map[turn.ID]uint64
	heads  map[turn.ID]struct{}
	wanted map[turn.ID]int // named and not there, with the place of the first that names it
	open   []openTurn      // those with a parent that was not there when they came
}

// openTurn is a turn that cannot be judged before all are there.
type openTurn struct {
	s     *turn.Signed
	place int
}

func newLinks() *links {
	return &links{stamps: map[turn.ID]uint64{}, heads: map[turn.ID]struct{}{}, wanted: map[turn.ID]int{}}
}

func (l *links) has(id turn.ID) bool {
	_, ok := l.stamps[id]
	return ok
}

// add takes a turn that is not there yet. It tells whether the turn breaks the rule
// of stamps; if a parent is not there yet, finish tells it.
func (l *links) add(s *turn.Signed, place int) (broken bool) {
	id, t := s.ID(), s.Turn()
	all := true
	for _, p := range t.Parents {
		delete(l.heads, p)
		if l.has(p) {
			continue
		}
		all = false
		if _, known := l.wanted[p]; !known {
			l.wanted[p] = place
		}
	}
	l.stamps[id] = t.Stamp
	if _, named := l.wanted[id]; named {
		delete(l.wanted, id)
	} else {
		l.heads[id] = struct{}{}
	}
	if !all {
		l.open = append(l.open, openTurn{s, place})
		return false
	}
	return l.breaks(&t)
}

// breaks tells whether a turn whose parents are all there breaks the rule of stamps:
// max(parents' stamps) < stamp <= that + MaxJump.
func (l *links) breaks(t *turn.Turn) bool {
	var top uint64
	for _, p := range t.Parents {
		top = max(top, l.stamps[p])
	}
	return t.Stamp <= top || t.Stamp > top+turn.MaxJump
}

// finish gives those of the open turns that break the rule of stamps. One with a
// missing parent cannot be judged.
func (l *links) finish() []openTurn {
	return slices.DeleteFunc(l.open, func(o openTurn) bool {
		t := o.s.Turn()
		return slices.ContainsFunc(t.Parents, func(p turn.ID) bool { return !l.has(p) }) || !l.breaks(&t)
	})
}

// fingerprint is the SHA-256 of the heads, sorted by id.
func (l *links) fingerprint() [32]byte {
	heads := make([]turn.ID, 0, len(l.heads))
	for id := range l.heads {
		heads = append(heads, id)
	}
	slices.SortFunc(heads, func(a, b turn.ID) int { return bytes.Compare(a[:], b[:]) })
	d := sha256.New()
	for _, id := range heads {
		d.Write(id[:])
	}
	return [32]byte(d.Sum(nil))
}
