package floor

import (
	"testing"
	"time"
)

// TestIgnored: who was asked n times and gave neither a REP nor a WAIT is told, and
// since when. A WAIT, or a heartbeat that says why it waits, begins the count anew;
// what proves nothing, as one of an idle member or a reply that came before, does not.
func TestIgnored(t *testing.T) {
	a, b := Member{Key: [32]byte{1}, Incarnation: 1}, Member{Key: [32]byte{2}, Incarnation: 2}
	at := Quiet
	f := New(Config{Self: a, View: NewView(a, b)}, 0)
	must := func(n int, want bool, since time.Duration) {
		t.Helper()
		got, ok := f.Ignored(b, n)
		if ok != want || ok && got != since {
			t.Errorf("at %v, asked %d times in vain: %v since %v, want %v since %v", at-Quiet, n, ok, got-Quiet, want, since-Quiet)
		}
	}
	sent := 0
	run := func(d time.Duration) { // nobody answers
		for end := at + d; ; {
			r := f.Ready(at)
			sent += len(r.Send)
			if r.Wake == 0 || r.Wake > end {
				at = end
				return
			}
			at = r.Wake
			f.Tick(at)
		}
	}
	f.Tick(at)
	must(0, false, 0) // it does not ask
	f.Ask(at)
	begun := at
	run(70 * time.Millisecond) // asked at 0, 20 and 60 ms
	must(3, true, begun)
	must(4, false, 0)

	f.Activity(at, b, 1, false, false, 0)
	must(3, true, begun)
	f.Activity(at, b, 2, false, true, 1) // b holds
	must(1, false, 0)
	run(40 * time.Millisecond) // asked at 110 ms
	must(1, true, begun+110*time.Millisecond)
	f.Activity(at, b, 3, true, false, 9) // b asks, later than a
	must(1, true, begun+110*time.Millisecond)
	f.Receive(at, b, 4, Wait{To: 1, TS: 1, Why: WhyHolding})
	must(1, false, 0)

	// A heartbeat in the very datagram of the WAIT is no newer than it.
	before := sent
	f.Activity(at, b, 4, false, false, 0)
	run(150 * time.Millisecond)
	if sent != before {
		t.Errorf("asked %d times within 150 ms of a WAIT", sent-before)
	}

	// b replies to the first sending; a enters, and asks again when half of that
	// lease is over. The same reply again changes nothing.
	first := Rep{View: f.View().Hash(), Clock: 1, Grants: []Grant{{To: a, TS: 1, K: 1}}}
	f.Receive(at, b, 5, first)
	if _, ok := f.Holds(at); !ok {
		t.Fatal("a does not hold the floor")
	}
	run(begun + Lease/2 - at)
	before = sent
	f.Receive(at, b, 6, first)
	run(10 * time.Millisecond)
	if sent != before {
		t.Errorf("asked %d times within 10 ms", sent-before)
	}
}
