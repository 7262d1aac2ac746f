package store_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// withCheckpoint are options for logs on a disk in memory and a checkpoint in a
// real folder.
func withCheckpoint(t testing.TB, fsys store.FS) store.Options {
	store.Synchronous(false) // the files are copied, not the disk
	o := options(fsys)
	o.Checkpoint = filepath.Join(t.TempDir(), "checkpoint.db")
	o.Recent, o.Parse = 4, parseOnce
	return o
}

// history is the reference: what turn.History makes of these turns.
func history(ts []*turn.Signed) *turn.History {
	h := turn.NewHistory()
	for _, s := range ts {
		h.Add(s)
	}
	return h
}

// inOrder sorts turns by (stamp, id).
func inOrder(ts []*turn.Signed) []*turn.Signed {
	ts = slices.Clone(ts)
	slices.SortFunc(ts, func(a, b *turn.Signed) int { return a.Item().Compare(b.Item()) })
	return slices.CompactFunc(ts, func(a, b *turn.Signed) bool { return a.ID() == b.ID() })
}

// everything is all turns of a store: those of the checkpoint and the new ones.
func everything(t testing.TB, s *store.Store, r *store.Restored) []*turn.Signed {
	t.Helper()
	want := ids(r.New)
	if err := s.Items(t.Context(), func(it turn.Item) bool { want = append(want, it.ID); return true }); err != nil {
		t.Fatal(err)
	}
	ts, err := s.Get(want)
	if err != nil || slices.Contains(ts, nil) {
		t.Fatalf("%d turns cannot be got: %v", len(want), err)
	}
	return inOrder(ts)
}

// isRestored checks all that Open says about the turns against the reference.
func isRestored(t testing.TB, what string, s *store.Store, r *store.Restored, all []*turn.Signed, recent int) {
	t.Helper()
	h := history(all)
	all = inOrder(all)
	if got := everything(t, s, r); !slices.Equal(ids(got), ids(all)) || r.Count != len(all) {
		t.Fatalf("%s: %d turns, and it says %d, want %d", what, len(got), r.Count, len(all))
	}
	var heads []turn.ID
	for _, it := range r.Heads {
		heads = append(heads, it.ID)
	}
	sortIDs(heads)
	var missing []turn.ID
	for _, s := range all {
		missing = append(missing, h.Gap(s.ID())...)
	}
	sortIDs(missing)
	missing = slices.Compact(missing)
	if !slices.Equal(heads, h.Heads()) || !slices.Equal(r.Missing, missing) || r.MaxStamp != h.MaxStamp() {
		t.Fatalf("%s: %d heads, want %d; %d missing, want %d; stamp %d, want %d", what, len(heads), len(h.Heads()), len(r.Missing), len(missing), r.MaxStamp, h.MaxStamp())
	}
	near := slices.DeleteFunc(slices.Clone(all), func(s *turn.Signed) bool { return s.Stamp() > h.MaxStamp() })
	if want := near[max(0, len(near)-recent):]; !slices.Equal(ids(r.Recent), ids(want)) {
		t.Fatalf("%s: %d recent turns, want %d", what, len(r.Recent), len(want))
	}
	for _, v := range all {
		if !slices.Contains(r.Peers, store.Peer{Name: v.Turn().Name, Key: v.Turn().Author}) {
			t.Fatalf("%s: %s was not met: %v", what, v.Turn().Name, r.Peers)
		}
	}
}

func sortIDs(all []turn.ID) {
	slices.SortFunc(all, func(a, b turn.ID) int { return bytes.Compare(a[:], b[:]) })
}

// tangle makes turns of three names with several parents, some of which break
// the rules, and shuffles them; some are left out.
func tangle(t testing.TB, rnd *rand.Rand, n int) []*turn.Signed {
	var ts []*turn.Signed
	for i := range n {
		v := turn.Turn{
			Name: []string{"ana", "bia", "caê"}[rnd.IntN(3)], Stamp: 1, Time: 1_767_323_045_678 + int64(i),
			LineIDs: []turn.LineID{{byte(i)}}, Texts: []string{fmt.Sprintf("line %d", i)},
		}
		for range min(len(ts), rnd.IntN(3)) {
			p := ts[len(ts)-1-rnd.IntN(min(len(ts), 5))]
			if !slices.Contains(v.Parents, p.ID()) {
				v.Parents = append(v.Parents, p.ID())
				v.Stamp = max(v.Stamp, p.Stamp()+1)
			}
		}
		sortIDs(v.Parents)
		switch rnd.IntN(12) {
		case 0:
			v.Stamp = 1 // too low, if it has parents
		case 1:
			v.Stamp = min(v.Stamp+turn.MaxJump*2, turn.MaxStamp)
		}
		ts = append(ts, sign(t, group, v))
	}
	rnd.Shuffle(len(ts), func(i, j int) { ts[i], ts[j] = ts[j], ts[i] })
	return ts[rnd.IntN(n/4):]
}

// A random record, in a random sequence, with gaps and turns that break the
// rules, checkpointed now and then, with and without a clean end: what is
// restored is what turn.History makes of it, and so are the states.
func TestCheckpointLikeHistory(t *testing.T) {
	for seed := range uint64(25) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		ts := tangle(t, rnd, 60)
		d := storetest.New()
		o := withCheckpoint(t, d)
		var said []*turn.Signed
		s, _ := open(t, o)
		for len(ts) > 0 {
			n := min(len(ts), 1+rnd.IntN(8))
			s.Append(ts[:n])
			said, ts = append(said, ts[:n]...), ts[n:]
			switch rnd.IntN(4) {
			case 0:
				if a, err := s.Advance(t.Context(), nil); err != nil || a.Turns != len(said) || s.Behind() != 0 {
					t.Fatalf("seed %d: %+v of %d, %v", seed, a, len(said), err)
				}
			case 1:
				s.Close()
				var r *store.Restored
				s, r = open(t, o)
				what := fmt.Sprint("seed ", seed, " after ", len(said))
				isRestored(t, what, s, r, said, 4)
				if r.Checkpoint.Behind || r.Checkpoint.Problem != nil || r.Checkpoint.Turns+len(r.New) != len(said) {
					t.Fatalf("%s: %+v, %d new", what, r.Checkpoint, len(r.New))
				}
			}
		}
		if _, err := s.Advance(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		h := history(said)
		states, err := s.States()
		if err != nil || len(states) != len(said) {
			t.Fatal(len(states), err)
		}
		for id, state := range states {
			if h.Shown(id) != state {
				t.Fatalf("seed %d: a turn is %v, not %v", seed, state, h.Shown(id))
			}
		}
		if err := s.CheckCheckpoint(); err != nil {
			t.Fatal(err)
		}
	}
}

// checkpointed is a disk and a checkpoint with these turns, all but the last
// of which the checkpoint has; closed.
func checkpointed(t testing.TB, ts []*turn.Signed) (*storetest.Disk, store.Options) {
	t.Helper()
	d := storetest.New()
	o := withCheckpoint(t, d)
	s, _ := open(t, o)
	s.Append(ts[:len(ts)-1])
	if _, err := s.Advance(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s.Append(ts[len(ts)-1:])
	if err := s.SyncAll(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	return d, o
}

// copyTo is a checkpoint with what is in the files of another, changed.
func copyTo(t testing.TB, o store.Options, change func(b []byte) []byte) store.Options {
	t.Helper()
	b, err := os.ReadFile(o.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	o.Checkpoint = filepath.Join(t.TempDir(), "checkpoint.db")
	if err := os.WriteFile(o.Checkpoint, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// The checkpoint cut, flipped and zeroed in many places: the record is always
// exact, and what cannot be used is told and kept aside.
func TestCheckpointDamaged(t *testing.T) {
	ts := chain(t, group, 30)
	disk, o := checkpointed(t, ts)
	info, err := os.Stat(o.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	size := int(info.Size())
	rnd := rand.New(rand.NewPCG(5, 5))
	told, proved := 0, 0
	for n := range 300 {
		i := rnd.IntN(size)
		if n < 100 {
			i = n // the header of the file
		}
		how, change := "", func(b []byte) []byte { return b }
		switch n % 3 {
		case 0:
			how, change = "flipped", func(b []byte) []byte { b[i] ^= 1 << rnd.IntN(8); return b }
		case 1:
			how, change = "zeroed", func(b []byte) []byte { clear(b[i:min(size, i+rnd.IntN(5000))]); return b }
		case 2:
			how, change = "cut", func(b []byte) []byte { return b[:i] }
		}
		what := fmt.Sprintf("%s at %d", how, i)
		o := copyTo(t, o, change)
		d := disk.Crash()
		o.FS = d
		s, r, err := store.Open(o)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		// What the start had no need to read is found behind it.
		err = s.CheckCheckpoint()
		if err != nil && !errors.Is(err, store.ErrCheckpoint) {
			t.Fatalf("%s: %v", what, err)
		}
		if err == nil {
			isRestored(t, what, s, r, ts, 4)
		} else {
			proved++
		}
		if r.Checkpoint.Problem != nil {
			told++
			if _, err := os.Stat(r.Checkpoint.Aside); err != nil || !errors.Is(r.Checkpoint.Problem, store.ErrCheckpoint) {
				t.Fatalf("%s: %+v: %v", what, r.Checkpoint, err)
			}
		}
		for _, st := range r.Replicas {
			if st.Turns != len(ts) || !st.Consistent() {
				t.Fatalf("%s: %+v", what, st)
			}
		}
		s.Close()
	}
	if told < 50 || proved < 10 {
		t.Errorf("%d damaged checkpoints were told, and %d found behind the start", told, proved)
	}
}

// Killed after each step: what SQLite has written by then is what the next start
// finds. Then its write-ahead log is cut anywhere, as a power cut may.
func TestCheckpointKilled(t *testing.T) {
	ts := chain(t, group, 24)
	d := storetest.New()
	o := withCheckpoint(t, d)
	s, _ := open(t, o)
	rnd := rand.New(rand.NewPCG(6, 6))
	for i := 0; i < len(ts); i += 4 {
		s.Append(ts[i : i+4])
		if i%8 == 0 {
			if _, err := s.Advance(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 12 {
			dead := o
			dead.FS = d.Crash()
			dead.Checkpoint = filepath.Join(t.TempDir(), "checkpoint.db")
			for _, more := range []string{"", "-wal"} {
				b, err := os.ReadFile(o.Checkpoint + more)
				if err != nil {
					t.Fatal(err)
				}
				if more == "-wal" && n > 0 {
					b = b[:rnd.IntN(len(b)+1)]
				}
				if err := os.WriteFile(dead.Checkpoint+more, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, r, err := store.Open(dead)
			if err != nil {
				t.Fatal(err)
			}
			isRestored(t, fmt.Sprint("killed after ", i+4), s, r, ts[:i+4], 4)
			if err := s.CheckCheckpoint(); err != nil || n == 0 && r.Checkpoint.Problem != nil {
				t.Fatal(err, r.Checkpoint.Problem)
			}
			s.Close()
		}
	}
}

// A checkpoint that does not go with the logs: each case is told, no turn is
// lost, and nothing is destroyed.
func TestCheckpointElsewhere(t *testing.T) {
	ts := chain(t, group, 6)
	aside := func(o store.Options, suffix string) bool {
		_, err := os.Stat(o.Checkpoint + suffix)
		return err == nil
	}

	t.Run("missing", func(t *testing.T) {
		d, o := checkpointed(t, ts)
		os.Remove(o.Checkpoint)
		s, r := open(t, o)
		isRestored(t, "missing", s, r, ts, 4)
		if !r.Checkpoint.Created || len(r.New) != len(ts) || r.Checkpoint.Problem != nil {
			t.Errorf("%+v", r.Checkpoint)
		}
		if a, err := s.Advance(t.Context(), nil); err != nil || a.Turns != len(ts) || a.New != len(ts) {
			t.Error(a, err)
		}
		_ = d
	})
	t.Run("from the future", func(t *testing.T) {
		d, o := checkpointed(t, ts)
		for i := range 3 {
			log, _ := d.Get(replica(i))
			d.Put(replica(i), bytes.Join(bytes.SplitAfter(log, []byte("\n"))[:3], nil)) // two turns
		}
		s, r := open(t, o)
		isRestored(t, "from the future", s, r, ts[:5], 4)
		for i, st := range r.Replicas {
			if !r.Checkpoint.Behind || !st.Repaired || len(st.From) != 1 || st.From[0] != (store.Source{Path: "checkpoint.db", Turns: 3}) || st.Missing != 3 {
				t.Errorf("%+v", st)
			}
			want := ""
			for _, v := range ts[:5] {
				want += string(store.AppendLine(nil, v))
			}
			if body(t, d, i) != want {
				t.Error("it is not what was there")
			}
		}
	})
	t.Run("all logs lost", func(t *testing.T) {
		d, o := checkpointed(t, ts)
		d.Delete(replica(0))
		d.Put(replica(1), nil)
		d.Put(replica(2), []byte("noise\n"))
		s, r := open(t, o)
		isRestored(t, "all lost", s, r, ts[:5], 4)
		if body(t, d, 0) != body(t, d, 1) || body(t, d, 0) != body(t, d, 2) || strings.Count(body(t, d, 0), "\n") != 5 {
			t.Error("the logs were not made of the checkpoint")
		}
		if st := r.Replicas[2]; !st.Repaired || len(st.Damaged) == 0 {
			t.Errorf("%+v", st)
		}
	})
	t.Run("one log damaged", func(t *testing.T) {
		d, o := checkpointed(t, ts)
		want := body(t, d, 0)
		log, _ := d.Get(replica(1))
		d.Put(replica(1), log[:len(log)-700])
		s, r := open(t, o)
		isRestored(t, "one damaged", s, r, ts, 4)
		if !r.Checkpoint.Behind || r.Replicas[1].From[0].Path != replica(0) || body(t, d, 1) != want || len(r.New) != 1 {
			t.Errorf("%+v", r.Replicas[1])
		}
	})
	t.Run("another group's", func(t *testing.T) {
		_, o := checkpointed(t, ts)
		d2 := storetest.New()
		o2 := withCheckpoint(t, d2)
		o2.Group = otherGroup
		s, _ := open(t, o2)
		other := chain(t, otherGroup, 3)
		s.Append(other)
		s.Close()
		o2.Checkpoint = o.Checkpoint
		s, r := open(t, o2)
		isRestored(t, "another group's", s, r, other, 4)
		if !errors.Is(r.Checkpoint.Problem, store.ErrOtherGroup) || !aside(o, ".foreign") {
			t.Errorf("%+v", r.Checkpoint)
		}
		s.Close()

		// Nothing but a checkpoint of another group: it is the group that is wrong.
		o.Group = turn.GroupID{77}
		o.FS = storetest.New()
		o.Checkpoint += ".foreign"
		if _, _, err := store.Open(o); !errors.Is(err, store.ErrOtherGroup) {
			t.Error(err)
		}
	})
	t.Run("another member's", func(t *testing.T) {
		d, o := checkpointed(t, ts)
		other := chain(t, group, 40)[30:]
		d2 := storetest.New()
		o2 := withCheckpoint(t, d2)
		o2.Name = "bia"
		s, _ := open(t, o2)
		s.Append(other)
		s.Advance(t.Context(), nil)
		s.Close()
		o.Checkpoint, o.FS = o2.Checkpoint, d
		s, r := open(t, o)
		isRestored(t, "another member's", s, r, ts, 4)
		if !aside(o, ".foreign") || r.Checkpoint.Problem == nil {
			t.Errorf("%+v", r.Checkpoint)
		}
	})
	t.Run("newer schema", func(t *testing.T) {
		d, o := checkpointed(t, ts)
		store.WithMigration("CREATE TABLE more (n INTEGER)", func() {
			s, r := open(t, o) // the older one is migrated
			isRestored(t, "migrated", s, r, ts, 4)
			if r.Checkpoint.Turns != 5 || r.Checkpoint.Problem != nil {
				t.Errorf("%+v", r.Checkpoint)
			}
			if a, err := s.Advance(t.Context(), nil); err != nil || a.Turns != 6 {
				t.Error(a, err)
			}
			s.Close()
		})
		before := d.Files()
		_, _, err := store.Open(o)
		if !errors.Is(err, store.ErrNewerCheckpoint) || !strings.Contains(err.Error(), o.Checkpoint) || !slices.Equal(before, d.Files()) {
			t.Error(err)
		}
	})
	t.Run("no database", func(t *testing.T) {
		_, o := checkpointed(t, ts)
		if err := os.WriteFile(o.Checkpoint, []byte(strings.Repeat("a text\n", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, r := open(t, o)
		isRestored(t, "no database", s, r, ts, 4)
		if !errors.Is(r.Checkpoint.Problem, store.ErrCheckpoint) || !aside(o, ".damaged") {
			t.Errorf("%+v", r.Checkpoint)
		}
	})
	t.Run("a folder in its place", func(t *testing.T) {
		_, o := checkpointed(t, ts)
		os.Remove(o.Checkpoint)
		if err := os.MkdirAll(filepath.Join(o.Checkpoint, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		s, r := open(t, o)
		if r.Checkpoint.Problem == nil || r.Checkpoint.Aside != "" || !slices.Equal(ids(r.New), ids(ts)) {
			t.Errorf("%+v", r.Checkpoint)
		}
		if _, err := s.Advance(t.Context(), nil); err == nil {
			t.Error("it advanced")
		}
	})
}

// A checkpoint that cannot be written: the turns stay in hand, and the next
// Advance has them.
func TestAdvanceFails(t *testing.T) {
	ts := chain(t, group, 4)
	d := storetest.New()
	o := withCheckpoint(t, d)
	s, _ := open(t, o)
	s.Append(ts[:2])
	s.BreakCheckpoint(true)
	if _, err := s.Advance(t.Context(), nil); err == nil || s.Behind() != 2 {
		t.Fatal(err, s.Behind())
	}
	s.Append(ts[2:])
	if got, err := s.Get(ids(ts)); err != nil || !slices.Equal(ids(got), ids(ts)) {
		t.Fatal(err)
	}
	s.BreakCheckpoint(false)
	a, err := s.Advance(t.Context(), []store.Peer{{Name: "eva", Key: turn.Key{5}}})
	if err != nil || a.New != 4 || a.Turns != 4 || s.Behind() != 0 || cmp.Compare(a.Path, o.Checkpoint) != 0 {
		t.Fatal(a, err)
	}
	got, err := s.Get([]turn.ID{ts[3].ID(), {1}, ts[0].ID()})
	if err != nil || got[0].ID() != ts[3].ID() || got[1] != nil || got[2].ID() != ts[0].ID() {
		t.Fatal(got, err)
	}
	s.Close()
	_, r := open(t, o)
	if !slices.Contains(r.Peers, store.Peer{Name: "eva", Key: turn.Key{5}}) || r.Peers[0].Name != "ana" {
		t.Error(r.Peers)
	}
}

// A line that a turn carries is not offered again, also when the turn is in the
// checkpoint only and nothing noted that it was said.
func TestSaidInCheckpoint(t *testing.T) {
	ts := chain(t, group, 3)
	d := storetest.New()
	o := withCheckpoint(t, d)
	s, _ := open(t, o)
	line := ts[1].Turn().LineIDs[0]
	s.Queue(line, "line 1|\\")
	s.Queue(turn.LineID{9}, "another")
	s.Append(ts)
	for range 2 { // killed before Done
		if _, err := s.Advance(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.Close()
		var r *store.Restored
		s, r = open(t, o)
		if len(r.New) != 0 || len(r.Unsent) != 1 || r.Unsent[0].Text != "another" {
			t.Fatalf("%d new turns, unsent: %v", len(r.New), r.Unsent)
		}
	}
}

// A turn that is gone with all that names it is found by the number and the sum.
func TestCheckpointLacksTurn(t *testing.T) {
	s, _ := open(t, withCheckpoint(t, storetest.New()))
	s.Append(chain(t, group, 4))
	s.Advance(t.Context(), nil)
	if err := s.CheckCheckpoint(); err != nil {
		t.Fatal(err)
	}
	s.SpoilCheckpoint("DELETE FROM turns WHERE n = 2; INSERT INTO words (words) VALUES ('rebuild')")
	if err := s.CheckCheckpoint(); !errors.Is(err, store.ErrCheckpoint) {
		t.Error(err)
	}
}
