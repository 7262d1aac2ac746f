package line

import "sync"

// maxTyped is how many typed lines may wait to be handed to the chat. Only a
// paste gets there; what comes then is refused, and its number is told.
const maxTyped = 4096

// typedKind says what a typed thing is.
type typedKind uint8

const (
	typedLine typedKind = iota
	typedLong           // a line too long to be kept: text is its beginning
	typedLost           // count lines were refused here
	typedEnd            // Ctrl-D
	typedQuit           // the context is done
)

type typed struct {
	kind  typedKind
	text  string
	count int
}

// queue takes what is typed, in order, from the model, which must not wait, to
// the goroutine that hands it to the chat, which may.
type queue struct {
	mu    sync.Mutex
	items []typed
	wake  chan struct{} // holds one signal while there are items
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put never waits.
func (q *queue) put(t typed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(t)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) add(t typed) {
	line := t.kind == typedLine || t.kind == typedLong
	if !line || len(q.items) < maxTyped {
		q.items = append(q.items, t)
		return
	}
	if last := &q.items[len(q.items)-1]; last.kind == typedLost {
		last.count++
		return
	}
	q.items = append(q.items, typed{kind: typedLost, count: 1})
}

// next waits for an item; ok is false when stop is closed.
func (q *queue) next(stop <-chan struct{}) (t typed, ok bool) {
	for {
		if t, ok := q.take(); ok {
			return t, true
		}
		select {
		case <-q.wake:
		case <-stop:
			return typed{}, false
		}
	}
}

func (q *queue) take() (t typed, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return typed{}, false
	}
	t = q.items[0]
	q.items = q.items[1:]
	return t, true
}
