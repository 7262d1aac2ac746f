package transporttest

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must come before it fails.
const patience = 20 * time.Second

// ear keeps what a member hears.
type ear struct {
	mu      sync.Mutex
	heard   map[string]int    // how often each text came
	from    map[string]string // the last sender of each
	n       int
	more    chan struct{} // closed and made anew at each datagram
	stalled chan struct{} // deliver waits for it to be closed
}

func newEar() *ear {
	open := make(chan struct{})
	close(open)
	return &ear{
		heard:   make(map[string]int),
		from:    make(map[string]string),
		more:    make(chan struct{}),
		stalled: open,
	}
}

// deliver overwrites what it was given: nobody else may be reading it.
func (e *ear) deliver(from string, b []byte) {
	text := string(b)
	for i := range b {
		b[i] = 0xff
	}
	e.mu.Lock()
	stalled := e.stalled
	e.mu.Unlock()
	<-stalled
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard[text]++
	e.from[text] = from
	e.n++
	close(e.more)
	e.more = make(chan struct{})
}

// stall makes deliver wait until the function it returns is called.
func (e *ear) stall() (release func()) {
	gate := make(chan struct{})
	e.mu.Lock()
	e.stalled = gate
	e.mu.Unlock()
	return sync.OnceFunc(func() { close(gate) })
}

// until waits until ok, which is called with the lock held.
func (e *ear) until(timeout time.Duration, ok func() bool) bool {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		e.mu.Lock()
		more, done := e.more, ok()
		e.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-more:
		case <-timer.C:
			return false
		}
	}
}

// await waits for a text and gives its sender.
func (e *ear) await(t testing.TB, text string) (from string) {
	t.Helper()
	if !e.until(patience, func() bool { from = e.from[text]; return e.heard[text] > 0 }) {
		t.Fatalf("not heard within %v: %.40q; heard %d datagrams", patience, text, e.total())
	}
	return from
}

// awaitSent sends a text again and again until it is heard.
func (e *ear) awaitSent(t testing.TB, tr Transport, to, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		mustSend(t, tr, to, text)
		if e.until(10*time.Millisecond, func() bool { return e.heard[text] > 0 }) {
			return
		}
	}
	t.Fatalf("not heard within %v though sent again and again: %q", patience, text)
}

// awaitMore waits for n further datagrams.
func (e *ear) awaitMore(t testing.TB, n int) {
	t.Helper()
	want := e.total() + n
	if !e.until(patience, func() bool { return e.n >= want }) {
		t.Fatalf("heard %d datagrams within %v, want %d", e.total(), patience, want)
	}
}

func (e *ear) count(text string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard[text]
}

// prefixed gives how many different texts came that begin so.
func (e *ear) prefixed(prefix string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for text := range e.heard {
		if strings.HasPrefix(text, prefix) {
			n++
		}
	}
	return n
}

func (e *ear) total() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.n
}
