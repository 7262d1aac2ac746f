package floor

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/transport/memnet"
)

// planted are the rules, taken out one at a time, and the faults of a machine
// that the rules cannot mend. For each, some schedule within this number of
// seeds must show two members on the floor at once, or one that waits for
// ever: else the schedules have no teeth.
var planted = []struct {
	name    string
	without broken.Rules
	tune    func(*faults, *rand.Rand)
	seeds   uint64
	finds   string
}{
	{"F1: replies survive a change of view", broken.Of(broken.F1VoidReplies), calm, 400, "both"},
	{"F2: replies never expire at the asker", broken.Of(broken.F2Lease), calm, 400, "both"},
	{"F3: enters with a live grant outside of its view", broken.Of(broken.F3OwnGrants), views, 300, "both"},
	{"F4: enters and answers while quiet", broken.Of(broken.F4Quiet), crashes, 6000, "both"},
	{"F6: answers who is not in its view", broken.Of(broken.F6Membership), calm, 600, "both"},
	{"F6: views are not compared", broken.Of(broken.F6ViewHash), calm, 800, "both"},
	{"F8: grants with a live grant outside of its view", broken.Of(broken.F8OutsideGrants), longHolds, 300, "both"},
	{"a late reply is accepted while idle", broken.Of(broken.F2NotIdle), lateAndCalm, 400, "both"},
	{"a reply in a hand-over is accepted while idle", broken.Of(broken.F2NotIdleHandOver), lateAndCalm, 3000, "both"},
	{"a hold is renewed after a change of view", broken.Of(broken.StaleHold), calmThree, 500, "both"},
	{"permissions are kept after RELEASE", broken.Of(broken.F10ForgetOnRelease), releases, 1000, "both"},
	{"a REP for another is taken", broken.Of(broken.F9Addressee), misdirected, 2000, "both"},
	{"an older REQ lowers a grant's time", broken.Of(broken.F9NewestRequest), older, 4000, "both"},
	{"a WAIT counts as a REP", broken.Of(broken.F2WaitIsNoReply), nil, 100, "both"},
	{"the lease is measured from receipt", broken.Of(broken.F2LeaseFromSending), late, 2000, "both"},
	{"the clock is not raised on receiving", broken.Of(broken.F6ClockRaise), mixed, 300, ""},
	{"equal times are granted by both", broken.Of(broken.F7TieByID), nil, 300, "both"},
	{"grants while holding", broken.Of(broken.F7DeferWhileHolding), nil, 100, "both"},
	{"grants though its own request is lower", broken.Of(broken.F7DeferWhileLower), nil, 100, "both"},
	{"compares the live clock", broken.Of(broken.F7RequestTime), nil, 300, "both"},
	{"a reply to any request counts", broken.Of(broken.F2Tag), nil, 800, "both"},
	{"replies are counted, repeated ones too", broken.Of(broken.F2SetOfReplies), nil, 100, "both"},
	{"enters when it has waited for a second", broken.Of(broken.F2AllReplies), nil, 100, "both"},
	{"keeps the permission of whom it answered", broken.Of(broken.F9PermissionGone), nil, 300, "both"},
	{"answers as of the time that Left was told", broken.Of(broken.F9AnswerTime), func(f *faults, r *rand.Rand) { calmThree(f, r); f.gap = true }, 2000, "both"},
	{"a clock that stops in sleep", broken.Rules{}, func(f *faults, r *rand.Rand) { stalls(f, r); f.sleepStops = true }, 600, "both"},
	{"a drift of 8 % with a bound of 2 %", broken.Rules{}, func(f *faults, r *rand.Rand) { calmThree(f, r); f.drift, f.driftTwo = 8, true }, 600, "both"},
}

// Each fault shows best where others do not drown it: who is cut off, stalled or
// gone asks for nothing and holds nothing.

func views(f *faults, _ *rand.Rand) { f.views = true }

// calm suffers from views that differ and from nothing else.
func calm(f *faults, _ *rand.Rand) {
	net := memnet.Faults{Duplicate: f.net.Duplicate, MinDelay: leastDelay, MaxDelay: f.net.MaxDelay}
	*f = faults{size: 3 + f.size%3, net: net, views: true, longHolds: true, drift: f.drift}
}

func calmThree(f *faults, r *rand.Rand) {
	calm(f, r)
	f.size = 3
}

func stalls(f *faults, r *rand.Rand) {
	calmThree(f, r)
	f.pause = true
}

func crashes(f *faults, _ *rand.Rand) {
	f.size, f.crash, f.longHolds, f.views, f.net.Loss = 3, true, true, true, 0
}

func longHolds(f *faults, _ *rand.Rand) { f.views, f.longHolds = true, true }

// mixed changes the order of what is sent in quick succession.
func mixed(f *faults, _ *rand.Rand) { f.net.Reorder, f.net.HoldBack = 0.5, f.net.MaxDelay }

func late(f *faults, _ *rand.Rand) {
	f.net.Reorder, f.net.HoldBack, f.longHolds, f.views = 0.1, longAgo, true, true
}

func lateAndCalm(f *faults, r *rand.Rand) {
	calmThree(f, r)
	f.net.Reorder, f.net.HoldBack, f.cancel = 0.2, longAgo, true
}

func releases(f *faults, r *rand.Rand) {
	calm(f, r)
	f.size, f.cancel, f.net.MaxDelay = 4, true, 10*time.Millisecond
}

func misdirected(f *faults, _ *rand.Rand) {
	f.misdirect, f.net.Loss, f.net.Reorder, f.net.HoldBack, f.atOnce, f.longHolds, f.views = 300, 0.2, 0.1, longAgo, true, true, true
}

func older(f *faults, r *rand.Rand) {
	calmThree(f, r)
	f.cancel = true
	f.net = memnet.Faults{Reorder: 0.3, HoldBack: longAgo, MinDelay: leastDelay, MaxDelay: 40 * time.Millisecond}
}

func TestPlantedBugsAreFound(t *testing.T) {
	for _, p := range planted {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for seed := range p.seeds {
				s := newSchedule(seed, p.without, p.tune)
				if bad := s.run(); strings.Contains(bad, p.finds) && bad != "" {
					t.Logf("seed %d: %s", seed, bad)
					return
				}
			}
			t.Fatalf("not found in %d seeds", p.seeds)
		})
	}
}

// TestReleaseNotHeeded plants the bug that a RELEASE is not heeded: it stops nobody,
// because grants end by themselves, but the holder hands the floor on to who has
// taken its request back.
func TestReleaseNotHeeded(t *testing.T) {
	for _, without := range []broken.Rules{{}, broken.Of(broken.F10DropOnRelease)} {
		a, b := Member{Key: [32]byte{1}, Incarnation: 1}, Member{Key: [32]byte{2}, Incarnation: 2}
		v := NewView(a, b)
		f := New(Config{Self: a, View: v, Without: without}, 0)
		now := Quiet
		f.Tick(now)
		f.Receive(now, b, 1, Req{TS: 7, K: 1, View: v.Hash()}) // granted
		f.Receive(now, b, 2, Release{TS: 7})
		f.Ask(now)
		ts, _, _ := f.Request()
		f.Receive(now, b, 3, Rep{View: v.Hash(), Clock: 9, Grants: []Grant{{To: a, TS: ts, K: 1}}})
		f.Receive(now, b, 4, Req{TS: 11, K: 2, View: v.Hash()}) // deferred
		if _, _, holds := f.Request(); !holds || len(f.Queue()) != 1 {
			t.Fatalf("holds: %v, queue %v", holds, f.Queue())
		}
		f.Receive(now, b, 5, Release{TS: 11})
		if found := len(f.Queue()) != 0; found != (without != broken.Rules{}) {
			t.Errorf("%v: the queue is %v", without, f.Queue())
		}
	}
}

// TestQueueOrderReversed plants the bug that a hand-over names those that waited in
// reverse. It stops nobody either: the order of entries is that of the requests. But
// all wait for the one that is named first.
func TestQueueOrderReversed(t *testing.T) {
	for _, without := range []broken.Rules{{}, broken.Of(broken.F7QueueOrder)} {
		a, b, c := Member{Key: [32]byte{1}, Incarnation: 1}, Member{Key: [32]byte{2}, Incarnation: 2}, Member{Key: [32]byte{3}, Incarnation: 3}
		v := NewView(a, b, c)
		f := New(Config{Self: a, View: v, Without: without}, 0)
		now := Quiet
		f.Ask(now)
		ts, _, _ := f.Request()
		for _, m := range []Member{b, c} {
			f.Receive(now, m, 1, Rep{View: v.Hash(), Clock: 9, Grants: []Grant{{To: a, TS: ts, K: 1}}})
		}
		f.Receive(now, c, 2, Req{TS: 12, K: 1, View: v.Hash()})
		f.Receive(now, b, 2, Req{TS: 11, K: 1, View: v.Hash()})
		if _, _, holds := f.Request(); !holds || len(f.Queue()) != 2 {
			t.Fatalf("holds: %v, queue %v", holds, f.Queue())
		}
		grants := f.HandOver(now).Grants
		if found := grants[0].To != b; len(grants) != 2 || found != (without != broken.Rules{}) {
			t.Errorf("%v: handed over to %v", without, grants)
		}
	}
}
