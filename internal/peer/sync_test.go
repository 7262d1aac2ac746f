package peer

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// reconciled waits for the end of a /sync of m.
func (g *group) reconciled(m *mem, most time.Duration) Reconciled {
	g.t.Helper()
	n := len(m.events)
	m.input(func(c *Core, now Now) { c.Reconcile(now, 1) })
	for end := g.now + most; g.now < end; g.pass(10 * time.Millisecond) {
		for _, e := range m.events[n:] {
			if r, ok := e.(Reconciled); ok {
				return r
			}
		}
	}
	g.t.Fatalf("no /sync in %v", most)
	return Reconciled{}
}

// A /sync gives a member that lacks turns time to fetch them.
func TestSyncWaitsForWhoFetches(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(3 * time.Second)
	g.ms[0].say("first")
	g.pass(time.Second)
	g.ms[1].disk.fail = true
	g.ms[0].say("not kept by bia")
	g.pass(10 * time.Millisecond)
	g.at(g.now+100*time.Millisecond, func() { g.ms[1].disk.fail = false })
	if r := g.reconciled(g.ms[0], 10*time.Second); !r.Consistent {
		t.Errorf("%+v", r.Members)
	}
}

// A /sync does not wait for a member that has left.
func TestSyncWithOneThatDies(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia", "caio")
	g.pass(3 * time.Second)
	g.ms[2].say("from now on caio keeps the permissions")
	g.pass(20 * time.Millisecond)
	g.ms[1].dead = true
	g.ms[2].say("bia lacks this")
	g.pass(10 * time.Millisecond)
	r := g.reconciled(g.ms[0], 3*time.Second)
	if r.Consistent || len(r.Members) != 2 {
		t.Errorf("%+v", r.Members)
	}
}

// A /sync that has nobody to compare with ends, also when a session with a
// member outside of the view is refused meanwhile.
func TestSyncAloneWhileRefused(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	bia.dead = true
	g.pass(3 * time.Second)
	bia.start()
	g.pass(500 * time.Millisecond) // she is quiet
	ana.input(func(c *Core, now Now) { c.begin(now, bia.core.self.Incarnation, 0) })
	s := ana.core.sync.session
	n := len(ana.events)
	ana.input(func(c *Core, now Now) { c.Reconcile(now, 1) })
	ana.tell(bia, bia.core.counter, wire.Recon{Session: s.number, Round: s.round, Response: true, From: s.from, To: s.to})
	for _, e := range ana.events[n:] {
		if r, ok := e.(Reconciled); ok {
			if len(r.Members) != 0 {
				t.Errorf("compared with %+v", r.Members)
			}
			return
		}
	}
	t.Error("the /sync does not end")
}

// A turn with a parent that nobody has, which anybody can sign, leaves no doubt for
// ever: what is said after it is delivered, and the members are in sync.
func TestAGapThatNobodyCanFill(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	g.pass(3 * time.Second)
	s := eveSays(t, turn.Turn{Stamp: 5, Parents: []turn.ID{{1}}, LineIDs: []turn.LineID{{1}}, Texts: []string{"gap"}})
	ana.tell(bia, bia.core.counter+1, wire.Turns{Turns: [][]byte{s.Bytes()}}) // bia gets it by repair
	g.pass(20 * time.Second)
	ana.say("delivered?")
	g.pass(2 * time.Second)
	if n := ana.core.history.Missing(); n != 1 {
		t.Fatalf("%d gaps, want the one that is meant", n)
	}
	if !slices.ContainsFunc(ana.events, func(e Event) bool { d, ok := e.(Delivered); return ok && d.To == 1 }) {
		t.Error("not told as delivered")
	}
	if !ana.core.sync.inSync[bia.core.self.Incarnation] {
		t.Error("not in sync")
	}
	if r := g.reconciled(ana, 5*time.Second); !r.Consistent {
		t.Errorf("%+v", r.Members)
	}
}

// All members can run /sync at once, though each serves few sessions at a time.
func TestSyncOfAllAtOnce(t *testing.T) {
	names := []string{"ana", "bia", "caio", "davi", "eva", "fabio", "gil", "hugo", "iara", "joao"}
	g := newGroup(t, 1, names...)
	g.pass(3 * time.Second)
	g.links(func(int, int) memnet.Faults { return memnet.Faults{Loss: 1} })
	g.pass(3 * time.Second)
	for _, m := range g.ms {
		m.say("of %s alone", m.name)
	}
	g.pass(3 * time.Second)
	g.links(func(int, int) memnet.Faults { return near })
	for g.pass(10 * time.Millisecond); len(g.ms[0].core.View()) < len(names); g.pass(10 * time.Millisecond) {
	}
	for _, m := range g.ms {
		m.input(func(c *Core, now Now) { c.Reconcile(now, 1) })
	}
	g.pass(20 * time.Second)
	for _, m := range g.ms {
		i := slices.IndexFunc(m.events, func(e Event) bool { _, ok := e.(Reconciled); return ok })
		if i < 0 {
			t.Errorf("%s: no /sync in 20 s", m.name)
		} else if r := m.events[i].(Reconciled); !r.Consistent || len(r.Members) != len(names)-1 {
			t.Errorf("%s: %+v", m.name, r)
		}
	}
}

// Four heads in a heartbeat may be all, or the newest of more: then they prove nothing.
func TestSyncWithOneMoreHead(t *testing.T) {
	for seed := range uint64(10) {
		g := newGroup(t, seed, "ana", "bia")
		g.pass(3 * time.Second)
		ana, bia := g.ms[0], g.ms[1]
		for i := range wire.MaxBeatHeads + 1 {
			s := eveSays(t, turn.Turn{Stamp: uint64(i + 1), LineIDs: []turn.LineID{{byte(i)}}, Texts: []string{fmt.Sprint(i)}})
			bia.tell(ana, ana.core.counter, wire.Turns{Turns: [][]byte{s.Bytes()}})
			if i > 0 {
				ana.tell(bia, bia.core.counter, wire.Turns{Turns: [][]byte{s.Bytes()}})
			}
		}
		g.pass(400 * time.Millisecond) // a heartbeat, and no comparison yet
		if ana.core.history.Len() != wire.MaxBeatHeads {
			t.Fatal("ana has all already: this tests nothing")
		}
		r := g.reconciled(ana, 5*time.Second)
		if r.Consistent && ana.core.history.Len() != bia.core.history.Len() {
			t.Errorf("seed %d: consistent with %d turns, and bia has %d", seed, r.Turns, bia.core.history.Len())
		}
	}
}

// eveSays signs a turn as somebody who follows no rules but those of one turn.
func eveSays(t *testing.T, s turn.Turn) *turn.Signed {
	t.Helper()
	s.Name, s.Version = "eve", turn.Version
	slices.SortFunc(s.Parents, func(a, b turn.ID) int { return slices.Compare(a[:], b[:]) })
	signed, err := turn.Sign(turn.GroupID{9}, s, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
