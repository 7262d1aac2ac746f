package turn

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A set made at once is as one made item by item, and goes on as one.
func TestNewSet(t *testing.T) {
	for _, n := range []int{0, 1, 2, width - 1, width, width + 1, 2*width + 1, 3000, width*width + 1, 9000} {
		rng := rand.New(rand.NewPCG(uint64(n), 4))
		var want []Item
		for range n {
			want = append(want, Item{Stamp: 1 + rng.Uint64N(60), ID: randomID(rng)})
		}
		given := slices.Clone(want)
		if n%2 == 0 {
			slices.SortFunc(given, Item.Compare)
			given = append(given, want[:n/2]...)
			if n%4 == 0 {
				slices.SortFunc(given, Item.Compare)
			}
		}
		slices.SortFunc(want, Item.Compare)
		s, err := NewSet(given)
		if err != nil {
			t.Fatal(err)
		}
		for more := range 3 {
			compareIndex(t, rng, &s.index, want)
			if s.index.root.node != nil {
				depth(t, &s.index.root, true)
			}
			var each []Item
			s.index.each(func(it Item) { each = append(each, it) })
			if !slices.Equal(each, want) {
				t.Fatalf("%d items: each gives others", n)
			}
			for _, it := range want {
				if stamp, ok := s.Stamp(it.ID); !ok || stamp != it.Stamp {
					t.Fatalf("%d items: stamp %d, %t, want %d", n, stamp, ok, it.Stamp)
				}
			}
			for range 200 {
				if _, ok := s.Stamp(randomID(rng)); ok {
					t.Fatal("a stamp of what is not there")
				}
			}
			for range 1 + more*width*3 {
				it := Item{Stamp: 1 + rng.Uint64N(60), ID: randomID(rng)}
				if !s.add(it) || s.add(it) {
					t.Fatal("not added once")
				}
				at, _ := slices.BinarySearchFunc(want, it, Item.Compare)
				want = slices.Insert(want, at, it)
			}
		}
	}
}

func TestNewSetRefusesStamps(t *testing.T) {
	for _, stamp := range []uint64{0, MaxStamp + 1, 1<<64 - 1} {
		if _, err := NewSet([]Item{{Stamp: 1}, {Stamp: stamp}}); !errors.Is(err, ErrStamp) || !strings.Contains(err.Error(), "item 2 of 2 ") {
			t.Errorf("stamp %d: %v", stamp, err)
		}
	}
	if _, err := NewSet([]Item{{Stamp: 1}, {Stamp: MaxStamp}}); err != nil {
		t.Error(err)
	}
}

// Whoever makes ids that begin alike confuses nothing.
func TestStampsOfIDsThatCollide(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 6))
	s, stamps := &Set{}, map[ID]uint64{}
	like := randomID(rng)
	for i := range 600 {
		id := randomID(rng)
		copy(id[:], like[:10]) // the same place, the same tag
		if i%3 == 0 {
			for j := range 8 { // the last place: the search goes on at the first
				id[j] = 0xff
			}
		}
		stamps[id] = 1 + rng.Uint64N(20)
		if i%50 == 0 {
			stamps[id] = MaxStamp
		}
		s.add(Item{Stamp: stamps[id], ID: id})
	}
	for id, want := range stamps {
		if got, ok := s.Stamp(id); !ok || got != want {
			t.Fatalf("stamp %d, %t, want %d", got, ok, want)
		}
		id[31]++
		if _, ok := s.Stamp(id); ok {
			t.Fatal("a stamp of what is not there")
		}
	}
}
