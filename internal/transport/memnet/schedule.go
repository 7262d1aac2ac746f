package memnet

import "time"

// datagram is one copy on its way.
type datagram struct {
	at       time.Duration
	seq      uint64 // the order in which they were sent, at equal times
	from, to string
	b        []byte // shared by all copies; never changed
}

func (d *datagram) before(o *datagram) bool {
	if d.at != o.at {
		return d.at < o.at
	}
	return d.seq < o.seq
}

// schedule is a binary heap of datagrams, the next one at index 0.
type schedule []datagram

func (s *schedule) push(d datagram) {
	*s = append(*s, d)
	h := *s
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// pop takes the next one out of a schedule that is not empty.
func (s *schedule) pop() datagram {
	h := *s
	top, end := h[0], len(h)-1
	h[0] = h[end]
	h[end] = datagram{}
	h = h[:end]
	*s = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < end; child++ {
			if h[child].before(&h[least]) {
				least = child
			}
		}
		if least == i {
			return top
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
