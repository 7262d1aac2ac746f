package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// A checkpoint that was filled by half: that is told, not as replicas that differ,
// and Repair has the next Advance put in what it lacks.
func TestCheckpointHalfFilled(t *testing.T) {
	ts := chain(t, group, 9)
	d := storetest.New()
	o := withCheckpoint(t, d)
	s, _ := open(t, o)
	s.Append(ts[:3])
	s.Advance(t.Context(), nil)
	s.Append(ts[3:7])
	s.Forget()
	s.Append(ts[7:])
	s.Advance(t.Context(), nil)

	rep := s.Check()
	if c := rep.Checkpoint; c.Missing != 4 || c.Turns != 5 || c.Consistent() || c.Healthy() || !rep.Consistent() || !rep.Healthy() || rep.Turns != 9 {
		t.Fatalf("%+v", rep)
	}
	rep = s.Repair(t.Context(), nil)
	if c := rep.Checkpoint; c.Missing != 4 || !c.Noted || c.Consistent() || !c.Healthy() || c.Err != nil || !rep.Consistent() {
		t.Fatalf("%+v", rep)
	}
	if a, err := s.Advance(t.Context(), nil); err != nil || a.New != 4 || a.Turns != 9 {
		t.Fatalf("%+v %v", a, err)
	}
	if rep := s.CheckAlike(); rep == nil || rep.Turns != 9 || !rep.Checkpoint.Consistent() || rep.Fingerprint != history(ts).Fingerprint() {
		t.Errorf("%+v", rep)
	}

	// The same of a directory, in one step.
	s.Append(chain(t, group, 11)[9:])
	s.Forget()
	s.Advance(t.Context(), nil)
	s.Close()
	dir := store.Options{FS: d, Dir: dir, Checkpoint: o.Checkpoint}
	rep, err := store.Repair(t.Context(), dir)
	if err != nil || rep.Checkpoint.Missing != 2 || !rep.Checkpoint.Healthy() {
		t.Fatalf("%+v %v", rep, err)
	}
	s, r := open(t, o)
	if rep := s.Check(); r.Count != 11 || !rep.Consistent() || !rep.Checkpoint.Consistent() {
		t.Errorf("%d turns, %+v", r.Count, rep)
	}
}

// What the checkpoint lacks goes into it only if its author signed it.
func TestCheckpointHalfFilledForged(t *testing.T) {
	ts := chain(t, group, 3)
	d := storetest.New()
	o := withCheckpoint(t, d)
	errForged := errors.New("forged")
	o.Parse = func(g turn.GroupID, b []byte) (*turn.Signed, error) {
		if s, err := turn.ParseTrusted(g, b); err != nil || s.ID() != ts[1].ID() {
			return s, err
		}
		return nil, errForged
	}
	s, _ := open(t, o)
	s.Append(ts)
	s.Forget()
	rep := s.Repair(t.Context(), nil)
	if c := rep.Checkpoint; c.Missing != 3 || c.Noted || c.Healthy() || !errors.Is(c.Err, errForged) || !rep.Healthy() || s.Behind() != 0 {
		t.Errorf("%+v", rep)
	}
}

// A turn that came into all logs though no Append said so, in the place of another,
// is known after Repair, with no checkpoint too.
func TestRepairTakesUp(t *testing.T) {
	ts := chain(t, group, 3)
	d := storetest.New()
	s, _ := open(t, options(d))
	s.Append(ts[:2])
	for i := range 3 {
		log, _ := d.Get(replica(i))
		d.Put(replica(i), bytes.Replace(log, store.AppendLine(nil, ts[1]), store.AppendLine(nil, ts[2]), 1))
	}
	if rep := s.Repair(t.Context(), nil); rep.Turns != 2 || rep.Missing != 1 {
		t.Fatalf("%+v", rep)
	}
	s.Append(ts[1:2]) // as a member sent it, to the files that were replaced
	if rep := s.Repair(t.Context(), nil); !rep.Healthy() {
		t.Fatalf("%+v", rep)
	}
	if rep := s.CheckAlike(); rep == nil || rep.Turns != 3 || rep.Fingerprint != history(ts).Fingerprint() {
		t.Errorf("%+v", rep)
	}
}

// A checkpoint that cannot be read says so, and nothing is told of the replicas.
func TestCheckpointUnreadable(t *testing.T) {
	ts := chain(t, group, 3)
	o := withCheckpoint(t, storetest.New())
	s, _ := open(t, o)
	s.Append(ts)
	s.Advance(t.Context(), nil)
	s.SpoilCheckpoint("UPDATE state SET crc = 1")
	rep := s.Check()
	if c := rep.Checkpoint; !errors.Is(c.Err, store.ErrCheckpoint) || c.Healthy() || c.Missing != 0 || !rep.Consistent() || rep.Turns != 3 {
		t.Errorf("%+v", rep)
	}
	if rep := s.Repair(t.Context(), nil); !rep.Checkpoint.Repaired || !rep.Checkpoint.Healthy() || !rep.Consistent() {
		t.Errorf("%+v", rep)
	}
}

// A proof will do for as long as Options say, unless damage was met since.
func TestProveEvery(t *testing.T) {
	ts := chain(t, group, 4)
	o := withCheckpoint(t, storetest.New())
	o.ProveEvery = time.Hour
	s, _ := open(t, o)
	s.Append(ts)
	s.Advance(t.Context(), nil)
	if rep := s.Repair(t.Context(), nil); !rep.Checkpoint.Consistent() {
		t.Fatalf("%+v", rep)
	}
	s.SpoilCheckpoint("UPDATE turns SET state = 3 WHERE n = 2")
	if rep := s.Repair(t.Context(), nil); !rep.Checkpoint.Consistent() {
		t.Fatalf("it was proved again: %+v", rep)
	}
	if _, err := s.Get(ids(ts[1:2])); !errors.Is(err, store.ErrCheckpoint) {
		t.Fatal(err)
	}
	if rep := s.Repair(t.Context(), nil); !rep.Checkpoint.Repaired || !errors.Is(rep.Checkpoint.Err, store.ErrCheckpoint) {
		t.Fatalf("%+v", rep)
	}
	s.Close()

	s, _ = open(t, o)
	s.SpoilCheckpoint("UPDATE turns SET state = 3 WHERE n = 2")
	if rep := s.Repair(t.Context(), nil); !rep.Checkpoint.Repaired {
		t.Errorf("not proved after a start: %+v", rep)
	}
}

// Nothing is left but the checkpoint: it says whose record it is.
func TestOnlyCheckpointLeft(t *testing.T) {
	ts := chain(t, group, 5)
	o := options(nil)
	o.Dir, o.Name = t.TempDir(), "Ana"
	o.Checkpoint = filepath.Join(o.Dir, "checkpoint.db")
	s, _ := open(t, o)
	s.Append(ts)
	s.Advance(t.Context(), nil)
	s.Close()
	for _, name := range []string{"replicas", "unsent.log"} {
		if err := os.RemoveAll(filepath.Join(o.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Check(store.Options{Dir: o.Dir}); !errors.Is(err, store.ErrNoRecord) {
		t.Errorf("without the checkpoint: %v", err)
	}
	if _, err := store.Check(store.Options{Dir: o.Dir, Checkpoint: filepath.Join(o.Dir, "none.db")}); !errors.Is(err, store.ErrNoRecord) {
		t.Errorf("with none: %v", err)
	}
	dir := store.Options{Dir: o.Dir, Checkpoint: o.Checkpoint}
	v, err := store.Look(dir)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := v.Find(t.Context(), store.Filter{}); err != nil || len(found) != 5 || v.Group != group {
		t.Errorf("%d turns of %v: %v", len(found), v.Group, err)
	}
	v.Close()
	rep, err := store.Check(dir)
	if err != nil || rep.Turns != 5 || rep.Group != group || rep.Missing != 0 || rep.Fingerprint != history(ts).Fingerprint() ||
		rep.Consistent() || !rep.Checkpoint.Consistent() || rep.Checkpoint.Turns != 5 {
		t.Fatalf("%+v %v", rep, err)
	}
	for _, l := range rep.Replicas {
		if l.Missing != 5 || !errors.Is(l.Err, fs.ErrNotExist) {
			t.Errorf("%+v", l)
		}
	}
	rep, err = store.Repair(t.Context(), dir)
	if err != nil || !rep.Healthy() || !rep.Checkpoint.Consistent() || !rep.Replicas[2].Repaired {
		t.Fatalf("%+v %v", rep, err)
	}
	if rep, err = store.Check(dir); err != nil || !rep.Consistent() || rep.Turns != 5 {
		t.Fatalf("%+v %v", rep, err)
	}

	// One log says nothing of its group.
	for i := range 3 {
		path := rep.Replicas[i].Path
		if i > 0 {
			os.Remove(path)
		} else if err := os.WriteFile(path, []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(filepath.Join(o.Dir, "unsent.log"))
	if rep, err = store.Check(dir); err != nil || rep.Turns != 5 || rep.Group != group {
		t.Errorf("%+v %v", rep, err)
	}
}

// While a chat writes: what its checkpoint does not have yet is nothing amiss.
func TestCheckDirectoryWithCheckpoint(t *testing.T) {
	ts := chain(t, group, 5)
	o := options(nil)
	o.Dir = t.TempDir()
	o.Checkpoint = filepath.Join(o.Dir, "checkpoint.db")
	s, _ := open(t, o)
	s.Append(ts[:3])
	s.Advance(t.Context(), nil)
	s.Append(ts[3:])
	rep, err := store.Check(store.Options{Dir: o.Dir, Checkpoint: o.Checkpoint})
	if err != nil || rep.Turns != 5 || !rep.Consistent() || !rep.Checkpoint.Consistent() || rep.Checkpoint.Turns != 3 {
		t.Errorf("%+v %v", rep, err)
	}
	if err := os.WriteFile(o.Checkpoint+".2", []byte("no database, but long enough to be taken for one"), 0o600); err != nil {
		t.Fatal(err)
	}
	rep, err = store.Check(store.Options{Dir: o.Dir, Checkpoint: o.Checkpoint + ".2"})
	if err != nil || rep.Turns != 5 || !rep.Consistent() || rep.Checkpoint.Consistent() {
		t.Errorf("%+v %v", rep, err)
	}
}
