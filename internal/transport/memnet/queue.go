package memnet

import (
	"bytes"
	"math/rand/v2"
	"time"
)

// Queue is the network without goroutines: datagrams go in with the time at
// which they are sent and come out in the order of (time of arrival, order of
// sending). The same calls with the same seed give the same datagrams. It is for
// one goroutine.
type Queue struct {
	fabric
	limit   int
	waiting map[string]int // datagrams on their way, by receiver
	heap    schedule
	seq     uint64
}

// NewQueue makes a network without nodes. limit is how many datagrams may be on
// their way to one node; what is more is dropped and counted. Zero: DefaultLimit.
func NewQueue(rng *rand.Rand, limit int) *Queue {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Queue{fabric: newFabric(rng), limit: limit, waiting: make(map[string]int)}
}

// Add puts a node on the network. One that is there stays as it is.
func (q *Queue) Add(addr string) { q.add(addr) }

// Remove takes a node off the network. What is on its way to it is dropped on
// arrival, unless the node is there again by then; what it has sent arrives.
func (q *Queue) Remove(addr string) { q.remove(addr) }

// SetAll sets the faults of every link between two different nodes, those of
// nodes that are still to come included. What is on its way is not changed.
func (q *Queue) SetAll(f Faults) error { return q.setAll(f) }

// SetLink sets the faults of one link in one direction. The link of a node to
// itself, on which its own multicasts come back, has none unless set here.
func (q *Queue) SetLink(from, to string, f Faults) error { return q.setLink(from, to, f) }

// Push sends b at the time now to one node or, if to is empty, to every node,
// the sender included. b is copied. The sender need not be on the network.
func (q *Queue) Push(now time.Duration, from, to string, b []byte) {
	b = bytes.Clone(b)
	q.send(now, from, to, func(to string, at time.Duration) {
		if q.waiting[to] >= q.limit {
			q.stats.Overflowed++
			return
		}
		q.waiting[to]++
		q.heap.push(datagram{at: at, seq: q.seq, from: from, to: to, b: b})
		q.seq++
	})
}

// Next gives the time at which Pop's next datagram arrives; ok is false if there
// is none.
func (q *Queue) Next() (at time.Duration, ok bool) {
	for len(q.heap) > 0 && !q.has(q.heap[0].to) {
		q.waiting[q.heap.pop().to]--
		q.stats.Nowhere++
	}
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

// Pop takes out the next datagram; ok is false if there is none. b is shared
// with the other receivers of the same datagram and must not be changed.
func (q *Queue) Pop() (at time.Duration, from, to string, b []byte, ok bool) {
	if _, ok := q.Next(); !ok {
		return 0, "", "", nil, false
	}
	d := q.heap.pop()
	q.waiting[d.to]--
	q.stats.Delivered++
	return d.at, d.from, d.to, d.b, true
}

// Len gives how many datagrams are on their way.
func (q *Queue) Len() int { return len(q.heap) }

// Stats gives the counts so far.
func (q *Queue) Stats() Stats { return q.stats }
