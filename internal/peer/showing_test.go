package peer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
)

// chain makes n turns of eve, each the parent of the next.
func chain(t *testing.T, n int) []*turn.Signed {
	t.Helper()
	var all []*turn.Signed
	for i := range n {
		u := turn.Turn{Stamp: uint64(3*i + 1), LineIDs: []turn.LineID{{1, byte(i >> 16), byte(i >> 8), byte(i)}}, Texts: []string{fmt.Sprint(i)}}
		if i > 0 {
			u.Parents = []turn.ID{all[i-1].ID()}
		}
		all = append(all, eveSays(t, u))
	}
	return all
}

// late is a group in which bia comes with nothing to ana, who has the turns. A
// datagram is on its way for so long.
func late(t *testing.T, all []*turn.Signed, way time.Duration) (g *group, bia *mem) {
	t.Helper()
	g = newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	ana.dead, bia.dead = true, true
	g.links(func(int, int) memnet.Faults { return memnet.Faults{MinDelay: way, MaxDelay: way} })
	ana.disk.turns, bia.disk.turns = slices.Clone(all), nil
	ana.start()
	g.pass(4 * time.Second)
	bia.events = nil
	bia.start()
	return g, bia
}

// What is fetched at once is shown as a whole, and so much at a time that nobody waits.
func TestCatchUpIsShownInParts(t *testing.T) {
	all := chain(t, 1000)
	g, bia := late(t, all, time.Millisecond)
	g.pass(10 * time.Second)
	at := map[time.Duration]int{}
	next := 0
	for _, e := range bia.events {
		switch e := e.(type) {
		case Notice:
			if e.Code == CodeCaughtUp && (next != 0 || e.Count != len(all)) {
				t.Errorf("after %d turns: caught up with %d", next, e.Count)
			}
		case TurnShown:
			if e.ID != all[next].ID() || e.Late || !e.Batch || e.Follow != len(all)-1-next {
				t.Fatalf("turn %d shown is %v, late %v, batch %v, %d follow", next, e.Lines, e.Late, e.Batch, e.Follow)
			}
			at[e.When()]++
			next++
		}
	}
	if next != len(all) {
		t.Errorf("%d turns are shown", next)
	}
	for when, n := range at {
		if n > 256 {
			t.Errorf("at %v %d turns are shown", when, n)
		}
	}
}

// Who leaves while a catch-up is being shown shows the rest of it.
func TestCatchUpIsShownToTheEnd(t *testing.T) {
	all := chain(t, 1000)
	g, bia := late(t, all, time.Millisecond)
	for len(bia.core.screen.showing) == 0 {
		g.pass(100 * time.Microsecond)
	}
	bia.input(func(c *Core, now Now) { c.Stop(now, 0) })
	if n := len(bia.shown()); n != len(all) {
		t.Errorf("%d turns are shown", n)
	}
	if _, last := bia.events[len(bia.events)-1].(Exit); !last {
		t.Errorf("last comes %T", bia.events[len(bia.events)-1])
	}
}

// A long catch-up shows the newest turns first, tells how far it is, and at the end
// how many there were.
func TestLongCatchUp(t *testing.T) {
	all := chain(t, 5000)
	g, bia := late(t, all, 40*time.Millisecond)
	g.pass(60 * time.Second)
	var told []Notice
	shown := map[turn.ID]bool{}
	first, ended := 0, false
	for _, e := range bia.events {
		switch e := e.(type) {
		case TurnShown:
			if shown[e.ID] || e.Name != "eve" {
				t.Fatalf("%v of %s is shown, before: %v", e.Lines, e.Name, shown[e.ID])
			}
			shown[e.ID] = true
			if !e.Batch {
				t.Fatalf("%v is not of the catch-up", e.Lines)
			}
			if !e.Late {
				first++
			}
		case Notice:
			switch e.Code {
			case CodeCatchingUp:
				if len(told) > 0 && (e.At-told[len(told)-1].At < At(progressEvery) || e.Count <= told[len(told)-1].Count) {
					t.Errorf("%+v after %+v", e, told[len(told)-1])
				}
				if e.Total < len(all)*9/10 || e.Total > len(all)*11/10 || e.Count > e.Total {
					t.Errorf("%d of %d turns came", e.Count, e.Total)
				}
				told = append(told, e)
			case CodeCaughtUp:
				if e.Count != len(all) || ended {
					t.Errorf("caught up with %d turns, before: %v", e.Count, ended)
				}
				ended = true
			}
		}
	}
	if len(shown) != len(all) || first == 0 || first == len(all) || !ended {
		t.Errorf("%d turns shown, %d at first; the end was told: %v", len(shown), first, ended)
	}
	if len(told) < 5 {
		t.Errorf("told %d times how far it is", len(told))
	}
	for _, s := range all[len(all)-recentShown:] {
		i := slices.IndexFunc(bia.events, func(e Event) bool { ts, ok := e.(TurnShown); return ok && ts.ID == s.ID() })
		if i < 0 || bia.events[i].(TurnShown).Late {
			t.Fatalf("%v is not among the first", s.Turn().Texts)
		}
	}
}

// What waits to be shown is bounded, and in memory are places alone: the turns are
// the archive's.
func TestWaitingTurnsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("signs 33,000 turns")
	}
	all := chain(t, maxBatch+200)
	g := newGroup(t, 1, "ana")
	ana := g.ms[0]
	ana.disk.turns, ana.saved = slices.Clone(all), &saved{within: -1}
	read := 0
	ana.saved.fails = func() bool { read++; return false }
	ana.start()
	c := ana.core
	if !c.screen.catching {
		t.Fatal("it does not catch up")
	}
	c.history = turn.Restore(func(id turn.ID) *turn.Signed { return ana.saved.get(ana.disk, id) }, turn.Summary{}, nil)
	c.screen.last, c.screen.any = turn.Item{}, false
	most := 0
	ana.input(func(c *Core, now Now) {
		for _, s := range all {
			c.history.Add(s)
			c.screen.add(c, now, s, true)
			most = max(most, len(c.screen.batch)+len(c.screen.order))
			c.flush(now)
		}
	})
	g.pass(10 * time.Second)
	if most != maxBatch {
		t.Errorf("up to %d turns waited, want %d", most, maxBatch)
	}
	if got := ana.shown(); len(got) != len(all) || got[0] != "0" || got[len(got)-1] != fmt.Sprint(len(all)-1) {
		t.Errorf("%d turns shown", len(got))
	}
	if read < maxBatch/2 {
		t.Errorf("%d turns were read to be shown: the others were in memory", read)
	}
}
