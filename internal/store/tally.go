package store

import (
	"maps"

	"github.com/papo-chat/papo/internal/turn"
)

// tally knows which turns a store without a checkpoint has: some 50 bytes a turn.
// Nil counts nothing.
type tally struct {
	ids   map[turn.ID]struct{} // nil: it is an outline
	turns int
	sum   [4]uint64 // of the ids, as state has it
	graph graph
}

func tallyOf(u *union) *tally {
	t := &tally{ids: make(map[turn.ID]struct{}, len(u.items)), graph: u.graph}
	for _, it := range u.items {
		t.count(it.ID)
	}
	return t
}

func (t *tally) count(id turn.ID) {
	t.ids[id] = struct{}{}
	t.turns++
	t.sum = addID(t.sum, id)
}

func (t *tally) has(id turn.ID) bool {
	if t == nil {
		return false
	}
	_, has := t.ids[id]
	return has
}

// add takes turns in; one that is there counts for nothing.
func (t *tally) add(ts []*turn.Signed) {
	if t == nil {
		return
	}
	for _, s := range ts {
		if id := s.ID(); !t.has(id) {
			t.graph.add(s, t.has)
			t.count(id)
		}
	}
}

// outline is a tally as it is now, without the ids.
func (t *tally) outline() *tally {
	if t == nil {
		return nil
	}
	return &tally{turns: t.turns, sum: t.sum, graph: graph{maps.Clone(t.graph.heads), maps.Clone(t.graph.missing)}}
}
