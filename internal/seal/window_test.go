package seal

import (
	"math"
	"math/rand/v2"
	"testing"
)

// slowWindow remembers everything, for ever.
type slowWindow struct {
	seen    map[uint32]bool
	highest uint32
}

func (s *slowWindow) accept(c uint32) bool {
	if s.seen == nil {
		s.seen, s.highest = map[uint32]bool{}, c
	}
	if s.seen[c] || int64(c) <= int64(s.highest)-WindowSize {
		return false
	}
	s.seen[c] = true
	s.highest = max(s.highest, c)
	return true
}

func TestWindowAgainstReference(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := NewWindow()
		slow := map[uint64]*slowWindow{}
		base := map[uint64]uint32{}
		accepted, refused := 0, 0
		for range 5000 {
			inc := r.Uint64N(4)
			if slow[inc] == nil {
				slow[inc] = &slowWindow{}
				base[inc] = []uint32{0, 5000, math.MaxUint32 - 1500}[r.IntN(3)]
			}
			var c uint32
			switch r.IntN(20) {
			case 0: // far behind
				c = base[inc] - min(base[inc], r.Uint32N(3*WindowSize))
			case 1: // a jump
				step := r.Uint32N(2 * WindowSize)
				base[inc] += min(step, math.MaxUint32-base[inc])
				c = base[inc]
			case 2: // exactly at the window's edge
				c = base[inc] - min(base[inc], WindowSize-1+r.Uint32N(3))
			default: // somewhere near
				base[inc] += min(r.Uint32N(3), math.MaxUint32-base[inc])
				c = base[inc] - min(base[inc], r.Uint32N(60))
			}
			want := slow[inc].accept(c)
			if got := w.Accept(inc, c); got != want {
				t.Fatalf("seed %d: incarnation %d, counter %d, highest %d: %v, want %v", seed, inc, c, slow[inc].highest, got, want)
			}
			if want {
				accepted++
			} else {
				refused++
			}
		}
		if accepted < 100 || refused < 100 {
			t.Errorf("seed %d: accepted %d, refused %d: it says little", seed, accepted, refused)
		}
	}
}

func TestWindowBound(t *testing.T) {
	w := NewWindow()
	for inc := range uint64(WindowMembers) {
		w.Accept(inc, 10)
	}
	w.Accept(0, 11) // heard again: now 1 is the one longest unheard
	w.Accept(2, 10) // a replay is not a sign of life
	w.Accept(5000, 10)
	w.Accept(5001, 10)
	if len(w.entries) != WindowMembers || w.recent.Len() != WindowMembers {
		t.Fatalf("%d incarnations are remembered", len(w.entries))
	}
	if w.Accept(0, 11) || w.Accept(3, 10) || w.Accept(5000, 10) {
		t.Error("one that is heard is forgotten")
	}
	for _, inc := range []uint64{1, 2} {
		if !w.Accept(inc, 10) {
			t.Errorf("incarnation %d is still remembered", inc)
		}
	}
}

func TestWindowAfterUnseal(t *testing.T) {
	k := testKey()
	w := NewWindow()
	d := k.Seal(nil, 7, 1, []byte("once"))
	for i, want := range []bool{true, false, false} {
		inc, counter, _, err := k.Unseal(nil, d)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Accept(inc, counter); got != want {
			t.Errorf("time %d: accepted %v", i, got)
		}
	}
}

func BenchmarkWindow(b *testing.B) {
	b.ReportAllocs()
	w := NewWindow()
	c := uint32(0)
	for b.Loop() {
		c++
		w.Accept(uint64(c%64), c)
	}
}
