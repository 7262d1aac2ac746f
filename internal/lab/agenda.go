package lab

import "time"

// agenda is a binary heap of items, the next one first, in the order of (time,
// order of pushing).
type agenda struct {
	items []item
	seq   uint64
}

func (s *agenda) len() int             { return len(s.items) }
func (s *agenda) first() time.Duration { return s.items[0].at }

func (i *item) before(o *item) bool {
	if i.at != o.at {
		return i.at < o.at
	}
	return i.seq < o.seq
}

func (s *agenda) push(it item) {
	s.seq++
	it.seq = s.seq
	h := append(s.items, it)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !it.before(&h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = it
	s.items = h
}

// pop takes the next one out of an agenda that is not empty.
func (s *agenda) pop() item {
	h := s.items
	top, end := h[0], len(h)-1
	last := h[end]
	h[end] = item{}
	h = h[:end]
	s.items = h
	if end == 0 {
		return top
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= end {
			break
		}
		if child+1 < end && h[child+1].before(&h[child]) {
			child++
		}
		if !h[child].before(&last) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = last
	return top
}
