package peer

import (
	"fmt"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/wire"
)

// Nobody begins anew without a forgery, unless a link is cut one way for long.

func (g *group) anew() (n int) {
	for _, m := range g.ms {
		n += m.notices(CodeAnew)
	}
	return n
}

func some(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("m%d", i)
	}
	return names
}

// Lost WAITs of one that holds the floor are no reason.
func TestAHoldUnderLossIsNoReasonToBeginAnew(t *testing.T) {
	for _, loss := range []float64{0.2, 0.4} {
		for seed := range few(6, 1) {
			g := newGroup(t, seed, some(3+int(seed%3))...)
			g.links(func(int, int) memnet.Faults {
				return memnet.Faults{Loss: loss, MinDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond}
			})
			g.pass(5 * time.Second)
			g.ms[0].input(func(c *Core, now Now) { c.Hold(now, 1, 10*time.Minute) })
			g.pass(2 * time.Second)
			for _, m := range g.ms[1:] {
				m.say("me")
			}
			g.pass(2 * time.Minute)
			if n := g.anew(); n > 0 {
				t.Errorf("loss %v, seed %d: %d began anew", loss, seed, n)
			}
		}
	}
}

// All that happens without a forgery is no reason.
func TestNobodyBeginsAnewWithoutReason(t *testing.T) {
	for seed := range few(10, 3) {
		g := newGroup(t, seed, some(2+int(seed%7))...)
		g.links(func(int, int) memnet.Faults {
			return memnet.Faults{
				Loss: float64(seed%5) / 10, Duplicate: 0.05, Reorder: 0.1, HoldBack: 100 * time.Millisecond, MaxDelay: 30 * time.Millisecond,
			}
		})
		g.pass(4 * time.Second)
		for end := g.now + 40*time.Second; g.now < end; g.pass(time.Duration(g.rng.Int64N(int64(300 * time.Millisecond)))) {
			switch m := g.ms[g.rng.IntN(len(g.ms))]; g.rng.IntN(20) {
			case 0:
				m.dead = true
			case 1, 2:
				if m.dead {
					m.start()
				}
			case 3:
				m.paused = g.now + time.Duration(g.rng.Int64N(int64(time.Second)))
			case 4:
				m.input(func(c *Core, now Now) { c.Hold(now, 1, time.Duration(5+g.rng.IntN(30))*time.Second) })
			case 5:
				m.input(func(c *Core, now Now) { c.Release(now, 1) })
			default:
				m.say("x")
			}
		}
		if n := g.anew(); n > 0 {
			t.Errorf("seed %d: %d began anew", seed, n)
		}
	}
}

// Time in which a member did not run is no time in which nobody heard it.
func TestAStallIsNoReasonToBeginAnew(t *testing.T) {
	for seed := range few(10, 3) {
		g := newGroup(t, seed, "ana", "bia")
		g.links(func(int, int) memnet.Faults { return memnet.Faults{Loss: .1, MaxDelay: 5 * time.Millisecond} })
		g.pass(3 * time.Second)
		for range 6 {
			g.ms[0].paused = g.now + 1100*time.Millisecond
			g.pass(time.Duration(1100+g.rng.IntN(60)) * time.Millisecond)
			g.ms[0].paused = g.now + 6*time.Second
			g.pass(12 * time.Second)
		}
		if n := g.anew(); n > 0 {
			t.Errorf("seed %d: %d began anew", seed, n)
		}
	}
}

// In a large room a member that falls is asked in vain for longer than in a small one.
func TestOneOfManyFalls(t *testing.T) {
	if *groupSeeds < 600 {
		t.Skip("82 members take a minute or two: it runs where -groupseeds is 600 or more")
	}
	g := newGroup(t, 1, some(MaxMembers+18)...)
	for _, m := range g.ms[MaxMembers:] {
		m.dead = true
	}
	g.pass(5 * time.Second)
	for _, m := range g.ms[MaxMembers:] {
		m.start()
	}
	g.pass(5 * time.Second)
	if n := len(g.ms[0].core.View()); n != MaxMembers {
		t.Fatalf("%d members", n)
	}
	g.ms[9].dead = true
	g.pass(10 * time.Millisecond)
	for _, m := range g.ms[20:24] {
		m.say("hello")
	}
	g.pass(10 * time.Second)
	if n := g.anew(); n > 0 {
		t.Errorf("%d began anew", n)
	}
	if n := len(g.ms[0].texts()); n != 4 {
		t.Errorf("%d lines were said, want 4", n)
	}
}

// What an outsider recorded and plays back is no reason.
func TestAReplayIsNoReasonToBeginAnew(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	type recorded struct {
		at time.Duration
		b  []byte
	}
	var tape []recorded
	g.tap = func(from string, b []byte) {
		if from == "bia" {
			tape = append(tape, recorded{g.now, b})
		}
	}
	g.pass(60 * time.Second)
	g.tap = nil
	ana, bia := g.ms[0], g.ms[1]
	ana.dead, bia.dead = true, true
	g.pass(5 * time.Second)
	ana.window = seal.NewWindow()
	ana.start()
	g.pass(4 * time.Second)
	for _, r := range tape {
		g.at(g.now+r.at-tape[0].at, func() { ana.receive("outsider", r.b) })
	}
	g.pass(time.Duration(len(tape)) * Beat)
	if len(tape) < 100 || g.anew() > 0 {
		t.Errorf("%d datagrams were played back; %d began anew", len(tape), g.anew())
	}
}

// A BYE forged to one member alone shuts nobody out.
func TestAByeForgedToOne(t *testing.T) {
	for i := range 3 {
		for j := range 3 {
			if i == j {
				continue
			}
			g := newGroup(t, 1, "ana", "bia", "caio")
			g.pass(3 * time.Second)
			to, of := g.ms[i], g.ms[j]
			to.tell(of, of.core.counter, wire.Bye{})
			g.pass(10 * time.Second)
			for _, m := range g.ms {
				m.say("of %s", m.name)
			}
			g.pass(20 * time.Second)
			g.converged(3)
			for _, m := range g.ms {
				if len(m.core.View()) != 3 {
					t.Errorf("%s got a BYE of %s: the view of %s is %v", to.name, of.name, m.name, m.core.View())
				}
			}
		}
	}
}

// Nothing is sent after BYE.
func TestNothingComesAfterBye(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(3 * time.Second)
	ana, bia := g.ms[0], g.ms[1]
	ana.input(func(c *Core, now Now) { c.Stop(now, 0) })
	n := g.sent
	ana.tell(bia, bia.core.counter+1, wire.Ping{Origin: bia.core.self.Incarnation, Target: ana.core.self.Incarnation})
	if g.sent != n {
		t.Error("a PING after it was answered")
	}
}
