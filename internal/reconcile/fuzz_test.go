package reconcile

import (
	"errors"
	"flag"
	"maps"
	"testing"

	"github.com/papo-chat/papo/internal/fuzzloop"
	"github.com/papo-chat/papo/internal/turn"
)

var update = flag.Bool("update", false, "write seeds of fuzz targets anew")

// fuzzSets are those of the first n items, with the stamps 0, 1, 2 and so on, as many
// recorded sessions have.
var fuzzSets = func() (sets [256]Set) {
	var items []turn.Item
	for i := range sets {
		sets[i] = NewSlice(items)
		items = append(items, numbered(i, uint64(i)))
	}
	return sets
}()

// cutSet takes apart what a seed has: a byte that says how many items the receiver
// has, and a message.
func cutSet(b []byte) (Set, []byte) {
	if len(b) == 0 {
		return fuzzSets[0], nil
	}
	return fuzzSets[b[0]], b[1:]
}

// FuzzRespond takes what anyone may send as the first or next message of a session.
// The answer is within its limit and, read by a plain decoder, says the truth.
func FuzzRespond(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, b []byte) {
		set, msg := cutSet(b)
		responderMustTake(t, set, msg)
	})
}

// FuzzReconcile takes what anyone may send as an answer.
func FuzzReconcile(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, b []byte) {
		set, msg := cutSet(b)
		initiatorMustTake(t, set, msg)
	})
}

// FuzzSession has two sides reconcile that have any of sixteen stamps and ids each, a
// bit of the input for each, with frames as short as can be and without a limit: the
// differences told are the differences.
func FuzzSession(f *testing.F) {
	fuzzloop.Schedule(f, func(t testing.TB, b []byte) {
		var sides [2][]turn.Item
		for i, c := range b[:min(len(b), 512)] {
			it := numbered(i, uint64(c>>4))
			if c&1 != 0 {
				sides[0] = append(sides[0], it)
			}
			if c&2 != 0 {
				sides[1] = append(sides[1], it)
			}
		}
		wantA, wantB := difference(sides[0], sides[1]), difference(sides[1], sides[0])
		setA, setB := NewSlice(sides[0]), NewSlice(sides[1])
		if talk := converse(t, setA, setB, MinFrameLimit, MinFrameLimit, nil); !maps.Equal(talk.have, wantA) || !maps.Equal(talk.need, wantB) {
			t.Fatalf("%d had and %d needed, %d and %d differ", len(talk.have), len(talk.need), len(wantA), len(wantB))
		}
		onlyA, onlyB := Diff(setA, setB)
		for _, c := range []struct {
			got  []turn.ID
			want map[turn.ID]bool
		}{{onlyA, wantA}, {onlyB, wantB}} {
			if len(c.got) != len(c.want) {
				t.Fatalf("%d ids are told, %d differ", len(c.got), len(c.want))
			}
			for _, id := range c.got {
				if !c.want[id] {
					t.Fatalf("%s is told, twice or wrongly", id.Short())
				}
				delete(c.want, id)
			}
		}
	})
}

func difference(a, b []turn.Item) map[turn.ID]bool {
	only := map[turn.ID]bool{}
	for _, it := range a {
		only[it.ID] = true
	}
	for _, it := range b {
		delete(only, it.ID)
	}
	return only
}

// The seeds reach each kind of range, both kinds of refusal, answers of all kinds, and
// sessions whose sides differ much and little.
func TestSeedCorpus(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	for _, target := range []string{"FuzzRespond", "FuzzReconcile"} {
		met := map[string]int{}
		for _, b := range fuzzloop.Seeds(t, target) {
			set, msg := cutSet(b)
			if len(msg) > 0 {
				r := &reader{left: msg[1:], size: len(msg)}
				for r.more() {
					g, err := r.next()
					if err != nil {
						break
					}
					met[[]string{"skip", "fingerprint", "ids"}[g.mode]]++
				}
			}
			next, have, need, err := (&Session{set: set}).Reconcile(msg)
			answer, err2 := Respond(set, MinFrameLimit, msg)
			for what, is := range map[string]bool{
				"message refused": errors.Is(err, ErrMessage), "version refused": errors.Is(err, ErrVersion),
				"settled": err == nil && next == nil, "next": next != nil, "have": len(have) > 0, "need": len(need) > 0,
				"answer": err2 == nil && len(answer) > 1, "cut at the limit": len(answer) > MinFrameLimit-headroom-100,
			} {
				if is {
					met[what]++
				}
			}
		}
		for _, what := range []string{
			"skip", "fingerprint", "ids", "message refused", "version refused", "settled", "next", "have", "need", "answer", "cut at the limit",
		} {
			if met[what] == 0 {
				t.Errorf("%s: no seed reaches %q: %v", target, what, met)
			}
		}
	}
	if n := len(fuzzloop.Seeds(t, "FuzzSession")); n < 5 {
		t.Errorf("%d seeds of sessions", n)
	}
}

func writeSeeds(t *testing.T) {
	for name, part := range map[string]func(i int) byte{
		"same":     func(i int) byte { return byte(i) | 3 },
		"one":      func(i int) byte { return byte(i)&^3 | byte(i%2+1) },
		"none":     func(i int) byte { return byte(i) &^ 3 },
		"little":   func(i int) byte { return byte(i) | 3 - byte(i%97/96) },
		"newcomer": func(i int) byte { return byte(i)&^3 | 1 },
		"stamp":    func(i int) byte { return byte(3 - i%3) },
	} {
		b := make([]byte, 300)
		for i := range b {
			b[i] = part(i)
		}
		fuzzloop.WriteSeed(t, "FuzzSession", name, b)
	}
}
