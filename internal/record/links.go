package record

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// links is what the fingerprint, the gaps and the rule of stamps need of turns:
// turn.History without the turns themselves. Its memory does not depend on how long
// they are: some 100 bytes for each, and 1.5 KB for one with turn.MaxParents parents
// that are not there.
type links struct {
	stamps map[turn.ID]uint64
	heads  map[turn.ID]struct{}
	wanted map[turn.ID]int // named and not there, with the place of the first that names it
	open   []openTurn      // those with a parent that was not there when they came
}

// openTurn is what the rule of stamps needs of a turn that cannot be judged before
// all are there. It must not keep the turn: there can be as many as lines.
type openTurn struct {
	id      turn.ID
	author  turn.Key
	stamp   uint64
	parents []turn.ID
	place   int
}

func openOf(s *turn.Signed, place int) openTurn {
	t := s.Turn()
	return openTurn{s.ID(), t.Author, t.Stamp, t.Parents, place}
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
		l.open = append(l.open, openOf(s, place))
		return false
	}
	return l.breaks(t.Stamp, t.Parents)
}

// breaks tells whether a turn whose parents are all there breaks the rule of stamps:
// max(parents' stamps) < stamp <= that + MaxJump.
func (l *links) breaks(stamp uint64, parents []turn.ID) bool {
	var top uint64
	for _, p := range parents {
		top = max(top, l.stamps[p])
	}
	return stamp <= top || stamp > top+turn.MaxJump
}

// finish gives those of the open turns that break the rule of stamps. One with a
// missing parent cannot be judged.
func (l *links) finish() []openTurn {
	return slices.DeleteFunc(l.open, func(o openTurn) bool {
		return slices.ContainsFunc(o.parents, func(p turn.ID) bool { return !l.has(p) }) || !l.breaks(o.stamp, o.parents)
	})
}

// gaps gives the first of what is wanted and not there, by place, MaxFaults at most.
func (l *links) gaps() []Gap {
	first := make([]Gap, 0, MaxFaults+1)
	for id, place := range l.wanted {
		g := Gap{ID: id, Line: place}
		i, _ := slices.BinarySearchFunc(first, g, compareGaps)
		first = slices.Insert(first, i, g)
		first = first[:min(len(first), MaxFaults)]
	}
	return first
}

func compareGaps(a, b Gap) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), bytes.Compare(a.ID[:], b.ID[:]))
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
