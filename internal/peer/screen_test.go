package peer

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// A turn that is out of reach when it comes is shown once what fills the step is there.
func TestOutOfReachIsShownLater(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(3 * time.Second)
	sign := func(stamp uint64, text string, parents ...turn.ID) *turn.Signed {
		return eveSays(t, turn.Turn{Stamp: stamp, Parents: parents, LineIDs: []turn.LineID{{1}}, Texts: []string{text}})
	}
	first := sign(200, "first")
	ana, bia := g.ms[0], g.ms[1]
	give := func(s *turn.Signed) {
		ana.tell(bia, bia.core.counter+1, wire.Turns{Turns: [][]byte{s.Bytes()}})
	}
	give(sign(turn.MaxJump+100, "second", first.ID()))
	g.pass(10 * time.Second)
	if got := ana.shown(); len(got) != 0 {
		t.Fatalf("shown: %q", got)
	}
	give(first)
	g.pass(10 * time.Second)
	if got := ana.shown(); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("shown: %q", got)
	}
}

// Who was told as having left is told as joined only after it was heard again.
func TestNobodyJoinsUnheard(t *testing.T) {
	left := 0
	for seed := range few(20, 4) {
		g := newGroup(t, seed, "ana", "bia", "caio", "davi", "eva")
		g.pass(3 * time.Second)
		to, from := g.ms[g.rng.IntN(4)], g.ms[4]
		g.links(func(f, o int) memnet.Faults {
			l := near
			l.Cut = f == from.i && o == to.i
			return l
		})
		n := len(to.events)
		for range 6 { // views change meanwhile
			m := g.ms[g.rng.IntN(4)]
			if m != to {
				m.dead = true
				g.pass(time.Duration(g.rng.IntN(2000)) * time.Millisecond)
				m.start()
			}
			g.pass(time.Duration(g.rng.IntN(1000)) * time.Millisecond)
		}
		for _, e := range to.events[n:] {
			if p, ok := e.(Peer); ok && p.Name == from.name {
				switch {
				case p.State == PeerLeft:
					left++
				case p.State == PeerJoined:
					t.Errorf("seed %d: %s tells that %s joined, whom it does not hear", seed, to.name, from.name)
				}
			}
		}
	}
	if left == 0 {
		t.Error("nobody was told as having left: this tests nothing")
	}
}

// Pieces of a turn that no replica took are given to nobody.
func TestPiecesOfWhatWasNotSaid(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(3 * time.Second)
	ana, bia := g.ms[0], g.ms[1]
	ana.disk.fail = true
	ana.say("%s", strings.Repeat("x", 3000))
	g.pass(time.Second)
	if ana.core.fragment == 0 {
		t.Fatal("it was not in pieces")
	}
	n := g.sent
	ana.tell(bia, bia.core.counter+1, wire.FragWant{Of: ana.core.self.Incarnation, Number: ana.core.fragment, Missing: 7})
	if g.sent != n {
		t.Errorf("%d datagrams were sent", g.sent-n)
	}
}

// shownOnce counts how often each turn was shown, and those shown as not kept.
func (m *mem) shownOnce() (times map[turn.ID]int, unkept, kept int) {
	times = map[turn.ID]int{}
	for _, e := range m.events {
		switch e := e.(type) {
		case TurnShown:
			times[e.ID]++
			if e.Unkept {
				unkept++
			}
		case Notice:
			if e.Code == CodeKept {
				kept += e.Count
			}
		}
	}
	return times, unkept, kept
}

// Whatever disks fill and empty, each turn is shown once.
func TestUnkeptIsShownOnce(t *testing.T) {
	all := 0
	for seed := range few(12, 3) {
		g := newGroup(t, seed, "ana", "bia", "caio")
		faulty := memnet.Faults{
			Loss: []float64{0, .1, .3}[seed%3], Duplicate: .1, Reorder: .2, HoldBack: 50 * time.Millisecond, MaxDelay: 10 * time.Millisecond,
		}
		g.links(func(int, int) memnet.Faults { return faulty })
		g.pass(3 * time.Second)
		said := 0
		for end := g.now + 20*time.Second; g.now < end; g.pass(time.Duration(g.rng.IntN(150)) * time.Millisecond) {
			switch m := g.ms[g.rng.IntN(3)]; {
			case g.rng.IntN(3) == 0:
				m.disk.fail = g.rng.IntN(2) == 0
			case g.rng.IntN(60) == 0:
				side := g.rng.IntN(8)
				g.links(func(f, o int) memnet.Faults { x := faulty; x.Cut = side>>f&1 != side>>o&1; return x })
			case g.rng.IntN(20) == 0:
				g.links(func(int, int) memnet.Faults { return faulty })
			default:
				said++
				m.say("%d", said)
			}
		}
		g.links(func(int, int) memnet.Faults { return near })
		for _, m := range g.ms {
			m.disk.fail = false
		}
		for end := g.now + 40*time.Second; g.now < end && !g.same(said); {
			g.pass(100 * time.Millisecond)
		}
		g.pass(2 * time.Second)
		for _, m := range g.ms {
			times, unkept, kept := m.shownOnce()
			all += unkept
			h := m.core.history
			for i := range h.Len() {
				if n := times[h.At(i).ID]; n != 1 {
					t.Errorf("seed %d: %s showed a turn %d times", seed, m.name, n)
				}
			}
			if len(m.texts()) != said || len(times) != h.Len() || unkept != kept {
				t.Errorf("seed %d: %s has %d lines of %d, %d turns, showed %d; %d not kept, %d told as kept",
					seed, m.name, len(m.texts()), said, h.Len(), len(times), unkept, kept)
			}
		}
	}
	if all == 0 {
		t.Error("no turn was shown as not kept: this tests nothing")
	}
}

// A turn out of reach that no disk takes is not shown, and makes nothing late.
func TestUnkeptOutOfReach(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(3 * time.Second)
	ana, bia := g.ms[0], g.ms[1]
	bia.say("before")
	g.pass(time.Second)
	s := eveSays(t, turn.Turn{Stamp: 4 * turn.MaxJump, LineIDs: []turn.LineID{{1}}, Texts: []string{"never to be shown"}})
	for _, full := range []bool{true, false} {
		ana.disk.fail = full
		ana.tell(bia, bia.core.counter+1, wire.Turns{Turns: [][]byte{s.Bytes()}})
	}
	g.pass(3 * time.Second)
	bia.say("after")
	g.pass(time.Second)
	if got := ana.shown(); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("shown: %q", got)
	}
	for _, e := range ana.events {
		if x, ok := e.(TurnShown); ok && x.Late {
			t.Errorf("late: %q", x.Lines)
		}
	}
}

// Turns with wide steps between their stamps, in any order: what is within reach is
// shown once, what is not is not shown.
func TestReachIsWhatIsShown(t *testing.T) {
	shown, hidden := 0, 0
	for seed := range few(40, 10) {
		g := newGroup(t, seed, "ana", "bia")
		g.pass(3 * time.Second)
		ana, bia := g.ms[0], g.ms[1]
		bia.dead = seed%2 == 0
		var all []*turn.Signed
		stamp := uint64(0)
		for i := range 12 {
			stamp += []uint64{1, 1, 1 << 31, turn.MaxJump, turn.MaxJump + 5}[g.rng.IntN(5)]
			s := turn.Turn{Stamp: stamp, LineIDs: []turn.LineID{{byte(i)}}, Texts: []string{fmt.Sprint(i)}}
			for _, p := range all {
				if g.rng.IntN(3) == 0 && len(s.Parents) < turn.MaxParents-1 {
					s.Parents = append(s.Parents, p.ID())
				}
			}
			if g.rng.IntN(9) == 0 { // nobody has it
				var id turn.ID
				binary.BigEndian.PutUint64(id[:], g.rng.Uint64())
				s.Parents = append(s.Parents, id)
			}
			all = append(all, eveSays(t, s))
		}
		for _, i := range g.rng.Perm(len(all)) {
			ana.tell(bia, bia.core.counter, wire.Turns{Turns: [][]byte{all[i].Bytes()}})
			g.pass(time.Duration(g.rng.IntN(900)) * time.Millisecond)
			if g.rng.IntN(4) == 0 {
				ana.say("own")
			}
		}
		g.pass(20 * time.Second)
		times, _, _ := ana.shownOnce()
		h := ana.core.history
		for i := range h.Len() {
			it := h.At(i)
			switch {
			case it.Stamp > h.MaxStamp():
				hidden++
				if times[it.ID] != 0 {
					t.Errorf("seed %d: stamp %d is out of reach and shown", seed, it.Stamp)
				}
			case h.Shown(it.ID) != turn.Invalid:
				shown++
				if times[it.ID] != 1 {
					t.Errorf("seed %d: stamp %d was shown %d times", seed, it.Stamp, times[it.ID])
				}
			}
		}
	}
	if shown < 50 || hidden < 50 {
		t.Errorf("%d within reach, %d not: too few", shown, hidden)
	}
}

// Who is told that it waits is told for whom.
func TestWaitingNamesSomebody(t *testing.T) {
	told := 0
	for seed := range few(20, 5) {
		g := newGroup(t, seed, "ana", "bia", "caio")
		g.pass(3 * time.Second)
		for range 20 {
			deaf := g.rng.IntN(4)
			g.links(func(f, o int) memnet.Faults { l := near; l.Loss, l.Cut = .3, f == deaf || o == deaf; return l })
			for _, m := range g.ms {
				m.say("x")
			}
			g.pass(time.Duration(g.rng.IntN(3000)) * time.Millisecond)
		}
		for _, m := range g.ms {
			for _, e := range m.events {
				if x, ok := e.(Notice); ok && (x.Code == CodeWaiting || x.Code == CodeWaitingGone) {
					if told++; len(x.Names) == 0 {
						t.Errorf("seed %d: %s is told %s, without names", seed, m.name, x.Code)
					}
				}
			}
		}
	}
	if told == 0 {
		t.Error("nobody waited: this tests nothing")
	}
}

// A turn out of reach in the record makes nothing late after a restart.
func TestOutOfReachAndARestart(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(3 * time.Second)
	ana, bia := g.ms[0], g.ms[1]
	bia.say("before")
	g.pass(time.Second)
	s := eveSays(t, turn.Turn{Stamp: 4 * turn.MaxJump, LineIDs: []turn.LineID{{1}}, Texts: []string{"never to be shown"}})
	ana.tell(bia, bia.core.counter+1, wire.Turns{Turns: [][]byte{s.Bytes()}})
	g.pass(3 * time.Second)
	ana.dead = true
	g.pass(time.Second)
	ana.start()
	g.pass(5 * time.Second)
	bia.say("after")
	g.pass(time.Second)
	shown := 0
	for _, e := range ana.events {
		if x, ok := e.(TurnShown); ok && x.Lines[0] == "after" {
			if shown++; x.Late {
				t.Error("it is shown as late")
			}
		}
	}
	if shown != 1 {
		t.Errorf("it was shown %d times", shown)
	}
}
