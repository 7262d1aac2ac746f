package node

import (
	"sync"

	"github.com/papo-chat/papo/internal/peer"
)

// maxEvents bounds the events that a user interface has not taken yet. At the
// bound further ones are dropped and counted, and a notice tells how many once
// there is room: a terminal that stands still must not stop the floor. The
// record itself loses nothing.
const maxEvents = 1 << 16

// eventQueue hands events to the user interface without ever making the loop wait.
type eventQueue struct {
	mu      sync.Mutex
	some    sync.Cond
	events  []peer.Event
	dropped int
	ended   bool
	out     chan peer.Event
}

func newEventQueue() *eventQueue {
	q := &eventQueue{out: make(chan peer.Event, 64)}
	q.some.L = &q.mu
	go q.run()
	return q
}

func (q *eventQueue) put(events []peer.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range events {
		_, last := e.(peer.Exit)
		switch {
		case len(q.events) >= maxEvents && !last:
			q.dropped++
			continue
		case q.dropped > 0:
			q.events = append(q.events, peer.Notice{At: peer.At(e.When()), Code: peer.CodeBehind, Count: q.dropped})
			q.dropped = 0
		}
		q.events = append(q.events, e)
		q.ended = q.ended || last
	}
	q.some.Signal()
}

// run closes out after Exit.
func (q *eventQueue) run() {
	defer close(q.out)
	for {
		q.mu.Lock()
		for len(q.events) == 0 && !q.ended {
			q.some.Wait()
		}
		batch, ended := q.events, q.ended
		q.events = nil
		q.mu.Unlock()
		for _, e := range batch {
			q.out <- e
		}
		if ended {
			return
		}
	}
}
