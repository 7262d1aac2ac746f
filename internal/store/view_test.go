package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

// looked opens a record to be looked at.
func looked(t testing.TB, o store.Options) *store.View {
	t.Helper()
	v, err := store.Look(store.Options{Dir: o.Dir, ReplicaDirs: o.ReplicaDirs, Checkpoint: o.Checkpoint})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

// all is what a view gives of the whole record, and what of it is shown.
func all(t testing.TB, v *store.View, ts []*turn.Signed) (every, shown string) {
	t.Helper()
	var got []*turn.Signed
	for s, err := range v.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	found, err := v.Find(t.Context(), store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != v.Restored.Count {
		t.Errorf("%d turns, and %d told", len(got), v.Restored.Count)
	}
	return numbers(ts, got), numbers(ts, found)
}

// recordOf is a store with a checkpoint in a directory of its own.
func recordOf(t testing.TB) store.Options {
	o := options(nil)
	o.Dir = t.TempDir()
	o.Checkpoint = filepath.Join(o.Dir, "checkpoint.db")
	return o
}

// What a chat does after Look makes no difference to a view.
func TestViewIsOfOneMoment(t *testing.T) {
	ts := spoken(t, "one", "two", "three", "four", "five")
	o := recordOf(t)
	s, _ := open(t, o)
	defer s.Close()
	s.Append(ts[:2])
	s.Advance(context.Background(), nil)
	s.Append(ts[2:3])
	v := looked(t, o)
	s.Append(ts[3:])
	if _, err := s.Advance(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if every, shown := all(t, v, ts); every != "0 1 2" || shown != "0 1 2" {
		t.Errorf("all %s, shown %s", every, shown)
	}
	if every, _ := all(t, looked(t, o), ts); every != "0 1 2 3 4" {
		t.Errorf("later: %s", every)
	}
}

// A turn that waits in the checkpoint is judged when its parent stands in a log.
func TestViewJudges(t *testing.T) {
	parent := sign(t, group, turn.Turn{Name: "ana", Stamp: 7, LineIDs: []turn.LineID{{1}}, Texts: []string{"word one"}})
	child := sign(t, group, turn.Turn{Name: "ana", Stamp: 5, Parents: []turn.ID{parent.ID()}, LineIDs: []turn.LineID{{2}}, Texts: []string{"word two"}})
	low := sign(t, group, turn.Turn{Name: "ana", Stamp: 6, Parents: []turn.ID{parent.ID()}, LineIDs: []turn.LineID{{3}}, Texts: []string{"word three"}})
	other := sign(t, group, turn.Turn{Name: "bia", Stamp: 6, LineIDs: []turn.LineID{{4}}, Texts: []string{"word four"}})
	ts := []*turn.Signed{child, other, low, parent}
	o := recordOf(t)
	s, _ := open(t, o)
	defer s.Close()
	s.Append(ts[:2])
	s.Advance(context.Background(), nil)
	if _, shown := all(t, looked(t, o), ts); shown != "0 1" {
		t.Errorf("before: %s", shown)
	}
	s.Append(ts[2:])
	for _, checkpoint := range []string{o.Checkpoint, ""} {
		o := o
		o.Checkpoint = checkpoint
		v := looked(t, o)
		if _, shown := all(t, v, ts); shown != "1 3" {
			t.Errorf("%q: shown %s", checkpoint, shown)
		}
		for _, tt := range []struct {
			f    store.Filter
			want string
		}{
			{store.Filter{Limit: 1}, "3"}, {store.Filter{Limit: 1, First: true}, "1"}, {store.Filter{Words: "word"}, "1 3"},
			{store.Filter{Words: "word", Limit: 1, First: true}, "1"},
		} {
			if found, err := v.Find(t.Context(), tt.f); numbers(ts, found) != tt.want || err != nil {
				t.Errorf("%q: %+v: %s, %v", checkpoint, tt.f, numbers(ts, found), err)
			}
		}
	}
}

// The checkpoint is of use with any number of replicas, and with those that are left.
func TestLookWithFewerReplicas(t *testing.T) {
	ts := spoken(t, "one", "two", "three")
	for _, replicas := range []int{1, 2, 5} {
		o := recordOf(t)
		o.Replicas = replicas
		s, _ := open(t, o)
		s.Append(ts[:2])
		s.Advance(context.Background(), nil)
		s.Append(ts[2:])
		s.Close()
		for i := range replicas {
			v := looked(t, o)
			if every, _ := all(t, v, ts); every != "0 1 2" || len(v.Restored.New) != 1 || len(v.Restored.Replicas) != replicas-i {
				t.Errorf("%d of %d: %s, %d behind, %d replicas", replicas-i, replicas, every, len(v.Restored.New), len(v.Restored.Replicas))
			}
			if i < replicas-1 {
				if err := os.Remove(filepath.Join(o.Dir, "replicas", fmt.Sprintf("replica_ana_%d.log", i))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// Logs of another group and of a newer format are passed over.
func TestLookAmongOthers(t *testing.T) {
	ts := spoken(t, "one", "two", "three")
	for _, beside := range []string{
		"papo-log 1|" + fmt.Sprintf("%064x", 77) + "|0000000000000000\n",
		"papo-log 2|" + fmt.Sprintf("%064x", 77) + "|0000000000000000\nwhat is in it nobody knows\n",
	} {
		for _, covered := range []bool{false, true} {
			o := recordOf(t)
			s, _ := open(t, o)
			s.Append(ts)
			if covered {
				s.Advance(context.Background(), nil)
			}
			s.Close()
			for _, i := range []int{0, 2} {
				if err := os.WriteFile(filepath.Join(o.Dir, "replicas", fmt.Sprintf("replica_ana_%d.log", i)), []byte(beside), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, checkpoint := range []string{o.Checkpoint, ""} {
				o.Checkpoint = checkpoint
				v := looked(t, o)
				if every, _ := all(t, v, ts); every != "0 1 2" || v.Group != group {
					t.Errorf("%.20s, covered %v, checkpoint %q: %s of group %x", beside, covered, checkpoint, every, v.Group[:2])
				}
			}
			if g, err := store.GroupOf(store.Options{Dir: o.Dir}); g != group || err != nil {
				t.Errorf("group %x, %v", g[:2], err)
			}
		}
	}
}

// A row that stands in another place than its turn says is damage: the logs are read.
func TestViewOfWrongPlaces(t *testing.T) {
	ts := spoken(t, "one", "two", "three", "four")
	for _, spoil := range []string{
		"UPDATE turns SET stamp = 1000 WHERE n = 2", "UPDATE turns SET stamp = 0 WHERE n = 4", "DELETE FROM turns WHERE n = 3",
		"UPDATE turns SET signed = zeroblob(9) WHERE n = 1", "UPDATE turns SET state = 3 WHERE n = 4",
		"UPDATE turns SET stamp = 9000000000000000 WHERE n = 3",
	} {
		o := recordOf(t)
		s, _ := open(t, o)
		s.Append(ts)
		s.Advance(context.Background(), nil)
		s.SpoilCheckpoint(spoil)
		s.Close()
		v := looked(t, o)
		if err := v.Prove(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []*turn.Signed
		for s, err := range v.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s)
		}
		if numbers(ts, got) != "0 1 2 3" {
			t.Errorf("%s: %s", spoil, numbers(ts, got))
		}
		v = looked(t, o)
		if err := v.Prove(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := v.Find(t.Context(), store.Filter{First: true}); numbers(ts, got) != "0 1 2 3" || err != nil {
			t.Errorf("%s: found %s, %v", spoil, numbers(ts, got), err)
		}
	}
}
