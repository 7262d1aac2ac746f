package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

var errDisk = errors.New("the disk failed")

// parseOnce is turn.Parse, which is asked once for the same bytes: thousands of
// runs read the same few turns.
func parseOnce(g turn.GroupID, b []byte) (*turn.Signed, error) {
	k := string(g[:]) + string(b)
	if s, ok := parsed.Load(k); ok {
		return s.(*turn.Signed), nil
	}
	s, err := turn.Parse(g, b)
	if err == nil {
		parsed.Store(k, s)
	}
	return s, err
}

var parsed sync.Map // *turn.Signed by its group and bytes

// witness runs a store and notes what it was told.
type witness struct {
	d    *storetest.Disk
	o    store.Options
	s    *store.Store
	said []*turn.Signed // all that were given to Append

	kept    []*turn.Signed // at least one replica has them
	results []store.Result
	batches [][]*turn.Signed
	durable []*turn.Signed   // a Sync said so
	found   [][]*turn.Signed // what each replica had when it was opened

	waiting map[turn.LineID]string // Queue said that it is noted, Done was not called
	done    map[turn.LineID]bool   // Done said so
	texts   map[turn.LineID]string // all that were given to Queue
	least   int                    // the fewest replicas that an Append had
	doubt   bool                   // the only replica could not be made durable
}

func newWitness(d *storetest.Disk, replicas int) *witness {
	o := options(d)
	o.Parse, o.Replicas = parseOnce, replicas
	return &witness{
		d: d, o: o, least: 9,
		waiting: map[turn.LineID]string{}, done: map[turn.LineID]bool{}, texts: map[turn.LineID]string{},
	}
}

// open is false if the store cannot be opened.
func (w *witness) open() bool {
	s, r, err := store.Open(w.o)
	if err != nil {
		return false
	}
	w.s, w.results, w.batches, w.found = s, nil, nil, nil
	for _, st := range r.Replicas {
		var found []*turn.Signed // if it lacks some, which is not told
		if st.Missing == 0 && st.Err == nil {
			found = r.New
		}
		w.found = append(w.found, found)
	}
	return true
}

func (w *witness) append(ts ...*turn.Signed) {
	res := w.s.Append(ts)
	w.said = append(w.said, ts...)
	w.results, w.batches = append(w.results, res), append(w.batches, ts)
	w.least = min(w.least, res.Kept())
	if res.Kept() > 0 {
		w.kept = append(w.kept, ts...)
	}
}

func (w *witness) sync(i int) {
	if i >= w.o.Replicas {
		return
	}
	upto, err := w.s.Sync(i)
	if err != nil {
		// No later process can know that what it reads there is not durable,
		// and no other replica has it.
		w.doubt = w.doubt || w.o.Replicas == 1
		return
	}
	if w.doubt {
		return
	}
	w.durable = append(w.durable, w.found[i]...)
	for j, res := range w.results {
		if res.Seq <= upto && res.Replicas[i] == nil {
			w.durable = append(w.durable, w.batches[j]...)
		}
	}
}

func (w *witness) queue(id byte, text string) {
	line := turn.LineID{id}
	w.texts[line] = text
	if w.s.Queue(line, text) == nil {
		w.waiting[line] = text
	}
}

func (w *witness) finish(id byte) {
	line := turn.LineID{id}
	delete(w.waiting, line)
	if w.s.Done(line) == nil && !w.d.Killed() {
		w.done[line] = true
	}
}

// script does all that a member does with a store. It ends early if the store
// cannot be opened.
func (w *witness) script(ts []*turn.Signed) {
	if !w.open() {
		return
	}
	w.append(ts[0])
	w.queue(1, "one\n|\\")
	w.append(ts[1], ts[2])
	w.sync(0)
	w.queue(2, "two")
	w.queue(3, "three")
	w.finish(1)
	w.append(ts[3])
	w.sync(0)
	w.sync(1)
	w.append(ts[4])
	w.sync(2)
	w.finish(2)
	compared(w.s)
	w.append(ts[5])
	w.s.Close()
	if !w.open() {
		return
	}
	w.append(ts[6])
	w.finish(3)
	w.queue(4, "four")
	for i := range 3 {
		w.sync(i)
	}
	w.s.SyncAll()
	w.s.Close()
}

// check looks at what the next process finds.
func (w *witness) check(stored []*turn.Signed) error {
	crash := w.d.Crash()
	o := w.o
	o.FS = crash
	s, r, err := store.Open(o)
	if err != nil {
		return fmt.Errorf("after a crash: %v", err)
	}
	defer s.Close()
	switch {
	case !subset(stored, r.New):
		return errors.New("after a crash: a turn from before is lost")
	case !subset(w.kept, r.New):
		return errors.New("after a crash: a turn that was kept is lost")
	case !subset(r.New, append(stored, w.said...)):
		return errors.New("after a crash: there is a turn that nobody wrote")
	}
	unsent := map[turn.LineID]string{}
	for _, u := range r.Unsent {
		if _, twice := unsent[u.Line]; twice || w.texts[u.Line] != u.Text || w.done[u.Line] {
			return fmt.Errorf("after a crash: line %s (%q) is there, twice: %v, done: %v", u.Line, u.Text, twice, w.done[u.Line])
		}
		unsent[u.Line] = u.Text
	}
	for line, text := range w.waiting {
		if unsent[line] != text {
			return fmt.Errorf("after a crash: line %s is lost", line)
		}
	}
	if len(r.UnsentDamaged) > 1 {
		return fmt.Errorf("after a crash: %v", r.UnsentDamaged)
	}

	for seed := range uint64(2) {
		cut := w.d.PowerCut(rand.New(rand.NewPCG(seed, 1)))
		o.FS = cut
		s, r, err := store.Open(o)
		if err != nil {
			return fmt.Errorf("after a power cut (seed %d): %v", seed, err)
		}
		s.Close()
		switch {
		case !subset(stored, r.New):
			return fmt.Errorf("after a power cut (seed %d): a turn from before is lost", seed)
		case !subset(w.durable, r.New):
			return fmt.Errorf("after a power cut (seed %d): a turn that was durable is lost", seed)
		case !subset(r.New, append(stored, w.said...)):
			return fmt.Errorf("after a power cut (seed %d): there is a turn that nobody wrote", seed)
		}
	}
	return nil
}

// starts are the disks that a run begins on, with what they have.
func starts(t *testing.T, replicas int, old []*turn.Signed) map[string]func() *storetest.Disk {
	damage := func(change func(d *storetest.Disk, log []byte)) func() *storetest.Disk {
		return func() *storetest.Disk {
			d := written(t, replicas, old)
			log, _ := d.Get(replica(0))
			change(d, log)
			return d
		}
	}
	clones := map[string]func() *storetest.Disk{}
	for name, start := range map[string]func() *storetest.Disk{
		"new":         storetest.New,
		"there":       damage(func(*storetest.Disk, []byte) {}),
		"torn":        damage(func(d *storetest.Disk, log []byte) { d.Put(replica(0), log[:len(log)-30]) }),
		"header torn": damage(func(d *storetest.Disk, log []byte) { d.Put(replica(0), log[:10]) }),
		"missing":     damage(func(d *storetest.Disk, _ []byte) { d.Delete(replica(0)) }),
		"rotten":      damage(func(d *storetest.Disk, log []byte) { log[150] ^= 1; d.Put(replica(0), log) }),
		"wrong text":  damage(func(d *storetest.Disk, log []byte) { log[123] ^= 1; d.Put(replica(0), log) }),
	} {
		clones[name] = start().Crash
	}
	return clones
}

// faults are what one operation can suffer.
func faults(op storetest.Op) []storetest.Fault {
	torn := []int{0}
	if op.Kind == storetest.OpWrite {
		torn = []int{0, 1, op.Size / 2, op.Size - 1, op.Size}
	}
	var fs []storetest.Fault
	for _, n := range torn {
		fs = append(fs, storetest.Fault{Err: errDisk, Torn: n}, storetest.Fault{Kill: true, Torn: n})
	}
	return fs
}

// Every operation failed once, and was the process's last once.
func TestEveryOperationFails(t *testing.T) {
	all := chain(t, group, 9)
	old, ts := all[:2], all[2:]
	const replicas = 3
	for name, start := range starts(t, replicas, old) {
		stored := old
		if name == "new" {
			stored = nil
		}
		for _, forgets := range []bool{false, true} {
			var ops []storetest.Op
			w := newWitness(start(), replicas)
			w.d.Fault = func(op storetest.Op) (f storetest.Fault) {
				ops = append(ops, op)
				return f
			}
			w.script(ts)
			if err := w.check(stored); err != nil {
				t.Fatal(name, err)
			}
			if len(w.durable) == 0 || w.least != 3 {
				t.Fatalf("%s: the script does not do what it should", name)
			}
			for i, op := range ops {
				if !one(i) {
					continue
				}
				for _, f := range faults(op) {
					w := newWitness(start(), replicas)
					w.d.Forgets = forgets
					before := w.d.Ops()
					w.d.Fault = func(o storetest.Op) (none storetest.Fault) {
						if o.N == before+i+1 {
							return f
						}
						return none
					}
					w.script(ts)
					err := w.check(stored)
					if !f.Kill && w.least < 2 {
						err = fmt.Errorf("one failure left %d replicas", w.least)
					}
					if err != nil {
						t.Fatalf("%s: operation %d, %+v, suffered %+v: %v", name, i, op, f, err)
					}
				}
			}
		}
	}
}

// A failed fsync, and another fault while the log is written anew.
func TestFaultsWhileRebuilding(t *testing.T) {
	all := chain(t, group, 9)
	old, ts := all[:2], all[2:]
	for _, tt := range []struct {
		name     string
		replicas int
	}{
		{"there", 3}, {"rotten", 3}, {"wrong text", 1},
	} {
		name, replicas := tt.name, tt.replicas
		start := starts(t, replicas, old)[name]
		for first := 1; ; first++ { // which append-only log's fsync fails
			runs := 0
			for second := 1; ; second++ { // which operation after it
				var fs []storetest.Fault
				for n := 0; n == 0 || n < len(fs); n++ {
					w := newWitness(start(), replicas)
					// With one replica, what the disk forgets is in memory only
					// until it is written anew.
					w.d.Forgets = replicas > 1 && second%2 == 0
					logSyncs, after := 0, 0
					w.d.Fault = func(op storetest.Op) (f storetest.Fault) {
						if logSyncs == first {
							after++
							if after == second {
								fs = faults(op)
								return fs[n]
							}
							return f
						}
						if op.Kind == storetest.OpSync && slices.Contains([]string{replica(0), replica(1), replica(2)}, op.Path) {
							logSyncs++
							if logSyncs == first {
								f.Err = errDisk
							}
						}
						return f
					}
					w.script(ts)
					if fs == nil {
						break // there is no such operation
					}
					runs++
					if err := w.check(old); err != nil {
						t.Fatalf("%s: fsync %d failed, and operation %d after it suffered %+v: %v", name, first, second, fs[n], err)
					}
				}
				if fs == nil {
					break
				}
			}
			if runs == 0 {
				if first <= replicas {
					t.Fatalf("only %d fsyncs of logs", first)
				}
				break
			}
		}
	}
}
