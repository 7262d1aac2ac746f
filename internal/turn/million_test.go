package turn

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

var million = flag.Bool("million", false, "measure with 1,000,000 turns instead of 100,000")

func many() int {
	if *million {
		return 1_000_000
	}
	return 100_000
}

// randomItems are in the order; a stamp is shared by two or three.
func randomItems(n int) []Item {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{Stamp: 1 + uint64(i)*2/5, ID: randomID(rng)}
	}
	slices.SortFunc(items, Item.Compare)
	return items
}

// heap is what is in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// fill adds a chain of n turns.
func fill(t testing.TB, h *History, n int) {
	var parent []ID
	for i := range n {
		s := unsigned(t, uint64(i)+1, parent...)
		h.Add(s)
		parent = []ID{s.ID()}
	}
}

// However the turns come, one takes less than 100 bytes once it is no longer in use.
func TestMemoryOfATurn(t *testing.T) {
	const n = 60_000 // just before a table is made larger is not the worst: just after is
	items := randomItems(n)
	measure := func(how string, hold func() any) {
		before := heap()
		kept := hold()
		each := float64(heap()-before) / n
		runtime.KeepAlive(kept)
		t.Logf("%s: %.1f bytes a turn", how, each)
		if each > 100 {
			t.Errorf("%s: %.1f bytes a turn", how, each)
		}
	}
	measure("at once", func() any {
		s, err := NewSet(slices.Clone(items))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
	measure("in the order", func() any {
		s := &Set{}
		for _, it := range items {
			s.add(it)
		}
		return s
	})
	measure("shuffled", func() any {
		s := &Set{}
		for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(n) {
			s.add(items[i])
		}
		return s
	})
	measure("a history", func() any {
		h := Restore(newShelf().get, Summary{}, nil)
		h.bodies.most = 0
		fill(t, h, n)
		return h
	})
	runtime.KeepAlive(items)
}

// One operation is a history of so many turns with an archive.
func BenchmarkMemory(b *testing.B) {
	n := many()
	b.Run(fmt.Sprint(n), func(b *testing.B) {
		var each, all float64
		for b.Loop() {
			before := heap()
			h := Restore(newShelf().get, Summary{}, nil)
			fill(b, h, n)
			all = float64(heap() - before)
			each = (all - float64(h.bodies.size)) / float64(n)
			runtime.KeepAlive(h)
		}
		b.ReportMetric(each, "B/turn")
		b.ReportMetric(all/1e6, "MB")
	})
}

// One operation makes the set of so many items, which are in the order.
func BenchmarkBulk(b *testing.B) {
	items := randomItems(many())
	b.Run(fmt.Sprint(len(items)), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := NewSet(items); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(items)), "ns/item")
	})
}

// One operation gives a partial history the set of 1,000,000 turns, after 1,000
// came in, half of which waited for a parent that is in it.
func BenchmarkAdopt1M(b *testing.B) {
	items := randomItems(1_000_000)
	top := items[len(items)-1]
	var since []*Signed
	for i := range uint64(1000) {
		parent := top.ID
		if i%2 == 0 {
			parent = items[i*977].ID
		}
		since = append(since, unsignedKind(b, KindChat, top.Stamp+1+i, i, parent))
	}
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		set, err := NewSet(slices.Clone(items))
		if err != nil {
			b.Fatal(err)
		}
		h := Restore(newShelf().get, Summary{Count: len(items), Top: top, Heads: []Item{top}}, nil)
		for _, s := range since {
			h.Add(s)
		}
		b.StartTimer()
		if resolved, err := h.Adopt(set); err != nil || len(resolved) != 500 || h.Len() != len(items)+1000 {
			b.Fatalf("%d resolved, %d turns", len(resolved), h.Len())
		}
	}
}

// One operation asks for the stamp of an id among so many, which is there or not.
func BenchmarkStamp(b *testing.B) {
	items := randomItems(many())
	set, err := NewSet(slices.Clone(items))
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	b.Run("there", func(b *testing.B) {
		for b.Loop() {
			set.Stamp(items[rng.IntN(len(items))].ID)
		}
	})
	b.Run("not", func(b *testing.B) {
		id := randomID(rng)
		for b.Loop() {
			id[rng.IntN(10)]++
			set.Stamp(id)
		}
	})
}
