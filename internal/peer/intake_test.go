package peer

import (
	"fmt"
	"testing"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/member"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// TestUnsentIsSaid: a line of the last run is said once the member takes part.
func TestUnsentIsSaid(t *testing.T) {
	ana := one(t)
	ana.disk.queued = []QueuedLine{{ID: turn.LineID{1}, Text: "of the last run"}}
	ana.start()
	ana.g.pass(6 * time.Second)
	if got := fmt.Sprint(ana.texts()); got != "[of the last run]" || len(ana.disk.queued) != 0 {
		t.Errorf("said: %s, %d lines wait", got, len(ana.disk.queued))
	}
}

// TestBadMessagesAreCounted: a hello with a name that nobody may have, and pieces that
// make no message.
func TestBadMessagesAreCounted(t *testing.T) {
	ana := one(t)
	counter := uint32(0)
	say := func(m wire.Message) {
		b, err := wire.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		counter++
		ana.input(func(c *Core, now Now) {
			c.Receive(now, Packet{From: "x", Incarnation: 99, Counter: counter, Payload: b})
		})
	}
	for i, name := range []string{"bia", " bia", "e\u0301"} { // the last is not in NFC
		h := wire.Hello{Name: name, Signature: seal.SignHello(ana.key(), turn.GroupID{9}, 99, name)}
		copy(h.Key[:], ana.key()[32:])
		if say(h); ana.core.counts.BadHello != uint64(i) {
			t.Errorf("after %q: %d bad hellos", name, ana.core.counts.BadHello)
		}
	}
	for i := range uint8(2) {
		say(wire.Frag{Number: 1, Index: i, Count: 2, Data: make([]byte, wire.MaxFragData)})
	}
	if ana.core.counts.Undecodable != 1 {
		t.Errorf("%d undecodable", ana.core.counts.Undecodable)
	}
}

// TestAwaitedAreBounded: of the heads that come with permissions, 64 are waited for.
func TestAwaitedAreBounded(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(4 * time.Second)
	c, now := g.ms[0].core, g.ms[0].time()
	g.ms[1].dead = true
	c.Say(now, 1, "x")
	ts, asks, _ := c.floor.Request()
	info, ok := c.members.Lookup(g.ms[1].core.self.Incarnation)
	if !asks || !ok {
		t.Fatal("ana does not ask bia")
	}
	for i := range maxWanted - 1 {
		c.repair.awaited[turn.ID{9, byte(i)}] = true
	}
	c.receiveRep(now, info, 1, wire.Rep{
		View: floor.ViewHash{1}, Clock: 1, Grants: []wire.Grant{{To: c.self, TS: ts, K: 1}}, Heads: []turn.ID{{1}, {2}},
	}, false)
	if len(c.repair.awaited) != maxWanted || c.repair.wants[turn.ID{1}] == nil || c.repair.wants[turn.ID{2}] == nil {
		t.Errorf("%d are waited for, %d wanted", len(c.repair.awaited), len(c.repair.wants))
	}
}

// TestHeldForUpToTheDelay: more than no time, up to the delay; what is due at once in the
// order in which it came; and 1024 turns at the most, or 4 MiB.
func TestHeldForUpToTheDelay(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(6 * time.Second)
	c, now := g.ms[0].core, g.ms[0].time()
	d := &c.delay
	hold := func(stamp uint64) { c.delays(now, incoming{s: g.ms[1].by(stamp, "x")}) }
	d.most = 3
	for i := range uint64(50) {
		hold(1 + i)
	}
	for i, h := range d.held {
		if wait := h.due - now.Boot; wait < 1 || wait > 3 {
			t.Errorf("held for %d", wait)
		}
		if i > 0 && (h.due < d.held[i-1].due || h.due == d.held[i-1].due && h.came < d.held[i-1].came) {
			t.Errorf("turn %d before turn %d", d.held[i-1].came, h.came)
		}
	}
	if first, last := d.held[0].due, d.held[49].due; first != now.Boot+1 || last != now.Boot+3 {
		t.Errorf("from %v to %v", first-now.Boot, last-now.Boot)
	}

	one := delayed{incoming: incoming{s: g.ms[1].by(1, "x")}, came: 1000}
	for len(d.held) < maxDelayed-1 {
		d.held = append(d.held, one)
	}
	hold(60)
	if len(d.held) != maxDelayed || len(c.repair.incoming) != 0 {
		t.Errorf("%d are held, %d not", len(d.held), len(c.repair.incoming))
	}
	hold(61)
	if len(d.held) != maxDelayed || len(c.repair.incoming) != 1 || c.repair.incoming[0].s.Stamp() != 1 {
		t.Errorf("%d are held, %d not", len(d.held), len(c.repair.incoming))
	}
	d.held = d.held[:10]
	d.bytes = maxDelayedBytes - len(g.ms[1].by(62, "x").Bytes())
	if hold(62); len(d.held) != 11 || d.bytes != maxDelayedBytes {
		t.Errorf("%d of %d bytes are held", len(d.held), d.bytes)
	}
	if hold(63); len(d.held) != 10 { // two older ones, which are a byte shorter, made room
		t.Errorf("%d of %d bytes are held", len(d.held), d.bytes)
	}
}

// TestSessionEndsWithItsMember: when the other one leaves, and not when a third does.
func TestSessionEndsWithItsMember(t *testing.T) {
	c := one(t).core
	c.sync.session = &session{with: 5}
	if c.memberGone(6); c.sync.session == nil {
		t.Error("another left")
	}
	if c.memberGone(5); c.sync.session != nil {
		t.Error("it goes on")
	}
}

// TestReasonOfAMessage: told for a WAIT, and of nothing else.
func TestReasonOfAMessage(t *testing.T) {
	ana := one(t)
	c := ana.core
	for why, want := range map[floor.Why]string{0: "", floor.WhyHolding: "holding"} {
		c.verbose, c.out.Events = true, nil
		c.sentMsg(ana.time(), "X", "bia", 1, 2, why, 3)
		c.verbose = false
		c.sentMsg(ana.time(), "Y", "bia", 1, 2, why, 3)
		if len(c.out.Events) != 1 || c.out.Events[0].(Floor).Why != want || c.out.Events[0].(Floor).Msg != "X" {
			t.Errorf("%v", c.out.Events)
		}
	}
}

// TestVerifyIsForSeveral: one signature is checked where it is needed, two and more at once.
func TestVerifyIsForSeveral(t *testing.T) {
	ana := one(t)
	for n := range 4 {
		var m wire.Turns
		for i := range n {
			m.Turns = append(m.Turns, ana.by(uint64(i+1), "x").Bytes())
		}
		var ps []Packet
		if n > 0 {
			b, err := wire.Append(nil, m)
			if err != nil {
				t.Fatal(err)
			}
			ps = []Packet{{Payload: b}, {Payload: b}, {}}
		}
		asked := 0
		ana.core.Verify(ps, func(n int, do func(i int)) {
			asked = n
			for i := range n {
				do(i)
			}
		})
		want := n
		if n < 2 {
			want = 0
		}
		if asked != want || len(ana.core.verified) != want {
			t.Errorf("of %d turns %d were looked at, %d verified", n, asked, len(ana.core.verified))
		}
	}
}

// TestBadLineOfTheLastRun: a line that no turn can carry is given up, by itself.
func TestBadLineOfTheLastRun(t *testing.T) {
	ana := one(t)
	ana.disk.queued = []QueuedLine{{ID: turn.LineID{1}, Text: "good"}, {ID: turn.LineID{2}, Text: "\x1b"}, {ID: turn.LineID{3}, Text: "too"}}
	ana.events = nil
	ana.start()
	ana.g.pass(8 * time.Second)
	if got := fmt.Sprint(ana.texts()); got != "[good too]" || len(ana.disk.queued) != 0 {
		t.Errorf("said: %s, %d lines wait", got, len(ana.disk.queued))
	}
	var bad []turn.LineID
	for _, e := range ana.events {
		if l, ok := e.(Line); ok && l.State == LineError {
			bad = append(bad, l.Line)
		}
	}
	if len(bad) != 1 || bad[0] != (turn.LineID{2}) {
		t.Errorf("given up: %v", bad)
	}
}

// calls counts what a disk and a network are asked for.
type calls struct {
	memDisk
	queues, appends, dequeues int
	sent                      []uint32
}

func (c *calls) Append(ts []*turn.Signed) (uint64, []error) {
	c.appends++
	return c.memDisk.Append(ts)
}

func (c *calls) Queue(ls []QueuedLine) error { c.queues++; return c.memDisk.Queue(ls) }

func (c *calls) Dequeue(ids []turn.LineID) error { c.dequeues++; return c.memDisk.Dequeue(ids) }

func (c *calls) Send(d Datagram) error { c.sent = append(c.sent, d.Counter); return nil }

// TestPerformAsksForWhatThereIs: nothing of the disk for nothing, and no datagram is sent
// from the end of its lease on.
func TestPerformAsksForWhatThereIs(t *testing.T) {
	var c calls
	boot := func() time.Duration { return 7 }
	Perform(Ready{Send: []Datagram{{Counter: 1}, {Counter: 2, NotAfter: 8}, {Counter: 3, NotAfter: 7}, {Counter: 4, NotAfter: 6}}}, &c, &c, boot)
	if c.queues+c.appends+c.dequeues != 0 || fmt.Sprint(c.sent) != "[1 2]" {
		t.Errorf("of the disk %d, %d, %d; sent %v", c.queues, c.appends, c.dequeues, c.sent)
	}
	Perform(Ready{Queue: make([]QueuedLine, 1), Append: []*turn.Signed{nil}, Dequeue: make([]turn.LineID, 1)}, &c, &c, boot)
	if c.queues != 1 || c.appends != 1 || c.dequeues != 1 {
		t.Errorf("of the disk %d, %d, %d", c.queues, c.appends, c.dequeues)
	}
}

// TestTalkOrRepair: one turn that nobody asked for is talk; one that was wanted, or one of
// several in a datagram, comes by repair. One's own is shown as such.
func TestTalkOrRepair(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(6 * time.Second)
	ana, bia := g.ms[0], g.ms[1]
	c, now := ana.core, ana.time()
	for i, r := range []struct {
		turns  int
		wanted bool
		want   bool
	}{{1, false, false}, {1, true, true}, {2, false, true}} {
		var m wire.Turns
		for n := range r.turns {
			s := bia.by(uint64(10*i+n+1), "x")
			m.Turns = append(m.Turns, s.Bytes())
			if r.wanted {
				c.wantNow(now, s.ID(), 0)
			}
		}
		c.repair.incoming = nil
		c.receiveTurns(now, 5, 1, member.Info{}, false, m)
		if len(c.repair.incoming) != r.turns || c.repair.incoming[0].repair != r.want {
			t.Errorf("row %d: %d came in", i, len(c.repair.incoming))
		}
	}
	if !c.turnShown(now, ana.by(1, "x")).Own || c.turnShown(now, bia.by(1, "x")).Own {
		t.Error("not one's own is shown as one's own")
	}
}

// TestBusy: while anything is asked for, or waits to be.
func TestBusy(t *testing.T) {
	for i, r := range []repair{{order: make([]turn.ID, 1)}, {urgent: make([]want, 1)}, {backlog: make([]want, 1)}, {order: make([]turn.ID, 1), urgent: make([]want, 1), backlog: make([]want, 2)}} {
		if !r.busy() {
			t.Errorf("row %d: nothing is fetched", i)
		}
	}
	if (&repair{}).busy() {
		t.Error("something is fetched")
	}
}

// TestIncomingIsBounded: of one turn more than may be on its way to the disk nothing is kept.
func TestIncomingIsBounded(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	for i, want := range []int{maxIncoming, maxIncoming} {
		if i == 0 {
			c.repair.incoming = make([]incoming, maxIncoming-1)
		}
		c.receiveTurns(now, 5, 1, member.Info{}, false, wire.Turns{Turns: [][]byte{ana.by(uint64(i+1), "x").Bytes()}})
		if len(c.repair.incoming) != want {
			t.Errorf("turn %d: %d are on their way", i, len(c.repair.incoming))
		}
	}
}
