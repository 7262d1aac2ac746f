package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/papo-chat/papo/internal/turn"
)

// maxMissed bounds the turns that a log takes up after it was written anew
// while others went on. What is beyond it stays missing there until the next
// repair; a log that took turns itself meanwhile is then not replaced.
const maxMissed = 4096

// replica is one log being written.
type replica struct {
	path    string
	syncing sync.Mutex // held by the one Sync that works on it
	named   bool       // its name is durable; only that Sync looks at it

	// What follows is guarded by Store.mu.
	log appendFile
	pos position // behind its last line; zero: not known

	// complete tells that it has all turns that any replica has; false: perhaps
	// not.
	complete bool

	broken bool // log has no open file; Sync must write it anew

	// pending are the turns in it that are not durable: what no failed fsync
	// can lose. It grows until Sync is called.
	pending  []*turn.Signed
	unsynced bool   // something was written since the last fsync began
	synced   uint64 // the Append up to which all is durable

	rebuilding bool
	missed     []*turn.Signed // what came while it was rebuilt
	overflow   bool           // more came than missed holds
	rebuilt    int
	epoch      int // counts the files that were at path

	retry     retry // of Append
	syncRetry retry // of rebuilding
}

// batch is what is appended with one write.
type batch struct {
	lines []byte
	turns []*turn.Signed // of the lines, those that a failed fsync must not lose
	n     int            // lines
	last  lastLine
}

func (r *replica) append(b batch) error {
	if r.broken {
		return r.retry.err
	}
	if r.log.junk {
		r.pos = position{} // lines of the batch that failed may be there
	}
	if err := r.log.append(b.lines); err != nil {
		r.retry.failed(fmt.Errorf("append to %s: %w", r.path, err))
		return r.retry.err
	}
	r.retry = retry{}
	r.pos.grow(r.log.end, b.n, b.last)
	r.pending = append(r.pending, b.turns...)
	r.unsynced = true
	return nil
}

// miss notes turns that come while the log is rebuilt, to be put behind it.
func (r *replica) miss(ts []*turn.Signed) {
	if r.rebuilding && len(r.missed)+len(ts) <= maxMissed {
		r.missed = append(r.missed, ts...)
	} else {
		r.overflow = true
	}
}

// settle forgets the first n pending turns: they are durable.
func (r *replica) settle(n int) {
	rest := copy(r.pending, r.pending[n:])
	clear(r.pending[rest:])
	r.pending = r.pending[:rest]
}

// sync makes the open file durable and, once, its name.
func (r *replica) sync(fsys FS, f File) error {
	if err := f.Sync(); err != nil || r.named {
		return err
	}
	r.named = true
	return syncDirs(fsys, filepath.Dir(r.path))
}

// syncDirs makes a folder durable with what is in it, and those above it as
// far as it may.
func syncDirs(fsys FS, dir string) error {
	err := fsys.SyncDir(dir)
	for up := filepath.Dir(dir); err == nil && up != dir; dir, up = up, filepath.Dir(up) {
		_ = fsys.SyncDir(up) // not ours: if it was there before, nothing is lost
	}
	return err
}

// breakDown closes the log for good: only rebuilding brings it back.
func (r *replica) breakDown(err error) {
	// Its data is in doubt anyway: the error of closing adds nothing.
	_ = r.log.close()
	r.broken = true
	r.retry = retry{err: err}
	r.syncRetry.failed(err)
}

// retry says when to try again what failed.
type retry struct {
	err   error // the last one; nil: all is well
	fails int   // in a row
	skip  int   // how many calls to leave out
}

func (r *retry) failed(err error) {
	r.err = err
	r.skip = 1<<min(r.fails, 8) - 1
	r.fails++
}

func (r *retry) due() bool {
	if r.skip == 0 {
		return true
	}
	r.skip--
	return false
}

// errDamagedCopy says that a log did not read as it was just written.
var errDamagedCopy = errors.New("the new log reads otherwise than it was written")
