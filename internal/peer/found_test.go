package peer

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/reconcile"
	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// Each of these tests is something that went wrong once.

// tell gives the member a message of another's incarnation, as one of the group
// can forge it.
func (m *mem) tell(from *mem, counter uint32, msg wire.Message) {
	b, err := wire.Append(nil, msg)
	if err != nil {
		m.g.t.Fatal(err)
	}
	m.input(func(c *Core, now Now) {
		c.Receive(now, Packet{From: from.name, Incarnation: from.core.self.Incarnation, Counter: counter, Payload: b})
	})
}

func (m *mem) said() (n int) {
	for _, e := range m.events {
		if l, ok := e.(Line); ok && l.State == LineSaid {
			n++
		}
	}
	return n
}

// --linger forever goes on listening for ever, and sleeps meanwhile.
func TestListeningForEverSleeps(t *testing.T) {
	g := newGroup(t, 1, "ana")
	g.pass(3 * time.Second)
	ana := g.ms[0]
	ana.input(func(c *Core, now Now) { c.End(now, Forever) })
	g.now += 2 * lastWords
	now := ana.time()
	ana.core.Tick(now)
	ana.core.Ready(now)
	if w := ana.core.Wake(); w <= now.Boot {
		t.Errorf("it wants to be woken %v ago, again and again", now.Boot-w)
	}
}

// However slow the fsync, each line is told as said in the end, and leaves
// unsent.log.
func TestSlowFsyncForgetsNoLine(t *testing.T) {
	const lines = 2 * maxUndelivered
	g := newGroup(t, 1, "ana")
	g.pass(3 * time.Second)
	ana := g.ms[0]
	for i := range lines { // all before the first fsync
		ana.say("line %d", i)
	}
	g.pass(time.Second)
	if ana.said() != lines || len(ana.disk.queued) != 0 {
		t.Errorf("%d of %d lines were told as said; %d stay in unsent.log", ana.said(), lines, len(ana.disk.queued))
	}
	for range lines {
		ana.say("more")
		g.pass(10 * time.Millisecond)
	}
	if n := len(ana.core.speaker.own); n > maxUndelivered {
		t.Errorf("the delivery of %d turns is followed, the bound is %d", n, maxUndelivered)
	}
}

// A clock that is set to a time before 1970 does not lose what is said.
func TestClockBefore1970(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.wall = time.Date(1969, 7, 20, 20, 17, 0, 0, time.UTC)
	for _, m := range g.ms {
		m.start()
	}
	g.pass(3 * time.Second)
	g.ms[0].say("one small step")
	g.pass(time.Second)
	g.converged(1)
}

// Turns said in a /hold do not make those that wait ask again and again.
func TestTalkInAHoldDisturbsNobody(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia", "caio", "davi", "eva")
	g.pass(3 * time.Second)
	g.ms[0].input(func(c *Core, now Now) { c.Hold(now, 1, time.Minute) })
	g.pass(time.Second)
	for _, m := range g.ms[1:] {
		m.say("me")
	}
	g.pass(3 * time.Second)
	n := g.sent
	g.pass(5 * time.Second)
	silent := g.sent - n
	n = g.sent
	for range 50 {
		g.ms[0].say("still me")
		g.pass(100 * time.Millisecond)
	}
	if talking := g.sent - n - 50; talking > silent*5/4 {
		t.Errorf("%d datagrams in a silent hold, %d besides the turns in one with talk", silent, talking)
	}
}

// After a partition one notice sums up what came in, however much it is and
// however it comes.
func TestMergeIsSummedUpOnce(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(3 * time.Second)
	g.links(func(int, int) memnet.Faults { return memnet.Faults{Cut: true} })
	g.pass(3 * time.Second)
	for i := range 2000 {
		g.ms[0].say("here %d", i)
		g.ms[1].say("there %d", i)
		g.pass(time.Millisecond)
	}
	g.links(func(int, int) memnet.Faults { return near })
	g.pass(5 * time.Second)
	g.converged(4000)
	for _, m := range g.ms {
		if n := m.notices(CodeMerged); n != 1 {
			t.Errorf("%s is told %d times of the merge", m.name, n)
		}
	}
}

// A record with a wide step in its stamps, as an insider can bring about by one
// REQ, is fetched by ranges, and not turn by turn from child to parent.
func TestWideStepInStamps(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia", "caio")
	late := g.ms[2]
	late.dead = true
	g.pass(3 * time.Second)
	for i := range 1000 {
		g.ms[i%2].say("line %d", i)
		g.pass(2 * time.Millisecond)
	}
	g.pass(time.Second)
	g.ms[1].core.floor.Observe(1<<31 - 1)
	g.ms[1].say("a step up")
	g.pass(time.Second)
	late.start()
	for range 60 {
		g.ms[0].say("talk goes on")
		g.pass(50 * time.Millisecond)
	}
	if n := len(late.texts()); n < 1050 {
		t.Errorf("after 3 s there are %d turns", n)
	}
	g.pass(time.Second)
	g.converged(1061)
}

// A line of the last run is not said again while the record that may have it is
// still being fetched.
func TestOldLineWaitsForTheRecord(t *testing.T) {
	g := newGroup(t, 4, "ana", "bia")
	g.pass(3 * time.Second)
	ana, bia := g.ms[0], g.ms[1]
	ana.say("once")
	for i := range 6000 {
		bia.say("line %d", i)
		g.pass(time.Millisecond)
	}
	g.pass(time.Second)
	for _, s := range ana.disk.turns {
		if s.Turn().Author == ana.core.key {
			ana.disk.queued = []QueuedLine{{ID: s.Turn().LineIDs[0], Text: "once"}}
		}
	}
	ana.dead, ana.disk.turns = true, nil
	g.links(func(int, int) memnet.Faults {
		return memnet.Faults{Loss: 0.3, MinDelay: 40 * time.Millisecond, MaxDelay: 60 * time.Millisecond}
	})
	g.pass(2 * time.Second)
	ana.start()
	g.pass(30 * time.Second)
	n := 0
	for _, text := range bia.texts() {
		if text == "once" {
			n++
		}
	}
	if n != 1 || len(ana.disk.queued) != 0 {
		t.Errorf("the line was said %d times; unsent.log has %d lines", n, len(ana.disk.queued))
	}
}

// The 65th member listens until there is room: it neither takes part nor speaks.
func TestOneTooManyListens(t *testing.T) {
	if testing.Short() {
		t.Skip("65 members take over a minute with the race detector, which has nothing to find in one goroutine")
	}
	names := make([]string, MaxMembers+1)
	for i := range names {
		names[i] = fmt.Sprintf("m%d", i)
	}
	g := newGroup(t, 1, names...)
	late := g.ms[MaxMembers]
	late.dead = true
	g.pass(6 * time.Second)
	if n := len(g.ms[0].core.View()); n != MaxMembers {
		t.Fatalf("%d members: the test tests nothing", n)
	}
	late.start()
	late.events = nil
	late.say("let me in")
	g.pass(4 * time.Second)
	if late.notices(CodeFull) != 1 {
		t.Error("it was not told that the group is full")
	}
	for _, e := range late.events {
		switch e := e.(type) {
		case Started:
			t.Error("it was told that it takes part")
		case Floor:
			t.Errorf("it %s the floor", e.State)
		}
	}
	if w, now := late.core.Wake(), late.time().Boot; w <= now {
		t.Errorf("it wants to be woken %v ago", now-w)
	}
	g.ms[3].input(func(c *Core, now Now) { c.Stop(now, 0) })
	g.ms[3].dead = true
	g.pass(5 * time.Second)
	if late.said() != 1 {
		t.Error("when there was room its line was not said")
	}
}

// A member that names turns that nobody has does not keep a reconciliation
// going: what brings nothing new ends.
func TestSessionThatBringsNothingEnds(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(3 * time.Second)
	ana, bia := g.ms[0], g.ms[1]
	bogus := turn.NewHistory()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	for i := range 2000 {
		s, err := turn.Sign(turn.GroupID{9}, turn.Turn{
			Name: "bia", Stamp: uint64(i + 1), LineIDs: []turn.LineID{{1}}, Texts: []string{"?"},
		}, key)
		if err != nil {
			t.Fatal(err)
		}
		bogus.Add(s)
	}
	g.links(func(int, int) memnet.Faults { return memnet.Faults{Cut: true} }) // but she is still in the view
	ana.input(func(c *Core, now Now) { c.begin(now, bia.core.self.Incarnation, 0) })
	first := ana.core.sync.session
	rounds, counter := uint32(0), uint32(1_000_000)
	for end := g.now + 10*time.Minute; ana.core.sync.session == first && g.now < end; g.pass(100 * time.Millisecond) {
		counter++
		heard := wire.Heard{Incarnation: ana.core.self.Incarnation, Counter: ana.core.counter, InView: true}
		ana.tell(bia, counter, wire.Beat{Interval: Beat, View: ana.core.floor.View().Hash(), Heard: []wire.Heard{heard}})
		if first.message == nil || first.round == rounds {
			continue
		}
		rounds = first.round
		data, err := reconcile.Respond(reconcile.Window(bogus, first.from, first.to), frameLimit, first.message)
		if err != nil {
			t.Fatal(err)
		}
		counter++
		ana.tell(bia, counter, wire.Recon{Session: first.number, Round: first.round, Response: true, From: first.from, To: first.to, Data: data})
	}
	if rounds == 0 || ana.core.sync.session == first {
		t.Errorf("after %d rounds and ten minutes the session goes on", rounds)
	}
}

// Who follows the events knows the view: the last that told one told the one
// that there is, however the view went to and fro.
func TestEventsTellTheView(t *testing.T) {
	for seed := range uint64(40) {
		g := newGroup(t, seed, "ana", "bia", "caio", "davi")
		for range 40 {
			if m := g.ms[g.rng.IntN(len(g.ms))]; g.rng.IntN(2) == 0 {
				m.paused = g.now + time.Duration(g.rng.Int64N(int64(1300*time.Millisecond)))
			} else {
				deaf := g.rng.IntN(len(g.ms) + 1)
				g.links(func(from, to int) memnet.Faults {
					f := near
					f.Cut = to == deaf
					return f
				})
			}
			g.pass(time.Duration(g.rng.Int64N(int64(time.Second))))
		}
		g.links(func(int, int) memnet.Faults { return near })
		g.pass(4 * time.Second)
		for _, m := range g.ms {
			var told []string
			for _, e := range m.events {
				switch e := e.(type) {
				case Started:
					told = e.View
				case Peer:
					told = e.View
				}
			}
			if !slices.Equal(told, m.core.View()) {
				t.Errorf("seed %d: %s was told last of the view %v, and it is %v", seed, m.name, told, m.core.View())
			}
		}
	}
}

// Two that lack the same turn do not go on asking each other for it.
func TestTwoThatLackATurnAskOthersToo(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia", "caio")
	g.pass(3 * time.Second)
	ana := g.ms[0]
	silence := func(loss float64) {
		g.links(func(from, _ int) memnet.Faults {
			f := near
			if from == ana.i {
				f.Loss = loss
			}
			return f
		})
	}
	ana.say("from now on she keeps the permissions")
	g.pass(20 * time.Millisecond)
	silence(1)
	ana.say("nobody hears this")
	g.pass(20 * time.Millisecond)
	silence(0)
	ana.say("and this shows that it is missing")
	g.pass(time.Millisecond)
	silence(1) // while she is asked first
	g.pass(40 * time.Millisecond)
	silence(0)
	g.pass(500 * time.Millisecond)
	for _, m := range g.ms {
		if got := len(m.texts()); got != 3 {
			t.Errorf("%s has %d lines, want 3", m.name, got)
		}
	}
}
