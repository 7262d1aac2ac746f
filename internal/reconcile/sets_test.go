package reconcile

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/papo-chat/papo/internal/turn"
)

// numbered is an item that a number stands for: id SHA-256("item N").
func numbered(n int, stamp uint64) turn.Item {
	return turn.Item{Stamp: stamp, ID: turn.ID(sha256.Sum256(fmt.Appendf(nil, "item %d", n)))}
}

// randomItem has a stamp below stamps and a random id, which begins with shared
// zero bytes.
func randomItem(rng *rand.Rand, stamps uint64, shared int) turn.Item {
	it := turn.Item{Stamp: rng.Uint64N(stamps)}
	var b [32]byte
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rng.Uint64())
	}
	copy(it.ID[shared:], b[shared:])
	return it
}

// randomPair gives two lists of items: common ones, and some for one alone.
func randomPair(rng *rand.Rand, common, onlyA, onlyB int, stamps uint64, shared int) (a, b []turn.Item) {
	seen := map[turn.ID]bool{}
	item := func() turn.Item {
		for {
			if it := randomItem(rng, stamps, shared); !seen[it.ID] {
				seen[it.ID] = true
				return it
			}
		}
	}
	for range common {
		it := item()
		a, b = append(a, it), append(b, it)
	}
	for range onlyA {
		a = append(a, item())
	}
	for range onlyB {
		b = append(b, item())
	}
	return a, b
}

// missingFrom is the slow, obvious difference: the ids of items not in other.
func missingFrom(items, other []turn.Item) map[turn.ID]bool {
	out := map[turn.ID]bool{}
	for _, it := range items {
		out[it.ID] = true
	}
	for _, it := range other {
		delete(out, it.ID)
	}
	return out
}

// talk is what a session came to.
type talk struct {
	have, need map[turn.ID]bool
	doubles    int // ids told again
	rounds     int
	bytes      int
	messages   [][]byte
}

// maxRounds is far above what any session in these tests takes.
const maxRounds = 20_000

// converse runs a session to its end and checks each message against its limit.
// between, if not nil, is called after each message.
func converse(t testing.TB, a, b Set, limitA, limitB int, between func()) talk {
	t.Helper()
	s, err := NewInitiator(a, limitA)
	if err != nil {
		t.Fatal(err)
	}
	out := talk{have: map[turn.ID]bool{}, need: map[turn.ID]bool{}}
	tell := func(ids []turn.ID, to map[turn.ID]bool) {
		for _, id := range ids {
			if to[id] {
				out.doubles++
			}
			to[id] = true
		}
	}
	sent := func(msg []byte, limit int) {
		if limit > 0 && len(msg) > limit {
			t.Fatalf("round %d: a message of %d bytes, the limit is %d", out.rounds, len(msg), limit)
		}
		out.bytes += len(msg)
		out.messages = append(out.messages, msg)
		if between != nil {
			between()
		}
	}
	for msg := s.Initiate(); msg != nil; {
		if out.rounds++; out.rounds > maxRounds {
			t.Fatalf("no end after %d rounds", maxRounds)
		}
		sent(msg, limitA)
		reply, err := Respond(b, limitB, msg)
		if err != nil {
			t.Fatalf("round %d: the responder: %v", out.rounds, err)
		}
		sent(reply, limitB)
		var have, need []turn.ID
		msg, have, need, err = s.Reconcile(reply)
		if err != nil {
			t.Fatalf("round %d: the initiator: %v", out.rounds, err)
		}
		tell(have, out.have)
		tell(need, out.need)
	}
	return out
}

// mustFind checks that a session told exactly the differences of a and b.
func mustFind(t testing.TB, got talk, a, b []turn.Item) {
	t.Helper()
	for _, c := range []struct {
		what      string
		got, want map[turn.ID]bool
	}{
		{"have", got.have, missingFrom(a, b)},
		{"need", got.need, missingFrom(b, a)},
	} {
		if !maps.Equal(c.got, c.want) {
			t.Fatalf("%s: %d ids were told, %d differ, and they are not the same", c.what, len(c.got), len(c.want))
		}
	}
}

// growing is a set that items come into: a sorted list, made anew each time.
type growing struct{ *Slice }

func (g *growing) add(items ...turn.Item) {
	g.Slice = NewSlice(append(slices.Clone(g.items), items...))
}

// TestHistory reconciles histories of signed turns, as members do: they are Sets.
func TestHistory(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	a, b := turn.NewHistory(), turn.NewHistory()
	var itemsA, itemsB []turn.Item
	for i := range 200 {
		signed, err := turn.Sign(turn.GroupID{}, turn.Turn{
			Name: "ana", Stamp: uint64(1 + i/3), Time: int64(i), Kind: turn.KindChat,
			LineIDs: []turn.LineID{{byte(i)}}, Texts: []string{"hello"},
		}, key)
		if err != nil {
			t.Fatal(err)
		}
		it := turn.Item{Stamp: signed.Stamp(), ID: signed.ID()}
		if i%17 != 0 {
			a.Add(signed)
			itemsA = append(itemsA, it)
		}
		if i%13 != 0 {
			b.Add(signed)
			itemsB = append(itemsB, it)
		}
	}
	mustFind(t, converse(t, a, b, 4096, 4096, nil), itemsA, itemsB)
	if Fingerprint(a, 3, 150) != Fingerprint(NewSlice(itemsA), 3, 150) {
		t.Error("a History and a Slice of the same turns have different fingerprints")
	}
}

// TestSlice compares a Slice with walks over a sorted list and sums in big
// integers.
func TestSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	mod := new(big.Int).Lsh(big.NewInt(1), 256)
	for n := range 60 {
		items, _ := randomPair(rng, n, 0, 0, 1+rng.Uint64N(20), 0)
		for i := range items {
			if i%3 == 0 {
				items = append(items, items[i])
			}
		}
		s := NewSlice(append(items, turn.Item{Stamp: infinity}))
		if s.Len() != n {
			t.Fatalf("%d items, want %d", s.Len(), n)
		}
		for i := 1; i < n; i++ {
			if s.At(i-1).Compare(s.At(i)) >= 0 {
				t.Fatalf("items %d and %d are not in order", i-1, i)
			}
		}
		for range 20 {
			from := rng.IntN(n + 1)
			to := from + rng.IntN(n-from+1)
			want := new(big.Int)
			for i := from; i < to; i++ {
				id := s.At(i).ID
				slices.Reverse(id[:])
				want.Add(want, new(big.Int).SetBytes(id[:]))
			}
			want.Mod(want, mod)
			got := s.Sum(from, to)
			slices.Reverse(got[:])
			if want.Cmp(new(big.Int).SetBytes(got[:])) != 0 {
				t.Fatalf("sum of [%d, %d) of %d is wrong", from, to, n)
			}

			probe := randomItem(rng, 25, 0)
			if n > 0 && rng.IntN(2) == 0 {
				probe = s.At(rng.IntN(n))
			}
			before := 0
			for _, it := range s.items {
				if it.Less(probe) {
					before++
				}
			}
			if got := s.Index(probe); got != before {
				t.Fatalf("Index gives %d, %d are before it", got, before)
			}
		}
	}
}

// TestWindow compares windows, also of windows and of a set that grows, with
// copies of what is in them.
func TestWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 200 {
		items, _ := randomPair(rng, rng.IntN(60), 0, 0, 30, 0)
		g := &growing{NewSlice(items)}
		from, to := rng.Uint64N(32), rng.Uint64N(32)
		if rng.IntN(4) == 0 {
			to = infinity
		}
		inner, innerTo := rng.Uint64N(32), rng.Uint64N(32)
		w := Window(g, from, to)
		ww := Window(w, inner, innerTo)
		for range 3 {
			g.add(randomItem(rng, 30, 0))
			in := func(from, to uint64) []turn.Item {
				return slices.DeleteFunc(slices.Clone(g.items), func(it turn.Item) bool { return it.Stamp < from || it.Stamp >= to })
			}
			sameSet(t, rng, w, NewSlice(in(from, to)))
			sameSet(t, rng, ww, NewSlice(in(max(from, inner), min(to, innerTo))))
			sameSet(t, rng, still(ww), NewSlice(in(max(from, inner), min(to, innerTo))))
		}
	}
}

// counting counts the searches in a set.
type counting struct {
	*Slice
	searches int
}

func (c *counting) Index(it turn.Item) int {
	c.searches++
	return c.Slice.Index(it)
}

// TestWindowEndsAreFoundOnce: a message in a window of a window costs one search
// a range, and two for each window.
func TestWindowEndsAreFoundOnce(t *testing.T) {
	items, _ := randomPair(rand.New(rand.NewPCG(16, 16)), 1000, 0, 0, 100, 0)
	c := &counting{Slice: NewSlice(items)}
	w := Window(Window(c, 10, 90), 20, 80)
	s := &Session{set: w}
	msg := s.Initiate()
	if c.searches != 4 {
		t.Errorf("the first message took %d searches, want 4", c.searches)
	}
	c.searches = 0
	answer, err := Respond(w, 0, msg)
	if err != nil || len(answer) != 1 {
		t.Fatalf("answer %x, %v", answer, err)
	}
	if c.searches != buckets+4 {
		t.Errorf("an answer took %d searches, want %d", c.searches, buckets+4)
	}
	c.searches = 0
	if _, _, _, err := s.Reconcile(msg); err != nil || c.searches != buckets+4 {
		t.Errorf("reading an answer took %d searches, want %d; %v", c.searches, buckets+4, err)
	}
}

func sameSet(t *testing.T, rng *rand.Rand, got, want Set) {
	t.Helper()
	n := want.Len()
	if got.Len() != n {
		t.Fatalf("%d items, want %d", got.Len(), n)
	}
	for i := range n {
		if got.At(i) != want.At(i) {
			t.Fatalf("item %d of %d differs", i, n)
		}
	}
	from := rng.IntN(n + 1)
	to := from + rng.IntN(n-from+1)
	if got.Sum(from, to) != want.Sum(from, to) || Fingerprint(got, from, to) != Fingerprint(want, from, to) {
		t.Fatalf("sums of [%d, %d) differ", from, to)
	}
	probe := randomItem(rng, 34, 0)
	if got.Index(probe) != want.Index(probe) {
		t.Fatalf("Index gives %d, want %d", got.Index(probe), want.Index(probe))
	}
}
