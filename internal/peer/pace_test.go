package peer

import (
	"fmt"
	"testing"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// later is a time after now on both clocks.
func (n Now) later(d time.Duration) Now { return Now{Boot: n.Boot + d, Wall: n.Wall.Add(d)} }

// notices gives the counts of the notices with this code that are to be told, and
// forgets all that is to be told.
func (c *Core) notices(code Code) (counts []int) {
	for _, e := range c.out.Events {
		if n, ok := e.(Notice); ok && n.Code == code {
			counts = append(counts, n.Count)
		}
	}
	c.out.Events = nil
	return counts
}

// TestPaceOfWants: a turn is asked for after 5 to 25 ms, again after 60, 120, 240 and
// then 300 ms, and given up after twelve times.
func TestPaceOfWants(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	for i := range 200 {
		c.want(now, turn.ID{1, byte(i)}, 11)
	}
	for id, w := range c.repair.wants {
		if wait := w.due - now.Boot; wait < 5*time.Millisecond || wait >= 25*time.Millisecond {
			t.Errorf("%v is asked for after %v", id, wait)
		}
	}
	c.repair = repair{}
	c.repair.init()

	id := turn.ID{7}
	c.wantNow(now, id, 11)
	w := c.repair.wants[id]
	if w.due != now.Boot {
		t.Errorf("what a reconciliation found is asked for after %v", w.due-now.Boot)
	}
	for i, want := range []time.Duration{60, 120, 240, 300, 300, 300, 300, 300, 300, 300, 300, 300} {
		at := w.due
		if c.fetch(Now{Boot: at - 1}); w.tries != i {
			t.Fatalf("asked for too early, for time %d", i)
		}
		if c.fetch(Now{Boot: at}); w.tries != i+1 || w.due != at+want*time.Millisecond {
			t.Fatalf("after time %d the next is %v later", i, w.due-at)
		}
	}
	if c.fetch(Now{Boot: w.due - 1}); len(c.repair.wants) != 1 {
		t.Error("given up before the last answer could come")
	}
	if c.fetch(Now{Boot: w.due}); len(c.repair.wants)+len(c.repair.order) != 0 || c.counts.WantDropped != 1 {
		t.Errorf("%d are wanted, %d were given up", len(c.repair.wants), c.counts.WantDropped)
	}
}

// TestRoomForWants: 64 are asked for at a time, half as many when some are lost, 8 at
// least, and one more for each that comes, 128 at most. Those that a reconciliation
// waits for come before the others, and what was asked for in vain three times waits
// behind them.
func TestRoomForWants(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	r := &c.repair
	for i := range 70 {
		c.want(now, turn.ID{1, byte(i)}, 0)
	}
	c.wantNow(now, turn.ID{2}, 0)
	if len(r.wants) != 64 || len(r.backlog) != 6 || len(r.urgent) != 1 {
		t.Fatalf("%d are asked for, %d and %d wait", len(r.wants), len(r.backlog), len(r.urgent))
	}
	c.got(turn.ID{1, 0})
	if c.nextWants(now); r.limit != 65 || len(r.wants) != 65 || r.wants[turn.ID{2}] == nil || len(r.backlog) != 5 || r.queued[turn.ID{2}] {
		t.Errorf("with room for %d: %d are asked for, %d wait", r.limit, len(r.wants), len(r.backlog))
	}
	for i := 1; i < 64; i++ {
		c.got(turn.ID{1, byte(i)})
	}
	if r.limit != 128 {
		t.Errorf("room for %d", r.limit)
	}
	c.want(now, turn.ID{3}, 0)
	if c.got(turn.ID{3}); r.limit != 128 {
		t.Errorf("room for %d", r.limit)
	}
	for _, want := range []int{128, 64, 32, 16, 8, 8} {
		now = now.later(time.Second)
		if c.fetch(now); r.limit != want {
			t.Errorf("room for %d, want %d", r.limit, want)
		}
	}

	*r = repair{}
	r.init()
	r.limit = 1
	c.wantNow(now, turn.ID{1}, 0)
	c.wantNow(now, turn.ID{2}, 0)
	for i := range 5 {
		if (r.wants[turn.ID{1}] != nil) != (i < 4) || (r.wants[turn.ID{2}] != nil) != (i == 4) {
			t.Errorf("after %d times the other one is asked for: %v", i, r.wants[turn.ID{2}] != nil)
		}
		now = now.later(time.Second)
		r.limit = 1
		c.endWants(now)
		r.limit = 1
		if c.nextWants(now); i < 3 {
			r.wants[turn.ID{1}].row++
		}
	}
}

// TestNewestHeads: of more heads than fit, those that come last in the order, by id.
func TestNewestHeads(t *testing.T) {
	ana := one(t)
	for stamp := range uint64(6) {
		ana.core.history.Add(ana.by(stamp+1, "x"))
	}
	for limit := 1; limit <= 7; limit++ {
		heads := ana.core.newestHeads(limit)
		if len(heads) != min(limit, 6) {
			t.Errorf("%d heads of at most %d", len(heads), limit)
		}
		for i, id := range heads {
			if it, _ := ana.core.history.Item(id); it.Stamp <= uint64(6-min(limit, 6)) {
				t.Errorf("of at most %d: one with stamp %d", limit, it.Stamp)
			}
			if i > 0 && string(heads[i-1][:]) >= string(id[:]) {
				t.Error("not sorted by id")
			}
		}
	}
}

// TestSomeone: anybody who is there, and not who is excepted unless there is nobody else.
func TestSomeone(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia", "caio")
	g.pass(4 * time.Second)
	c, b, d := g.ms[0].core, g.ms[1].core.self.Incarnation, g.ms[2].core.self.Incarnation
	seen := map[uint64]int{}
	for range 100 {
		seen[c.someone(0)]++
		if c.someone(b) != d || c.someone(d) != b {
			t.Fatal("who was excepted")
		}
	}
	if len(seen) != 2 || seen[b] == 0 || seen[d] == 0 {
		t.Errorf("%v", seen)
	}
	g.ms[2].input(func(c *Core, now Now) { c.Stop(now, 0) })
	g.ms[2].dead = true
	g.pass(time.Second)
	if c.someone(b) != b || c.authorHere(g.ms[1].core.key) != b || c.authorHere(g.ms[2].core.key) != 0 {
		t.Error("of one there is")
	}
}

// TestPartings: who went out of the view is remembered, 256 at most, until it comes
// back; for a minute after that late turns are those of the other side.
func TestPartings(t *testing.T) {
	var s screen
	s.init()
	view := func(from, n int) floor.View {
		var ms []floor.Member
		for i := from; i < from+n; i++ {
			ms = append(ms, floor.Member{Key: [32]byte{byte(i >> 8), byte(i)}, Incarnation: 1})
		}
		return floor.NewView(ms...)
	}
	begun := Now{Boot: time.Hour}
	s.parts(begun, view(0, 3), view(0, 1))
	if len(s.parted) != 2 || s.met != 0 || s.merges(begun) {
		t.Errorf("%d went, met at %v", len(s.parted), s.met)
	}
	s.parts(begun, view(0, 1), view(0, 2))
	if len(s.parted) != 1 || s.met != begun.Boot || !s.merges(begun.later(time.Minute-1)) || s.merges(begun.later(time.Minute)) {
		t.Errorf("%d went, met at %v", len(s.parted), s.met)
	}
	s.parts(begun, view(100, 254), view(0, 1))
	if len(s.parted) != 255 {
		t.Errorf("%d went", len(s.parted))
	}
	s.parts(begun, view(500, 1), view(0, 1))
	if len(s.parted) != 256 {
		t.Errorf("%d went", len(s.parted))
	}
	if s.parts(begun, view(501, 1), view(0, 1)); len(s.parted) != 1 {
		t.Errorf("%d went", len(s.parted))
	}
}

// TestUnkeptAreBounded: what no replica took is shown once; beyond 1024 the first is
// forgotten.
func TestUnkeptAreBounded(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	show := func(s *turn.Signed) bool {
		c.out.Events = nil
		c.showUnkept(now, s)
		return len(c.out.Events) == 1
	}
	first := ana.by(1, "first")
	if !show(first) || show(first) {
		t.Error("not shown once")
	}
	if top := c.history.MaxStamp() + turn.MaxJump; !show(ana.by(top, "x")) || show(ana.by(top+1, "x")) {
		t.Error("what is within reach is shown, and nothing else")
	}
	for i := len(c.screen.unkept); i < maxUnkept-1; i++ {
		c.screen.unkept = append(c.screen.unkept, turn.ID{1, byte(i >> 8), byte(i)})
	}
	if show(ana.by(3, "the last that fits")); show(first) {
		t.Error("the first was forgotten too early")
	}
	if show(ana.by(2, "one more")); len(c.screen.unkept) != maxUnkept || !show(first) {
		t.Errorf("%d are remembered", len(c.screen.unkept))
	}
}

// TestKeepsWhatWasShown: a turn that was shown as not kept and is kept now is not
// shown again, and counts as shown; one out of reach does not.
func TestKeepsWhatWasShown(t *testing.T) {
	ana := one(t)
	near, far := ana.by(5, "near"), ana.by(9, "far")
	s := &ana.core.screen
	s.last, s.any, s.kept = turn.Item{}, false, 0
	if s.keeps(near, 5) || s.any {
		t.Error("it was never shown")
	}
	s.unkept = []turn.ID{near.ID(), far.ID()}
	if !s.keeps(far, 8) || s.any || !s.keeps(near, 5) || s.last != near.Item() || s.kept != 2 || len(s.unkept) != 0 {
		t.Errorf("%d are kept, the last shown is %v", s.kept, s.last)
	}
	older := ana.by(4, "older")
	s.unkept = []turn.ID{older.ID()}
	if !s.keeps(older, 9) || s.last != near.Item() {
		t.Errorf("the last shown is %v", s.last)
	}
}

// TestOldestHeldGoesFirst: of what is held the one that came first, and the lowest stamp.
func TestOldestHeldGoesFirst(t *testing.T) {
	ana := one(t)
	d := &ana.core.delay
	if _, any := d.lowest(); any {
		t.Error("something is held")
	}
	for _, h := range []struct{ came, stamp uint64 }{{7, 30}, {5, 40}, {6, 20}, {9, 20}} {
		d.held = append(d.held, delayed{incoming: incoming{s: ana.by(h.stamp, "x")}, came: h.came})
	}
	if low, any := d.lowest(); d.first() != 1 || low != 20 || !any {
		t.Errorf("first %d, lowest %d", d.first(), low)
	}
	a := ana.core.herePrint(29)
	d.held = append(d.held, delayed{incoming: incoming{s: ana.by(30, "y")}})
	if ana.core.herePrint(29) != a || ana.core.herePrint(30) == a {
		t.Error("what is here up to a stamp is not what is held up to it")
	}
	d.held = d.held[:4]
	b := ana.core.herePrint(30)
	if d.held = nil; ana.core.herePrint(30) == b {
		t.Error("what is held is not counted")
	}
}

// TestEndAgain: a second End can only shorten the time that is left.
func TestEndAgain(t *testing.T) {
	ana := one(t)
	c, begun := ana.core, ana.time()
	for i, e := range []struct {
		at, linger, until time.Duration
	}{
		{0, Forever, 0},
		{1, 10 * time.Second, 1 + 10*time.Second},
		{2, Forever, 1 + 10*time.Second},
		{3, 11 * time.Second, 1 + 10*time.Second},
		{4, 10 * time.Second, 1 + 10*time.Second},
		{5, 3 * time.Second, 5 + 3*time.Second},
	} {
		c.End(begun.later(e.at), e.linger)
		until := c.ending.until
		if until != 0 {
			until -= begun.Boot
		}
		if until != e.until || c.ending.by != begun.Boot+30*time.Second {
			t.Errorf("row %d: it lingers until %v, want %v", i, until, e.until)
		}
	}
	if c.Tick(begun.later(5 + 3*time.Second - 1)); c.Exited() {
		t.Error("it left too early")
	}
	if c.Tick(begun.later(5 + 3*time.Second)); !c.Exited() {
		t.Error("it did not leave")
	}
}

// TestHeartbeatTellsTheHold: a /hold is announced with its whole time, another hold with
// that of its leases.
func TestHeartbeatTellsTheHold(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	if b := c.beat(now, wire.Beat{}); b.Activity != wire.Idle || b.Left != 0 || b.TS != 0 {
		t.Errorf("idle: %v", b)
	}
	c.floor.Ask(now.Boot)
	ts, _, _ := c.floor.Request()
	if b := c.beat(now.later(time.Second), wire.Beat{}); b.Activity != wire.Holding || b.Left != floor.Lease-time.Second || b.TS != ts {
		t.Errorf("holding: %v", b)
	}
	c.floor.Leave(now.Boot + time.Second)
	c.Hold(now.later(time.Second), 1, time.Minute)
	if b := c.beat(now.later(3*time.Second), wire.Beat{}); b.Activity != wire.Holding || b.Left != 58*time.Second {
		t.Errorf("in a /hold: %v", b)
	}
}

// TestOwnTurnsAreFollowed: until all of the view have them; while there is nobody else,
// on and on. An fsync of another replica, or before its append, is none.
func TestOwnTurnsAreFollowed(t *testing.T) {
	g := newGroup(t, 1, "ana")
	g.pass(6 * time.Second)
	ana := g.ms[0]
	ana.say("x")
	g.pass(time.Second)
	if n := len(ana.core.speaker.own); n != 1 {
		t.Errorf("alone %d are followed", n)
	}
	for len(ana.core.speaker.own) < maxUndelivered {
		ana.core.speaker.own = append(ana.core.speaker.own, &own{said: true})
	}
	first, last := ana.core.speaker.own[0], ana.core.speaker.own[maxUndelivered-1]
	ana.say("y")
	if s := &ana.core.speaker; len(s.own) != maxUndelivered || s.own[0] == first || s.own[maxUndelivered-2] != last {
		t.Errorf("%d are followed", len(s.own))
	}
	if firstError([]error{nil, errFull}) != errFull.Error() || firstError([]error{nil}) != "" {
		t.Error("another error than the first")
	}
	ana.core.speaker.own = []*own{first}
	if ana.core.checkDelivered(ana.time(), turn.Key{5}, nil); len(ana.core.speaker.own) != 1 {
		t.Error("one who is not in the view ended it")
	}
	o := ana.core.speaker.own[0]
	o.said, o.seq, o.replicas = false, 7, []error{errFull, nil}
	for _, f := range []struct {
		replica int
		seq     uint64
		want    bool
	}{{0, 9, false}, {2, 9, false}, {1, 6, false}, {1, 7, true}} {
		if ana.core.Synced(ana.time(), f.replica, f.seq); o.said != f.want {
			t.Errorf("after fsync %d of replica %d it is said: %v", f.seq, f.replica, o.said)
		}
	}

	g = newGroup(t, 1, "ana", "bia", "caio")
	g.pass(6 * time.Second)
	ana = g.ms[0]
	ana.say("x")
	g.pass(50 * time.Millisecond)
	if n := len(ana.core.speaker.own); n != 1 {
		t.Errorf("at first %d are followed", n)
	}
	g.pass(time.Second)
	if n := len(ana.core.speaker.own); n != 0 {
		t.Errorf("%d are followed though all have them", n)
	}
}

// TestLateTurnsOfAMerge: many late turns that come by repair are shown together: from the
// twenty-first on, or from the first on within a minute of a merge.
func TestLateTurnsOfAMerge(t *testing.T) {
	ana := one(t)
	c, now := ana.core, ana.time()
	s := &c.screen
	add := func(n int, repair bool) {
		for i := range n {
			s.add(c, now, ana.by(uint64(i+1), fmt.Sprint(n, i)), repair)
		}
	}
	for i, w := range []struct {
		late   int
		repair bool
		met    time.Duration
		merges bool
	}{
		{20, true, 0, false}, {21, true, 0, true}, {30, false, 0, false},
		{1, true, now.Boot - time.Minute + 1, true}, {1, true, now.Boot - time.Minute, false},
	} {
		s.order, s.batch, s.late, s.merging, s.met, s.catching = nil, nil, 0, 0, w.met, false
		s.last, s.any = turn.Item{Stamp: 1000}, true
		add(w.late, w.repair)
		if s.merging != 0 != w.merges || w.merges && s.merging != now.Boot+catchUpLimit {
			t.Errorf("row %d: %d late turns are shown together at %v", i, w.late, s.merging)
		}
	}
}
