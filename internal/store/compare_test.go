package store_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
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

func TestCompare(t *testing.T) {
	ts := chain(t, group, 4)
	whole, _ := written(t, 1, ts).Get(replica(0))
	half := bytes.Join(bytes.SplitAfter(whole, []byte("\n"))[:3], nil) // two turns
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-20] ^= 1
	foreign, _ := otherLog(t)
	raw := ts[3].Bytes()
	wrong := bytes.Clone(raw) // another turn, but for the signature
	wrong[bytes.Index(wrong, []byte("line 3"))] ^= 1
	other := bytes.Replace(whole, encoded(raw), encoded(wrong), 1)

	tests := []struct {
		name    string
		change  func(d *storetest.Disk)
		turns   int // of replica 1
		missing int
		damaged int
		torn    bool
		err     error
	}{
		{"nothing", func(*storetest.Disk) {}, 4, 0, 0, false, nil},
		{"cut between two lines", func(d *storetest.Disk) { d.Put(replica(1), half) }, 2, 2, 0, false, nil},
		{"torn", func(d *storetest.Disk) { d.Put(replica(1), whole[:len(whole)-30]) }, 3, 1, 0, true, nil},
		{"flipped", func(d *storetest.Disk) { d.Put(replica(1), flipped) }, 3, 1, 1, false, nil},
		{"flipped text in the turn", func(d *storetest.Disk) { d.Put(replica(1), other) }, 3, 1, 1, false, nil},
		{"gone", func(d *storetest.Disk) { d.Delete(replica(1)) }, 0, 4, 0, false, fs.ErrNotExist},
		{"empty", func(d *storetest.Disk) { d.Put(replica(1), nil) }, 0, 4, 0, false, nil},
		{"other group", func(d *storetest.Disk) { d.Put(replica(1), foreign) }, 0, 4, 0, false, store.ErrOtherGroup},
	}
	for _, tt := range tests {
		check := func(how string, reports []store.ReplicaReport, union, cut int) {
			t.Helper()
			for i, r := range reports {
				if i != 1 && !r.Consistent() || union != len(ts) {
					t.Errorf("%s, %s: %+v of %d", tt.name, how, r, union)
				}
			}
			r := reports[1]
			if r.Turns != tt.turns || r.Missing != tt.missing || len(r.Damaged) != tt.damaged+cut || r.Torn != tt.torn || !errors.Is(r.Err, tt.err) || r.Path != replica(1) {
				t.Errorf("%s, %s: %+v", tt.name, how, r)
			}
			if r.Consistent() != (tt.name == "nothing") {
				t.Errorf("%s, %s: consistent: %v", tt.name, how, r.Consistent())
			}
		}
		d := written(t, 3, ts)
		tt.change(d)
		rep, err := store.Check(store.Options{FS: d, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		check("not running", rep.Replicas, rep.Turns, 0)

		if tt.name == "other group" {
			continue // the signatures of a running store are not looked at
		}
		d = written(t, 3, ts)
		s, _ := open(t, options(d))
		tt.change(d)
		reports, union := compared(s)
		cut := 0
		if data, ok := d.Get(replica(1)); ok && len(data) < len(whole) {
			cut = 1 // it knows how long the log was
		}
		check("running", reports, union, cut)
	}
}

func encoded(b []byte) []byte { return base64.RawURLEncoding.AppendEncode(nil, b) }

func otherLog(t *testing.T) ([]byte, bool) {
	d := storetest.New()
	o := options(d)
	o.Group = otherGroup
	s, _ := open(t, o)
	s.Append(chain(t, otherGroup, 2))
	s.Close()
	return d.Get(replica(0))
}

// One replica, cut between two lines while the store runs: there is nothing to
// compare it with, but it is shorter than it was.
func TestCompareOnlyReplicaCut(t *testing.T) {
	d := written(t, 1, chain(t, group, 2))
	o := options(d)
	o.Replicas = 1
	s, _ := open(t, o)
	whole, _ := d.Get(replica(0))
	if r, _ := compared(s); !r[0].Consistent() {
		t.Errorf("%+v", r)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	d.Put(replica(0), bytes.Join(lines[:2], nil))
	if r, _ := compared(s); len(r[0].Damaged) != 1 || r[0].Damaged[0].Line != 3 {
		t.Errorf("%+v", r)
	}
}

// What is appended, or rebuilt, during the comparison is no difference.
func TestCompareWhileAppending(t *testing.T) {
	ts := chain(t, group, 40)
	h := &hook{Disk: storetest.New()}
	s, _ := open(t, options(h))
	s.Append(ts[:10])
	next := 10
	h.onOpen = func(string) {
		s.Append(ts[next : next+1])
		next++
	}
	reports, n := compared(s)
	for _, r := range reports {
		if n != 10 || !r.Consistent() {
			t.Errorf("%+v of %d", r, n)
		}
	}

	// A log is replaced by another order of lines, so that the old length
	// would cut it anywhere. A turn that stands there twice has each log read by
	// itself.
	h.onOpen = nil
	s.Append(ts[:1])
	rebuilt, opened := false, 0
	h.onOpen = func(path string) {
		if path == replica(2) {
			opened++
		}
		if opened == 2 && !rebuilt {
			rebuilt = true
			fail := true
			h.Fault = func(op storetest.Op) (f storetest.Fault) {
				if fail && op.Kind == storetest.OpSync {
					f.Err, fail = errDisk, false
				}
				return f
			}
			s.Append(sortedLast(t))
			if _, err := s.Sync(2); err != nil {
				t.Error(err)
			}
		}
	}
	reports, n = compared(s)
	if !rebuilt {
		t.Fatal("nothing was rebuilt")
	}
	for _, r := range reports {
		if n != next+1 || !r.Consistent() {
			t.Errorf("%+v of %d", r, n)
		}
	}
}

// sortedLast is a turn that comes before all others in the order.
func sortedLast(t *testing.T) []*turn.Signed {
	return []*turn.Signed{sign(t, group, turn.Turn{Name: "ana", Stamp: 1, LineIDs: []turn.LineID{{0xb}}, Texts: []string{"x"}})}
}

// All at once, for the race detector and for what must hold at the end.
func TestConcurrent(t *testing.T) {
	ts := chain(t, group, 300)
	d := storetest.New()
	o := options(d)
	o.Parse = func(g turn.GroupID, b []byte) (*turn.Signed, error) { return turn.ParseTrusted(g, b) }
	s, _ := open(t, o)
	rnd := rand.New(rand.NewPCG(1, 2))
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if (op.Kind == storetest.OpSync || op.Kind == storetest.OpWrite) && op.Path != replica(0) && rnd.IntN(20) == 0 {
			f = storetest.Fault{Err: errDisk, Torn: rnd.IntN(op.Size + 1)}
		}
		return f
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	loop := func(f func()) {
		wg.Go(func() {
			for {
				f()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 3 {
		loop(func() { s.Sync(i) })
	}
	loop(func() { compared(s) })
	loop(func() { s.Status(); s.Dirty() })
	for i, v := range ts {
		if s.Append([]*turn.Signed{v}).Replicas[0] != nil {
			t.Error("replica 0 failed")
		}
		id := turn.LineID{byte(i)}
		if err := s.Queue(id, "x"); err == nil {
			s.Done(id)
		}
	}
	close(done)
	wg.Wait()
	d.Fault = nil
	s.Close()
	s.Append(ts[:1])
	_, r := open(t, o)
	if !slices.Equal(ids(r.New), ids(ts)) {
		t.Errorf("%d turns of %d", len(r.New), len(ts))
	}
	for _, st := range r.Replicas {
		if st.Torn || len(st.Damaged) > 0 {
			t.Errorf("%+v", st)
		}
	}
}

func TestClosed(t *testing.T) {
	ts := chain(t, group, 1)
	d := storetest.New()
	s, _ := open(t, options(d))
	s.Append(ts)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if res := s.Append(ts); res.Kept() != 0 || !errors.Is(res.Replicas[0], store.ErrClosed) {
		t.Error(res.Replicas)
	}
	if _, err := s.Sync(0); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
	if err := s.Queue(turn.LineID{}, ""); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
	if err := s.Done(turn.LineID{}); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
	if err := s.SyncAll(); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
}

func TestLook(t *testing.T) {
	ts := chain(t, group, 5)
	d := storetest.New()
	look := func(dirs ...string) (*store.View, error) {
		return store.Look(store.Options{FS: d, Dir: dir, ReplicaDirs: dirs})
	}
	if _, err := look(); !errors.Is(err, store.ErrNoRecord) {
		t.Errorf("nothing there: %v", err)
	}
	s, _ := open(t, options(d))
	s.Append(ts)
	whole, _ := d.Get(replica(0))
	before := d.Files()

	// The lock is held, and a line is in writing.
	d.Put(replica(1), whole[:len(whole)-20])
	v, err := look()
	if err != nil || v.Group != group || !slices.Equal(ids(v.Restored.New), ids(ts)) || len(v.Restored.Replicas) != 3 {
		t.Fatalf("%+v %v", v, err)
	}
	if st := v.Restored.Replicas[1]; len(st.Damaged) != 0 || !st.Torn || st.Aside != "" {
		t.Errorf("%+v", st)
	}
	if now, _ := d.Get(replica(1)); len(now) != len(whole)-20 || !slices.Equal(before, d.Files()) {
		t.Error("it wrote")
	}

	// One log is enough, and its header may name a wrong group.
	d.Delete(replica(0))
	d.Delete(replica(2))
	d.Put(replica(1), bytes.Replace(whole, []byte("0102"), []byte("0103"), 1))
	v, err = look()
	if err != nil || v.Group != group || !slices.Equal(ids(v.Restored.New), ids(ts)) {
		t.Errorf("wrong group in the header: %+v %v", v, err)
	}
	d.Delete(dir + "/unsent.log")
	d.Put(replica(1), whole[10:])
	if _, err = look(); !errors.Is(err, store.ErrNoRecord) {
		t.Errorf("no header at all: %v", err)
	}

	// Another directory, with another group's log in it.
	d.Put(replica(0), whole)
	d.Put(replica(1), whole)
	other, _ := otherLog(t)
	d.Put("/b/replica_bia_0.log", other)
	d.Put("/b/replica_bia_0.log.torn", other)
	v, err = look("/b/")
	if err != nil || v.Group != group || len(v.Restored.New) != 5 || len(v.Restored.Replicas) != 3 {
		t.Fatalf("%+v %v", v, err)
	}
	if st := v.Restored.Replicas[2]; !errors.Is(st.Err, store.ErrOtherGroup) {
		t.Errorf("%+v", st)
	}
}

// The same on real files.
func TestOS(t *testing.T) {
	ts := chain(t, group, 5)
	base := t.TempDir()
	o := options(nil)
	o.Dir = filepath.Join(base, "papo", "ana")
	s, r := open(t, o)
	if !r.Replicas[2].Created {
		t.Errorf("%+v", r.Replicas)
	}
	if res := s.Append(ts); res.Kept() != 3 {
		t.Fatal(res.Replicas)
	}
	if err := s.Queue(turn.LineID{1}, "waiting"); err != nil {
		t.Fatal(err)
	}
	if err := s.SyncAll(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Open(o); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second one: %v", err)
	}
	if reports, n := compared(s); n != 5 || !reports[2].Consistent() {
		t.Errorf("%+v", reports)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := r.Replicas[0].Path
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-10); err != nil {
		t.Fatal(err)
	}
	v, err := store.Look(store.Options{Dir: o.Dir})
	if err != nil {
		t.Fatal(err)
	}
	if found := v.Restored; len(found.New) != 5 || !found.Replicas[0].Torn && len(found.Replicas[0].Damaged) == 0 {
		t.Errorf("%+v", found)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	s, r = open(t, o)
	if len(r.New) != 5 || len(r.Unsent) != 1 || r.Unsent[0].Text != "waiting" {
		t.Errorf("%+v", r)
	}
	if err := s.Done(turn.LineID{1}); err != nil {
		t.Fatal(err)
	}
	s.Close()

	// A directory in the way of a replica.
	os.Remove(path)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	s, r = open(t, o)
	if r.Replicas[0].Err == nil || len(r.New) != 5 || len(r.Unsent) != 0 {
		t.Errorf("%+v", r)
	}
	if res := s.Append(ts[:1]); res.Kept() != 2 {
		t.Error(res.Replicas)
	}
	s.Close()
}
