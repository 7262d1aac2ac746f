package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

// childEnv says what a process that a test starts of this program shall do, and
// childDir where.
const (
	childEnv = "PAPO_STORE_CHILD"
	childDir = "PAPO_STORE_DIR"
)

// children are what such a process can do. It tells on standard output, a line
// each, and what is wrong on standard error.
var children = map[string]func(dir string) error{"write": writeUntilKilled}

func TestMain(m *testing.M) {
	if f := children[os.Getenv(childEnv)]; f != nil {
		if err := f(os.Getenv(childDir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// load is all that a member's program does with a store, as fast as it can: it
// speaks and hears, syncs, advances the checkpoint, and repairs the log number
// damaged, which it damages.
type load struct {
	o       store.Options
	s       *store.Store
	damaged int                     // a log; negative: none
	failed  string                  // see newLoadAfter
	tell    func(string, ...any)    // what happened, at once; nil: nobody listens
	hear    func(ts []*turn.Signed) // what is about to be appended; nil: nobody listens
	alarm   chan error              // a Repair said this of the checkpoint, which nobody damages; nil: nobody listens
	stopped chan struct{}
	done    sync.WaitGroup

	mu       sync.Mutex
	last     *turn.Signed // of the chain
	n        int          // turns in it, or as many as it had: no two have one number
	restored []*turn.Signed
	appends  []appended
	durable  []*turn.Signed // a Sync of a log that is not damaged, or an Advance, said so
	over     bool           // what is reported from now on is too late
}

// loadOptions are those of a record on the operating system's disk.
func loadOptions(dir string) store.Options {
	return store.Options{Dir: dir, Name: "ana", Group: group, Checkpoint: filepath.Join(dir, "checkpoint.db"), Recent: 10}
}

// newLoad opens the record. Its turns are in l.restored.
func newLoad(o store.Options, n, damaged int) (*load, *store.Restored, error) {
	return newLoadAfter("", o, n, damaged)
}

// newLoadAfter is newLoad where the disk of a directory may have failed while it was
// in use: what could not be read then may be taken for damage of the checkpoint, which
// is put aside and made anew.
func newLoadAfter(failed string, o store.Options, n, damaged int) (*load, *store.Restored, error) {
	s, r, err := store.Open(o)
	if err != nil {
		return nil, nil, err
	}
	l := &load{o: o, s: s, n: n, damaged: damaged, failed: failed, stopped: make(chan struct{})}
	if l.restored, err = l.record(r); err != nil {
		return l, r, errors.Join(err, s.Close())
	}
	if len(l.restored) > 0 {
		l.last = l.restored[len(l.restored)-1]
	}
	return l, r, nil
}

// record gives all turns that were restored, after checking that all is as it
// should be.
func (l *load) record(r *store.Restored) ([]*turn.Signed, error) {
	all := ids(r.New)
	if err := l.s.Items(context.Background(), func(it turn.Item) bool { all = append(all, it.ID); return true }); err != nil {
		return nil, err
	}
	ts, err := l.s.Get(all)
	if err != nil || slices.Contains(ts, nil) || len(ts) != r.Count {
		return nil, fmt.Errorf("%d turns restored, and it says %d (%v)", len(ts), r.Count, err)
	}
	if p := r.Checkpoint.Problem; p != nil && !(l.o.Dir == l.failed && r.Checkpoint.Aside != "") {
		return nil, fmt.Errorf("the checkpoint: %w", p)
	}
	var first string
	for i, st := range r.Replicas {
		if i == l.damaged {
			continue
		}
		text, err := os.ReadFile(st.Path)
		if err != nil {
			return nil, err
		}
		body := string(text[min(len(text), headerSize):])
		if i == 0 {
			first = body
		} else if body != first {
			return nil, fmt.Errorf("%s is not as the first log: %s", st.Path, difference(body, first))
		}
	}
	if l.damaged > 0 { // a start does not see damage before the checkpoint's end
		if c := l.s.Repair(context.Background(), nil).Checkpoint; c.Err != nil && l.o.Dir != l.failed {
			return nil, fmt.Errorf("nobody damaged the checkpoint: %w", c.Err)
		}
	}
	if rep := l.s.Check(); !rep.Consistent() || rep.Turns != len(ts) {
		return nil, fmt.Errorf("opened, and then %+v", rep)
	}
	carried := map[turn.LineID]bool{}
	for _, t := range ts {
		for _, id := range t.Turn().LineIDs {
			carried[id] = true
		}
	}
	for _, u := range r.Unsent {
		if carried[u.Line] {
			return nil, fmt.Errorf("%q is offered again, and a turn carries it", u.Text)
		}
	}
	return inOrder(ts), nil
}

// headerSize is the length of a log's first line, which is of this file alone.
const headerSize = len("papo-log 1|") + 64 + len("|") + 16 + len("\n")

// start sets everything going.
func (l *load) start() {
	for _, f := range []struct {
		do    func()
		pause time.Duration
	}{
		{l.speak, time.Millisecond}, {l.sync, time.Millisecond}, {l.advance, 10 * time.Millisecond}, {l.repair, 30 * time.Millisecond},
	} {
		l.done.Go(func() {
			for {
				select {
				case <-l.stopped:
					return
				case <-time.After(f.pause):
					f.do()
				}
			}
		})
	}
}

// stop ends everything, and closes the store.
func (l *load) stop() error {
	close(l.stopped)
	l.done.Wait()
	return l.s.Close()
}

// speak says the next line, or hears some turns of others.
func (l *load) speak() {
	l.mu.Lock()
	defer l.mu.Unlock()
	name, count := "ana", 1
	if rand.IntN(3) == 0 {
		name, count = "bia", 1+rand.IntN(4)
	}
	var ts []*turn.Signed
	for range count {
		v := turn.Turn{Name: name, Stamp: 1, Time: 1_767_323_045_678 + int64(l.n), LineIDs: []turn.LineID{lineID(l.n)}, Texts: []string{lineText(l.n)}}
		if l.last != nil {
			v.Stamp, v.Parents = l.last.Stamp()+1, []turn.ID{l.last.ID()}
		}
		if name == "ana" && l.s.Queue(v.LineIDs[0], v.Texts[0]) == nil {
			l.say("queued", l.n)
		}
		s, err := turn.Sign(group, v, authors[name])
		if err != nil {
			panic(err)
		}
		ts, l.last = append(ts, s), s
		l.n++
	}
	if l.hear != nil {
		l.hear(ts)
	}
	res := l.s.Append(ts)
	l.appends = append(l.appends, appended{res, ts})
	if res.Kept() > 0 {
		l.say("appended", l.n-1)
	}
}

func lineID(n int) (id turn.LineID) {
	binary.BigEndian.PutUint64(id[:], uint64(n)+1)
	return id
}

func lineText(n int) string { return fmt.Sprintf("line %d|\\", n) }

func (l *load) say(what string, n int) {
	if l.tell != nil {
		l.tell("%s %d\n", what, n)
	}
}

// sync makes the logs durable, and then notes what was said.
func (l *load) sync() {
	for _, i := range l.s.Dirty() {
		upto, err := l.s.Sync(i)
		if err != nil || i == l.damaged {
			continue
		}
		l.mu.Lock()
		if l.over {
			l.mu.Unlock()
			return
		}
		l.durable = append(l.durable, l.restored...)
		l.restored = nil
		var lines []turn.LineID
		for _, a := range l.appends {
			if a.res.Seq <= upto && a.res.Replicas[i] == nil {
				l.durable = append(l.durable, a.ts...)
				for _, t := range a.ts {
					lines = append(lines, t.Turn().LineIDs...)
				}
			}
		}
		l.appends = slices.DeleteFunc(l.appends, func(a appended) bool { return a.res.Seq <= upto })
		l.mu.Unlock()
		_ = l.s.Done(lines...) // if it fails, the turns say so
	}
}

func (l *load) advance() {
	l.mu.Lock()
	has := slices.Clone(l.restored)
	for _, a := range l.appends {
		if a.res.Kept() > 0 {
			has = append(has, a.ts...)
		}
	}
	l.mu.Unlock()
	err := advance(l.s)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && !l.over {
		l.durable = append(l.durable, has...)
	}
}

func advance(s *store.Store) error {
	_, err := s.Advance(context.Background(), nil)
	return err
}

// repair flips a bit of a log, as a disk may, and has it mended.
func (l *load) repair() {
	if l.damaged < 0 {
		return
	}
	path := l.s.Status()[l.damaged].Path
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return
	}
	var b [1]byte
	info, err := f.Stat()
	if err == nil && info.Size() > int64(headerSize) {
		at := int64(headerSize) + rand.Int64N(info.Size()-int64(headerSize))
		if _, err = f.ReadAt(b[:], at); err == nil {
			b[0] ^= 1 << rand.IntN(8)
			_, err = f.WriteAt(b[:], at)
		}
	}
	_ = errors.Join(err, f.Close()) // a disk that is gone has no bits to flip
	if c := l.s.Repair(context.Background(), nil).Checkpoint; c.Err != nil {
		select {
		case l.alarm <- c.Err:
		default:
		}
	}
}
