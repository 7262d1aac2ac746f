package member

import (
	"fmt"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/wire"
)

// TestCrash: who crashes is dropped by all within one suspect of the last thing
// that it sent, and a little for the way; then all who are left are one view.
func TestCrash(t *testing.T) {
	const way = 10 * time.Millisecond
	for _, members := range []int{2, 3, 8, 24, 64} {
		for _, who := range []string{"leader", "other"} {
			t.Run(fmt.Sprintf("%d/%s", members, who), func(t *testing.T) {
				skipLarge(t, members)
				var longest, together time.Duration
				for seed := range uint64(1 + 60/members) {
					w := newNetwork(t, seed)
					for i := range members {
						w.start(i)
					}
					w.run(6*time.Second + time.Duration(w.rand.Int64N(int64(time.Second))))
					if !w.together() {
						t.Fatal("not together after 6 s")
					}
					x := w.nodes[0]
					if who == "other" {
						x = w.nodes[1+w.rand.IntN(members-1)]
					}
					suspect := max(time.Second, 4*x.m.interval())
					w.crash(x)
					for !w.together() {
						if w.now > x.sentAt+suspect+time.Second {
							t.Fatalf("seed %d: not one view: %s", seed, w.settled())
						}
						w.run(time.Millisecond)
					}
					together = max(together, w.now-x.sentAt)
					w.run(max(0, x.sentAt+suspect+way-w.now))
					for _, y := range w.nodes {
						if y == x {
							continue
						}
						at, ok := y.dropped[x.self.Incarnation]
						if d := at - x.sentAt; !ok || d > suspect+way {
							t.Fatalf("seed %d: m%d dropped m%d after %v (suspect %v)", seed, y.n, x.n, d, suspect)
						} else {
							longest = max(longest, d)
						}
					}
				}
				t.Logf("dropped after %v, one view after %v", longest, together)
			})
		}
	}
}

// TestLeaderFallsTogether: when the leader crashes, nobody is alone in its view
// for a moment, except perhaps the highest.
func TestLeaderFallsTogether(t *testing.T) {
	for seed := range uint64(20) {
		w := newNetwork(t, seed)
		for i := range 6 {
			w.start(i)
		}
		w.run(6 * time.Second)
		w.crash(w.nodes[0])
		for range 2000 {
			w.run(time.Millisecond)
			for _, x := range w.nodes[1:5] {
				if x.m.View().Len() == 1 {
					t.Fatalf("seed %d: m%d is alone at %v", seed, x.n, w.now)
				}
			}
		}
		if !w.together() {
			t.Fatalf("seed %d: not one view", seed)
		}
	}
}

// TestBye: who says BYE is out of all views at once.
func TestBye(t *testing.T) {
	for seed := range uint64(10) {
		for _, leaver := range []int{0, 3} {
			w := newNetwork(t, seed)
			for i := range 6 {
				w.start(i)
			}
			w.run(4 * time.Second)
			x := w.nodes[leaver]
			w.send(x, 0, wire.Bye{})
			w.crash(x)
			w.run(150 * time.Millisecond)
			if !w.together() {
				t.Fatalf("seed %d: m%d said BYE, and the others are not one view: %s", seed, leaver, w.settled())
			}
		}
	}
}

// TestReplay: what was recorded of members who are gone is played to a member
// that starts anew. It shows nobody and changes no view; nor does it stop a
// restarted member of which there are records.
func TestReplay(t *testing.T) {
	w := newNetwork(t, 3)
	type datagram struct {
		from    uint64
		counter uint32
		msg     wire.Message
	}
	var record []datagram
	w.tap = func(from uint64, counter uint32, msg wire.Message) {
		record = append(record, datagram{from, counter, msg})
	}
	for i := range 4 {
		w.start(i)
	}
	w.run(5 * time.Second)
	for _, x := range w.nodes {
		w.crash(x)
	}
	w.tap = nil

	x := w.start(0)
	for i, d := range record {
		w.after(time.Duration(i)*10*time.Millisecond, func() { w.deliver(x, d.from, d.counter, d.msg) })
	}
	heard := false
	for range len(record) {
		w.run(10 * time.Millisecond)
		heard = heard || len(x.m.heardSet(w.now)) > 0
		if len(x.events) > 0 || x.m.View().Len() != 1 || len(x.m.Peers()) > 0 {
			t.Fatalf("%v: a replay did something: %v %s", w.now, x.events, w.show(x.m.View()))
		}
	}
	if !heard {
		t.Error("the replay was not even heard")
	}
}

// TestCopied: of two live copies of a data directory exactly one is told to
// exit, in a group and without.
func TestCopied(t *testing.T) {
	for seed := range uint64(40) {
		w := newNetwork(t, seed)
		w.loss = 0.1
		for i := range w.rand.IntN(4) {
			w.start(i)
		}
		a := w.start(9)
		w.run(time.Duration(w.rand.Int64N(int64(4 * time.Second))))
		quiet := a.m.isQuiet()
		b := w.start(9)
		var told []*node
		for range 4000 {
			w.run(time.Millisecond)
			for _, x := range []*node{a, b} {
				for _, e := range x.events {
					if _, ok := e.(Copied); ok {
						told = append(told, x)
						w.crash(x)
					}
				}
				x.events = nil
			}
			for _, x := range w.nodes {
				for _, m := range x.m.View().Members() {
					if m == a.self && x.m.View().Has(b.self) {
						t.Fatalf("seed %d: both copies are in the view of m%d", seed, x.n)
					}
				}
			}
		}
		if len(told) != 1 {
			t.Fatalf("seed %d: %d copies exit", seed, len(told))
		}
		if !quiet && told[0] != b {
			t.Errorf("seed %d: the copy that was not quiet exits", seed)
		}
	}
}

// TestTableIsBounded: a flood of incarnations fills the table and pushes out
// nobody who is in the view.
func TestTableIsBounded(t *testing.T) {
	w := newNetwork(t, 5)
	for i := range 3 {
		w.start(i)
	}
	w.run(4 * time.Second)
	x := w.nodes[1]
	for i := range 3000 {
		w.after(time.Duration(i)*time.Millisecond, func() {
			w.deliver(x, w.rand.Uint64()|1, 1, wire.Ping{Origin: 1, Target: 2})
		})
	}
	w.changes = 0
	w.run(5 * time.Second)
	if n := len(x.m.others.byID); n != MostOthers {
		t.Errorf("%d in the table", n)
	}
	if s := x.m.Stats(); s.TableFull == 0 {
		t.Error("nothing was counted as ignored")
	}
	if w.changes != 0 || x.m.View().Len() != 3 {
		t.Errorf("%d changes of views, %s", w.changes, w.show(x.m.View()))
	}
	for i := range uint64(3 * MostGone) {
		x.m.Heard(w.now, i+1, 1)
		x.m.Bye(w.now, i+1, 1)
	}
	if len(x.m.gone.set) != MostGone || !x.m.gone.has(3*MostGone, 1) || x.m.gone.has(1, 1) {
		t.Errorf("%d are remembered as gone", len(x.m.gone.set))
	}
}

// TestSlotIsCleared: who gets the place of another in the table is not taken
// for it. b said that it hears d; e, which has d's place now, it does not hear.
func TestSlotIsCleared(t *testing.T) {
	m := New(Config{Self: memberOf("a"), Name: "a"}, 0)
	m.Sent(0, 1)
	m.SetQuiet(0, false)
	hears := func(now time.Duration, counter uint32, who string, whom ...string) {
		inc := incarnation(who)
		b := wire.Beat{Interval: 250 * time.Millisecond, Leader: inc}
		for _, o := range append(whom, "a") {
			b.Heard = append(b.Heard, wire.Heard{Incarnation: incarnation(o), Counter: 1})
		}
		m.Heard(now, inc, counter)
		m.Hello(now, inc, wire.Hello{Key: memberOf(who).Key, Name: who})
		m.Beat(now, inc, counter, b)
	}
	hears(0, 1, "d", "b")
	slot := m.others.byID[incarnation("d")].slot
	for i := range MostOthers - 2 { // all other places but one
		m.Heard(3*time.Second, uint64(1000000+i), 1)
	}
	hears(3*time.Second, 1, "b", "d")
	now := 5200 * time.Millisecond // a full table has a suspect of 5.12 s
	m.Tick(now)                    // d is dropped
	m.Ready(now)
	hears(now, 1, "e", "b")
	if got := m.others.byID[incarnation("e")].slot; got != slot {
		t.Fatalf("e has place %d, and d had %d", got, slot)
	}
	if v := m.Ready(now).View; v.Has(memberOf("b")) == v.Has(memberOf("e")) {
		t.Errorf("the view is %s: b does not hear e", showView(v))
	}
}
