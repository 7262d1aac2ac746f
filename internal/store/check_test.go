package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// What happens to a replica while the store runs is found, told, and repaired to
// the byte; what is appended meanwhile and later is there too.
func TestRepairRunning(t *testing.T) {
	all := chain(t, group, 9)
	ts, more := all[:6], all[6:]
	foreign, _ := otherLog(t)
	spoil := map[string]func(b []byte) []byte{
		"flipped":           func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"zeroed":            func(b []byte) []byte { clear(b[300:900]); return b },
		"cut":               func(b []byte) []byte { return b[:len(b)-30] },
		"cut between lines": func(b []byte) []byte { return bytes.Join(bytes.SplitAfter(b, []byte("\n"))[:4], nil) },
		"empty":             func([]byte) []byte { return []byte{} },
		"gone":              func([]byte) []byte { return nil },
		"another group's":   func([]byte) []byte { return foreign },
		"header flipped":    func(b []byte) []byte { b[20] ^= 1; return b },
	}
	for name, change := range spoil {
		for _, checkpoint := range []bool{false, true} {
			d := storetest.New()
			h := &hook{Disk: d}
			o := withCheckpoint(t, h)
			if !checkpoint {
				o.Checkpoint = ""
			}
			s, _ := open(t, o)
			s.Append(ts)
			if _, err := s.Advance(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			log, _ := d.Get(replica(1))
			if b := change(bytes.Clone(log)); b != nil {
				d.Put(replica(1), b)
			} else {
				d.Delete(replica(1))
			}

			checks := 0 // how often that opens replica 2
			h.onOpen = func(path string) {
				if path == replica(2) {
					checks++
				}
			}
			rep := s.Check()
			l := rep.Replicas[1]
			if rep.Consistent() || l.Consistent() || rep.Turns != 6 || rep.Missing != 0 || rep.Fingerprint != history(ts).Fingerprint() || rep.Group != group {
				t.Fatalf("%s: %+v", name, rep)
			}
			if name == "gone" != errors.Is(l.Err, fs.ErrNotExist) || name == "another group's" != errors.Is(l.Err, store.ErrOtherGroup) {
				t.Fatalf("%s: %v", name, l.Err)
			}
			between, opened := false, 0
			h.onOpen = func(path string) {
				if path == replica(2) {
					if opened++; opened == checks+1 { // after the check: it is read with the turn
						s.Append(more[2:])
					}
				}
				if !between && path == replica(1)+".new" {
					between = true
					s.Append(more[:1])
				}
			}
			rep = s.Repair(t.Context(), nil)
			h.onOpen = nil
			if l := rep.Replicas[1]; !between || !l.Repaired || !rep.Healthy() || rep.Consistent() || l.Missing > 0 && len(l.From) == 0 {
				t.Fatalf("%s: between: %v, %+v", name, between, rep)
			}
			for i, l := range rep.Replicas {
				if i != 1 && (l.Repaired || !l.Consistent()) {
					t.Fatalf("%s: %+v", name, l)
				}
			}
			s.Append(more[1:2])
			if rep := s.Check(); !rep.Consistent() || rep.Turns != 9 {
				t.Fatalf("%s: afterwards %+v", name, rep)
			}
			if body(t, d, 1) != body(t, d, 0) {
				t.Fatalf("%s: the replicas differ", name)
			}
			if _, err := s.Advance(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			s.Close()
			s, r := open(t, o)
			if r.Count != 9 || opened <= checks || checkpoint && (r.Checkpoint.Behind || len(r.New) != 0) {
				t.Fatalf("%s: %d turns, %+v", name, r.Count, r.Checkpoint)
			}
			s.Close()
		}
	}
}

// All replicas lose the same line: it comes from the checkpoint, or from what is
// in hand, or from the caller. Without these it is missing, and that is told.
func TestRepairAll(t *testing.T) {
	ts := chain(t, group, 4)
	for _, from := range []string{"checkpoint", "hand", "caller", "nowhere"} {
		d := storetest.New()
		o := withCheckpoint(t, d)
		if from == "caller" || from == "nowhere" {
			o.Checkpoint = ""
		}
		s, _ := open(t, o)
		s.Append(ts)
		want := body(t, d, 0)
		if from == "checkpoint" {
			s.Advance(t.Context(), nil)
		}
		for i := range 3 {
			log, _ := d.Get(replica(i))
			lines := bytes.SplitAfter(log, []byte("\n"))
			lines[2][40] ^= 1
			lines[2][150] ^= 1
			d.Put(replica(i), bytes.Join(lines, nil))
		}
		var rep *store.Report
		if from == "caller" {
			rep = s.Repair(t.Context(), slices.Values(ts))
		} else {
			rep = s.Repair(t.Context(), nil)
		}
		if from == "nowhere" {
			if rep.Missing != 1 || rep.Turns != 3 || len(rep.Replicas[2].Damaged) != 1 {
				t.Errorf("%+v", rep)
			}
			s.Append(ts[1:2]) // as a member sent it
			if rep := s.Check(); !rep.Consistent() || rep.Missing != 0 || rep.Turns != 4 {
				t.Errorf("%+v", rep)
			}
			continue
		}
		for i, l := range rep.Replicas {
			if l.Missing != 1 || !l.Repaired || len(l.From) != 1 || (l.From[0].Path == "checkpoint.db") != (from == "checkpoint") && i == 0 {
				t.Errorf("%s: %+v", from, l)
			}
			if body(t, d, i) != want {
				t.Errorf("%s: replica %d is\n%s", from, i, body(t, d, i))
			}
		}
	}
}

// What cannot be repaired says so, and nothing is replaced.
func TestRepairFails(t *testing.T) {
	ts := chain(t, group, 4)
	d := written(t, 3, ts[:3])
	s, _ := open(t, options(d))
	log, _ := d.Get(replica(2))
	log[200] ^= 1
	d.Put(replica(2), log)
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if op.Kind == storetest.OpRename {
			f.Err = errDisk
		}
		return f
	}
	rep := s.Repair(t.Context(), nil)
	if l := rep.Replicas[2]; l.Repaired || !errors.Is(l.Err, errDisk) || rep.Healthy() {
		t.Errorf("%+v", l)
	}
	if now, _ := d.Get(replica(2)); !bytes.Equal(now, log) {
		t.Error("it was replaced")
	}
	d.Fault = nil
	if res := s.Append(ts[3:]); res.Kept() < 2 {
		t.Error(res.Replicas)
	}
	s.SyncAll()
	if rep := s.Repair(t.Context(), nil); !rep.Healthy() || rep.Turns != 4 {
		t.Errorf("%+v", rep)
	}
	if rep := s.Check(); !rep.Consistent() {
		t.Errorf("%+v", rep)
	}
}

// A checkpoint that is spoiled while it is in use is made anew of the logs.
func TestRepairCheckpoint(t *testing.T) {
	ts := chain(t, group, 5)
	for _, statement := range []string{
		"UPDATE turns SET text = 'something else' WHERE n = 2",
		"UPDATE turns SET signed = zeroblob(300) WHERE n = 3",
		"UPDATE turns SET state = 3 WHERE n = 3",
		"DELETE FROM turns WHERE n = 4",
		"INSERT INTO words (words) VALUES ('delete-all')",
		"UPDATE state SET json = replace(json, 'ana', 'ane')",
		"INSERT INTO missing VALUES (zeroblob(32), 1)",
		"DROP TABLE words",
	} {
		d := storetest.New()
		o := withCheckpoint(t, d)
		s, _ := open(t, o)
		s.Append(ts)
		if _, err := s.Advance(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.SpoilCheckpoint(statement)
		rep := s.Repair(t.Context(), nil)
		if c := rep.Checkpoint; !errors.Is(c.Err, store.ErrCheckpoint) || !c.Repaired || !rep.Healthy() {
			t.Errorf("%s: %+v", statement, c)
		}
		if _, err := os.Stat(rep.Checkpoint.Aside); err != nil {
			t.Error(err)
		}
		if rep := s.Repair(t.Context(), nil); !rep.Consistent() || rep.Checkpoint.Turns != 5 {
			t.Errorf("%s: afterwards %+v", statement, rep)
		}
		s.Close()
		s, r := open(t, o)
		isRestored(t, statement, s, r, ts, 4)
		if len(r.New) != 0 || r.Checkpoint.Behind {
			t.Errorf("%s: %+v", statement, r.Checkpoint)
		}
		s.Close()
	}
}

// A checkpoint that nothing is wrong with is never taken for damaged, however often
// it is proved and searched between transactions: SQLite merges what these add to the
// index of words, and a connection that read the index before must not miss the parts
// that are gone.
func TestRepairHealthyCheckpoint(t *testing.T) {
	ts := chain(t, group, 80)
	o := withCheckpoint(t, storetest.New())
	s, _ := open(t, o)
	for i, v := range ts {
		s.Append([]*turn.Signed{v})
		if a, err := s.Advance(t.Context(), nil); err != nil || a.Remade {
			t.Fatal(i, a, err)
		}
		if c := s.Repair(t.Context(), nil).Checkpoint; c.Err != nil || c.Repaired {
			t.Fatalf("after %d transactions: %+v", i+1, c)
		}
	}
}

// The directory of a chat that runs is checked without its lock: no turn that is
// being written is told as missing.
func TestCheckBesideChat(t *testing.T) {
	ts := chain(t, group, 400)
	o := options(nil)
	o.Dir = t.TempDir()
	o.Parse = parseOnce
	s, _ := open(t, o)
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, v := range ts {
			s.Append([]*turn.Signed{v})
		}
	})
	check := store.Options{Dir: o.Dir, Parse: func(g turn.GroupID, b []byte) (*turn.Signed, error) { return turn.ParseTrusted(g, b) }}
	for range 50 {
		rep, err := store.Check(check)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range rep.Replicas {
			if l.Missing > 0 || len(l.Damaged) > 0 || l.Err != nil {
				t.Fatalf("%+v of %d", l, rep.Turns)
			}
		}
	}
	wg.Wait()
	rep, err := store.Check(check)
	if err != nil || !rep.Consistent() || rep.Turns != len(ts) || rep.Fingerprint != history(ts).Fingerprint() || rep.Group != group {
		t.Fatalf("%+v %v", rep, err)
	}
	if _, err := store.Repair(t.Context(), check); !errors.Is(err, store.ErrLocked) {
		t.Errorf("repaired beside a chat: %v", err)
	}
}

// The same by hand, knowing nothing but the directory.
func TestRepairDirectory(t *testing.T) {
	ts := chain(t, group, 5)
	o := options(nil)
	o.Dir = t.TempDir()
	if _, err := store.Check(store.Options{Dir: o.Dir}); !errors.Is(err, store.ErrNoRecord) {
		t.Errorf("nothing there: %v", err)
	}
	o.Checkpoint = filepath.Join(o.Dir, "checkpoint.db")
	s, r := open(t, o)
	s.Append(ts)
	s.Advance(t.Context(), nil)
	s.Close()
	paths := []string{r.Replicas[0].Path, r.Replicas[1].Path, r.Replicas[2].Path}
	healthy, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	spoiled := bytes.Clone(healthy)
	spoiled[300] ^= 1
	os.WriteFile(paths[1], spoiled, 0o600)
	os.Remove(paths[2])

	dir := store.Options{Dir: o.Dir, Checkpoint: o.Checkpoint}
	rep, err := store.Check(dir)
	if err != nil || rep.Consistent() || rep.Turns != 5 || !errors.Is(rep.Replicas[2].Err, fs.ErrNotExist) || len(rep.Replicas[1].Damaged) != 1 {
		t.Fatalf("%+v %v", rep, err)
	}
	if at := rep.Replicas[1].Damaged[0]; at.Line != bytes.Count(spoiled[:300], []byte("\n"))+1 || at.Offset > 300 {
		t.Errorf("%v", at)
	}
	rep, err = store.Repair(t.Context(), dir)
	if err != nil || rep.Consistent() || !rep.Healthy() || !rep.Replicas[1].Repaired || !rep.Replicas[2].Repaired || rep.Replicas[2].Missing != 5 {
		t.Fatalf("%+v %v", rep, err)
	}
	_, want, _ := strings.Cut(string(healthy), "\n")
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if _, got, _ := strings.Cut(string(b), "\n"); err != nil || got != want {
			t.Error(fmt.Sprint(p, err))
		}
	}
	rep, err = store.Repair(t.Context(), dir)
	if err != nil || !rep.Consistent() {
		t.Fatalf("%+v %v", rep, err)
	}
}

// An append that is under way while a directory is checked: what a replica lacks
// is there a moment later.
func TestCheckDuringAppend(t *testing.T) {
	ts := chain(t, group, 3)
	h := &hook{Disk: written(t, 3, ts)}
	whole, _ := h.Get(replica(1))
	h.Put(replica(1), disk1(h.Disk, 2))
	opens := 0
	h.onOpen = func(path string) {
		if path == replica(1) {
			if opens++; opens == 3 { // the first is for the header
				h.Put(replica(1), whole)
			}
		}
	}
	rep, err := store.Check(store.Options{FS: h, Dir: dir})
	if err != nil || !rep.Consistent() || opens != 3 {
		t.Errorf("%+v, %d opens, %v", rep, opens, err)
	}
}
