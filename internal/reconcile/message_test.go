package reconcile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/turn"
)

// mustBeTrue reads a message with a second, plain decoder and checks that it
// says the truth about the set of its sender: ranges ascend, each list and
// each fingerprint is that of its range. The fingerprint that closes a message
// cut at its limit is of the range's end only (see answer), so of the last range
// only a part need be covered.
func mustBeTrue(t testing.TB, s Set, msg []byte) {
	t.Helper()
	pos := 0
	take := func(n int) []byte {
		t.Helper()
		if pos+n > len(msg) {
			t.Fatalf("the message ends within %d bytes at %d", n, pos)
		}
		pos += n
		return msg[pos-n : pos]
	}
	number := func() (n uint64) {
		t.Helper()
		for {
			c := take(1)[0]
			n = n*128 + uint64(c%128)
			if c < 128 {
				return n
			}
		}
	}
	if take(1)[0] != 0x61 {
		t.Fatalf("the message begins with %#x", msg[0])
	}
	var lower turn.Item
	for pos < len(msg) {
		upper := turn.Item{Stamp: math.MaxUint64}
		if v := number(); v > 0 {
			upper.Stamp = lower.Stamp + v - 1
		}
		copy(upper.ID[:], take(int(number())))
		if upper.Less(lower) {
			t.Fatalf("the range that ends at byte %d ends before it begins", pos)
		}
		from, to := s.Index(lower), s.Index(upper)
		switch mode := number(); mode {
		case 0:
		case 1:
			got, want := take(16), [16]byte{}
			found := false
			for ; from <= to && !found; from++ {
				want = Fingerprint(s, from, to)
				found = bytes.Equal(got, want[:])
				if pos < len(msg) {
					break
				}
			}
			if !found {
				t.Fatalf("the fingerprint that ends at byte %d is not of that range", pos)
			}
		case 2:
			if n := number(); n != uint64(to-from) {
				t.Fatalf("a list of %d ids ends at byte %d, the range has %d", n, pos, to-from)
			}
			for ; from < to; from++ {
				if id := s.At(from).ID; !bytes.Equal(take(32), id[:]) {
					t.Fatalf("the id that ends at byte %d is not item %d", pos, from)
				}
			}
		default:
			t.Fatalf("mode %d at byte %d", mode, pos)
		}
		lower = upper
	}
}

// TestMalformed: each rule of the format is broken once. Neither side takes it.
func TestMalformed(t *testing.T) {
	id := strings.Repeat("ab", 32)
	for _, c := range []struct{ name, msg, want string }{
		{"empty", "", "empty"},
		{"no version", "00", "no version"},
		{"stamp cut", "6181", "within a number"},
		{"no prefix length", "6105", "within a number"},
		{"prefix cut", "610502aa", "2 bytes are expected"},
		{"prefix too long", "610521" + id + "00" + "00", "longer than 32"},
		{"prefix length huge", "6105ffffffffffffffff7f", "longer than 32"},
		{"no mode", "610000", "within a number"},
		{"mode unknown", "61000003", "mode 3"},
		{"mode unknown and large", "610000ff00", "mode 16256"},
		{"fingerprint cut", "61000001" + id[:30], "16 bytes are expected"},
		{"no count", "61000002", "within a number"},
		{"count over what is left", "6100000202" + id, "list of 2 ids"},
		{"count huge", "61000002ffffffffffffffff7f" + id, "does not fit"},
		{"count over 64 bits", "6100000281ffffffffffffffffff7f" + id, "over 2^64-1"},
		{"number too long", "6180050000", "more digits"},
		{"stamps over 64 bits", "6181ffffffffffffffff7f000005" + "0000", "over 2^64-1"},
		{"stamp beyond infinity", "610000000201" + "00", "over 2^64-1"},
		{"infinity with an id", "610001aa00", "has an id"},
		{"bound goes back by id", "610501bb000101aa00", "ends before"},
		{"second range malformed", "61050000" + "050003", "range 1, before byte 7"},
		{"second range malformed, after a list", "6105000200" + "050003", "range 1, before byte 8"},
		{"more bytes after what is malformed", "61000003ffff", "range 0, before byte 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			msg, err := hex.DecodeString(c.msg)
			if err != nil {
				t.Fatal(err)
			}
			set := NewSlice([]turn.Item{numbered(1, 1), numbered(2, 20)})
			_, respondErr := Respond(set, 0, msg)
			_, _, _, sessionErr := (&Session{set: set}).Reconcile(msg)
			for _, err := range []error{respondErr, sessionErr} {
				if !errors.Is(err, ErrMessage) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q in it", err, c.want)
				}
			}
		})
	}
}

// TestDamagedMessages: real messages cut at each byte and with each bit flipped
// give an answer within the limit or an error.
func TestDamagedMessages(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	a, b := randomPair(rng, 520, 1, 1, 20, 0)
	setA := NewSlice(a)
	got := converse(t, setA, NewSlice(b), 4096, 4096, nil)
	if got.rounds < 2 {
		t.Fatalf("%d rounds are too few to damage", got.rounds)
	}
	for _, msg := range got.messages {
		for i := range len(msg) {
			mustTake(t, setA, msg[:i])
			for bit := range 8 {
				bad := bytes.Clone(msg)
				bad[i] ^= 1 << bit
				mustTake(t, setA, bad)
			}
		}
	}
}

// mustTake gives both sides a message that may be anything.
func mustTake(t testing.TB, s Set, msg []byte) {
	t.Helper()
	responderMustTake(t, s, msg)
	initiatorMustTake(t, s, msg)
}

// responderMustTake checks all that Respond promises for any message.
func responderMustTake(t testing.TB, s Set, msg []byte) {
	t.Helper()
	const limit = MinFrameLimit
	answer, err := Respond(s, limit, msg)
	switch {
	case err != nil && (answer != nil || !errors.Is(err, ErrMessage)):
		t.Fatalf("Respond: %d bytes and %v", len(answer), err)
	case err == nil && (len(answer) > limit || len(answer) == 0):
		t.Fatalf("Respond: an answer of %d bytes", len(answer))
	case err == nil:
		mustBeTrue(t, s, answer)
	}
}

// initiatorMustTake checks all that Reconcile promises for any message.
func initiatorMustTake(t testing.TB, s Set, msg []byte) {
	t.Helper()
	const limit = MinFrameLimit
	session, err := NewInitiator(s, limit)
	if err != nil {
		t.Fatal(err)
	}
	next, have, need, err := session.Reconcile(msg)
	if err != nil {
		if next != nil || have != nil || need != nil || !errors.Is(err, ErrMessage) && !errors.Is(err, ErrVersion) {
			t.Fatalf("Reconcile: %d bytes, %d had, %d needed and %v", len(next), len(have), len(need), err)
		}
		return
	}
	if len(next) > limit || next != nil && len(next) < 2 {
		t.Fatalf("Reconcile: a message of %d bytes", len(next))
	}
	if next != nil {
		mustBeTrue(t, s, next)
	}
	from := 0 // had ids are in the set and in its order, so they are no doubles
	for _, id := range have {
		for from < s.Len() && s.At(from).ID != id {
			from++
		}
		if from == s.Len() {
			t.Fatal("Reconcile: a had id is not in the set, or not in its place")
		}
		from++
	}
	if len(need) > len(msg)/32 {
		t.Fatalf("Reconcile: %d ids needed from %d bytes", len(need), len(msg))
	}
	lists := map[turn.ID]int{} // in how many
	r := &reader{left: msg[1:], size: len(msg)}
	for len(need) > 0 && r.more() {
		g, _ := r.next()
		in := map[turn.ID]bool{}
		for ; len(g.ids) > 0; g.ids = g.ids[len(turn.ID{}):] {
			if id := turn.ID(g.ids[:len(turn.ID{})]); !in[id] {
				in[id] = true
				lists[id]++
			}
		}
	}
	for _, id := range need {
		if lists[id]--; lists[id] < 0 {
			t.Fatal("Reconcile: a needed id is not in the message, or was told for its list already")
		}
	}
}

// TestFloods: long messages of the ranges that cost most. Their answers stay
// within the limit.
func TestFloods(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 10))
	items, _ := randomPair(rng, 20_000, 0, 0, 1<<20, 0)
	set := NewSlice(items)
	full := strings.Repeat("ff", 32)
	for name, unit := range map[string]string{
		"skips":               "010000",
		"empty lists":         "02000200",
		"lists at one place":  "01000200",
		"long bounds":         "0220" + full + "0200",
		"wrong fingerprints":  "020001" + full[:32],
		"right fingerprints":  "010001" + hex.EncodeToString(emptyFingerprint[:]),
		"far fingerprints":    "8800000001" + full[:32],
		"all, then no end":    "00000200",
		"fingerprints of all": "000001" + full[:32],
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(unit)
			if err != nil {
				t.Fatal(err)
			}
			mustTake(t, set, append([]byte{version}, bytes.Repeat(b, 60_000/len(b))...))
		})
	}
}

// TestVarint: shortest forms of numbers of all sizes come back as they were.
func TestVarint(t *testing.T) {
	for _, c := range []struct {
		n    uint64
		want string
	}{
		{0, "00"}, {1, "01"}, {127, "7f"}, {128, "8100"}, {300, "822c"}, {16383, "ff7f"}, {16384, "818000"},
		{1<<53 - 1, "8fffffffffffff7f"}, {math.MaxUint64, "81ffffffffffffffff7f"},
	} {
		b := appendVarint(nil, c.n)
		if got := hex.EncodeToString(b); got != c.want {
			t.Errorf("%d is %s, want %s", c.n, got, c.want)
		}
		r := &reader{left: b, size: len(b)}
		if n, err := r.varint(); err != nil || n != c.n || r.more() {
			t.Errorf("%s reads as %d, %v", c.want, n, err)
		}
	}
}
