package store

import (
	"context"
	"iter"
	"maps"

	"github.com/papo-chat/papo/internal/turn"
)

// moment is what a store has at one moment between two Appends: how far each log
// is written, and what is known beside the logs.
type moment struct {
	paths  []string
	ends   []int64 // negative: the log takes no turns
	epochs []int

	checkpoint CheckpointReport
	snap       *snapshot                // nil: there is no checkpoint, or it cannot be read
	hand       map[turn.ID]*turn.Signed // kept, and perhaps not in the checkpoint

	tally *tally // with no checkpoint: of all turns
}

// moment waits for an Advance that is under way, so that each turn is in hand or
// in the checkpoint, and no other turn is.
func (s *Store) moment() *moment {
	if s.advancing.enter(s.life) == nil {
		defer s.advancing.leave()
	} // else the store is closed, and nobody will read the report
	return s.now()
}

// now is moment without that: of turns that are appended meanwhile, it may have
// some.
func (s *Store) now() *moment {
	m := &moment{}
	s.mu.Lock()
	m.paths, m.ends, m.epochs = s.endsNow()
	m.hand, m.tally = maps.Clone(s.inHand), s.tally.outline()
	c := s.checkpoint
	s.mu.Unlock()
	// Later than what is in hand: a turn that goes from there into the
	// checkpoint is seen twice rather than never.
	if c != nil {
		m.look(c)
	}
	return m
}

// look takes a checkpoint in.
func (m *moment) look(c *checkpoint) {
	m.checkpoint = CheckpointReport{Path: c.path, Turns: c.now().Turns}
	if m.snap, m.checkpoint.Err = c.snapshot(context.Background()); m.snap != nil {
		m.checkpoint.Turns = m.snap.state.Turns
	}
}

func (m *moment) close() {
	if m.snap != nil {
		m.snap.close()
	}
}

// expected is what the logs must have: the number of turns, the sum of their ids,
// and their graph. False: that is not known. It reads all ids of the checkpoint.
func (m *moment) expected() (turns int, sum [4]uint64, g graph, known bool) {
	if m.snap == nil {
		if m.tally == nil || m.checkpoint.Path != "" {
			return 0, sum, g, false
		}
		return m.tally.turns, m.tally.sum, m.tally.graph, true
	}
	more := maps.Clone(m.hand) // an Append may have brought what was there
	if m.snap.items(func(it turn.Item) { delete(more, it.ID) }) != nil {
		return 0, sum, g, false
	}
	found := state{Turns: m.snap.state.Turns, Sum: m.snap.state.Sum}
	g = m.snap.graph()
	added := map[turn.ID]bool{}
	var failed error
	has := func(id turn.ID) bool {
		if added[id] {
			return true
		}
		has, err := m.snap.c.hasOf(m.snap.from, id)
		if err != nil {
			failed = err
		}
		return has
	}
	for id, t := range more {
		g.add(t, has)
		added[id] = true
		found.count(id)
	}
	return found.Turns, found.Sum, g, failed == nil
}

// fill puts into an empty union what is known beside the logs, with turns that
// the caller has. All of these were appended before. If the checkpoint cannot be
// read, it gives nothing, and the report says so.
func (m *moment) fill(u **union, given iter.Seq[*turn.Signed]) {
	if m.snap != nil {
		(*u).graph = m.snap.graph()
		if err := m.snap.items((*u).addKnown); err != nil {
			m.checkpoint.Err = err
			m.close()
			m.snap = nil
			empty := newUnion((*u).group, (*u).verify)
			empty.trust = (*u).trust
			*u = empty
		}
	}
	for _, t := range m.hand {
		(*u).give(t)
	}
	if given != nil {
		for t := range given {
			(*u).give(t)
		}
	}
}
