package turn

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Of two members that have parts of the same turns: equal heads and equal gaps mean
// equal records, and a head told with no gaps, or with the looker's own, proves what
// Delivered says of it.
func TestGapsProve(t *testing.T) {
	equal, headsOnly, sameGaps := 0, 0, 0
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		all := randomDAG(t, rng, 12)
		var hs [2]*History
		for i := range hs {
			hs[i] = NewHistory()
			for _, j := range rng.Perm(len(all)) {
				if rng.IntN(8) > 0 {
					hs[i].Add(all[j])
				}
			}
		}
		a, b := hs[0], hs[1]
		if (a.Gaps() == b.Gaps()) != slices.Equal(missingOf(a), missingOf(b)) {
			t.Fatalf("seed %d: gaps %x of %v and %x of %v", seed, a.Gaps(), missingOf(a), b.Gaps(), missingOf(b))
		}
		same, other := itemsOf(a), itemsOf(b)
		switch {
		case !slices.Equal(a.Heads(), b.Heads()):
		case a.Gaps() != b.Gaps():
			headsOnly++
		case !slices.Equal(same, other):
			t.Fatalf("seed %d: heads and gaps are equal, the records are not", seed)
		default:
			equal++
		}
		if b.Gaps() != 0 && b.Gaps() != a.Gaps() {
			continue
		}
		if b.Gaps() != 0 {
			sameGaps++
		}
		ids := make([]ID, len(same))
		for i, it := range same {
			ids[i] = it.ID
		}
		delivered, whole := a.Delivered(b.Heads(), ids, len(same))
		if !whole {
			t.Fatalf("seed %d: it walks through more turns than there are", seed)
		}
		for _, it := range same {
			if delivered[it.ID] && !b.Has(it.ID) {
				t.Fatalf("seed %d: %v is not delivered", seed, it.ID)
			}
		}
	}
	if equal < 20 || headsOnly < 20 || sameGaps < 20 {
		t.Errorf("equal records %d times, equal heads alone %d times, equal gaps %d times: too few", equal, headsOnly, sameGaps)
	}
}

// BenchmarkParentsForNext is what each heartbeat and reply asks, while somebody has
// signed 20,000 turns that nobody follows.
func BenchmarkParentsForNext(b *testing.B) {
	h := NewHistory()
	for i := range 20000 {
		h.Add(unsignedKind(b, KindChat, 5, uint64(i)))
	}
	for b.Loop() {
		h.ParentsForNext()
	}
}
