package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// openDamaged opens logs with these contents and checks what holds whatever
// they are: no turn that was never written, and all that was read is there at
// the next start, after another append.
func openDamaged(t *testing.T, all []*turn.Signed, contents ...[]byte) *store.Restored {
	t.Helper()
	d := storetest.New()
	for i, c := range contents {
		d.Put(replica(i), c)
	}
	o := options(d)
	o.Replicas, o.Parse = len(contents), parseOnce
	s, r, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !subset(r.New, all) {
		t.Fatal("there is a turn that nobody wrote")
	}
	return r
}

// restart appends a turn to what openDamaged opens and starts again.
func restart(t *testing.T, more *turn.Signed, content []byte) {
	t.Helper()
	d := storetest.New()
	d.Put(replica(0), content)
	o := options(d)
	o.Replicas, o.Parse = 1, parseOnce
	s, before, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Append([]*turn.Signed{more})
	s.Close()
	s, after, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !subset(append(before.New, more), after.New) {
		t.Fatal("an append after the damage lost something")
	}
}

func reported(st store.ReplicaState) bool {
	return len(st.Damaged) > 0 || st.Torn || st.Err != nil
}

// Cut at every byte: exactly the turns whose lines are whole, and told, unless
// it was cut between two lines.
func TestTruncatedEverywhere(t *testing.T) {
	all := chain(t, group, 4)
	ts, more := all[:3], all[3]
	whole, _ := written(t, 1, ts).Get(replica(0))
	for n := range whole {
		cut := whole[:n]
		r := openDamaged(t, ts, cut)
		lines := bytes.Count(cut, []byte("\n"))
		boundary := n == 0 || whole[n-1] == '\n' || whole[n] == '\n'
		if whole[n] == '\n' {
			lines++
		}
		if n == 0 {
			lines = 1 // no header, no turn
		}
		st := r.Replicas[0]
		if st.Turns != max(0, lines-1) || reported(st) == boundary {
			t.Fatalf("cut at %d: %d turns, want %d; reported %v", n, st.Turns, lines-1, reported(st))
		}
		restart(t, more, cut)

		// With a whole log beside it: nothing is lost, and it is seen in any
		// case.
		r = openDamaged(t, ts, cut, whole)
		if !slices.Equal(ids(r.New), ids(ts)) {
			t.Fatalf("cut at %d: the other log was whole, yet %d turns", n, len(r.New))
		}
		if st := r.Replicas[0]; !reported(st) && st.Missing == 0 && st.Turns != len(ts) {
			t.Fatalf("cut at %d: silently wrong", n)
		}
	}
}

// Every bit flipped: the exact turns, or damage that is told.
func TestFlippedEverywhere(t *testing.T) {
	all := chain(t, group, 3)
	ts, more := all[:2], all[2]
	whole, _ := written(t, 1, ts).Get(replica(0))
	generation := bytes.IndexByte(whole, '\n') - 16
	for i := range whole {
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[i] ^= 1 << bit
			r := openDamaged(t, ts, flipped)
			exact := slices.Equal(ids(r.New), ids(ts)) && r.Replicas[0].Turns == len(ts)
			told := reported(r.Replicas[0])
			switch {
			case !exact && !told:
				t.Fatalf("bit %d of byte %d flipped: silently %d turns", bit, i, len(r.New))
			case !told && (i < generation || i >= generation+16):
				t.Fatalf("bit %d of byte %d flipped: nobody saw it", bit, i)
			}
			if bit == i%8 {
				restart(t, more, flipped)
			}
			if r := openDamaged(t, ts, flipped, whole); !slices.Equal(ids(r.New), ids(ts)) {
				t.Fatalf("bit %d of byte %d flipped: the other log was whole, yet %d turns", bit, i, len(r.New))
			}
		}
	}
}

// Pairs of damaged logs: every turn that is whole in one of them is there, and
// with a third, whole log, all are.
func TestDamagedPairs(t *testing.T) {
	ts := chain(t, group, 3)
	whole, _ := written(t, 1, ts).Get(replica(0))
	type damagedLog struct {
		name    string
		content []byte
		turns   map[turn.ID]bool // what it gives alone
	}
	var logs []damagedLog
	add := func(name string, content []byte) {
		logs = append(logs, damagedLog{name, content, set(openDamaged(t, ts, content).New)})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	step := len(whole)/24 + 1
	for i := 0; i < len(whole); i += step {
		add(fmt.Sprintf("cut at %d", i), whole[:i])
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << rnd.IntN(8)
		add(fmt.Sprintf("flipped at %d", i), flipped)
		zeroed := bytes.Clone(whole)
		clear(zeroed[i:min(len(zeroed), i+200)])
		add(fmt.Sprintf("zeroed at %d", i), zeroed)
	}
	for _, a := range logs {
		for _, b := range logs {
			r := openDamaged(t, ts, a.content, b.content)
			got := set(r.New)
			for _, s := range ts {
				id := s.ID()
				if (a.turns[id] || b.turns[id]) && !got[id] {
					t.Fatalf("%s, %s: turn %s is lost", a.name, b.name, id.Short())
				}
			}
			if r := openDamaged(t, ts, a.content, b.content, whole); len(r.New) != len(ts) {
				t.Fatalf("%s, %s, whole: %d turns", a.name, b.name, len(r.New))
			}
		}
	}
}
