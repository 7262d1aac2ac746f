package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

const (
	// DefaultReplicas is the number of replicas if Options does not say.
	DefaultReplicas = 3
	// MaxReplicas bounds it.
	MaxReplicas = 9
)

// Options say what to open.
type Options struct {
	FS  FS     // nil: OS
	Dir string // the data directory; made if it is not there

	// ReplicaDirs are where the logs are: replica i in directory i mod n. None:
	// in Dir/replicas.
	ReplicaDirs []string
	Replicas    int    // 1 to MaxReplicas; 0: DefaultReplicas
	Name        string // of the member, as turn.CheckName gives it
	Group       turn.GroupID

	// Checkpoint is the path of the checkpoint, a file of the operating system
	// whatever FS is; made if it is not there. Empty: the record has none.
	Checkpoint string
	Recent     int // the least number of turns in Restored.Recent, if there are so many

	// Progress, if not nil, is called while Open reads the logs, every 100 ms at
	// most, with bytes, and then, if it puts more turns into the checkpoint than one
	// batch, for each batch, with turns: done begins at 0 again.
	Progress func(done, total int64)
	// ProveEvery is how long a row-by-row proof of the checkpoint will do for
	// Store.Repair: proving takes some 2 s for 100,000 turns, and an Advance
	// waits for the last part of it. 0: each Repair proves.
	ProveEvery time.Duration

	Rand io.Reader // for generations; nil: crypto/rand

	base string // stands for the folded name, if that is all that is known

	// Parse reads a signed turn and verifies its signature; nil: turn.Parse.
	// Simulations, which run faster without signatures, say otherwise. It is called
	// from several goroutines at once.
	Parse func(turn.GroupID, []byte) (*turn.Signed, error)
}

func (o *Options) check() error {
	if err := o.defaults(); err != nil {
		return err
	}
	if o.Name == "" && o.base == "" {
		return errors.New("a store needs a name")
	}
	return nil
}

// defaults fills in what was left out, but who and whose it is.
func (o *Options) defaults() error {
	if o.FS == nil {
		o.FS = OS{}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Parse == nil {
		o.Parse = turn.Parse
	}
	if o.Replicas == 0 {
		o.Replicas = DefaultReplicas
	}
	if o.Replicas < 1 || o.Replicas > MaxReplicas {
		return fmt.Errorf("%d replicas are not possible: choose 1 to %d", o.Replicas, MaxReplicas)
	}
	if o.Dir == "" {
		return errors.New("a store needs a data directory")
	}
	return nil
}

// member is the name in the names of files.
func (o *Options) member() string {
	if o.base != "" {
		return o.base
	}
	return turn.FoldName(o.Name)
}

// logName is the file name of replica i.
func (o *Options) logName(i int) string {
	return fmt.Sprintf("%s%s_%d%s", logPrefix, o.member(), i, logSuffix)
}

// dirs are the directories of the replicas.
func (o *Options) dirs() []string {
	if len(o.ReplicaDirs) == 0 {
		return []string{filepath.Join(o.Dir, "replicas")}
	}
	dirs := make([]string, len(o.ReplicaDirs))
	for i, d := range o.ReplicaDirs {
		dirs[i] = filepath.Clean(d)
	}
	return dirs
}

// Store is the record of one member on disk. All methods may be called from
// any goroutine. No goroutine that it starts outlives the call.
type Store struct {
	o     Options
	locks map[string]io.Closer // by directory; guarded by mu

	replicas []*replica
	others   map[string]position // of logs that are read and never written; never changes
	unsent   *unsentLog

	repairing  sync.Mutex  // held by the one Repair that runs; before all others
	advancing  gate        // held by the one Advance that runs
	checkpoint *checkpoint // nil: none; guarded by mu and advancing, either will do to read it
	remakes    retry       // of making it anew; guarded by advancing

	life context.Context // ends with Close
	die  context.CancelFunc

	mu     sync.Mutex // guards what follows, and what a replica says it does
	seq    uint64     // the number of the last Append
	closed bool
	buf    []byte

	opened bool // Open is through
	// spoiled is why the checkpoint must be made anew; nil: it need not.
	spoiled error

	// What the next Advance has to do. While there is a path for a checkpoint and
	// none can be made, this has all that was said since the start: nothing else
	// gives these turns.
	fresh  []*turn.Signed           // kept, and not in the checkpoint
	inHand map[turn.ID]*turn.Signed // the same, and those that an Advance puts in just now
	tally  *tally                   // of all turns, if there is no checkpoint; else nil
}

// Result tells what became of one Append.
type Result struct {
	Seq      uint64  // its number, from 1; compare with what Sync gives
	Replicas []error // one each; nil: it has the turns
}

// Kept is how many replicas have the turns.
func (r Result) Kept() int {
	n := 0
	for _, err := range r.Replicas {
		if err == nil {
			n++
		}
	}
	return n
}

// Append adds turns to all replicas, with one write each. Where Result has no
// error, a crash of the program loses none of them; Sync adds safety from a
// power cut. It does not look whether the turns are there already: a log may
// name a turn twice.
//
// A replica that fails is as before, or as good as that (see appendFile); what
// it missed stays missing there. It is tried again at the next Append, and if
// it fails again, after one more that it is left out of, then three, seven and
// so on up to 255. When no other replica keeps the turns, all are tried. A
// replica whose file must be written anew first is left to Sync, which tries at
// once if no replica kept the turns.
func (s *Store) Append(ts []*turn.Signed) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	res := Result{Seq: s.seq, Replicas: make([]error, len(s.replicas))}
	s.buf = s.buf[:0]
	for _, t := range ts {
		s.buf = appendLine(s.buf, t)
	}
	b := batch{lines: s.buf, turns: ts, n: len(ts)}
	if len(ts) > 0 {
		b.last = lastLineOf(s.buf)
	}
	var left []int // out, for now
	for i, r := range s.replicas {
		switch {
		case s.closed:
			res.Replicas[i] = ErrClosed
		case r.retry.due():
			res.Replicas[i] = r.append(b)
		default:
			res.Replicas[i] = r.retry.err
			left = append(left, i)
		}
	}
	if res.Kept() == 0 {
		for _, i := range left {
			res.Replicas[i] = s.replicas[i].append(b)
		}
	}
	if res.Kept() == 0 {
		for _, r := range s.replicas {
			r.syncRetry.skip = 0 // nothing can be said until a log is written anew: the next Sync tries
		}
	}
	if res.Kept() > 0 {
		for i, r := range s.replicas {
			r.miss(ts)
			r.complete = r.complete && res.Replicas[i] == nil
		}
		s.remember(ts)
		s.tally.add(ts)
	}
	if cap(s.buf) > 1<<20 {
		s.buf = nil
	}
	return res
}

// Sync makes replica i durable: after it, a power cut takes nothing from it
// that an Append of a number up to upto reported as kept there. Appends go on
// meanwhile.
//
// After a failed fsync nobody knows what the disk has, so the log is written
// anew, from all logs that can be read and from what was appended since the
// last good fsync; if that succeeds, Sync does, and Status counts it. If not,
// the replica takes no turns; a later Sync tries again, after one call that
// does nothing, then three, seven and so on up to 255. A log that could not be
// opened at the start is treated in the same way.
func (s *Store) Sync(i int) (upto uint64, err error) {
	r := s.replicas[i]
	r.syncing.Lock()
	defer r.syncing.Unlock()

	s.mu.Lock()
	f, seq, n := r.log.f, s.seq, len(r.pending)
	switch {
	case s.closed:
		s.mu.Unlock()
		return r.synced, ErrClosed
	case r.broken && !r.syncRetry.due():
		s.mu.Unlock()
		return r.synced, r.syncRetry.err
	case r.broken:
		s.mu.Unlock()
		upto, _, err := s.rebuild(r, nil)
		return upto, err
	case !r.unsynced:
		r.synced = seq
		s.mu.Unlock()
		return seq, nil
	}
	r.unsynced = false // what is appended from now on sets it again
	s.mu.Unlock()

	if err := r.sync(s.o.FS, f); err != nil {
		s.mu.Lock()
		r.breakDown(fmt.Errorf("fsync of %s failed: %w", r.path, err))
		s.mu.Unlock()
		upto, _, err := s.rebuild(r, nil)
		return upto, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.settle(n)
	r.synced = seq
	return seq, nil
}

// Dirty gives the numbers of the replicas for which Sync has something to do.
func (s *Store) Dirty() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var dirty []int
	for i, r := range s.replicas {
		if r.unsynced || r.broken {
			dirty = append(dirty, i)
		}
	}
	return dirty
}

// SyncAll is Sync for all replicas and for unsent.log, before the program
// ends. A replica that waits for its next try is tried now. The error joins
// those of all.
func (s *Store) SyncAll() error {
	errs := []error{s.unsent.sync()}
	for _, i := range s.Dirty() {
		s.mu.Lock()
		s.replicas[i].syncRetry.skip = 0
		s.mu.Unlock()
		_, err := s.Sync(i)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Status is how one replica is doing.
type Status struct {
	Path     string
	Err      error // it takes no turns just now, and why
	Unsynced bool  // some turns are not durable there
	Rebuilt  int   // how often its file was written anew since the start
}

// Status tells how each replica is doing.
func (s *Store) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Status, len(s.replicas))
	for i, r := range s.replicas {
		all[i] = Status{Path: r.path, Err: r.retry.err, Unsynced: r.unsynced || len(r.pending) > 0, Rebuilt: r.rebuilt}
	}
	return all
}

// Close closes all files and gives the locks back. It does not sync and does not
// advance the checkpoint: see SyncAll and Advance. Everything after it fails with ErrClosed.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.die() // making a checkpoint anew takes long

	errs := []error{s.unsent.close(), s.closeCheckpoint()}
	for _, r := range s.replicas {
		r.syncing.Lock() // a Sync under way ends first
		errs = append(errs, r.log.close())
		r.syncing.Unlock()
	}
	return errors.Join(append(errs, s.unlock())...)
}

// lockDir makes a directory of replicas, and locks it if it is not in the data
// directory, which is locked: two members with one name may have been given
// one directory.
func (s *Store) lockDir(dir string) error {
	if len(s.o.ReplicaDirs) == 0 {
		return s.o.FS.MkdirAll(dir)
	}
	return s.lock(dir, filepath.Join(dir, logPrefix+s.o.member()+".lock"))
}

// lock makes and locks a directory, if it is not the store's already. Where the
// file system knows no locks, another process there goes unnoticed.
func (s *Store) lock(dir, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[dir] != nil {
		return nil
	}
	if err := s.o.FS.MkdirAll(dir); err != nil {
		return err
	}
	l, err := s.o.FS.Lock(path)
	switch {
	case errors.Is(err, ErrLocked):
		return &LockedError{Name: s.o.Name, Dir: dir}
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return err
	}
	s.locks[dir] = l
	return nil
}

func (s *Store) unlock() error {
	var errs []error
	for _, l := range s.locks {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
