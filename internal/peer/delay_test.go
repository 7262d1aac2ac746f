package peer

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// TestRandomGroupsWithDelay is TestRandomGroups with members that hold turns back and
// change how long, and in which order they show them. The delays stay when the
// faults end: all records are equal all the same.
func TestRandomGroupsWithDelay(t *testing.T) {
	held := 0
	for seed := range few(*groupSeeds/5, 3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			randomGroup(t, 1000+seed, func(g *group) {
				for _, m := range g.ms {
					held += len(m.core.delay.held)
				}
				m := g.ms[g.rng.IntN(len(g.ms))]
				switch g.rng.IntN(8) {
				case 0:
					m.delay = time.Duration(g.rng.Int64N(int64(3 * time.Second)))
					m.input(func(c *Core, now Now) { c.SetDelay(now, 1, m.delay) })
				case 1:
					m.order = []Order{OrderAgreed, OrderArrival}[g.rng.IntN(2)]
					m.input(func(c *Core, now Now) { c.SetOrder(now, 1, m.order) })
				}
			})
		})
	}
	if held == 0 {
		t.Error("nothing was ever held: it tests nothing")
	}
}

// In every order each turn is shown once, and as late exactly if one that comes
// after it in the order was shown before.
func TestLateIsWhatComesAfterALaterOne(t *testing.T) {
	late := 0
	for seed := range few(12, 3) {
		g := newGroup(t, seed, "ana", "bia", "caio", "davi")
		g.links(func(int, int) memnet.Faults {
			return memnet.Faults{Loss: 0.2, Duplicate: 0.1, Reorder: 0.2, HoldBack: 30 * time.Millisecond, MaxDelay: 20 * time.Millisecond}
		})
		g.pass(4 * time.Second)
		for i := range 60 {
			m := g.ms[g.rng.IntN(len(g.ms))]
			switch g.rng.IntN(4) {
			case 0:
				m.input(func(c *Core, now Now) { c.SetOrder(now, 1, OrderArrival) })
			case 1:
				m.input(func(c *Core, now Now) { c.SetOrder(now, 1, OrderAgreed) })
			case 2:
				m.input(func(c *Core, now Now) { c.SetDelay(now, 1, time.Duration(g.rng.Int64N(int64(2*time.Second)))) })
			}
			for _, m := range g.ms {
				m.say("%s %d", m.name, i)
			}
			g.pass(time.Duration(g.rng.Int64N(int64(100 * time.Millisecond))))
		}
		g.pass(20 * time.Second)
		g.converged(240)
		for _, m := range g.ms {
			late += m.checkLate()
		}
	}
	if late < 100 {
		t.Errorf("only %d late turns: it tests nothing", late)
	}
}

// checkLate compares what was shown with what stands in the events before it.
func (m *mem) checkLate() (late int) {
	var last turn.Item
	seen := map[turn.ID]bool{}
	for _, e := range m.events {
		s, ok := e.(TurnShown)
		if !ok {
			continue
		}
		it := turn.Item{Stamp: s.Stamp, ID: s.ID}
		if want := len(seen) > 0 && it.Less(last); s.Late != want {
			m.g.t.Errorf("%s: turn %v is shown with late=%v", m.name, s.ID.Short(), s.Late)
		}
		if s.Late {
			late++
		} else {
			last = it
		}
		if seen[s.ID] {
			m.g.t.Errorf("%s: turn %v is shown twice", m.name, s.ID.Short())
		}
		seen[s.ID] = true
	}
	return late
}

// A batch of turns is shown in the order in which they were kept.
func TestArrivalKeepsTheOrderOfABatch(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(3 * time.Second)
	bia := g.ms[1]
	bia.input(func(c *Core, now Now) { c.SetOrder(now, 1, OrderArrival) })
	batch := foreign(t, 3, 10)
	slices.Reverse(batch)
	bia.tell(g.ms[0], 10_000, wire.Turns{Turns: batch})
	if got := strings.Join(bia.shown(), " "); got != "2 1 0" {
		t.Errorf("shown %q", got)
	}
	if late := bia.checkLate(); late != 2 {
		t.Errorf("%d of the turns are late, want 2", late)
	}
}

// foreign makes n turns of somebody who is not there, of texts of so many bytes.
func foreign(t *testing.T, n, size int) (out [][]byte) {
	t.Helper()
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	for i := range n {
		u := turn.Turn{
			Version: turn.Version, Name: "eva", Stamp: uint64(i + 1), Kind: turn.KindChat,
			LineIDs: []turn.LineID{{1, byte(i >> 8), byte(i)}}, Texts: []string{fmt.Sprint(i)},
		}
		copy(u.Author[:], private.Public().(ed25519.PublicKey))
		for left := size; left > turn.MaxLine; left -= turn.MaxLine {
			u.LineIDs = append(u.LineIDs, turn.LineID{2, byte(i >> 8), byte(i), byte(left >> 8)})
			u.Texts = append(u.Texts, strings.Repeat("x", turn.MaxLine))
		}
		s, err := turn.Sign(turn.GroupID{9}, u, private)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s.Bytes())
	}
	return out
}

// What is held is bounded, by number and by size. At the bound the turn that came
// first is processed.
func TestDelayIsBounded(t *testing.T) {
	for _, size := range []int{10, turn.MaxLine*3 + 100} {
		g := newGroup(t, 1, "ana", "bia")
		g.pass(3 * time.Second)
		bia := g.ms[1]
		bia.input(func(c *Core, now Now) { c.SetDelay(now, 1, DelayMost) })
		all := foreign(t, maxDelayed+50, size)
		d := &bia.core.delay
		for i, b := range all {
			bia.tell(g.ms[0], uint32(10_000+i), wire.Turns{Turns: [][]byte{b}})
			if len(d.held) > maxDelayed || d.bytes > maxDelayedBytes || len(d.ids) != len(d.held) {
				t.Fatalf("%d turns of %d bytes are held", len(d.held), d.bytes)
			}
			if n := bia.core.History().Len(); len(d.held)+n != i+1 {
				t.Fatalf("%d are held and %d kept of %d", len(d.held), n, i+1)
			}
		}
		n := bia.core.History().Len()
		if n < 50 || size > 1000 && n < 200 {
			t.Fatalf("%d turns are kept: the bound was not reached", n)
		}
		for i := range n {
			if got := bia.core.History().At(i).Stamp; got != uint64(i+1) {
				t.Fatalf("turn %d of those kept has stamp %d: not the one that came first", i, got)
			}
		}
		bia.input(func(c *Core, now Now) { c.SetDelay(now, 1, 0) })
		if len(d.held) != 0 || d.bytes != 0 || bia.core.History().Len() != len(all) {
			t.Errorf("%d turns of %d bytes are held after the delay is off", len(d.held), d.bytes)
		}
	}
}
