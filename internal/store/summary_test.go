package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// summaryOf is what a Summary must be, by turn.History.
func summaryOf(all []*turn.Signed, recent int) (sum turn.Summary) {
	if len(all) == 0 {
		return sum
	}
	h := history(all)
	all = inOrder(all)
	at := map[turn.ID]*turn.Signed{}
	for _, s := range all {
		at[s.ID()] = s
	}
	sum.Count = len(all)
	for _, id := range h.Heads() {
		sum.Heads = append(sum.Heads, at[id].Item())
	}
	for _, s := range all {
		if s.Stamp() <= h.MaxStamp() {
			sum.Top = s.Item()
			sum.Recent = append(sum.Recent, s)
		} else {
			sum.Above = append(sum.Above, s.Item())
		}
		state := h.Shown(s.ID())
		if state == turn.Valid {
			continue
		}
		e := turn.Exception{Item: s.Item(), State: state}
		if state == turn.Pending {
			e.Known = s.Known()
			for _, p := range s.Turn().Parents {
				if at[p] == nil {
					e.Missing = append(e.Missing, p)
				} else {
					e.Top = max(e.Top, at[p].Stamp())
				}
			}
			sortIDs(e.Missing)
		}
		sum.Exceptions = append(sum.Exceptions, e)
	}
	sum.Recent = sum.Recent[max(0, len(sum.Recent)-recent):]
	return sum
}

// odder adds turns that this version does not understand, some of which wait for
// a parent, to a tangle.
func odder(t testing.TB, rnd *rand.Rand, ts []*turn.Signed) []*turn.Signed {
	for range 6 {
		p := ts[rnd.IntN(len(ts))]
		v := turn.Turn{
			Version: turn.Version + 1, Name: "eva", Stamp: min(p.Stamp()+1, turn.MaxStamp), Time: 1_767_323_045_678,
			Parents: []turn.ID{p.ID()}, LineIDs: []turn.LineID{{9}}, Texts: []string{fmt.Sprint("newer ", rnd.Uint64())},
		}
		if rnd.IntN(2) == 0 {
			v.Parents = append(v.Parents, turn.ID{byte(rnd.Uint32())})
			sortIDs(v.Parents)
		}
		ts = append(ts, sign(t, group, v))
	}
	rnd.Shuffle(len(ts), func(i, j int) { ts[i], ts[j] = ts[j], ts[i] })
	return ts
}

// The summary is that of a turn.History of what the checkpoint has, and of nothing
// else, for records with gaps, turns that break the rules, turns out of reach and
// turns of a newer papo, checkpointed at any moment.
func TestSummaryLikeHistory(t *testing.T) {
	states := map[turn.State]int{}
	above := 0
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 8))
		ts := odder(t, rnd, tangle(t, rnd, 40))
		o := withCheckpoint(t, storetest.New())
		o.Recent = rnd.IntN(6)
		var said []*turn.Signed
		covered := 0
		s, _ := open(t, o)
		for len(ts) > 0 {
			n := min(len(ts), 1+rnd.IntN(8))
			s.Append(ts[:n])
			said, ts = append(said, ts[:n]...), ts[n:]
			if rnd.IntN(2) == 0 {
				if _, err := s.Advance(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				covered = len(said)
			}
			if rnd.IntN(3) > 0 {
				continue
			}
			s.Close()
			var r *store.Restored
			s, r = open(t, o)
			want := summaryOf(said[:covered], o.Recent)
			if got := r.Summary; !reflect.DeepEqual(alike(got), alike(want)) {
				t.Fatalf("seed %d, %d of %d:\n%+v\nwant\n%+v", seed, covered, len(said), got, want)
			}
			if len(r.New) != len(said)-covered {
				t.Fatalf("seed %d: %d new, want %d", seed, len(r.New), len(said)-covered)
			}
			above += len(want.Above)
			for _, e := range want.Exceptions {
				states[e.State]++
			}
		}
		s.Close()
	}
	if above == 0 || states[turn.Pending] == 0 || states[turn.Invalid] == 0 || states[turn.Newer] == 0 {
		t.Errorf("it was no test: %d above, %v", above, states)
	}
}

// alike makes two summaries comparable.
func alike(s turn.Summary) any {
	recent := ids(s.Recent)
	s.Recent = nil
	s.Heads, s.Above, s.Exceptions = append([]turn.Item{}, s.Heads...), append([]turn.Item{}, s.Above...), append([]turn.Exception{}, s.Exceptions...)
	return []any{s, slices.Clone(recent)}
}

// A list of exceptions that is not whole is damage.
func TestExceptionsLost(t *testing.T) {
	ts := chain(t, group, 4)
	o := withCheckpoint(t, storetest.New())
	o.Recent = 0 // the row itself is not read
	s, _ := open(t, o)
	s.Append([]*turn.Signed{ts[0], ts[2], ts[3]})
	if _, err := s.Advance(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s.SpoilCheckpoint("UPDATE turns SET state = 2 WHERE n = 2")
	s.Close()
	s, r := open(t, o)
	isRestored(t, "lost", s, r, []*turn.Signed{ts[0], ts[2], ts[3]}, 0)
	if !errors.Is(r.Checkpoint.Problem, store.ErrCheckpoint) || r.Checkpoint.Aside == "" {
		t.Errorf("%+v", r.Checkpoint)
	}
}
