package store_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// Turns that are got along the order, against it, at random and twice are those asked
// for, whatever was read ahead; a row that is damaged stops only who asks for it.
func TestGetAlong(t *testing.T) {
	ts := chain(t, group, 400)
	o := withCheckpoint(t, storetest.New())
	s, _ := open(t, o)
	s.Append(ts)
	if _, err := s.Advance(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	backwards, mixed := slices.Clone(ts), slices.Clone(ts)
	slices.Reverse(backwards)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for what, order := range map[string][]*turn.Signed{"along": ts, "against": backwards, "mixed": mixed, "twice": slices.Concat(ts[:200], ts[:200])} {
		for i, want := range order {
			got, err := s.Get([]turn.ID{want.ID()})
			if err != nil || got[0] == nil || !slices.Equal(got[0].Bytes(), want.Bytes()) {
				t.Fatalf("%s, %d: %v, %v", what, i, got, err)
			}
		}
	}
	if got, err := s.Get([]turn.ID{{1}}); err != nil || got[0] != nil {
		t.Errorf("one that is not there: %v, %v", got, err)
	}
	s.SpoilCheckpoint("UPDATE turns SET signed = zeroblob(length(signed)) WHERE n = 30")
	for i, want := range ts[:40] {
		got, err := s.Get([]turn.ID{want.ID()})
		if bad := i == 29; bad != (err != nil) || !bad && got[0] == nil {
			t.Errorf("%d: %v, %v", i, got, err)
		}
	}
}
