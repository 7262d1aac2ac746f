package floor

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// pair is a Floor past its quiet time, and the other member of its view.
func pair() (f *Floor, other Member, at time.Duration) {
	a, b := Member{Key: [32]byte{1}, Incarnation: 1}, Member{Key: [32]byte{2}, Incarnation: 2}
	f = New(Config{Self: a, View: NewView(a, b)}, 0)
	f.Tick(Quiet)
	return f, b, Quiet
}

// TestClockIsBounded: a time below MaxTime raises the clock, MaxTime does not.
func TestClockIsBounded(t *testing.T) {
	f, _, _ := pair()
	for _, c := range []struct{ seen, want uint64 }{{MaxTime - 1, MaxTime - 1}, {MaxTime, MaxTime - 1}, {7, MaxTime - 1}} {
		if f.Observe(c.seen); f.Clock() != c.want {
			t.Errorf("after %d the clock is %d, want %d", c.seen, f.Clock(), c.want)
		}
	}
}

// TestHoldIsOverAtItsEnd: a hold lasts until just before the end of its leases,
// whether or not anybody has called Tick.
func TestHoldIsOverAtItsEnd(t *testing.T) {
	f, b, at := pair()
	f.Ask(at)
	f.Receive(at, b, 1, Rep{View: f.View().Hash(), Clock: 1, Grants: []Grant{{To: f.Self(), TS: 1, K: 1}}})
	for _, c := range []struct {
		at   time.Duration
		want bool
	}{{at, true}, {at + Lease - 1, true}, {at + Lease, false}} {
		if until, ok := f.Holds(c.at); ok != c.want || until != at+Lease {
			t.Errorf("at %v it holds: %v, until %v", c.at, ok, until)
		}
	}
}

// TestGrantIsOverAtItsEnd: so long, and not a nanosecond longer, does a permission
// stand in the way of those that count on others.
func TestGrantIsOverAtItsEnd(t *testing.T) {
	f, b, at := pair()
	f.Receive(at, b, 1, Req{TS: 1, K: 1, View: f.View().Hash()})
	f.SetView(at, NewView(f.Self()))
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{at, 1}, {at + GrantLife - 1, 1}, {at + GrantLife, 0}} {
		if got := f.Outstanding(c.at); len(got) != c.want {
			t.Errorf("at %v %d permissions are outstanding, want %d", c.at, len(got), c.want)
		}
	}
}

// TestContended: somebody waits from the request on that is deferred until it is answered.
func TestContended(t *testing.T) {
	f, b, at := pair()
	f.Ask(at)
	if f.Contended() {
		t.Error("somebody waits though nobody asked")
	}
	f.Receive(at, b, 1, Req{TS: 9, K: 1, View: f.View().Hash()})
	if !f.Contended() {
		t.Error("nobody waits though b was deferred")
	}
	f.Cancel(at)
	if f.Contended() {
		t.Error("b still waits though it was answered")
	}
}

// TestExhausted: some numbers of sendings are left when a member is told to
// begin anew.
func TestExhausted(t *testing.T) {
	f, _, _ := pair()
	for k, want := range map[uint32]bool{0: false, 1<<32 - 1<<10: false, 1<<32 - 1<<10 + 1: true, 1<<32 - 1: true} {
		if f.k = k; f.Exhausted() != want {
			t.Errorf("after %d sendings exhausted: %v", k, !want)
		}
	}
}

// TestOutsidersGrantIsOverAtItsEnd: a request that comes just then is answered and
// not deferred first, though nobody has called Tick.
func TestOutsidersGrantIsOverAtItsEnd(t *testing.T) {
	for early, want := range map[time.Duration]Kind{0: Granted, 1: Deferred} {
		f, b, at := pair()
		f.Receive(at, b, 1, Req{TS: 1, K: 1, View: f.View().Hash()})
		c := Member{Key: [32]byte{3}, Incarnation: 3}
		f.SetView(at, NewView(f.Self(), c))
		f.Ready(at)
		at += GrantLife - early
		f.Receive(at, c, 1, Req{TS: 2, K: 1, View: f.View().Hash()})
		if e := f.Ready(at).Events; len(e) != 1 || e[0].Kind != want {
			t.Errorf("%v before the end of a permission: %v, want %v", early, e, want)
		}
	}
}

// TestIdleFloorSleeps: who asks for nothing and owes nothing needs no Tick, though
// a permission that it gave is live.
func TestIdleFloorSleeps(t *testing.T) {
	f, b, at := pair()
	f.Receive(at, b, 1, Req{TS: 1, K: 1, View: f.View().Hash()})
	if w := f.Ready(at).Wake; w != 0 {
		t.Errorf("it wakes at %v", w)
	}
}

// TestEventsNameTheView: the present one, but on leaving that of the entry.
func TestEventsNameTheView(t *testing.T) {
	f, b, at := pair()
	both := f.View().Hash()
	f.Ask(at)
	f.Receive(at, b, 1, Rep{View: both, Clock: 1, Grants: []Grant{{To: f.Self(), TS: 1, K: 1}}})
	f.SetView(at, NewView(f.Self()))
	f.Leave(at)
	f.Ask(at)
	var got []string
	for _, e := range f.Ready(at).Events {
		got = append(got, fmt.Sprintf("%v %v", e.Kind, e.View == both))
	}
	if want := []string{"quiet-over true", "requested true", "entered true", "left true", "entered false"}; !slices.Equal(got, want) {
		t.Errorf("the events, and whether they name the view of both: %q, want %q", got, want)
	}
}

// TestSeenIsBounded: the numbers of 256 incarnations are remembered. Of one more,
// the oldest is forgotten that is not in the view; if all are, the oldest.
func TestSeenIsBounded(t *testing.T) {
	member := func(i int) Member {
		return Member{Key: [32]byte{1: byte(i >> 8), 2: byte(i)}, Incarnation: uint64(i) + 10}
	}
	f, b, at := pair()
	from := func(m Member) { f.Receive(at, m, 1, Release{TS: 5}) }
	from(b)
	for i := range MostSeen - 1 {
		from(member(i))
	}
	if len(f.seenBy) != MostSeen {
		t.Fatalf("%d incarnations are remembered", len(f.seenBy))
	}
	from(member(MostSeen))
	known := func(m Member) bool { _, ok := f.seenBy[m]; return ok }
	if len(f.seenBy) != MostSeen || len(f.seenOrder) != MostSeen || !known(b) || known(member(0)) || !known(member(1)) || !known(member(MostSeen)) {
		t.Errorf("%d incarnations are remembered; that of the view: %v, the oldest: %v", len(f.seenBy), known(b), known(member(0)))
	}

	all := []Member{b}
	for i := 1; i <= MostSeen+1; i++ {
		all = append(all, member(i))
	}
	f.SetView(at, NewView(all...))
	from(member(MostSeen + 1))
	if len(f.seenBy) != MostSeen || known(b) || !known(member(1)) || !known(member(MostSeen+1)) {
		t.Errorf("%d incarnations are remembered; the oldest: %v", len(f.seenBy), known(b))
	}
}

// TestLess: members are in order of key, then of incarnation; none is before itself.
func TestLess(t *testing.T) {
	sorted := []Member{{Key: [32]byte{1}, Incarnation: 7}, {Key: [32]byte{1}, Incarnation: 8}, {Key: [32]byte{2}, Incarnation: 3}}
	for i, m := range sorted {
		for j, o := range sorted {
			if m.Less(o) != (i < j) {
				t.Errorf("%d before %d: %v", i, j, m.Less(o))
			}
		}
	}
}

// TestBefore: requests are in order of time, then of incarnation; none is before itself.
func TestBefore(t *testing.T) {
	sorted := []Stamp{{1, 9}, {2, 3}, {2, 4}, {3, 1}}
	for i, s := range sorted {
		for j, o := range sorted {
			if s.Before(o) != (i < j) {
				t.Errorf("%v before %v: %v", s, o, s.Before(o))
			}
		}
	}
}

// TestKindsHaveNames: those that there are; of others, the number.
func TestKindsHaveNames(t *testing.T) {
	for k, want := range map[Kind]string{Requested: "requested", QuietOver: "quiet-over", QuietOver + 1: "kind-11"} {
		if k.String() != want {
			t.Errorf("%d is called %q, want %q", k, k, want)
		}
	}
}
