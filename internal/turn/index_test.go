package turn

import (
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

func randomID(rng *rand.Rand) ID {
	var id ID
	for i := 0; i < len(id); i += 8 {
		binary.LittleEndian.PutUint64(id[i:], rng.Uint64())
	}
	return id
}

// slowSum adds ids with big integers.
func slowSum(items []Item) [32]byte {
	total := new(big.Int)
	for _, it := range items {
		id := it.ID
		slices.Reverse(id[:])
		total.Add(total, new(big.Int).SetBytes(id[:]))
	}
	total.Mod(total, new(big.Int).Lsh(big.NewInt(1), 256))
	var b [32]byte
	total.FillBytes(b[:])
	slices.Reverse(b[:])
	return b
}

// compareIndex asks x everything that the sorted slice can answer.
func compareIndex(t *testing.T, rng *rand.Rand, x *index, want []Item) {
	t.Helper()
	if x.len() != len(want) {
		t.Fatalf("%d items, want %d", x.len(), len(want))
	}
	for i, it := range want {
		if got := x.at(i); got != it {
			t.Fatalf("at(%d) = %v, want %v", i, got, it)
		}
		if got := x.rank(it); got != i {
			t.Fatalf("rank of item %d = %d", i, got)
		}
	}
	for range 50 {
		probe := Item{Stamp: rng.Uint64N(70), ID: randomID(rng)}
		at, _ := slices.BinarySearchFunc(want, probe, Item.Compare)
		if got := x.rank(probe); got != at {
			t.Fatalf("rank(%v) = %d, want %d", probe, got, at)
		}
		from := rng.IntN(len(want) + 1)
		to := from + rng.IntN(len(want)+1-from)
		if got := x.sumBefore(to).Minus(x.sumBefore(from)).Bytes(); got != slowSum(want[from:to]) {
			t.Fatalf("sum of [%d, %d) = %x", from, to, got)
		}
	}
}

func TestIndex(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var x index
		var want []Item
		compareIndex(t, rng, &x, want)
		for n := range 10_000 {
			it := Item{Stamp: rng.Uint64N(64), ID: randomID(rng)}
			switch seed {
			case 1: // ever later
				it.Stamp = uint64(n)
			case 2: // ever earlier
				it.Stamp = uint64(20_000 - n)
			case 3: // carries over all words
				for i := range it.ID[8:] {
					it.ID[8+i] = 0xff
				}
			}
			if n > 0 && rng.IntN(10) == 0 {
				it = want[rng.IntN(len(want))] // again
			}
			at, found := slices.BinarySearchFunc(want, it, Item.Compare)
			if x.insert(it) == found {
				t.Fatalf("seed %d: insert %d: wrong answer", seed, n)
			}
			if !found {
				want = slices.Insert(want, at, it)
			}
			if n < 3*width && n%7 == 0 {
				compareIndex(t, rng, &x, want)
			}
		}
		compareIndex(t, rng, &x, want)
		depth(t, &x.root, true)
	}
}

// depth checks that all leaves are equally deep and no node is too wide or, the
// root apart, less than half full; and that what each branch keeps is right.
func depth(t *testing.T, b *branch, root bool) int {
	t.Helper()
	if size := len(b.node.items) + len(b.node.kids); size > width || (!root && size < width/2) {
		t.Fatalf("a node of %d", size)
	}
	if b.low != branchOf(b.node).low || b.count != branchOf(b.node).count || b.sum != branchOf(b.node).sum {
		t.Fatal("a branch is wrong about its node")
	}
	d := -1
	for i := range b.node.kids {
		below := depth(t, &b.node.kids[i], false)
		if i > 0 && below != d {
			t.Fatal("the leaves are not equally deep")
		}
		d = below
	}
	return d + 1
}
