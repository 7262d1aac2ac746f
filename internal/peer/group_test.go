package peer

import (
	"cmp"
	"container/heap"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
)

// group is some members on one network, in virtual time, decided by one seed.
type group struct {
	t     testing.TB
	rng   *rand.Rand
	now   time.Duration
	queue happenings
	seq   int
	ms    []*mem
	net   *memnet.Queue
	sent  int // datagrams put on the network; one by multicast counts once
	wall  time.Time
	tap   func(from string, b []byte) // sees what is sent
}

// mem is one member and its surroundings.
type mem struct {
	g      *group
	i      int
	name   string
	core   *Core
	disk   *memDisk
	dead   bool
	paused time.Duration
	wake   time.Duration
	events []Event
	shift  time.Duration // of its wall clock
	window *seal.Window  // nil: none
	delay  time.Duration // of the next start
	order  Order         // of the next start
	saved  *saved        // its checkpoint and archive; nil: all turns are in memory
}

// memDisk keeps what was written; fail makes every append fail.
type memDisk struct {
	turns  []*turn.Signed
	queued []QueuedLine
	seq    uint64
	fail   bool
	unsure bool // what fails may be there all the same
}

// unsure is an error of a disk that may have what it did not take.
type unsure struct{ error }

func (unsure) Uncertain() bool { return true }

var errFull = errors.New("no space left on device")

func (d *memDisk) Append(ts []*turn.Signed) (uint64, []error) {
	d.seq++
	if d.fail && d.unsure {
		return d.seq, []error{errFull, unsure{errFull}}
	}
	if d.fail {
		return d.seq, []error{errFull, errFull}
	}
	d.turns = append(d.turns, ts...)
	return d.seq, []error{nil, nil}
}

func (d *memDisk) Queue(ls []QueuedLine) error { d.queued = append(d.queued, ls...); return nil }

func (d *memDisk) Dequeue(ids []turn.LineID) error {
	d.queued = slices.DeleteFunc(d.queued, func(l QueuedLine) bool { return slices.Contains(ids, l.ID) })
	return nil
}

type happening struct {
	at  time.Duration
	seq int
	run func()
}
type happenings []happening

func (q happenings) Len() int { return len(q) }
func (q happenings) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].at, q[j].at), q[i].seq-q[j].seq) < 0
}
func (q happenings) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *happenings) Push(x any)   { *q = append(*q, x.(happening)) }
func (q *happenings) Pop() any     { e := (*q)[len(*q)-1]; *q = (*q)[:len(*q)-1]; return e }

func newGroup(t testing.TB, seed uint64, names ...string) *group {
	g := &group{t: t, rng: rand.New(rand.NewPCG(seed, 7)), wall: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)}
	g.net = memnet.NewQueue(rand.New(rand.NewPCG(seed, 8)), 4096)
	for i, n := range names {
		m := &mem{g: g, i: i, name: n, disk: &memDisk{}}
		g.ms = append(g.ms, m)
		g.net.Add(n)
	}
	g.links(func(int, int) memnet.Faults { return near })
	for _, m := range g.ms {
		m.start()
	}
	return g
}

func (g *group) at(t time.Duration, run func()) {
	g.seq++
	heap.Push(&g.queue, happening{t, g.seq, run})
}

// near is a good local network.
var near = memnet.Faults{MinDelay: 100 * time.Microsecond, MaxDelay: 500 * time.Microsecond}

// links sets how each member hears each other.
func (g *group) links(of func(from, to int) memnet.Faults) {
	for _, from := range g.ms {
		for _, to := range g.ms {
			if from != to {
				if err := g.net.SetLink(from.name, to.name, of(from.i, to.i)); err != nil {
					g.t.Fatal(err)
				}
			}
		}
	}
}

// run lets virtual time pass until then.
func (g *group) run(until time.Duration) {
	for {
		arrives, any := g.net.Next()
		switch {
		case any && arrives <= until && (len(g.queue) == 0 || arrives <= g.queue[0].at):
			at, from, to, b, _ := g.net.Pop()
			g.now = max(g.now, at)
			g.member(to).receive(from, b)
		case len(g.queue) > 0 && g.queue[0].at <= until:
			h := heap.Pop(&g.queue).(happening)
			g.now = max(g.now, h.at)
			h.run()
		default:
			g.now = until
			return
		}
	}
}

func (g *group) member(name string) *mem {
	i := slices.IndexFunc(g.ms, func(m *mem) bool { return m.name == name })
	return g.ms[i]
}

func (g *group) pass(d time.Duration) { g.run(g.now + d) }

func (m *mem) key() ed25519.PrivateKey {
	seed := make([]byte, 32)
	seed[0] = byte(m.i + 1)
	return ed25519.NewKeyFromSeed(seed)
}

func (m *mem) time() Now {
	return Now{Boot: m.g.now + time.Hour, Wall: m.g.wall.Add(m.g.now + m.shift)}
}

// start begins with what the disk has.
func (m *mem) start() {
	m.dead, m.wake = false, 0
	cfg := Config{
		Name: m.name, Private: m.key(), Group: turn.GroupID{9}, Address: "224.1.1.1:5007", Room: "papo",
		Interfaces: []string{"mem"}, ReconcileEvery: 2 * time.Minute, Verbose: testing.Verbose(),
		Delay: m.delay, Order: m.order,
		Rand:  rand.New(rand.NewPCG(m.g.rng.Uint64(), 0)),
		Turns: slices.Clone(m.disk.turns), Unsent: slices.Clone(m.disk.queued),
	}
	if m.saved != nil {
		m.saved.start(m, &cfg)
	}
	m.core = New(cfg, m.time())
	m.perform()
}

// input gives the member one input and does what it wants then.
func (m *mem) input(in func(c *Core, now Now)) {
	if m.dead {
		return
	}
	if m.paused > m.g.now {
		m.g.at(m.paused, func() { m.input(in) })
		return
	}
	in(m.core, m.time())
	m.perform()
}

func (m *mem) perform() {
	for {
		r, ok := m.core.Ready(m.time())
		if !ok {
			break
		}
		m.events = append(m.events, r.Events...)
		res := Perform(r, m.disk, m, func() time.Duration { return m.time().Boot })
		m.core.Done(m.time(), res)
		if res.kept() {
			core := m.core
			m.g.at(m.g.now+5*time.Millisecond, func() {
				if m.core == core {
					m.input(func(c *Core, now Now) { c.Synced(now, 0, res.Seq) })
				}
			})
		}
	}
	m.g.check()
	if w := m.core.Wake(); w != 0 {
		at := max(w-time.Hour, m.g.now+time.Microsecond)
		if m.wake == 0 || at < m.wake || m.wake <= m.g.now {
			m.wake = at
			core := m.core
			m.g.at(at, func() {
				if m.core == core {
					m.input(func(c *Core, now Now) { m.wake = 0; c.Tick(now) })
				}
			})
		}
	}
}

// Send is the network: incarnation and counter stand before the payload, unsealed.
func (m *mem) Send(d Datagram) error {
	m.g.sent++
	b := binary.BigEndian.AppendUint64(nil, d.Incarnation)
	b = binary.BigEndian.AppendUint32(b, d.Counter)
	b = append(b, d.Payload...)
	if m.g.tap != nil {
		m.g.tap(m.name, b)
	}
	m.g.net.Push(m.g.now, m.name, d.To, b)
	return nil
}

// receive takes a datagram. One that comes twice is taken twice, if there is no
// replay window: the core must bear it.
func (m *mem) receive(from string, b []byte) {
	p := Packet{From: from, Incarnation: binary.BigEndian.Uint64(b), Counter: binary.BigEndian.Uint32(b[8:]), Payload: b[12:]}
	if m.window == nil || m.window.Accept(p.Incarnation, p.Counter) {
		m.input(func(c *Core, now Now) { c.Receive(now, p) })
	}
}

// check is promise 1 after every step.
func (g *group) check() {
	for i, a := range g.ms {
		for _, b := range g.ms[i+1:] {
			if !a.holds() || !b.holds() {
				continue
			}
			for _, m := range a.core.floor.HeldView().Members() {
				for _, o := range b.core.floor.HeldView().Members() {
					if m.Key == o.Key {
						g.t.Fatalf("%v: %s and %s hold the floor at once, with a member in common", g.now, a.name, b.name)
					}
				}
			}
		}
	}
}

func (m *mem) holds() bool {
	if m.dead || m.core == nil || m.paused > m.g.now {
		return false
	}
	_, ok := m.core.floor.Holds(m.time().Boot)
	return ok
}

func (m *mem) say(format string, args ...any) {
	m.input(func(c *Core, now Now) { c.Say(now, 1, fmt.Sprintf(format, args...)) })
}

// texts are the lines of the record, in the order.
func (m *mem) texts() []string {
	var out []string
	h := m.core.History()
	for i := range h.Len() {
		out = append(out, h.Get(h.At(i).ID).Turn().Texts...)
	}
	return out
}

// screen are the lines shown, in the order in which they were.
func (m *mem) shown() []string {
	var out []string
	for _, e := range m.events {
		if t, ok := e.(TurnShown); ok {
			out = append(out, t.Lines...)
		}
	}
	return out
}

func (m *mem) notices(code Code) (n int) {
	for _, e := range m.events {
		if x, ok := e.(Notice); ok && x.Code == code {
			n++
		}
	}
	return n
}

// converged asserts that all living members have the same record of n lines.
func (g *group) converged(lines int) {
	g.t.Helper()
	first := g.ms[0]
	for _, m := range g.ms {
		if m.dead {
			continue
		}
		if got := len(m.texts()); got != lines {
			g.t.Errorf("%s has %d lines, want %d", m.name, got, lines)
		}
		if m.core.History().Fingerprint() != first.core.History().Fingerprint() {
			g.t.Errorf("%s and %s have different records", m.name, first.name)
		}
		if got := len(m.shown()); got != lines {
			g.t.Errorf("%s showed %d lines, want %d", m.name, got, lines)
		}
	}
}

func TestThreeTalk(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia", "caio")
	g.pass(3 * time.Second)
	for _, m := range g.ms {
		if v := m.core.View(); len(v) != 3 {
			t.Fatalf("%s sees %v", m.name, v)
		}
	}
	for i := range 100 {
		for _, m := range g.ms {
			m.say("%s %d", m.name, i)
		}
		g.pass(time.Millisecond)
	}
	g.pass(3 * time.Second)
	g.converged(300)
}

func TestTalkUnderLoss(t *testing.T) {
	for seed := range few(20, 8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := newGroup(t, seed, "ana", "bia", "caio", "davi", "eva")
			g.links(func(int, int) memnet.Faults {
				return memnet.Faults{Loss: 0.2, Duplicate: 0.1, Reorder: 0.2, HoldBack: 30 * time.Millisecond, MaxDelay: 20 * time.Millisecond}
			})
			g.pass(4 * time.Second)
			for i := range 40 {
				for _, m := range g.ms {
					m.say("%s %d", m.name, i)
				}
				g.pass(10 * time.Millisecond)
			}
			g.pass(15 * time.Second)
			g.converged(200)
		})
	}
}

func TestLateJoinerGetsAll(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia", "caio")
	late := g.ms[2]
	late.dead = true
	g.pass(3 * time.Second)
	for i := range 3000 {
		g.ms[i%2].say("line %d", i)
		g.pass(2 * time.Millisecond)
	}
	g.pass(2 * time.Second)
	late.start()
	began := g.now
	for len(late.texts()) < 3000 && g.now < began+30*time.Second {
		g.pass(50 * time.Millisecond)
	}
	t.Logf("3000 lines after %v", g.now-began)
	g.pass(3 * time.Second)
	g.converged(3000)
	if !slices.Equal(late.shown(), late.texts()) {
		t.Errorf("the first catch-up was not shown in the order")
	}
}

func TestKilledHolderDoesNotStopTheTalk(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia", "caio")
	g.pass(3 * time.Second)
	g.ms[0].input(func(c *Core, now Now) { c.Hold(now, 1, time.Minute) })
	g.pass(time.Second)
	if _, ok := g.ms[0].core.floor.Holds(g.ms[0].time().Boot); !ok {
		t.Fatal("ana does not hold the floor")
	}
	g.ms[1].say("wait for ana")
	g.pass(time.Second)
	g.ms[0].dead = true
	died := g.now
	for len(g.ms[2].shown()) == 0 && g.now < died+10*time.Second {
		g.pass(10 * time.Millisecond)
	}
	if took := g.now - died; took > 3*time.Second {
		t.Errorf("the floor was free only %v after its holder died", took)
	} else {
		t.Logf("spoken %v after the holder died", took)
	}
	g.ms[0].start()
	g.pass(4 * time.Second)
	g.ms[0].say("back")
	g.pass(time.Second)
	g.converged(2)
}

// A member that has a turn but not its parent does not count as holding the
// parent, though its head descends from it.
func TestDeliveredNeedsAllBefore(t *testing.T) {
	g := newGroup(t, 3, "ana", "bia")
	g.pass(3 * time.Second)
	ana, bia := g.ms[0], g.ms[1]
	ana.say("first") // from now on she keeps bia's permission for a while
	g.pass(10 * time.Millisecond)
	deaf := memnet.Faults{Cut: true}
	if err := g.net.SetLink("ana", "bia", deaf); err != nil {
		t.Fatal(err)
	}
	ana.say("lost")
	g.pass(20 * time.Millisecond)
	if err := g.net.SetLink("ana", "bia", near); err != nil {
		t.Fatal(err)
	}
	lost := ana.core.History().At(1).ID
	ana.say("heard")
	g.pass(2 * time.Millisecond)
	if err := g.net.SetLink("ana", "bia", deaf); err != nil { // no repair
		t.Fatal(err)
	}
	g.pass(600 * time.Millisecond)
	if h := bia.core.History(); h.Len() != 2 || h.Missing() != 1 {
		t.Fatalf("bia has %d turns and lacks %d: the test tests nothing", h.Len(), h.Missing())
	}
	for _, e := range ana.events {
		if d, ok := e.(Delivered); ok && d.ID == lost {
			t.Errorf("a turn that bia lacks was told as delivered to her")
		}
	}
	if err := g.net.SetLink("ana", "bia", near); err != nil {
		t.Fatal(err)
	}
	g.pass(3 * time.Second)
	g.converged(3)
}

// A crash between writing a turn and noting that its line is said: the line is
// queued again at the next start, found in the record, and not said twice.
func TestCrashAfterAppendSaysNothingTwice(t *testing.T) {
	g := newGroup(t, 4, "ana", "bia")
	g.pass(3 * time.Second)
	ana := g.ms[0]
	ana.say("once")
	g.pass(2 * time.Millisecond) // appended and sent; the fsync that takes it out of unsent.log comes later
	if len(ana.disk.queued) != 1 || len(ana.disk.turns) != 1 {
		t.Fatalf("unsent.log has %d lines, the replicas %d turns: the test tests nothing", len(ana.disk.queued), len(ana.disk.turns))
	}
	ana.dead = true
	g.pass(time.Second)
	ana.start()
	g.pass(4 * time.Second)
	g.ms[1].say("then")
	g.pass(time.Second)
	if got := g.ms[1].texts(); !slices.Equal(got, []string{"once", "then"}) {
		t.Errorf("bia has %q", got)
	}
	if len(ana.disk.queued) != 0 {
		t.Errorf("unsent.log still has %v", ana.disk.queued)
	}
	// The same when the power failed too, and only bia has the turn.
	ana.disk.queued = []QueuedLine{{ID: ana.core.History().Get(ana.core.History().At(0).ID).Turn().LineIDs[0], Text: "once"}}
	ana.disk.turns = nil
	ana.dead = true
	g.pass(2 * time.Second)
	ana.start()
	g.pass(6 * time.Second)
	if got := g.ms[1].texts(); !slices.Equal(got, []string{"once", "then"}) {
		t.Errorf("after the power failed bia has %q", got)
	}
}

// What was typed while joining is not said past the group that is about to
// take the newcomer in.
func TestNewcomerWaitsForTheGroup(t *testing.T) {
	for seed := range few(20, 2) {
		g := newGroup(t, seed, "ana", "bia", "caio")
		caio := g.ms[2]
		caio.dead = true
		g.pass(4 * time.Second)
		caio.start()
		caio.say("early")
		for range 300 {
			g.ms[0].say("talk")
			g.pass(10 * time.Millisecond)
		}
		g.pass(2 * time.Second)
		for _, e := range caio.events {
			if f, ok := e.(Floor); ok && f.State == FloorGranted {
				if n := caio.core.floor.HeldView().Len(); n != 3 {
					t.Errorf("seed %d: caio spoke in a view of %d", seed, n)
				}
				break
			}
		}
		g.converged(301)
	}
}

// A turn that no replica took, and that may be in one all the same, is what its lines
// are said with in the end: with another turn they would be said twice if it is.
func TestUncertainTurnIsSaidAgain(t *testing.T) {
	for _, unsure := range []bool{true, false} {
		g := newGroup(t, 5, "ana", "bia")
		g.pass(3 * time.Second)
		ana := g.ms[0]
		var first turn.ID
		ana.disk.fail, ana.disk.unsure = true, unsure
		ana.say("one")
		g.pass(time.Second)
		if say := ana.core.speaker.again; (say != nil) != unsure {
			t.Fatalf("unsure %t: kept %v", unsure, say)
		} else if unsure {
			first = say.ID()
		}
		ana.say("two")
		g.ms[1].say("meanwhile")
		g.pass(time.Second)
		ana.disk.fail = false
		g.pass(8 * time.Second)
		g.converged(3)
		h := ana.core.History()
		if unsure && !h.Has(first) {
			t.Error("the line was said with another turn")
		}
		if h.Len() != 2+map[bool]int{true: 1}[unsure] {
			t.Errorf("unsure %t: %d turns", unsure, h.Len())
		}
	}
}

// A turn that may be on the disk stays so when the disk fails again, with certainty this
// time: that says nothing of what was written before.
func TestUncertainTurnStaysUncertain(t *testing.T) {
	g := newGroup(t, 5, "ana", "bia")
	g.pass(3 * time.Second)
	ana := g.ms[0]
	ana.disk.fail, ana.disk.unsure = true, true
	ana.say("one")
	g.pass(time.Second)
	first := ana.core.speaker.again.ID()
	ana.disk.unsure = false
	g.pass(6 * time.Second)
	ana.disk.fail = false
	g.pass(8 * time.Second)
	g.converged(1)
	if !ana.core.History().Has(first) {
		t.Error("the line was said with another turn")
	}
}

// What was taken back is not said with the turn that no replica took.
func TestUncertainTurnIsCancelled(t *testing.T) {
	g := newGroup(t, 6, "ana", "bia")
	g.pass(3 * time.Second)
	ana := g.ms[0]
	ana.disk.fail, ana.disk.unsure = true, true
	ana.say("one")
	g.pass(time.Second)
	ana.input(func(c *Core, now Now) { c.Cancel(now, 1) })
	ana.disk.fail = false
	ana.say("two")
	g.pass(8 * time.Second)
	if got := g.ms[1].texts(); !slices.Equal(got, []string{"two"}) {
		t.Errorf("bia has %q", got)
	}
}
