package peer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// result is the newest answer to a command.
func (m *mem) result(in func(c *Core, now Now)) (r Result) {
	m.g.t.Helper()
	m.events = nil
	m.input(in)
	for _, e := range m.events {
		if e, ok := e.(Result); ok {
			r = e
		}
	}
	return r
}

// TestBoundsOfCommands: what /hold, /history and /delay take, to the last unit.
func TestBoundsOfCommands(t *testing.T) {
	g := newGroup(t, 1, "ana")
	g.pass(3 * time.Second)
	hold := func(d time.Duration) func(*Core, Now) { return func(c *Core, now Now) { c.Hold(now, 1, d) } }
	history := func(n int) func(*Core, Now) { return func(c *Core, now Now) { c.ShowHistory(now, 1, n) } }
	delay := func(d time.Duration) func(*Core, Now) { return func(c *Core, now Now) { c.SetDelay(now, 1, d) } }
	for _, c := range []struct {
		name string
		in   func(*Core, Now)
		ok   bool
	}{
		{"hold 0", hold(0), false},
		{"hold 1ns", hold(1), true},
		{"hold 60m", hold(60 * time.Minute), true},
		{"hold more", hold(60*time.Minute + 1), false},
		{"history 0", history(0), false},
		{"history 1", history(1), true},
		{"history 1000", history(1000), true},
		{"history 1001", history(1001), false},
		{"delay -1ns", delay(-1), false},
		{"delay 0", delay(0), true},
		{"delay 60s", delay(60 * time.Second), true},
		{"delay more", delay(60*time.Second + 1), false},
	} {
		if r := g.ms[0].result(c.in); r.OK != c.ok || (r.Code == CodeUsage) == c.ok {
			t.Errorf("%s: %v %s", c.name, r.OK, r.Code)
		}
	}
	if HoldUnlessTold != 5*time.Minute {
		t.Errorf("/hold alone is for %v", HoldUnlessTold)
	}
}

// TestHistoryIsTheLastTurns: so many as are asked for, the last ones, in the order.
func TestHistoryIsTheLastTurns(t *testing.T) {
	g := newGroup(t, 1, "ana")
	g.pass(3 * time.Second)
	for i := range 4 {
		g.ms[0].say("%d", i)
		g.pass(time.Second)
	}
	for n, want := range map[int]string{1: "[3]", 3: "[1 2 3]", 4: "[0 1 2 3]", 9: "[0 1 2 3]"} {
		var lines []string
		for _, s := range g.ms[0].result(func(c *Core, now Now) { c.ShowHistory(now, 1, n) }).Turns {
			lines = append(lines, s.Lines...)
		}
		if fmt.Sprint(lines) != want {
			t.Errorf("the last %d: %v, want %s", n, lines, want)
		}
	}
}

// TestHoldAgain: a second /hold sets the limit anew, from then on.
func TestHoldAgain(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana := g.ms[0]
	g.pass(3 * time.Second)
	begun := g.now
	ana.input(func(c *Core, now Now) { c.Hold(now, 1, 2*time.Second) })
	g.pass(time.Second)
	ana.input(func(c *Core, now Now) { c.Hold(now, 2, 3*time.Second) })
	for ana.holds() && g.now < begun+time.Minute {
		g.pass(10 * time.Millisecond)
	}
	if held := g.now - begun; held < 4*time.Second || held > 4*time.Second+20*time.Millisecond {
		t.Errorf("held for %v, want 4s", held)
	}
}

// TestPeersTellsWhatEachDoes: oneself first, then the others, as their heartbeats say.
func TestPeersTellsWhatEachDoes(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia", "caio")
	g.pass(3 * time.Second)
	check := func(when, want string) {
		t.Helper()
		var got []string
		for _, p := range g.ms[0].result(func(c *Core, now Now) { c.Peers(now, 1, nil) }).Peers {
			if p.Heard < 0 || p.Heard > 2*Beat {
				t.Errorf("%s: %s was heard %v ago", when, p.Name, p.Heard)
			}
			if !p.InView || !p.InSync || p.Quiet || p.Self != (p.Name == "ana") {
				t.Errorf("%s: %+v", when, p)
			}
			got = append(got, p.Name+" "+p.Activity)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", when, got, want)
		}
	}
	check("at first", "[ana idle bia idle caio idle]")
	g.ms[1].input(func(c *Core, now Now) { c.Hold(now, 1, time.Minute) })
	g.pass(time.Second)
	g.ms[0].say("x")
	g.ms[2].say("y")
	g.pass(time.Second)
	check("bia holds, two wait", "[ana asking bia holding caio asking]")
	g.ms[1].input(func(c *Core, now Now) { c.Release(now, 1) })
	g.pass(2 * time.Second)
	g.ms[0].input(func(c *Core, now Now) { c.Hold(now, 1, time.Minute) })
	g.pass(time.Second)
	check("ana holds", "[ana holding bia idle caio idle]")
}

// TestContactsAreBounded: of one more than fits, the one that was there first is
// forgotten. An address is that of the newest datagram, an activity that of the newest
// heartbeat.
func TestContactsAreBounded(t *testing.T) {
	var c contacts
	c.init()
	for i := range uint64(maxContacts) {
		c.heard(Packet{From: "a", Incarnation: 1 + i, Counter: 5})
	}
	if len(c.by) != maxContacts || c.address(1) != "a" {
		t.Fatalf("%d contacts", len(c.by))
	}
	c.heard(Packet{From: "b", Incarnation: 1000, Counter: 5})
	if len(c.by) != maxContacts || len(c.order) != maxContacts || c.address(1) != "" || c.address(2) != "a" || c.address(1000) != "b" {
		t.Errorf("%d contacts, the first at %q, the last at %q", len(c.by), c.address(1), c.address(1000))
	}
	c.heard(Packet{From: "older", Incarnation: 2, Counter: 4})
	if c.address(2) != "a" {
		t.Error("an older datagram told the address")
	}
	c.heard(Packet{From: "same", Incarnation: 2, Counter: 5})
	c.heard(Packet{From: "newer", Incarnation: 3, Counter: 6})
	if c.address(2) != "same" || c.address(3) != "newer" {
		t.Errorf("at %q and %q", c.address(2), c.address(3))
	}
	beat := func(inc uint64, counter uint32, a wire.Activity, want bool) {
		t.Helper()
		if got := c.beat(inc, counter, wire.Beat{Activity: a}); got != want {
			t.Errorf("heartbeat %d: %v", counter, got)
		}
	}
	beat(77777, 1, wire.Holding, false)
	beat(2, 7, wire.Holding, true)
	beat(2, 6, wire.Idle, false)
	if !c.holds(2) || c.holds(3) || c.holds(77777) {
		t.Error("who holds is not who said so last")
	}
	beat(2, 7, wire.Idle, true)
	if c.holds(2) {
		t.Error("it still holds")
	}
}

// TestNamesAreBounded: a name is of the first key that used it; beyond the bound a
// new name is shown with its key.
func TestNamesAreBounded(t *testing.T) {
	own, other := turn.Key{1}, turn.Key{2}
	var n names
	n.init("ana", own)
	n.meet("bia", other)
	n.meet("bia", own)
	if n.shown("ana", own) != "ana" || n.shown("bia", other) != "bia" || n.shown("bia", own) != "bia#"+own.Short() || n.shown("eva", other) != "eva#"+other.Short() {
		t.Errorf("%s %s %s %s", n.shown("ana", own), n.shown("bia", other), n.shown("bia", own), n.shown("eva", other))
	}
	for i := len(n.first); i < maxNames; i++ {
		n.meet(fmt.Sprint(i), other)
	}
	n.meet("one more", other)
	if len(n.first) != maxNames || n.shown(fmt.Sprint(maxNames-1), other) != fmt.Sprint(maxNames-1) || n.shown("one more", other) == "one more" {
		t.Errorf("%d names", len(n.first))
	}
}

// TestWarningsAreBounded: of a name that another key had, once for each key, 4096 keys at
// the most.
func TestWarningsAreBounded(t *testing.T) {
	ana := one(t)
	c := ana.core
	for warned, want := range map[int][]int{maxNames - 1: {1, 0}, maxNames: {0, 0}} {
		c.names.warned = map[turn.Key]bool{}
		for i := range warned {
			c.names.warned[turn.Key{9, byte(i >> 8), byte(i)}] = true
		}
		for i, n := range want {
			c.out.Events = nil
			c.greet(ana.time(), wire.Hello{Key: turn.Key{1}, Name: "ana"})
			if len(c.out.Events) != n || n == 1 && c.out.Events[0].(Notice).Code != CodeNameClash {
				t.Errorf("after %d warnings, hello %d: %v", warned, i, c.out.Events)
			}
		}
	}
}
