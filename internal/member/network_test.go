package member

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/wire"
)

// quietTime is how long a member is quiet after its start: `quiet` of the floor.
const quietTime = 1840 * time.Millisecond

// network is an in-memory network in virtual time: it loses, delays and
// repeats datagrams, and each direction of each link can be cut.
type network struct {
	t     testing.TB
	rand  *rand.Rand
	now   time.Duration
	seq   int
	queue eventQueue
	nodes []*node

	loss, repeat float64
	delay        time.Duration // the longest
	cut          map[[2]int]bool

	datagrams, beats int
	changes          int // of views

	check bool   // each view against the reference
	about string // the case, for failures
	tap   func(from uint64, counter uint32, msg wire.Message)
}

// node is one member, and what the layer above does for it.
type node struct {
	n       int
	m       *Membership
	self    floor.Member
	counter uint32
	down    bool
	wake    time.Duration
	events  []Event
	sentAt  time.Duration
	dropped map[uint64]time.Duration // when it told that one left
}

type event struct {
	at   time.Duration
	seq  int
	do   func()
	node *node // for a wake-up: only if it is still the node's next one
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].seq < q[j].seq
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func newNetwork(t testing.TB, seed uint64) *network {
	return &network{
		t:     t,
		rand:  rand.New(rand.NewPCG(seed, 1)),
		delay: 5 * time.Millisecond,
		cut:   make(map[[2]int]bool),
	}
}

func (w *network) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, event{at: w.now + d, seq: w.seq, do: do})
}

// start adds a member whose key is as high as its number says.
func (w *network) start(key int) *node {
	self := floor.Member{Incarnation: w.rand.Uint64() | 1}
	self.Key[0], self.Key[1] = byte(key>>8), byte(key)
	x := &node{n: len(w.nodes), self: self, wake: -1, dropped: make(map[uint64]time.Duration)}
	x.m = New(Config{Self: self, Name: fmt.Sprint("m", key), Rand: rand.New(rand.NewPCG(w.rand.Uint64(), 2))}, w.now)
	w.nodes = append(w.nodes, x)
	w.after(quietTime, func() {
		if !x.down {
			x.m.SetQuiet(w.now, false)
			w.drain(x)
		}
	})
	w.drain(x)
	return x
}

func (w *network) drain(x *node) {
	before := x.m.View()
	r := x.m.Ready(w.now)
	if !r.View.Has(x.self) {
		w.t.Fatalf("%v: the view of m%d lacks itself", w.now, x.n)
	}
	if w.check {
		if want := referenceView(x.m, before, w.now); r.View.Hash() != want.Hash() {
			w.t.Fatalf("%s, %v: m%d has %s, and the rule gives %s", w.about, w.now, x.n, w.show(r.View), w.show(want))
		}
	}
	if r.ViewChanged {
		w.changes++
	}
	x.events = append(x.events, r.Events...)
	for _, e := range r.Events {
		if l, ok := e.(Left); ok {
			x.dropped[l.Who.Member.Incarnation] = w.now
		}
	}
	for _, o := range r.Send {
		w.send(x, o.To, o.Msg)
	}
	if want := x.m.wake(w.now); r.Wake != want {
		w.t.Fatalf("%v: m%d wants to be woken at %v, but something is due at %v", w.now, x.n, r.Wake, want)
	}
	if r.Wake < w.now {
		w.t.Fatalf("%v: m%d wants to be woken in the past", w.now, x.n)
	}
	if r.Wake != x.wake {
		x.wake = r.Wake
		w.seq++
		heap.Push(&w.queue, event{at: r.Wake, seq: w.seq, node: x})
	}
}

func (w *network) send(x *node, to uint64, msg wire.Message) {
	x.counter++
	counter := x.counter
	x.sentAt = w.now
	x.m.Sent(w.now, counter)
	w.datagrams++
	if w.tap != nil {
		w.tap(x.self.Incarnation, counter, msg)
	}
	if _, ok := msg.(wire.Beat); ok {
		w.beats++
	}
	for _, y := range w.nodes {
		if to != 0 && to != y.self.Incarnation {
			continue
		}
		if y != x && (w.cut[[2]int{x.n, y.n}] || w.rand.Float64() < w.loss) {
			continue
		}
		copies := 1
		if w.rand.Float64() < w.repeat {
			copies = 2
		}
		for range copies {
			d := 100*time.Microsecond + time.Duration(w.rand.Int64N(int64(w.delay)))
			w.after(d, func() { w.deliver(y, x.self.Incarnation, counter, msg) })
		}
	}
}

func (w *network) deliver(y *node, from uint64, counter uint32, msg wire.Message) {
	if y.down {
		return
	}
	y.m.Heard(w.now, from, counter)
	y.m.next, y.m.moved = y.m.wake(w.now), false // as if a Ready had been taken: each input tells by itself that this has changed
	switch msg := msg.(type) {
	case wire.Hello:
		y.m.Hello(w.now, from, msg)
	case wire.Beat:
		y.m.Beat(w.now, from, counter, msg)
	case wire.Ping:
		y.m.Ping(w.now, from, msg)
	case wire.Pong:
		y.m.Pong(w.now, from, msg)
	case wire.Bye:
		y.m.Bye(w.now, from, counter)
	}
	w.drain(y)
}

func (w *network) run(d time.Duration) {
	end := w.now + d
	for len(w.queue) > 0 && w.queue[0].at <= end {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		switch {
		case e.node == nil:
			e.do()
		case !e.node.down && e.node.wake == e.at:
			e.node.wake = -1
			e.node.m.Tick(w.now)
			w.drain(e.node)
		}
	}
	w.now = end
}

// crash stops a member without a word.
func (w *network) crash(x *node) { x.down = true }

// settled returns what keeps the group from being settled: "" if each member
// is in the view that it has, and all in it have the same.
func (w *network) settled() string {
	byID := make(map[uint64]*node)
	for _, x := range w.nodes {
		if !x.down {
			byID[x.self.Incarnation] = x
		}
	}
	for _, x := range w.nodes {
		if x.down {
			continue
		}
		for _, o := range x.m.View().Members() {
			y := byID[o.Incarnation]
			if y == nil {
				return fmt.Sprintf("m%d counts on one who is down", x.n)
			}
			if y.m.View().Hash() != x.m.View().Hash() {
				return fmt.Sprintf("m%d %s and m%d %s differ", x.n, w.show(x.m.View()), y.n, w.show(y.m.View()))
			}
		}
	}
	return ""
}

func (w *network) show(v floor.View) string {
	var s []int
	for _, o := range v.Members() {
		s = append(s, slices.IndexFunc(w.nodes, func(x *node) bool { return x.self == o }))
	}
	return fmt.Sprint(s)
}

func (w *network) together() bool {
	n := 0
	for _, x := range w.nodes {
		if !x.down {
			n++
		}
	}
	for _, x := range w.nodes {
		if !x.down && x.m.View().Len() != n {
			return false
		}
	}
	return true
}

// settle runs until the group has been settled for `still`, and returns how
// long it took to become so; it fails after limit.
func (w *network) settle(still, limit time.Duration) time.Duration {
	w.t.Helper()
	begin, since := w.now, w.now
	last := ""
	for w.now-begin < limit+still {
		if why := w.settled(); why != "" {
			since, last = w.now+time.Millisecond, why
		}
		if w.now-since >= still {
			return since - begin
		}
		w.run(time.Millisecond)
	}
	w.t.Fatalf("%s: not settled after %v: %s", w.about, limit, last)
	return 0
}

// skipLarge skips a test of many members if tests are to be short.
func skipLarge(t *testing.T, members int) {
	if testing.Short() && members > 24 {
		t.Skip("many members")
	}
}
