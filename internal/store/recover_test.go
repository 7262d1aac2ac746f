package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// A replica that missed an append is not covered by the checkpoint: the next
// start mends it, though the others are as the checkpoint says.
func TestIncompleteReplica(t *testing.T) {
	ts := chain(t, group, 4)
	d := storetest.New()
	o := withCheckpoint(t, d)
	s, _ := open(t, o)
	s.Append(ts[:1])
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if op.Kind == storetest.OpWrite && op.Path == replica(2) {
			f = storetest.Fault{Err: errDisk, Torn: op.Size / 3}
		}
		return f
	}
	s.Append(ts[1:2])
	d.Fault = nil
	s.Append(ts[2:])
	if _, err := s.Advance(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if body(t, d, 2) == body(t, d, 0) {
		t.Fatal("it has what it missed")
	}
	s, r := open(t, o)
	if st := r.Replicas[2]; !st.Repaired || st.Missing != 1 || !r.Checkpoint.Behind || body(t, d, 2) != body(t, d, 0) {
		t.Errorf("%+v", st)
	}
	if _, err := s.Advance(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, r := open(t, o); r.Checkpoint.Behind {
		t.Error("all logs were read whole again")
	}
}

// More is said while a log is repaired than can be noted: it is not replaced, for
// it has turns that the new one lacks.
func TestRepairOverflow(t *testing.T) {
	ts := chain(t, group, 3)
	h := &hook{Disk: written(t, 3, ts)}
	s, _ := open(t, options(h))
	log, _ := h.Get(replica(1))
	log[200] ^= 1
	h.Put(replica(1), log)
	many := slices.Repeat(ts, 2000)
	said := false
	h.onOpen = func(path string) {
		if path == replica(1)+".new" && !said {
			said = true
			s.Append(many)
		}
	}
	rep := s.Repair(t.Context(), nil)
	if l := rep.Replicas[1]; !said || l.Repaired || l.Err == nil {
		t.Fatalf("%v %+v", said, l)
	}
	if rep := s.Repair(t.Context(), nil); !rep.Healthy() {
		t.Errorf("%+v", rep)
	}
}

// With a checkpoint, every operation on the logs failed once, and was the
// process's last once; then the power was cut: no turn that was kept, or was in
// the checkpoint, is lost, and none is there that nobody wrote.
func TestEveryOperationFailsWithCheckpoint(t *testing.T) {
	all := chain(t, group, 8)
	for _, start := range []string{"there", "torn", "gone"} {
		ops := faultRun(t, start, all, -1, false) // nothing fails
		for n := range ops {
			if !one(n) {
				continue
			}
			for _, kill := range []bool{false, true} {
				faultRun(t, start, all, n, kill)
			}
		}
		if ops < 80 {
			t.Errorf("%s: only %d operations", start, ops)
		}
	}
}

// faultRun is one such run; operation n suffers. It gives the number of
// operations.
func faultRun(t *testing.T, start string, all []*turn.Signed, n int, kill bool) int {
	t.Helper()
	what := fmt.Sprintf("%s: operation %d, kill: %v", start, n, kill)
	d := storetest.New()
	o := withCheckpoint(t, d)
	s, _ := open(t, o)
	s.Append(all[:3])
	s.Advance(t.Context(), nil)
	s.SyncAll()
	s.Close()
	log, _ := d.Get(replica(1))
	switch start {
	case "torn":
		d.Put(replica(1), log[:len(log)-40])
	case "gone":
		d.Delete(replica(1))
	}

	dead := filepath.Join(filepath.Dir(o.Checkpoint), "dead.db")
	before, suffered := d.Ops(), false
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if op.N == before+n+1 {
			what += fmt.Sprintf(" %+v", op)
			suffered = true
			f = storetest.Fault{Err: errDisk, Torn: op.Size / 2, Kill: kill}
			if kill {
				copyFiles(t, o.Checkpoint, dead)
			}
		}
		return f
	}
	kept, durable := slices.Clone(all[:3]), slices.Clone(all[:3])
	if s, _, err := store.Open(o); err == nil {
		appended := func(ts ...*turn.Signed) {
			if s.Append(ts).Kept() > 0 {
				kept = append(kept, ts...)
			}
		}
		appended(all[3:5]...)
		if _, err := s.Advance(t.Context(), nil); err == nil && !d.Killed() {
			durable = slices.Clone(kept)
		}
		appended(all[5])
		s.Repair(t.Context(), nil)
		appended(all[6])
		s.SyncAll()
		appended(all[7])
		s.Close()
	}
	ops := d.Ops() - before
	if !kill || !suffered {
		copyFiles(t, o.Checkpoint, dead)
	}
	for i, need := range [][]*turn.Signed{kept, durable} {
		after := o
		disk := d.Crash()
		if i == 1 {
			disk = d.PowerCut(rand.New(rand.NewPCG(uint64(n), 2)))
		}
		after.FS = disk
		after.Checkpoint = filepath.Join(t.TempDir(), "checkpoint.db")
		copyFiles(t, dead, after.Checkpoint)
		s, r, err := store.Open(after)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got := everything(t, s, r)
		if !subset(need, got) || !subset(got, all) || len(got) != r.Count {
			t.Fatalf("%s: power cut: %v: %d turns of %d, and it says %d", what, i == 1, len(got), len(need), r.Count)
		}
		if rep := s.Check(); !rep.Consistent() || rep.Turns != len(got) {
			t.Fatalf("%s: %+v", what, rep)
		}
		s.Close()
	}
	return ops
}

// copyFiles copies a database as a kill leaves it.
func copyFiles(t *testing.T, from, to string) {
	for _, more := range []string{"", "-wal"} {
		b, err := os.ReadFile(from + more)
		if errors.Is(err, os.ErrNotExist) {
			os.Remove(to + more)
			continue
		}
		if err == nil {
			err = os.WriteFile(to+more, b, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// All that may happen beside each other does, while turns are appended; at the
// end the record is whole, and the checkpoint has all of it.
func TestConcurrentCheckpoint(t *testing.T) {
	ts := chain(t, group, 200)
	d := storetest.New()
	o := withCheckpoint(t, d)
	o.Parse = func(g turn.GroupID, b []byte) (*turn.Signed, error) { return turn.ParseTrusted(g, b) }
	s, _ := open(t, o)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i, f := range []func() error{
		func() error { _, err := s.Advance(t.Context(), nil); return err },
		func() error { _, err := s.Find(t.Context(), store.Filter{Words: "line"}); return err },
		func() error { _, err := s.Get(ids(ts)); return err },
		func() error { return s.Items(t.Context(), func(turn.Item) bool { return true }) },
		func() error {
			if rep := s.Repair(t.Context(), nil); !rep.Consistent() {
				return fmt.Errorf("%+v", rep)
			}
			return nil
		},
		func() error { return s.SyncAll() },
	} {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := f(); err != nil {
					t.Errorf("%d: %v", i, err)
					return
				}
			}
		})
	}
	for _, v := range ts {
		if res := s.Append([]*turn.Signed{v}); res.Kept() != 3 {
			t.Error(res.Replicas)
		}
	}
	close(done)
	wg.Wait()
	if a, err := s.Advance(t.Context(), nil); err != nil || a.Turns != len(ts) {
		t.Error(a, err)
	}
	s.Close()
	s, r := open(t, o)
	isRestored(t, "at the end", s, r, ts, 4)
}
