package peer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/reconcile"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// by makes a turn of m.
func (m *mem) by(stamp uint64, text string, parents ...turn.ID) *turn.Signed {
	m.g.t.Helper()
	s, err := turn.Sign(turn.GroupID{9}, turn.Turn{
		Name: m.name, Stamp: stamp, Parents: parents, LineIDs: []turn.LineID{{byte(stamp)}}, Texts: []string{text},
	}, m.key())
	if err != nil {
		m.g.t.Fatal(err)
	}
	return s
}

// sent gives what the core wants to send, decoded, and forgets it.
func (m *mem) sent() (ms []wire.Message, to []string) {
	m.g.t.Helper()
	for _, d := range m.core.out.Send {
		msg, err := wire.Decode(d.Payload)
		if err != nil {
			m.g.t.Fatal(err)
		}
		ms, to = append(ms, msg), append(to, d.To)
	}
	m.core.out.Send = nil
	return ms, to
}

func one(t *testing.T) *mem {
	g := newGroup(t, 1, "ana")
	g.pass(6 * time.Second)
	return g.ms[0]
}

func TestEarlier(t *testing.T) {
	for _, c := range [][3]time.Duration{{0, 0, 0}, {0, 5, 5}, {5, 0, 5}, {3, 5, 3}, {5, 3, 3}, {4, 4, 4}} {
		if got := earlier(c[0], c[1]); got != c[2] {
			t.Errorf("of %d and %d: %d", c[0], c[1], got)
		}
	}
}

// TestWakes: when each part wants to be woken.
func TestWakes(t *testing.T) {
	const s = time.Second
	c := &Core{}
	for i, w := range []struct{ got, want time.Duration }{
		{(&speaker{}).wake(c), 0},
		{(&speaker{asked: 10 * s}).wake(c), 11 * s},
		{(&speaker{asked: 10 * s, told: 11 * s}).wake(c), 21 * s},
		{(&speaker{asked: 10 * s, retry: 5 * s}).wake(c), 5 * s},
		{(&speaker{hold: &hold{limit: 3 * s}}).wake(c), 0},
		{(&speaker{hold: &hold{limit: 3 * s, since: 2 * s}}).wake(c), 5 * s},
		{(&speaker{hold: &hold{limit: 3 * s, since: 2 * s, over: true}}).wake(c), 0},

		{(&ending{by: s, until: 2 * s}).wake(c), 0},
		{(&ending{on: true, by: s}).wake(c), s},
		{(&ending{on: true, by: s, until: 2 * s}).wake(c), 2 * s},
		{(&ending{on: true, by: s, exited: true}).wake(c), 0},
		{(&ending{on: true, by: s, linger: Forever}).wake(c), 0},
		{(&ending{on: true, by: s, linger: Forever}).wake(&Core{speaker: speaker{queue: make([]line, 1)}}), s},

		{(&screen{next: 3 * s, until: 4 * s}).wake(), 3 * s},
		{(&screen{next: 3 * s, until: 4 * s, catching: true}).wake(), 4 * s},
		{(&screen{next: 3 * s, goOn: 2 * s}).wake(), 2 * s},
		{(&screen{until: 3 * s, goOn: 2 * s, catching: true}).wake(), 2 * s},

		{(&reconciler{due: s}).wake(), s},
		{(&reconciler{due: s, syncing: &syncing{again: 2 * s}}).wake(), 2 * s},
		{(&reconciler{due: s, syncing: &syncing{again: 2 * s}, session: &session{due: 3 * s}}).wake(), 3 * s},

		{(&delay{}).wake(), 0},
		{(&delay{held: []delayed{{due: s}, {due: 2 * s}}}).wake(), s},
	} {
		if w.got != w.want {
			t.Errorf("row %d: %v, want %v", i, w.got, w.want)
		}
	}
}

// TestLinesAreBounded: what is too long, and one line more than may wait.
func TestLinesAreBounded(t *testing.T) {
	ana := one(t)
	ana.disk.fail = true
	ana.say("stays") // and from now on it asks for nothing, for a while
	fill := func(n int) { ana.core.speaker.queue = make([]line, n) }
	for _, c := range []struct {
		queued, length int
		want           Code
	}{
		{10, turn.MaxLine, ""}, {10, turn.MaxLine + 1, CodeTooLong}, {3999, 1, ""}, {4000, 1, CodeQueueFull},
	} {
		fill(c.queued)
		ana.events = nil
		ana.core.Say(ana.time(), 7, strings.Repeat("x", c.length))
		var code Code
		for _, e := range ana.core.out.Events {
			if e, ok := e.(Line); ok && e.N == 7 {
				code = e.Code
			}
		}
		ana.core.out.Events = nil
		if code != c.want || (len(ana.core.speaker.queue) > c.queued) != (code == "") {
			t.Errorf("%d bytes behind %d lines: %q", c.length, c.queued, code)
		}
	}
}

// TestSane: a Lamport time may be 2^31 ahead of the record, and no more.
func TestSane(t *testing.T) {
	ana := one(t)
	top := ana.core.history.MaxStamp()
	for ts, want := range map[uint64]bool{0: true, top + 1<<31: true, top + 1<<31 + 1: false, floor.MaxTime - 1: false, floor.MaxTime: false} {
		if got := ana.core.sane(ts); got != want {
			t.Errorf("%d: %v", ts, got)
		}
	}
	if ana.core.counts.Ahead != 3 {
		t.Errorf("%d were counted", ana.core.counts.Ahead)
	}
}

// TestSettledStamp: what the clock was two seconds ago, and below all that is held.
func TestSettledStamp(t *testing.T) {
	ana := one(t)
	now := Now{Boot: 100 * time.Second}
	at := func(ago time.Duration) []mark { return []mark{{now.Boot - ago, 50}, {now.Boot, 60}} }
	held := func(stamps ...uint64) (h []delayed) {
		for _, s := range stamps {
			h = append(h, delayed{incoming: incoming{s: ana.by(s, "x")}})
		}
		return h
	}
	for i, c := range []struct {
		marks []mark
		held  []delayed
		want  uint64
	}{
		{nil, nil, 0},
		{at(2*time.Second - 1), nil, 0},
		{at(2 * time.Second), nil, 50},
		{at(3 * time.Second), held(51), 50},
		{at(3 * time.Second), held(50), 49},
		{at(3 * time.Second), held(70, 20, 30), 19},
		{at(3 * time.Second), held(1), 0},
	} {
		ana.core.marks, ana.core.delay.held = c.marks, c.held
		if got := ana.core.settledStamp(now); got != c.want {
			t.Errorf("row %d: %d, want %d", i, got, c.want)
		}
	}
}

// TestMarksOfTheClock: one for each heartbeat, and no more than two seconds need.
func TestMarksOfTheClock(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	c.marks = nil
	for range 1000 {
		now.Boot += 10 * time.Millisecond
		now.Wall = now.Wall.Add(10 * time.Millisecond)
		c.clock(now)
	}
	if ago := now.Boot - c.marks[0].at; ago < 2*time.Second || ago >= 2*time.Second+Beat || len(c.marks) != 9 || c.marks[1].at-c.marks[0].at != Beat {
		t.Errorf("%d marks, the first of %v ago", len(c.marks), ago)
	}
}

// TestClockThatJumps: 200 ms are no sleep, more is, either way.
func TestClockThatJumps(t *testing.T) {
	for d, want := range map[time.Duration]bool{
		200 * time.Millisecond: false, -200 * time.Millisecond: false,
		200*time.Millisecond + 1: true, -200*time.Millisecond - 1: true,
	} {
		ana := one(t)
		before, now := ana.core.self, ana.time()
		now.Wall = ana.core.clocks.Wall.Add(now.Boot - ana.core.clocks.Boot + d)
		if ana.core.clock(now); (ana.core.self != before) != want {
			t.Errorf("after %v: a new incarnation: %v", d, !want)
		}
	}
}

// TestNumbersRunOut: a new incarnation begins before the last number of a datagram.
func TestNumbersRunOut(t *testing.T) {
	for counter, want := range map[uint32]bool{1<<32 - 1<<16: false, 1<<32 - 1<<16 + 1: true} {
		ana := one(t)
		before := ana.core.self
		ana.core.counter = counter
		if ana.core.clock(ana.time()); (ana.core.self != before) != want {
			t.Errorf("after %d datagrams a new incarnation: %v", counter, !want)
		}
	}
}

// TestAnswersAreBounded: of one id more than fits, the first is forgotten.
func TestAnswersAreBounded(t *testing.T) {
	var r repair
	r.init()
	id := func(i int) turn.ID { return turn.ID{byte(i >> 8), byte(i)} }
	for i := range answeredKept {
		r.answer(id(i), answered{1, 2})
	}
	r.answer(id(0), answered{3, 4})
	if len(r.answers) != answeredKept || r.answers[id(0)] != (answered{3, 4}) {
		t.Fatalf("%d are remembered", len(r.answers))
	}
	r.answer(id(answeredKept), answered{1, 2})
	if _, ok := r.answers[id(0)]; ok || len(r.answers) != answeredKept || len(r.answerID) != answeredKept {
		t.Errorf("%d are remembered; the first: %v", len(r.answers), ok)
	}
}

// TestWantsAreAnswered: to who asks; to everybody when a second one asks within
// 30 ms; and then to nobody, as it is on its way.
func TestWantsAreAnswered(t *testing.T) {
	ana := one(t)
	s := ana.by(3, "x")
	ana.core.history.Add(s)
	ana.core.contacts.heard(Packet{From: "bia", Incarnation: 11})
	ana.core.contacts.heard(Packet{From: "caio", Incarnation: 12})
	begun := ana.time()
	for i, c := range []struct {
		at   time.Duration
		from uint64
		want string
	}{
		{0, 11, "[bia]"},
		{10, 11, "[bia]"}, // the same one again: it was lost
		{39, 12, "[]"},    // to everybody
		{50, 11, "none"},
		{69, 11, "[bia]"},
		{99, 12, "[caio]"},
	} {
		now := begun
		now.Boot += c.at * time.Millisecond
		ana.core.answerWant(now, c.from, []turn.ID{s.ID(), {99}})
		got := "none"
		if ms, to := ana.sent(); len(ms) > 0 {
			got = fmt.Sprint(to)
		}
		if got != c.want {
			t.Errorf("row %d: to %s, want %s", i, got, c.want)
		}
	}
}

// TestTurnsArePacked: so many as a datagram takes, in their order.
func TestTurnsArePacked(t *testing.T) {
	ana := one(t)
	size := func(n, each int) int {
		turns := make([][]byte, n)
		for i := range turns {
			turns[i] = make([]byte, each)
		}
		return wire.TurnsSize(wire.Turns{Turns: turns})
	}
	three := 1 // bytes of each of three turns that just fit
	for size(3, three+1) <= wire.MaxPayload {
		three++
	}
	for _, c := range []struct {
		n, each int
		want    string
	}{
		{0, 10, "[]"}, {1, 10, "[1]"}, {3, three, "[3]"}, {3, three + 1, "[2 1]"}, {7, three, "[3 3 1]"},
		{wire.MaxTurns + 1, 2, fmt.Sprintf("[%d 1]", wire.MaxTurns)},
	} {
		turns := make([][]byte, c.n)
		for i := range turns {
			turns[i] = make([]byte, c.each)
			turns[i][0] = byte(i)
		}
		ana.core.sendAgain(ana.time(), 0, turns)
		counts, i := []int{}, 0
		ms, _ := ana.sent()
		for _, m := range ms {
			counts = append(counts, len(m.(wire.Turns).Turns))
			for _, b := range m.(wire.Turns).Turns {
				if int(b[0]) != i {
					t.Errorf("turn %d stands at %d", b[0], i)
				}
				i++
			}
		}
		if fmt.Sprint(counts) != c.want {
			t.Errorf("%d turns of %d bytes: %v, want %s", c.n, c.each, counts, c.want)
		}
	}
}

// TestServedAreBounded: four at a time; one who asked goes on, another is refused
// until half a second after the last message of one of the four.
func TestServedAreBounded(t *testing.T) {
	ana := one(t)
	ana.core.history.Add(ana.by(3, "x"))
	init, err := reconcile.NewInitiator(reconcile.NewSlice(nil), frameLimit)
	if err != nil {
		t.Fatal(err)
	}
	message := init.Initiate()
	begun := ana.time()
	ana.core.serve(begun, 9, wire.Recon{Session: 1, Round: 1, To: 9, Data: []byte{0}})
	if ms, _ := ana.sent(); len(ms) != 0 || ana.core.counts.Undecodable != 1 {
		t.Errorf("to what is no message: %v, %d counted", ms, ana.core.counts.Undecodable)
	}
	ana.core.sync.served = nil
	serve := func(at time.Duration, who uint64) bool {
		now := begun
		now.Boot += at
		ana.core.serve(now, who, wire.Recon{Session: 1, Round: 1, To: 9, Data: message})
		ms, _ := ana.sent()
		if len(ms) != 1 || !ms[0].(wire.Recon).Response {
			t.Fatalf("%v", ms)
		}
		return len(ms[0].(wire.Recon).Data) > 0
	}
	for who := range uint64(4) {
		if !serve(time.Duration(who), 20+who) {
			t.Errorf("member %d was refused", who)
		}
	}
	if serve(servedFor, 30) || !serve(servedFor, 23) {
		t.Error("a fifth was not refused, or one of the four was")
	}
	if !serve(servedFor+1, 30) || serve(servedFor+1, 31) {
		t.Error("one place is free, and only one")
	}
}

// TestBackOff: after a session that brought nothing a member is left alone for a
// second, then twice as long, up to two minutes; after one that brought something
// for no time.
func TestBackOff(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	for i := range 9 {
		c.sync.session = &session{with: 5}
		c.endSession(now, false)
		if want := now.Boot + min(time.Second<<i, 120*time.Second); c.sync.backOff[5].until != want {
			t.Errorf("session %d: until %v, want %v", i, c.sync.backOff[5].until, want)
		}
	}
	c.sync.session = &session{with: 5, received: 1}
	if c.endSession(now, false); c.sync.backOff[5] != (backOff{}) {
		t.Errorf("after one that brought something: %v", c.sync.backOff[5])
	}
}

// TestDoubtBacksOff: 5 s between two new incarnations, then twice as long, up to two
// minutes; after two minutes without need it begins with 5 s.
func TestDoubtBacksOff(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	tick := func(at time.Duration) bool {
		before := c.self
		now.Wall, now.Boot = now.Wall.Add(at-now.Boot), at
		c.clocks = now
		c.doubt.misused = true
		c.tickDoubt(now)
		return c.self != before
	}
	at := now.Boot
	for _, pause := range []time.Duration{5, 10, 20, 40, 80, 120, 120} {
		if !tick(at) || c.doubt.next != at+pause*time.Second || tick(at+pause*time.Second-1) {
			t.Fatalf("at %v the next is at %v, want %v later", at, c.doubt.next, pause*time.Second)
		}
		at = c.doubt.next
	}
	at += doubtMost
	if !tick(at-1) || c.doubt.pause != doubtMost {
		t.Errorf("too early the pause is %v", c.doubt.pause)
	}
	at = c.doubt.next + doubtMost
	if !tick(at) || c.doubt.pause != doubtFirst {
		t.Errorf("after long the pause is %v", c.doubt.pause)
	}
}

// TestRowsOfASync: one for each member, however often it is compared.
func TestRowsOfASync(t *testing.T) {
	y := &syncing{names: map[uint64]string{1: "ana", 2: "bia"}}
	y.row(1).Received += 2
	y.row(1).Received += 3
	y.row(2).InSync = true
	if !slices.Equal(y.reports, []MemberReport{{Name: "ana", Received: 5}, {Name: "bia", InSync: true}}) {
		t.Errorf("%v", y.reports)
	}
}

// TestMore: how many turns a session will still bring, as far as that can be told.
func TestMore(t *testing.T) {
	for i, c := range []struct {
		s    session
		base uint64
		want int
	}{
		// All of 100 to 1000 are missing. The window [800, 1000) is done, with 400 turns.
		{session{top: 1000, from: 800, to: 800, reached: 800, received: 400}, 100, 1400},
		// Half of the window [600, 800) has come, with 100 more.
		{session{top: 1000, from: 600, to: 800, reached: 700, received: 600}, 100, 1200},
		// The first window, to the end of time.
		{session{top: 1000, from: 800, to: everyStampEnd, reached: 900, received: 100}, 100, 800},
		// The window begins below what there was.
		{session{top: 1000, from: 0, to: 200, reached: 150, received: 850}, 100, 50},
		// Nothing is known: nothing came, nothing is missing, all is done.
		{session{top: 1000, from: 800, to: 800, reached: 800}, 100, 0},
		{session{top: 100, from: 0, to: 100, reached: 50, received: 5}, 100, 0},
		{session{top: 1000, from: 0, to: 100, reached: 50, received: 5}, 100, 0},
		{session{top: 1000, from: 0, to: 100, reached: 50, received: 5, needed: map[turn.ID]bool{{1}: true}}, 100, 0},
		{session{top: 1000, from: 800, to: everyStampEnd, reached: 800, received: 5}, 100, 0},
		// At least what it waits for.
		{session{top: 1000, from: 0, to: 101, reached: 101, received: 9, needed: map[turn.ID]bool{{1}: true, {2}: true}}, 100, 2},
	} {
		if got := c.s.more(c.base); got != c.want {
			t.Errorf("row %d: %d, want %d", i, got, c.want)
		}
	}
}

// TestReachOfASession: the highest stamp that came and is of the window.
func TestReachOfASession(t *testing.T) {
	ana := one(t)
	h := ana.core.history
	for _, stamp := range []uint64{5, 7} {
		h.Add(ana.by(stamp, "x"))
	}
	for to, want := range map[uint64]uint64{5: 2, 6: 5, 7: 5, 8: 7} {
		s := session{to: to, reached: 2}
		for i := range h.Len() {
			s.reach(h, h.At(i).ID)
		}
		if s.reach(h, turn.ID{9}); s.reached != want {
			t.Errorf("of the window up to %d: %d, want %d", to, s.reached, want)
		}
	}
}
