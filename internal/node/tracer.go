package node

import (
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/turn"
)

const (
	// maxTraced bounds the events that the disk has not taken yet. At the bound further
	// ones are dropped and counted, and the trace says how many once there is room: the
	// loop never waits for it.
	maxTraced = 1 << 15
	// maxAddresses bounds the addresses that are known as somebody's. At the bound all are
	// forgotten; the next datagrams tell them again.
	maxAddresses = 256
	traceAtEnd   = 2 * time.Second // what the end of the chat waits for the disk, at most
)

// tracer makes events of what the loop takes in and gives out, and has them written
// beside it. All methods but write are for the loop. A nil tracer does nothing.
type tracer struct {
	rec   trace.Recorder
	name  string
	start time.Duration // the trace's beginning, on the clock of the loop

	incarnation uint64
	view        [16]byte          // its hash
	addresses   map[string]uint64 // whose they are
	made        []trace.Event     // since the last step; bounded by what one Ready is
	last        time.Duration     // At of the last event handed on

	mu      sync.Mutex
	some    sync.Cond
	waiting []trace.Event
	dropped int
	ended   bool
	failed  error
	written chan struct{} // closed when all is written, or nothing can be
}

// newTracer begins the trace of a member.
func newTracer(w io.Writer, name string, key turn.Key, group turn.GroupID, now peer.Now) *tracer {
	t := &tracer{name: name, start: now.Boot, addresses: map[string]uint64{}, written: make(chan struct{})}
	t.some.L = &t.mu
	t.rec.Group = group
	t.rec.Emit = func(e trace.Event) { t.made = append(t.made, e) }
	go t.write(w, trace.Header{
		Source: trace.SourceChat, Wall: now.Wall.UTC(), Members: []trace.Member{{Name: name, Key: key.String()}},
	})
	return t
}

func (t *tracer) at(boot time.Duration) time.Duration { return max(0, boot-t.start) }

// received records that the core takes a datagram. It is called before the core does.
func (t *tracer) received(boot time.Duration, self uint64, p peer.Packet) {
	if t == nil || p.Incarnation == self {
		return
	}
	if _, known := t.addresses[p.From]; !known && len(t.addresses) >= maxAddresses {
		clear(t.addresses)
	}
	t.addresses[p.From] = p.Incarnation
	t.rec.Received(t.at(boot), t.name, p)
}

// look records what has changed in the core with the latest input, which no event tells:
// its view, and its incarnation.
func (t *tracer) look(boot time.Duration, core *peer.Core) {
	if t == nil {
		return
	}
	if inc := core.Self().Incarnation; inc != t.incarnation {
		why := ""
		if t.incarnation != 0 {
			why = "anew"
		}
		t.incarnation = inc
		t.rec.Started(t.at(boot), t.name, inc, why)
	}
	if v := core.Floor().View(); v.Hash() != t.view {
		t.view = v.Hash()
		names := core.View()
		for i, m := range v.Members() {
			if m.Incarnation != t.incarnation {
				t.rec.Know(m.Incarnation, names[i]) // as the events name it
			}
		}
		t.rec.ViewOf(t.at(boot), t.name, v)
	}
}

// ready takes the events of a Ready, and hands on all that there is, in the order of
// time. What has one time is in the order in which it came here: a datagram stands before
// the view that follows from it, and that before the events.
func (t *tracer) ready(boot time.Duration, core *peer.Core, events []peer.Event) {
	if t == nil {
		return
	}
	if len(events) > 0 {
		boot = min(boot, events[0].When())
	}
	t.look(boot, core)
	if len(events) == 0 && len(t.made) == 0 {
		return
	}
	for _, e := range events {
		t.rec.Told(t.at(e.When()), t.name, e)
	}
	slices.SortStableFunc(t.made, func(a, b trace.Event) int { return int(min(max(a.At-b.At, -1), 1)) })
	for i := range t.made {
		t.last = max(t.last, t.made[i].At)
		t.made[i].At = t.last
	}
	t.hand()
}

// hand gives what was made to the one who writes.
func (t *tracer) hand() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.made {
		if len(t.waiting) >= maxTraced {
			t.dropped++
			continue
		}
		t.tellDropped(e.At)
		t.waiting = append(t.waiting, e)
	}
	clear(t.made)
	t.made = t.made[:0]
	t.some.Signal()
}

func (t *tracer) tellDropped(at time.Duration) {
	if t.dropped > 0 {
		t.waiting = append(t.waiting, trace.Event{At: at, Member: t.name, Kind: trace.KindTell, Code: trace.CodeDropped, Count: t.dropped})
		t.dropped = 0
	}
}

// sent records that a datagram left.
func (t *tracer) sent(boot time.Duration, d peer.Datagram) {
	if t == nil {
		return
	}
	to := d.To
	if inc, ok := t.addresses[d.To]; ok {
		to = t.rec.Name(inc)
	}
	t.rec.Sent(t.at(boot), t.name, to, d)
}

// appended records that turns were written.
func (t *tracer) appended(boot time.Duration, ts []*turn.Signed, replicas []error) {
	if t != nil {
		t.rec.Appended(t.at(boot), t.name, ts, replicas)
	}
}

// end has the rest written; written tells when it is.
func (t *tracer) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.tellDropped(t.last)
	t.some.Signal()
}

// close is end, and waits for it, traceAtEnd at most.
func (t *tracer) close() {
	if t == nil {
		return
	}
	t.end()
	late := time.NewTimer(traceAtEnd)
	defer late.Stop()
	select {
	case <-t.written:
	case <-late.C:
		t.fail(errTraceLate)
	}
}

var errTraceLate = errors.New("the disk did not take the end of it in time")

func (t *tracer) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
}

// err is why the trace is not whole; nil: it is.
func (t *tracer) err() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// write writes what the loop hands on, until close. After an error it writes nothing
// more, as the file has half a line.
func (t *tracer) write(to io.Writer, h trace.Header) {
	defer close(t.written)
	w, err := trace.NewWriter(to, h)
	for {
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			t.fail(err)
		}
		t.mu.Lock()
		for len(t.waiting) == 0 && !t.ended {
			t.some.Wait()
		}
		batch := t.waiting
		t.waiting = nil
		over := t.ended && len(batch) == 0
		t.mu.Unlock()
		if over {
			return
		}
		for _, e := range batch {
			if err == nil {
				err = w.Write(e)
			}
		}
	}
}

// TraceErr tells why Config.Trace has not got all that happened; nil: it has, but for
// what it says itself is missing. It is for after Run.
func (n *Node) TraceErr() error { return n.tracer.err() }
