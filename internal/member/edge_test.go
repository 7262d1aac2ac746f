package member

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

const ms = time.Millisecond

// alone is a member past its quiet time that has heard nobody.
func alone() *Membership {
	m := New(Config{Self: memberOf("m"), Name: "m"}, 0)
	m.Sent(0, 1)
	m.SetQuiet(0, false)
	m.Ready(0)
	return m
}

// meets lets m hear who, its hello and a heartbeat that has heard m.
func (m *Membership) meets(now time.Duration, who string, counter uint32) {
	inc := incarnation(who)
	m.Heard(now, inc, counter)
	m.Hello(now, inc, wire.Hello{Key: turn.Key(memberOf(who).Key), Name: who})
	m.Beat(now, inc, counter, wire.Beat{
		Interval: 250 * ms, Leader: inc,
		Heard: []wire.Heard{{Incarnation: m.self.Incarnation, Counter: 1}},
	})
}

// hellos are those that m sends now, by whom they are for.
func (m *Membership) hellos(now time.Duration) (to []uint64) {
	for _, o := range m.Ready(now).Send {
		if _, ok := o.Msg.(wire.Hello); ok {
			to = append(to, o.To)
		}
	}
	return to
}

func TestDefaults(t *testing.T) {
	for _, c := range []struct{ given, want Config }{
		{Config{}, Config{Beat: 250 * ms, Suspect: time.Second, MaxMembers: 64}},
		{Config{Beat: -1, Suspect: -1, MaxMembers: -1}, Config{Beat: 250 * ms, Suspect: time.Second, MaxMembers: 64}},
		{Config{Beat: 1, Suspect: 1, MaxMembers: 1}, Config{Beat: 1, Suspect: 1, MaxMembers: 1}},
		{Config{Beat: time.Hour, Suspect: time.Hour, MaxMembers: 65}, Config{Beat: MaxBeat, Suspect: time.Hour, MaxMembers: 64}},
	} {
		got := New(c.given, 0).cfg
		if got.Beat != c.want.Beat || got.Suspect != c.want.Suspect || got.MaxMembers != c.want.MaxMembers {
			t.Errorf("of %+v: %v, %v, %d", c.given, got.Beat, got.Suspect, got.MaxMembers)
		}
	}
}

// TestBeatCountsOneself: the beat is that of a group of all who are live and oneself.
func TestBeatCountsOneself(t *testing.T) {
	m := alone()
	for i := range 39 {
		m.Heard(0, uint64(1000+i), 1)
	}
	if got := m.interval(); got != beatInterval(250*ms, 40) {
		t.Errorf("the beat of 40 members is %v", got)
	}
}

// TestHelloIsAskedFor: who is not known is asked for its hello every 100 ms, and every
// 250 ms when that has not helped for two seconds; its own question is answered
// every 50 ms.
func TestHelloIsAskedFor(t *testing.T) {
	m := alone()
	var asked []time.Duration
	for now := time.Duration(0); now <= 3*time.Second; now += ms {
		m.Heard(now, 9, uint32(now/ms)+1)
		if slices.Contains(m.hellos(now), 9) {
			asked = append(asked, now)
		}
	}
	var want []time.Duration
	for at := time.Duration(0); at <= 2*time.Second; at += 100 * ms {
		want = append(want, at)
	}
	for at := 2250 * ms; at <= 3*time.Second; at += 250 * ms {
		want = append(want, at)
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked at %v", asked)
	}

	m = alone()
	m.meets(0, "b", 1)
	m.hellos(0)
	var answered []time.Duration
	for now := time.Duration(0); now <= 100*ms; now += 10 * ms {
		m.Hello(now, incarnation("b"), wire.Hello{Key: turn.Key(memberOf("b").Key), Want: true})
		if slices.Contains(m.hellos(now), incarnation("b")) {
			answered = append(answered, now)
		}
	}
	if !slices.Equal(answered, []time.Duration{0, 50 * ms, 100 * ms}) {
		t.Errorf("answered at %v", answered)
	}
}

// TestOldHeartbeatsAreIgnored: one that is not newer changes nothing.
func TestOldHeartbeatsAreIgnored(t *testing.T) {
	m := alone()
	m.meets(0, "b", 5)
	p := m.others.byID[incarnation("b")]
	for counter, want := range map[uint32]bool{4: false, 5: false, 6: true} {
		p.counter, p.quiet = 5, false
		m.Beat(0, p.Incarnation, counter, wire.Beat{Quiet: true})
		if p.quiet != want {
			t.Errorf("heartbeat %d after 5 was taken: %v", counter, p.quiet)
		}
	}
}

// TestFullHeardSetMayLeaveOneOut: a heartbeat that does not name this member takes its
// sender's confirmation back, unless it has no room for more.
func TestFullHeardSetMayLeaveOneOut(t *testing.T) {
	for n, want := range map[int]bool{wire.MaxHeard - 1: false, wire.MaxHeard: true} {
		m := alone()
		m.meets(0, "b", 1)
		b := wire.Beat{Interval: 250 * ms}
		for i := range n {
			b.Heard = append(b.Heard, wire.Heard{Incarnation: uint64(1000 + i), Counter: 1})
		}
		m.Beat(0, incarnation("b"), 2, b)
		if got := m.others.byID[incarnation("b")].confirmed != never; got != want {
			t.Errorf("after %d others it still confirms: %v", n, got)
		}
	}
}

// TestMuchIsSent: what was sent two suspects ago is remembered, however much it was;
// and little is remembered of what is sent at once.
func TestMuchIsSent(t *testing.T) {
	m := alone()
	for i := range 9000 {
		m.Sent(time.Duration(i)*ms, uint32(2+i))
	}
	if at, ok := m.sent.noted(2); !ok || at != 0 {
		t.Errorf("the first of 9 seconds: %v, %v", at, ok)
	}
	if n := len(m.sent.marks); n > 910 {
		t.Errorf("%d marks of 9 seconds", n)
	}
	p := newPeer(9)
	for i := range 6000 {
		p.heard.note(time.Duration(i)*ms, uint32(1+i))
	}
	if at, ok := p.heard.noted(1); !ok || at != 0 || len(p.heard.marks) != 60 {
		t.Errorf("the first heard in 6 seconds: %v, %v, %d marks", at, ok, len(p.heard.marks))
	}
}

// TestTableFullIsCounted: each datagram of who finds no place.
func TestTableFullIsCounted(t *testing.T) {
	m := alone()
	for i := range MostOthers + 3 {
		m.Heard(0, uint64(1000+i), 1)
	}
	if got := m.Stats().TableFull; got != 3 || len(m.others.byID) != MostOthers {
		t.Errorf("%d others, and %d without a place", len(m.others.byID), got)
	}
}

// TestGoneListIsBounded: of one BYE more than fits, the oldest is forgotten.
func TestGoneListIsBounded(t *testing.T) {
	var g goneList
	for i := range uint64(MostGone) {
		g.add(1+i, 5)
	}
	g.add(2, 7) // again, with a newer counter
	g.add(3, 4)
	g.add(1000, 5)
	if len(g.set) != MostGone || g.has(1, 0) || !g.has(4, 5) || g.has(4, 6) || !g.has(1000, 5) {
		t.Errorf("%d are gone", len(g.set))
	}
	if !g.has(2, 7) || !g.has(3, 5) {
		t.Error("the higher counter of two does not count")
	}
	g.add(1001, 5)
	if g.has(2, 0) || !g.has(3, 5) {
		t.Error("not the oldest was forgotten")
	}
}

// TestWhoIsThere: what is told of one that is known, silent, gone, or never was.
func TestWhoIsThere(t *testing.T) {
	m := alone()
	b := incarnation("b")
	if _, ok := m.HeardAt(b); ok || m.Known(b) || len(m.Peers()) != 0 {
		t.Error("somebody is there")
	}
	m.Sent(10*ms, 2)
	m.meets(20*ms, "b", 1)
	m.Beat(20*ms, b, 2, wire.Beat{Interval: 250 * ms, Leader: b, Heard: []wire.Heard{{Incarnation: m.self.Incarnation, Counter: 2}}})
	m.Ready(20 * ms)
	if at, ok := m.HeardAt(b); !ok || at != 10*ms {
		t.Errorf("b heard what was sent at %v, %v", at, ok)
	}
	if !m.Known(b) || len(m.Peers()) != 1 || m.Peers()[0].Heard != 20*ms || m.Peers()[0].Member != (floor.Member{Key: memberOf("b").Key, Incarnation: b}) {
		t.Errorf("there are %v", m.Peers())
	}
	m.Bye(30*ms, b, 3)
	if _, ok := m.Lookup(b); ok || len(m.Peers()) != 0 || m.live != 0 {
		t.Error("b is still there")
	}
}

// TestUnheard: since when this member hears somebody that is not quiet, and nobody
// confirms that it hears this one; anew, when it was not there itself for over a suspect.
func TestUnheard(t *testing.T) {
	m := alone()
	if _, ok := m.Unheard(); ok {
		t.Error("there is nobody")
	}
	m.meets(0, "b", 1)
	m.Ready(0)
	if _, ok := m.Unheard(); ok {
		t.Error("b hears it")
	}
	counter := uint32(1)
	at := func(now, since time.Duration) {
		t.Helper()
		counter++
		m.Heard(now, incarnation("b"), counter)
		m.Beat(now, incarnation("b"), counter, wire.Beat{Interval: 250 * ms})
		m.choose(now)
		if got, ok := m.Unheard(); got != since || ok != (since != never) {
			t.Errorf("at %v it is unheard since %v, %v", now, got, ok)
		}
	}
	at(100*ms, 100*ms)
	at(600*ms, 100*ms)
	at(1600*ms, 100*ms)
	at(2601*ms, never)
	at(3000*ms, 3000*ms)
}

// TestWakesForBeingLeftOut: it is told when it has lasted for a suspect, even if nothing
// else is due.
func TestWakesForBeingLeftOut(t *testing.T) {
	m := alone()
	m.pace.regular, m.pace.extra = time.Minute, never
	if w := m.wake(ms); w != time.Minute {
		t.Errorf("with nothing else due it wakes at %v", w)
	}
	m.selfOut = ms
	if w := m.wake(ms); w != time.Second+ms {
		t.Errorf("left out, it wakes at %v", w)
	}
	m.selfOutTold = true
	if w := m.wake(ms); w != time.Minute {
		t.Errorf("when that is told it wakes at %v", w)
	}
}

// TestJitterOfLittle: from 0.9 to 1.1 of a few nanoseconds, too.
func TestJitterOfLittle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	seen := map[time.Duration]bool{}
	for range 1000 {
		seen[jitter(r, 10)] = true
	}
	if len(seen) != 3 || !seen[9] || !seen[10] || !seen[11] {
		t.Errorf("of 10 it makes %v", seen)
	}
}

// TestOldestMakesRoom: of those who were dropped the one that was silent for the longest.
func TestOldestMakesRoom(t *testing.T) {
	m := alone()
	for i := range MostOthers {
		m.Heard(0, uint64(1000+i), 1)
		p := m.others.byID[uint64(1000+i)]
		p.sign, p.live = time.Duration(50+i), false
	}
	m.others.byID[1070].sign = 7
	m.others.byID[1071].sign, m.others.byID[1071].live = 5, true
	m.others.byID[1072].sign, m.others.byID[1072].inView = 5, true
	if p := m.others.insert(9); p == nil || m.others.byID[1070] != nil || len(m.others.byID) != MostOthers {
		t.Errorf("there are %d others, and not the oldest made room", len(m.others.byID))
	}
}

// TestFullViewIsFollowed: a view of as many as may be is proper, one of more is not.
func TestFullViewIsFollowed(t *testing.T) {
	a, m := memberOf("a"), memberOf("m")
	for most, want := range map[int]bool{2: false, 3: true, 4: true} {
		c := New(Config{Self: m, MaxMembers: most}, 0)
		if got := c.isProper(floor.NewView(a, m, memberOf("z")), &peer{Member: a}); got != want {
			t.Errorf("three of at most %d: %v", most, got)
		}
	}
}

// TestOwnKeyIsNotLower: who is led by another incarnation of this member's own key is not
// led by a lower one.
func TestOwnKeyIsNotLower(t *testing.T) {
	m := alone()
	for who, want := range map[string]bool{"a": true, "m2": false, "z": false} {
		m.meets(0, who, 1)
		if got := m.isLedByLower(0, &peer{Member: memberOf("p"), leader: incarnation(who)}); got != want {
			t.Errorf("led by %s: %v", who, got)
		}
	}
}

// TestPingIsDue: after half a suspect of silence, again after 80 ms; and once in a beat
// only to who has not confirmed for four suspects and more.
func TestPingIsDue(t *testing.T) {
	m := alone()
	const s = time.Second
	for i, c := range []struct {
		p    peer
		want time.Duration
	}{
		{peer{sign: 10 * s, confirmed: 10 * s, pinged: never}, 10*s + s/2},
		{peer{sign: 10 * s, confirmed: 9 * s, pinged: never}, 10 * s},
		{peer{sign: 10 * s, confirmed: 9800 * ms, pinged: never, inView: true}, 10300 * ms},
		{peer{sign: 10 * s, confirmed: 8 * s, since: 9200 * ms, pinged: never}, 10200 * ms},
		{peer{sign: 10 * s, confirmed: 6 * s, pinged: 9999 * ms}, 10079 * ms},
		{peer{sign: 10 * s, confirmed: 6 * s, pinged: 10 * s}, 10250 * ms},
	} {
		if got := m.pingDue(&c.p); got != c.want {
			t.Errorf("row %d: %v, want %v", i, got, c.want)
		}
	}
}

// TestSlotSet: each slot by itself.
func TestSlotSet(t *testing.T) {
	var all slotSet
	for i := range MostOthers {
		all.add(i)
	}
	for i := range MostOthers {
		var s slotSet
		if s.add(i); !s.has(i) || s.has((i+1)%MostOthers) || s.has((i+64)%MostOthers) || !s.within(all) || all.within(s) {
			t.Errorf("with slot %d alone", i)
		}
		without := all
		if without.remove(i); without.has(i) || !without.has((i+1)%MostOthers) || !without.has((i+64)%MostOthers) || s.within(without) {
			t.Errorf("without slot %d", i)
		}
	}
}
