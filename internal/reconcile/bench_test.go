package reconcile

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkNewSlice(b *testing.B) {
	items, _ := randomPair(rand.New(rand.NewPCG(11, 11)), 100_000, 0, 0, 1<<40, 0)
	b.ReportAllocs()
	for b.Loop() {
		NewSlice(items)
	}
}

func BenchmarkFingerprint(b *testing.B) {
	items, _ := randomPair(rand.New(rand.NewPCG(12, 12)), 100_000, 0, 0, 1<<40, 0)
	set := Window(NewSlice(items), 1<<39, infinity)
	b.ReportAllocs()
	for b.Loop() {
		Fingerprint(set, 0, set.Len())
	}
}

// BenchmarkRespond answers the first message of one that differs in every part.
func BenchmarkRespond(b *testing.B) {
	itemsA, itemsB := randomPair(rand.New(rand.NewPCG(13, 13)), 100_000, 500, 500, 1<<40, 0)
	msg := (&Session{set: NewSlice(itemsA)}).Initiate()
	set := NewSlice(itemsB)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Respond(set, MinFrameLimit, msg); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSession runs whole sessions of 100,000 items that differ in 10.
func BenchmarkSession(b *testing.B) {
	itemsA, itemsB := randomPair(rand.New(rand.NewPCG(14, 14)), 100_000, 5, 5, 1<<40, 0)
	setA, setB := NewSlice(itemsA), NewSlice(itemsB)
	b.ReportAllocs()
	for b.Loop() {
		converse(b, setA, setB, MinFrameLimit, MinFrameLimit, nil)
	}
}

func BenchmarkDiff(b *testing.B) {
	rng := rand.New(rand.NewPCG(15, 15))
	for _, c := range []struct {
		name string
		only int
	}{{"equal", 0}, {"ten", 5}, {"third", 25_000}} {
		itemsA, itemsB := randomPair(rng, 100_000, c.only, c.only, 1<<40, 0)
		setA, setB := NewSlice(itemsA), NewSlice(itemsB)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Diff(setA, setB)
			}
		})
	}
}
