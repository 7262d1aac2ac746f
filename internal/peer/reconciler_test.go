package peer

import (
	"fmt"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/reconcile"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// TestWindows: after the newest 256 stamps come four times as many, and so on; 64
// times as many after a window that brought nothing; up to the first stamp.
func TestWindows(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	c.begin(now, 11, 256)
	if s := c.sync.session; s.from != 0 || s.to != everyStampEnd || s.due != now.Boot+200*time.Millisecond {
		t.Errorf("of 256 stamps [%d, %d)", s.from, s.to)
	}
	c.begin(now, 11, 1_000_000)
	s := c.sync.session
	want := []string{"[999744 9007199254740992]", "[998720 999744]", "[994624 998720]", "[732480 994624]", "[0 732480]"}
	for i, w := range want {
		if got := fmt.Sprint([]uint64{s.from, s.to}); got != w {
			t.Errorf("window %d is %s, want %s", i, got, w)
		}
		s.message, s.next = nil, nil
		if i == 2 {
			s.idle = 1
		}
		c.goOn(now)
	}
	if c.sync.session != nil || c.sync.every != now.Boot {
		t.Error("it goes on, or was not whole")
	}

	c.begin(now, 11, 1000)
	s = c.sync.session
	s.message, s.idle = nil, idleRounds
	c.goOn(now)
	if c.sync.session != s {
		t.Error("it ended too early")
	}
	s.message, s.idle = nil, idleRounds+1
	if c.goOn(now.later(1)); c.sync.session != nil || c.sync.every != now.Boot {
		t.Error("it goes on though nothing comes, or was whole")
	}
}

// TestRoundsAreRepeated: after 200 ms, then twice as long; six times in all.
func TestRoundsAreRepeated(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(4 * time.Second)
	c, now := g.ms[0].core, g.ms[0].time()
	c.begin(now, g.ms[1].core.self.Incarnation, 0)
	s := c.sync.session
	for i := range 6 {
		if want := now.Boot + 200*time.Millisecond<<i; s.due != want || s.tries != i+1 {
			t.Fatalf("round %d is sent again after %v", i, s.due-now.Boot)
		}
		if c.tickSync(now.later(s.due - now.Boot - 1)); s.tries != i+1 || c.sync.session != s {
			t.Fatalf("round %d was sent again too early", i)
		}
		now = now.later(s.due - now.Boot)
		c.tickSync(now)
	}
	if c.sync.session != nil {
		t.Error("it goes on")
	}
}

// TestDifferenceMustLast: a session is due when a heartbeat has shown a difference for
// as long as from one to the next, after a random part of a second; not with a member
// that is left alone for a while.
func TestDifferenceMustLast(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(6 * time.Second)
	c, now, bia := g.ms[0].core, g.ms[0].time(), g.ms[1].core.self.Incarnation
	r := &c.sync
	beat := wire.Beat{Interval: 400 * time.Millisecond, SettledStamp: 3, Settled: [16]byte{1}}
	look := func(after time.Duration, b wire.Beat) bool {
		c.compareSettled(now.later(after), bia, b)
		due := r.due
		r.due = 0
		if due != 0 && (due < now.Boot+after || due >= now.Boot+after+time.Second) {
			t.Errorf("after %v a session is due %v later", after, due-now.Boot-after)
		}
		return due != 0
	}
	if look(0, beat) || look(400*time.Millisecond-1, beat) || !look(400*time.Millisecond, beat) {
		t.Error("not due when the difference has lasted for 400 ms")
	}
	same := beat
	same.SettledStamp = 0
	if look(time.Second, same); len(r.differs) != 0 {
		t.Error("no difference, and yet one is known")
	}
	beat.Interval = 0
	if look(2*time.Second, beat) || look(2*time.Second+Beat-1, beat) || !look(2*time.Second+Beat, beat) {
		t.Error("not due when the difference has lasted for the least beat")
	}
	r.backOff[bia] = backOff{until: now.Boot + 5*time.Second}
	if look(5*time.Second-1, beat) || !look(5*time.Second, beat) {
		t.Error("not left alone")
	}
}

// TestProgressIsTold: from 1000 turns on, once a second.
func TestProgressIsTold(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	c.notices("")
	c.repair.urgent = make([]want, 1)
	told := func(after time.Duration, got int) string {
		c.progress.got = got
		c.tellProgress(now.later(after))
		return fmt.Sprint(c.notices(CodeCatchingUp))
	}
	for i, w := range []struct {
		after time.Duration
		got   int
		want  string
	}{
		{0, 5000, "[]"}, {time.Second - 1, 5000, "[]"}, {time.Second, 999, "[]"}, {time.Second, 1000, "[1000]"},
		{2*time.Second - 1, 1500, "[]"}, {2 * time.Second, 1600, "[1600]"},
	} {
		if got := told(w.after, w.got); got != w.want {
			t.Errorf("row %d: %s, want %s", i, got, w.want)
		}
	}
	c.sync.session = &session{top: 1000, from: 800, to: 800, reached: 800, received: 400}
	c.progress.base, c.progress.got = 100, 1650
	c.tellProgress(now.later(3 * time.Second))
	if e := c.out.Events[0].(Notice); e.Count != 1650 || e.Total != 1650+1400 {
		t.Errorf("%d of %d", e.Count, e.Total)
	}
	c.out.Events = nil
	c.sync.session.received = 0 // how many more is not known
	c.tellProgress(now.later(4 * time.Second))
	if e := c.out.Events[0].(Notice); e.Count != 1650 || e.Total != 0 {
		t.Errorf("%d of %d", e.Count, e.Total)
	}
	c.out.Events = nil
	c.repair.urgent, c.sync.session = nil, nil
	if got := told(2*time.Second+1, 1700); got != "[1700]" || c.progress.next != 0 {
		t.Errorf("the end: %s", got)
	}
}

// TestToldIsBounded: of more incarnations than contacts all is forgotten.
func TestToldIsBounded(t *testing.T) {
	ana := one(t)
	r := &ana.core.sync
	for n, want := range map[int]int{maxContacts: maxContacts + 1, maxContacts + 1: 1} {
		r.init()
		for i := range uint64(n) {
			r.told[1000+i] = told{}
		}
		if ana.core.compareSettled(ana.time(), 5, wire.Beat{}); len(r.told) != want {
			t.Errorf("after %d: %d", n, len(r.told))
		}
	}
}

// TestReconciledEvery: so often, though nothing differs, and not more often.
func TestReconciledEvery(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(6 * time.Second)
	c, now := g.ms[0].core, g.ms[0].time()
	for ago, want := range map[time.Duration]bool{2*time.Minute - 1: false, 2 * time.Minute: true} {
		c.sync.session, c.sync.due, c.sync.every = nil, 0, now.Boot-ago
		if c.tickSync(now); (c.sync.session != nil) != want {
			t.Errorf("%v after the last one: %v", ago, c.sync.session != nil)
		}
	}
	c.sync.session, c.sync.every, c.cfg.ReconcileEvery = nil, now.Boot-time.Hour, 0
	if c.tickSync(now); c.sync.session != nil {
		t.Error("a session though it is off")
	}
}

// TestSyncTriesAgain: a member that is not in sync is compared three times more, a second
// apart; one that has no time is asked twenty times more, within a second each.
func TestSyncTriesAgain(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(6 * time.Second)
	c, now, bia := g.ms[0].core, g.ms[0].time(), g.ms[1].core.self.Incarnation
	y := &syncing{n: 1, left: []uint64{bia}, names: map[uint64]string{bia: "bia"}}
	for i := range 4 {
		c.report(now, y, &session{with: bia, received: 2, have: 1}, true)
		if again := i < 3; (len(y.left) == 1) != again || again && (y.tries != i+1 || y.again != now.Boot+time.Second) {
			t.Errorf("comparison %d: %d are left, %d tries", i, len(y.left), y.tries)
		}
	}
	if len(y.reports) != 1 || y.reports[0].Received != 8 || y.reports[0].InSync || y.tries != 0 {
		t.Errorf("%v", y.reports)
	}

	y = &syncing{n: 1, left: []uint64{bia}, names: map[uint64]string{bia: "bia"}, tries: syncRetries}
	c.sync.syncing = y
	for i := range 20 {
		c.sync.session = &session{with: bia}
		c.refused(now)
		if wait := y.again - now.Boot; c.sync.session != nil || y.refused != i+1 || wait < 0 || wait >= time.Second {
			t.Fatalf("refused %d times, again after %v", y.refused, wait)
		}
	}
	c.sync.session = &session{with: bia}
	if c.refused(now); len(y.left) != 0 || y.refused != 0 {
		t.Errorf("%d are left", len(y.left))
	}
}

// TestNextSession: when it is due, with a member that differs and is not left alone.
func TestNextSession(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(6 * time.Second)
	c, now, bia := g.ms[0].core, g.ms[0].time(), g.ms[1].core.self.Incarnation
	r := &c.sync
	for i, s := range []struct {
		due, until time.Duration
		want       bool
	}{{0, 0, false}, {now.Boot + 1, 0, false}, {now.Boot, 0, true}, {now.Boot, now.Boot + 1, false}, {now.Boot, now.Boot, true}} {
		r.session, r.due, r.differs[bia], r.backOff[bia] = nil, s.due, now.Boot, backOff{until: s.until}
		if c.nextSession(now); (r.session != nil) != s.want {
			t.Errorf("row %d: a session: %v", i, r.session != nil)
		}
	}
}

// TestRoundOfASession: what the answer names is asked for, and until it comes the session
// has brought nothing.
func TestRoundOfASession(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(6 * time.Second)
	ana, bia := g.ms[0], g.ms[1]
	c, now, inc := ana.core, ana.time(), bia.core.self.Incarnation
	lacks := bia.by(3, "x")
	bia.core.history.Add(lacks)
	c.history.Add(ana.by(4, "y"))
	c.begin(now, inc, 0)
	s := c.sync.session
	data, err := reconcile.Respond(reconcile.Window(bia.core.history, s.from, s.to), frameLimit, s.message)
	if err != nil {
		t.Fatal(err)
	}
	answer := wire.Recon{Session: s.number, Round: s.round, Response: true, From: s.from, To: s.to, Data: data}
	for i, wrong := range []wire.Recon{
		{Session: s.number + 1, Round: s.round, Response: true, Data: data},
		{Session: s.number, Round: s.round + 1, Response: true, Data: data},
	} {
		if c.receiveRecon(now, inc, wrong); s.message == nil {
			t.Errorf("wrong answer %d was taken", i)
		}
	}
	if c.receiveRecon(now, inc+1, answer); s.message == nil {
		t.Error("an answer of another was taken")
	}
	c.receiveRecon(now, inc, answer)
	if s.message != nil || s.idle != 1 || s.have != 1 || !s.needed[lacks.ID()] || c.repair.wants[lacks.ID()] == nil {
		t.Errorf("idle %d, have %d, %d needed", s.idle, s.have, len(s.needed))
	}
	c.history.Add(lacks)
	c.got(lacks.ID())
	if s.idle != 0 || s.received != 1 || s.reached != 3 || len(s.needed) != 0 {
		t.Errorf("idle %d, received %d up to %d", s.idle, s.received, s.reached)
	}
}

// TestWhatIsNamedAndNotGiven: a session ends when nothing came of what the other named and
// all of it was given up.
func TestWhatIsNamedAndNotGiven(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	g.pass(6 * time.Second)
	c, now, bia := g.ms[0].core, g.ms[0].time(), g.ms[1].core.self.Incarnation
	for i, s := range []struct {
		needed, idle int
		ends         bool
	}{{1, 1, true}, {2, 3, true}, {1, 0, false}, {0, 1, false}} {
		c.sync.session = &session{with: bia, to: 9, idle: s.idle, needed: map[turn.ID]bool{}, next: []byte{0x61}}
		for n := range s.needed {
			c.sync.session.needed[turn.ID{byte(n)}] = true
		}
		if c.tickSync(now); (c.sync.session == nil) != s.ends {
			t.Errorf("row %d: it ended: %v", i, !s.ends)
		}
	}
	c.repair.coming[turn.ID{7}] = true
	c.sync.session = &session{with: bia, to: 9, idle: 1, needed: map[turn.ID]bool{{7}: true}}
	if c.tickSync(now); c.sync.session == nil {
		t.Error("it ended though one is on its way to the disk")
	}
}
