package store

import (
	"sync"

	"github.com/papo-chat/papo/internal/turn"
)

const (
	// aheadMost is how many turns are read with one query, and kept.
	aheadMost = 128
	// aheadStamps is how near to the last one a turn must be to be taken for the next.
	aheadStamps = 64
)

// ahead gets turns that are asked for along the order, as a member that fetches the
// record asks: one query reads those that follow, which takes a third of the time.
type ahead struct {
	mu    sync.Mutex
	turns map[turn.ID]*turn.Signed // aheadMost at most: the last that were read so
	end   turn.Item                // what was read last
}

// take gives a turn that was read ahead, once.
func (a *ahead) take(id turn.ID) *turn.Signed {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.turns[id]
	delete(a.turns, id)
	return s
}

// follows notes a turn that was read, and tells whether it seems to be the next of
// several.
func (a *ahead) follows(it turn.Item) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.end
	a.end = it
	return before.Less(it) && it.Stamp-before.Stamp <= aheadStamps
}

// put notes what was read ahead, in the order.
func (a *ahead) put(ts []*turn.Signed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turns = make(map[turn.ID]*turn.Signed, len(ts))
	for _, s := range ts {
		a.turns[s.ID()] = s
	}
	if len(ts) > 0 {
		a.end = ts[len(ts)-1].Item()
	}
}

// getAlong is get, and reads ahead where that seems to pay.
func (c *checkpoint) getAlong(id turn.ID) (*turn.Signed, error) {
	if s := c.ahead.take(id); s != nil {
		return s, nil
	}
	s, err := c.get(id)
	if s == nil || !c.ahead.follows(s.Item()) {
		return s, err
	}
	it := s.Item()
	rows, err := c.getNext.Query(int64(it.Stamp), it.ID[:])
	if err != nil {
		return s, nil // this one was read; others are told when they are asked for
	}
	if next, err := c.turnsOf(rows); err == nil {
		c.ahead.put(next)
	}
	return s, nil
}
