package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/turn"
)

// TestSessionFindsDifferences compares sessions between random sets with the
// difference of maps: sizes 0 to 5000, no to all items different, all the same
// stamp to all different stamps, and frame limits of all kinds on either side.
func TestSessionFindsDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	sizes := []int{0, 1, 2, 15, 31, 32, 33, 100, 500, 5000}
	limits := []int{0, 4096, 4097, 6000, 60_000}
	pick := func(of []int) int { return of[rng.IntN(len(of))] }
	runs := 400
	if testing.Short() {
		runs = 100
	}
	for i := range runs {
		common, onlyA, onlyB := pick(sizes), pick(sizes), pick(sizes)
		switch rng.IntN(4) {
		case 0:
			onlyA, onlyB = rng.IntN(10), rng.IntN(10)
		case 1:
			onlyA = 0
		case 2:
			onlyB = 0
		}
		stamps := uint64(1) << rng.IntN(54)
		limitA, limitB := pick(limits), pick(limits)
		a, b := randomPair(rng, common, onlyA, onlyB, stamps, 0)
		if rng.IntN(3) == 0 { // what is only in one is also newer than all else
			for i := range onlyA {
				a[common+i].Stamp += stamps
			}
			for i := range onlyB {
				b[common+i].Stamp += stamps
			}
		}
		name := fmt.Sprintf("%d/%d+%d+%d,stamps=%d,limits=%d,%d", i, common, onlyA, onlyB, stamps, limitA, limitB)
		t.Run(name, func(t *testing.T) {
			sets := [2]Set{NewSlice(a), NewSlice(b)}
			got := converse(t, sets[0], sets[1], limitA, limitB, nil)
			mustFind(t, got, a, b)
			if limitA == 0 && limitB == 0 && got.doubles > 0 {
				t.Fatalf("%d ids were told twice though no frame was cut", got.doubles)
			}
			for i, msg := range got.messages {
				mustBeTrue(t, sets[i%2], msg)
			}
		})
	}
}

// TestManyIDsAtOneStamp: bounds then need prefixes of ids, up to all 32 bytes.
func TestManyIDsAtOneStamp(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, shared := range []int{0, 1, 28, 30} {
		n := 2000
		if shared == 30 {
			n = 30_000
		}
		for _, limit := range []int{0, 4096} {
			a, b := randomPair(rng, n, 50, 50, 1, shared)
			mustFind(t, converse(t, NewSlice(a), NewSlice(b), limit, limit, nil), a, b)
		}
	}
}

// TestFarStamps: differences between stamps need all sizes of numbers.
func TestFarStamps(t *testing.T) {
	var a, b []turn.Item
	for i := range 64 {
		for j := range 3 {
			it := numbered(3*i+j, min(uint64(1)<<i+uint64(j), infinity-1))
			a = append(a, it)
			if i%5 != 0 {
				b = append(b, it)
			}
		}
	}
	mustFind(t, converse(t, NewSlice(a), NewSlice(b), 0, 0, nil), a, b)
	mustFind(t, converse(t, NewSlice(b), NewSlice(a), 0, 0, nil), b, a)
}

// TestLargeSetsFewDifferences: what differs decides the cost, not the size.
func TestLargeSetsFewDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, limit := range []int{0, 4096, 16_384} {
		a, b := randomPair(rng, 99_990, 5, 5, 1<<40, 0)
		got := converse(t, NewSlice(a), NewSlice(b), limit, limit, nil)
		mustFind(t, got, a, b)
		t.Logf("limit %d: %d round trips, %d bytes", limit, got.rounds, got.bytes)
		if got.rounds > 6 || got.bytes >= 20_000 {
			t.Errorf("limit %d: %d round trips and %d bytes, want at most 6 and less than 20,000", limit, got.rounds, got.bytes)
		}
	}
}

// TestSetsGrowDuringSession: items come to both sides after each message. The
// session ends, tells nothing that was never so, and what it missed the
// next session finds.
func TestSetsGrowDuringSession(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for range 60 {
		limit := []int{0, 4096}[rng.IntN(2)]
		stamps := []uint64{1, 50, 1 << 40}[rng.IntN(3)]
		itemsA, itemsB := randomPair(rng, rng.IntN(1500), rng.IntN(300), rng.IntN(300), stamps, 0)
		a, b := &growing{NewSlice(itemsA)}, &growing{NewSlice(itemsB)}
		oldA, oldB := a.Slice, b.Slice
		left := 200 // they do not grow for ever
		grow := func() {
			for range rng.IntN(8) {
				if left == 0 {
					return
				}
				left--
				it := randomItem(rng, stamps+10, 0)
				switch rng.IntN(3) {
				case 0:
					a.add(it)
				case 1:
					b.add(it)
				default:
					a.add(it)
					b.add(it)
				}
			}
		}
		windowA, windowB := Window(a, 0, infinity), Window(b, 0, infinity)
		first := converse(t, windowA, windowB, limit, limit, grow)
		everHave, everNeed := missingFrom(a.items, oldB.items), missingFrom(b.items, oldA.items)
		for id := range first.have {
			if !everHave[id] {
				t.Fatal("an id is told as had that was in b all the time, or never in a")
			}
		}
		for id := range first.need {
			if !everNeed[id] {
				t.Fatal("an id is told as needed that was in a all the time, or never in b")
			}
		}

		for _, it := range oldA.items {
			if id := it.ID; first.have[id] {
				b.add(it)
			}
		}
		second := converse(t, windowA, windowB, limit, limit, nil)
		mustFind(t, second, a.items, b.items)
	}
}

// TestMaxHave: a responder that claims to have nothing does not get the whole
// set listed at once.
func TestMaxHave(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	a, b := randomPair(rng, 500, 300, 20, 100, 0)
	s, err := NewInitiator(NewSlice(a), 4096)
	if err != nil {
		t.Fatal(err)
	}
	s.MaxHave = 40
	told, need := 0, map[turn.ID]bool{}
	for msg := s.Initiate(); msg != nil; {
		reply, err := Respond(NewSlice(b), 4096, msg)
		if err != nil {
			t.Fatal(err)
		}
		var have, wanted []turn.ID
		if msg, have, wanted, err = s.Reconcile(reply); err != nil {
			t.Fatal(err)
		}
		if len(have) > 40 {
			t.Fatalf("%d ids at once, the bound is 40", len(have))
		}
		told = max(told, len(have))
		for _, id := range wanted {
			need[id] = true
		}
	}
	if told != 40 {
		t.Errorf("at most %d ids at once: the bound was not reached", told)
	}
	if !maps.Equal(need, missingFrom(b, a)) {
		t.Errorf("%d ids are needed, want %d: the bound is on what is had alone", len(need), len(missingFrom(b, a)))
	}
}

// TestDoublesInAList: an id that one list names three times is needed once.
func TestDoublesInAList(t *testing.T) {
	mine, other := numbered(1, 5), numbered(2, 9)
	w := newWriter()
	w.bound(end)
	w.buf = append(w.buf, modeIDs, 3)
	for range 3 {
		w.buf = append(w.buf, other.ID[:]...)
	}
	s := &Session{set: NewSlice([]turn.Item{mine})}
	next, have, need, err := s.Reconcile(w.buf)
	if err != nil || next != nil || !slices.Equal(have, []turn.ID{mine.ID}) || !slices.Equal(need, []turn.ID{other.ID}) {
		t.Errorf("next %x, have %v, need %v, err %v", next, have, need, err)
	}
}

func TestFrameLimitRefused(t *testing.T) {
	for _, limit := range []int{-1, 1, 200, 4095} {
		if _, err := NewInitiator(NewSlice(nil), limit); !errors.Is(err, ErrFrameLimit) {
			t.Errorf("NewInitiator with %d: %v", limit, err)
		}
		if _, err := Respond(NewSlice(nil), limit, []byte{version}); !errors.Is(err, ErrFrameLimit) {
			t.Errorf("Respond with %d: %v", limit, err)
		}
	}
}

// TestVersions: "Message" in Negentropy Protocol V1.
func TestVersions(t *testing.T) {
	set := NewSlice([]turn.Item{numbered(1, 1)})
	for v := range 256 {
		msg := []byte{byte(v), 0xaa, 0xbb}
		answer, err := Respond(set, 0, msg)
		_, _, _, sessionErr := (&Session{set: set}).Reconcile(msg)
		switch {
		case v == version:
			continue // the rest of msg is what is wrong then
		case v >= firstVersion && v <= lastVersion:
			if err != nil || !bytes.Equal(answer, []byte{version}) {
				t.Errorf("version %#x: answered with %x, %v", v, answer, err)
			}
			if !errors.Is(sessionErr, ErrVersion) || !strings.HasSuffix(sessionErr.Error(), fmt.Sprintf(", but %d", v-firstVersion)) {
				t.Errorf("version %#x: the initiator says %v", v, sessionErr)
			}
		default:
			if !errors.Is(err, ErrMessage) || !errors.Is(sessionErr, ErrMessage) {
				t.Errorf("first byte %#x: %v, %v", v, err, sessionErr)
			}
		}
	}
}

// TestDiff compares Diff with the difference of maps.
func TestDiff(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for range 100 {
		a, b := randomPair(rng, rng.IntN(2000), rng.IntN(100), rng.IntN(100), 1<<rng.IntN(40), 0)
		onlyA, onlyB := Diff(NewSlice(a), NewSlice(b))
		got := talk{have: map[turn.ID]bool{}, need: map[turn.ID]bool{}}
		for _, id := range onlyA {
			got.have[id] = true
		}
		for _, id := range onlyB {
			got.need[id] = true
		}
		mustFind(t, got, a, b)
		if len(onlyA) != len(got.have) || len(onlyB) != len(got.need) {
			t.Fatal("an id was given twice")
		}
	}
}
