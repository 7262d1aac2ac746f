package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// One replica's disk is gone from some operation on, and comes back.
func TestReplicaDiskGone(t *testing.T) {
	ts := chain(t, group, 60)
	for _, gone := range []int{0, 1, 2} {
		d := written(t, 3, ts[:1])
		s, _ := open(t, options(d))
		broken := false
		d.Fault = func(op storetest.Op) (f storetest.Fault) {
			if broken && (op.Path == replica(gone) || op.Path == replica(gone)+".new") {
				f = storetest.Fault{Err: errDisk, Torn: op.Size / 2}
			}
			return f
		}
		s.Append(ts[1:2])
		broken = true
		tries := 0
		for i, v := range ts[2:30] {
			before := d.Ops()
			res := s.Append([]*turn.Signed{v})
			if res.Kept() != 2 || !errors.Is(res.Replicas[gone], errDisk) {
				t.Fatalf("append %d: %v", i, res.Replicas)
			}
			if d.Ops()-before > 2 {
				tries++
			}
		}
		if tries < 3 || tries > 6 {
			t.Errorf("28 appends tried the broken replica %d times", tries)
		}
		before := d.Ops()
		for range 100 {
			if _, err := s.Sync(gone); !errors.Is(err, errDisk) {
				t.Errorf("sync of a broken disk: %v", err)
			}
		}
		if n := d.Ops() - before; n < 10 || n > 100 {
			t.Errorf("100 syncs did %d operations", n)
		}
		if st := s.Status()[gone]; !errors.Is(st.Err, errDisk) || !st.Unsynced {
			t.Errorf("%+v", st)
		}
		broken = false
		if err := s.SyncAll(); err != nil {
			t.Error(err)
		}
		s.Append(ts[30:])
		reports, n := compared(s)
		for _, r := range reports {
			if n != len(ts) || !r.Consistent() {
				t.Errorf("%+v of %d", r, n)
			}
		}
		if st := s.Status()[gone]; st.Err != nil || st.Rebuilt != 1 {
			t.Errorf("%+v", st)
		}
		s.Close()
	}
}

// Only one replica, and its fsync fails: what is only in memory is not lost.
func TestFsyncFailsOnTheOnlyReplica(t *testing.T) {
	ts := chain(t, group, 4)
	d := storetest.New()
	d.Forgets = true
	o := options(d)
	o.Replicas = 1
	s, _ := open(t, o)
	s.Append(ts[:2])
	s.Sync(0)
	res := s.Append(ts[2:])
	generation, _ := d.Get(replica(0))
	fail := true
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if fail && op.Kind == storetest.OpSync {
			f.Err, fail = errDisk, false
		}
		return f
	}
	if upto, err := s.Sync(0); err != nil || upto != res.Seq {
		t.Fatal(upto, err)
	}
	r, n := compared(s)
	if n != 4 || !r[0].Consistent() {
		t.Errorf("%+v of %d", r, n)
	}
	now, _ := d.Get(replica(0))
	if string(now[:93]) == string(generation[:93]) {
		t.Error("the new log has the old generation")
	}
	cut := d.PowerCut(rand.New(rand.NewPCG(1, 1)))
	o.FS = cut
	if _, restored := open(t, o); len(restored.New) != 4 {
		t.Errorf("%d turns after a power cut", len(restored.New))
	}
}

// What an earlier run left and the power never made durable is in memory after
// the start: a failed fsync does not lose it.
func TestFsyncFailsAfterRestart(t *testing.T) {
	ts := chain(t, group, 3)
	d := storetest.New()
	d.Forgets = true
	o := options(d)
	o.Replicas = 1
	s, _ := open(t, o)
	s.Append(ts)
	s.Close()
	s, _ = open(t, o)
	fail := true
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if fail && op.Kind == storetest.OpSync {
			f.Err, fail = errDisk, false
		}
		return f
	}
	if _, err := s.Sync(0); err != nil || fail {
		t.Fatal(err)
	}
	if r, n := compared(s); n != len(ts) || !r[0].Consistent() {
		t.Errorf("%+v of %d", r, n)
	}
}

// All disks are full: no replica is left out because it failed before, so that
// the first append after there is room again succeeds.
func TestFullDisk(t *testing.T) {
	ts := chain(t, group, 30)
	d := storetest.New()
	s, _ := open(t, options(d))
	full := true
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if full && op.Kind == storetest.OpWrite {
			f = storetest.Fault{Err: errDisk, Torn: op.Size / 2}
		}
		return f
	}
	for _, v := range ts[:20] {
		if res := s.Append([]*turn.Signed{v}); res.Kept() != 0 {
			t.Fatal(res.Replicas)
		}
	}
	if err := s.Queue(turn.LineID{1}, "x"); !errors.Is(err, errDisk) {
		t.Errorf("queued on a full disk: %v", err)
	}
	full = false
	if res := s.Append(ts[20:]); res.Kept() != 3 {
		t.Fatal(res.Replicas)
	}
	for _, st := range s.Status() {
		if st.Err != nil {
			t.Errorf("%+v", st)
		}
	}
	s.Close()
	_, r := open(t, options(d))
	if !slices.Equal(ids(r.New), ids(ts[20:])) {
		t.Errorf("%d turns", len(r.New))
	}
	for _, st := range r.Replicas {
		if !st.Consistent() {
			t.Errorf("%+v", st)
		}
	}
}

// What a failed append left cannot be cut off: the next one begins a new line
// behind it, and cutting off what a later one leaves takes nothing else.
func TestJunkStays(t *testing.T) {
	ts := chain(t, group, 5)
	d := written(t, 1, ts[:1])
	o := options(d)
	o.Replicas = 1
	s, _ := open(t, o)
	var write, truncate error
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		switch op.Kind {
		case storetest.OpWrite:
			f = storetest.Fault{Err: write, Torn: op.Size - 30}
		case storetest.OpTruncate:
			f.Err = truncate
		}
		return f
	}
	kept := ts[:1:1]
	for i, tt := range []struct{ write, truncate error }{
		{errDisk, errDisk}, {nil, errDisk}, {errDisk, nil}, {nil, nil},
	} {
		write, truncate = tt.write, tt.truncate
		res := s.Append(ts[i+1 : i+2])
		if !errors.Is(res.Replicas[0], tt.write) {
			t.Fatal(res.Replicas)
		}
		if tt.write == nil {
			kept = append(kept, ts[i+1])
		}
	}
	s.Close()
	_, r := open(t, o)
	st := r.Replicas[0]
	if !slices.Equal(ids(r.New), ids(kept)) || len(st.Damaged) != 1 || st.Damaged[0].Line != 3 || st.Torn {
		t.Errorf("%+v", st)
	}
}

// A log with damaged lines that is written anew stays beside the new one, and
// a log that cannot be read is not replaced.
func TestRebuildKeeps(t *testing.T) {
	ts := chain(t, group, 3)
	d := written(t, 1, ts)
	o := options(d)
	o.Replicas = 1
	s, _ := open(t, o)
	log, _ := d.Get(replica(0))
	log[150] ^= 1
	d.Put(replica(0), log)
	syncFails, readFails := true, true
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if syncFails && op.Kind == storetest.OpSync || readFails && op.Kind == storetest.OpRead && op.Path == replica(0) {
			f.Err = errDisk
		}
		return f
	}
	if _, err := s.Sync(0); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	syncFails = false
	sync := func() (err error) {
		for range 4 { // not every call tries
			if _, err = s.Sync(0); err == nil {
				break
			}
		}
		return err
	}
	if err := sync(); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	if now, _ := d.Get(replica(0)); string(now) != string(log) {
		t.Error("a log that cannot be read was replaced")
	}
	readFails = false
	if err := sync(); err != nil {
		t.Error(err)
	}
	if aside, _ := d.Get(replica(0) + ".damaged"); string(aside) != string(log) {
		t.Error("the damaged log is gone")
	}
	// What it had to be opened was in memory: the line is there again.
	if r, n := compared(s); n != 3 || !r[0].Consistent() {
		t.Errorf("%+v of %d", r, n)
	}
}

// A log that could not be opened at the start is taken in when it can be.
func TestReplicaComesLater(t *testing.T) {
	ts := chain(t, group, 5)
	d := written(t, 3, ts[:2])
	away := true
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if away && op.Path == replica(1) {
			f.Err = errDisk
		}
		return f
	}
	s, r := open(t, options(d))
	if st := r.Replicas[1]; !errors.Is(st.Err, errDisk) || st.Created {
		t.Fatalf("%+v", st)
	}
	if res := s.Append(ts[2:]); res.Kept() != 2 {
		t.Fatal(res.Replicas)
	}
	away = false
	if _, err := s.Sync(1); err != nil {
		t.Fatal(err)
	}
	reports, n := compared(s)
	for _, r := range reports {
		if n != len(ts) || !r.Consistent() {
			t.Errorf("%+v of %d", r, n)
		}
	}

	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if op.Kind == storetest.OpAppend || op.Kind == storetest.OpOpen {
			for i := range 3 {
				if op.Path == replica(i) {
					f.Err = errDisk
				}
			}
		}
		return f
	}
	s.Close()
	if _, _, err := store.Open(options(d)); !errors.Is(err, errDisk) {
		t.Errorf("no replica can be opened: %v", err)
	}
	d.Fault = nil
	open(t, options(d)) // and the lock was given back
}

// hook is a disk on which something happens when a file is opened to be read.
type hook struct {
	*storetest.Disk
	onOpen func(path string)
}

func (h *hook) Open(path string) (store.File, error) {
	if h.onOpen != nil {
		h.onOpen(path)
	}
	return h.Disk.Open(path)
}

// syncHook is a disk on which something happens at the end of a file's sync.
type syncHook struct {
	*storetest.Disk
	onSync func()
}

type syncHookFile struct {
	store.File
	hook *syncHook
}

func (h *syncHook) Append(path string) (store.File, error) {
	f, err := h.Disk.Append(path)
	return syncHookFile{f, h}, err
}

func (f syncHookFile) Sync() error {
	err := f.File.Sync()
	if f.hook.onSync != nil {
		f.hook.onSync()
	}
	return err
}

// What is appended while an fsync runs may be durable or not: it does not
// count.
func TestAppendDuringFsync(t *testing.T) {
	ts := chain(t, group, 2)
	h := &syncHook{Disk: storetest.New()}
	s, _ := open(t, options(h))
	first := s.Append(ts[:1])
	h.onSync = func() { s.Append(ts[1:]) }
	if upto, err := s.Sync(1); upto != first.Seq || err != nil {
		t.Errorf("durable up to %d, %v; the fsync began at %d", upto, err, first.Seq)
	}
	h.onSync = nil
	if !slices.Contains(s.Dirty(), 1) || !s.Status()[1].Unsynced {
		t.Error("the second append is not to be synced any more")
	}
	if upto, err := s.Sync(1); upto != first.Seq+1 || err != nil {
		t.Error(upto, err)
	}
	if slices.Contains(s.Dirty(), 1) || s.Status()[1].Unsynced {
		t.Error("there is still something to sync")
	}
}

// What is appended while a log is written anew is in it too.
func TestAppendWhileRebuilding(t *testing.T) {
	ts := chain(t, group, 20)
	h := &hook{Disk: storetest.New()}
	o := options(h)
	s, _ := open(t, o)
	s.Append(ts[:2])
	next := 2
	h.onOpen = func(string) {
		res := s.Append(ts[next : next+1])
		next++
		if res.Kept() != 2 {
			panic(fmt.Sprint(res.Replicas))
		}
	}
	fail := true
	h.Fault = func(op storetest.Op) (f storetest.Fault) {
		if fail && op.Kind == storetest.OpSync {
			f.Err, fail = errDisk, false
		}
		return f
	}
	if _, err := s.Sync(1); err != nil {
		t.Fatal(err)
	}
	h.onOpen = nil
	if next < 5 {
		t.Fatalf("only %d appends came between", next-2)
	}
	if dirty := s.Dirty(); !slices.Contains(dirty, 1) {
		t.Errorf("dirty: %v; what came between is not durable yet", dirty)
	}
	reports, n := compared(s)
	for _, r := range reports {
		if n != next || !r.Consistent() {
			t.Errorf("%+v of %d", r, n)
		}
	}
}

// The fsyncs of the only replica fail for a long time. Once the disk is well again, one
// append that nothing takes is enough: the next Sync mends the log, however often it
// failed before.
func TestFsyncFailsForLong(t *testing.T) {
	ts := chain(t, group, 4)
	d := storetest.New()
	o := options(d)
	o.Replicas = 1
	s, _ := open(t, o)
	s.Append(ts[:2])
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if op.Kind == storetest.OpSync {
			f.Err = errDisk
		}
		return f
	}
	for range 1000 {
		if _, err := s.Sync(0); err == nil {
			t.Fatal("an fsync succeeded")
		}
	}
	d.Fault = nil
	if res := s.Append(ts[2:]); res.Kept() != 0 {
		t.Fatal("a log whose fsync failed took turns")
	}
	if _, err := s.Sync(0); err != nil {
		t.Errorf("the disk is well, and the log is not mended: %v", err)
	}
	if res := s.Append(ts[2:]); res.Kept() != 1 {
		t.Errorf("the mended log took nothing: %v", res.Replicas)
	}
	if r, n := compared(s); n != 4 || !r[0].Consistent() {
		t.Errorf("%+v of %d", r, n)
	}
}

// All of a turn but its newline gets into a log before the write fails, and the log
// cannot be cut: it is not told as taken, nor as certainly not there. The next append
// finishes the line: then the turn is there.
func TestAppendUncertain(t *testing.T) {
	ts := chain(t, group, 3)
	d := storetest.New()
	o := options(d)
	o.Replicas = 1
	s, _ := open(t, o)
	s.Append(ts[:1])
	cut := false
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if op.Kind == storetest.OpWrite {
			f = storetest.Fault{Err: errDisk, Torn: op.Size - 1}
		} else if op.Kind == storetest.OpTruncate && !cut {
			f.Err = errDisk
		}
		return f
	}
	var u *store.UncertainError
	if err := s.Append(ts[1:2]).Replicas[0]; !errors.As(err, &u) || !u.Uncertain() || !errors.Is(err, errDisk) {
		t.Errorf("not cut: %v", err)
	}
	o.FS = d.Crash()
	if _, r := open(t, o); len(r.New) != 2 {
		t.Errorf("%d turns after a crash", len(r.New))
	}
	cut = true
	if err := s.Append(ts[1:2]).Replicas[0]; err == nil || errors.As(err, &u) {
		t.Errorf("cut: %v", err)
	}
}

// A run wrote lines that no fsync took, the next one wrote behind them, and then the
// power failed: the disk gives NULs for the first, their newline among them, however
// many they are. What stands behind them is read.
func TestNULsBeforeALine(t *testing.T) {
	for _, nuls := range []int{1, 100, store.MaxLogLine, 3 * store.MaxLogLine} {
		ts := chain(t, group, 4)
		d := storetest.New()
		o := options(d)
		o.Replicas = 1
		s, _ := open(t, o)
		s.Append(ts[:1])
		before, _ := d.Get(replica(0))
		s.Append(ts[1:3])
		after, _ := d.Get(replica(0))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		d.Put(replica(0), slices.Concat(before, make([]byte, nuls), after[len(before):]))
		s, r := open(t, o)
		if len(r.New) != 3 || len(r.Replicas[0].Damaged) != 1 || !r.Replicas[0].Repaired {
			t.Errorf("%d NULs: %d turns, %+v", nuls, len(r.New), r.Replicas[0])
		}
		if res := s.Append(ts[3:]); res.Kept() != 1 {
			t.Error(res.Replicas)
		}
		if r, n := compared(s); n != 4 || !r[0].Consistent() {
			t.Errorf("%d NULs: %+v of %d", nuls, r, n)
		}
	}
}
