package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

const (
	newSuffix     = ".new"     // a log being written anew
	damagedSuffix = ".damaged" // what a rebuilt log was before, if it had damage
	foreignSuffix = ".foreign" // a log of another group that stood in the place of one
	tornSuffix    = ".torn"    // the last line that was cut off
)

// rebuild writes a log anew and opens it. given are turns that the caller has,
// beside what logs and checkpoint have. Its caller holds r.syncing.
func (s *Store) rebuild(r *replica, given iter.Seq[*turn.Signed]) (upto uint64, mended Mended, err error) {
	s.mu.Lock()
	pending, seq, broken := slices.Clone(r.pending), s.seq, r.broken
	r.rebuilding, r.overflow = true, false
	s.mu.Unlock()

	w, err := s.writeAnew(r, pending, given)
	if err == nil {
		upto, err = s.replace(r, w)
	}
	if err == nil {
		// Not before this is the new name durable.
		err = syncDirs(s.o.FS, filepath.Dir(r.path))
	}
	r.named = err == nil

	s.mu.Lock()
	defer s.mu.Unlock()
	r.rebuilding, r.missed = false, nil
	if err != nil {
		err = fmt.Errorf("write %s anew: %w", r.path, err)
		if broken || r.log.f == nil {
			r.breakDown(err)
		}
		return r.synced, Mended{}, err
	}
	r.settle(len(pending))
	r.syncRetry = retry{}
	r.complete = !r.overflow && w.modelled
	if !broken {
		upto = seq // what came later is in it too, but perhaps not durable
	}
	r.synced = upto
	r.rebuilt++
	return upto, w.mended, nil
}

// written is a log that stands beside the one that it will replace.
type written struct {
	u    *union
	pos  position
	keep string // the suffix under which the one to be replaced stays; empty: it has nothing of its own

	// modelled tells that its lines stand as they do in the others. If none of
	// them was whole, or could be read, the next start has to compare them.
	modelled bool
	mended   Mended
}

// Mended is what a log got when it was written anew.
type Mended struct {
	Turns int // that it lacked in good lines
	From  []Source
}

// writeAnew writes the union of all that is there, durably, and reads it again.
func (s *Store) writeAnew(r *replica, pending []*turn.Signed, given iter.Seq[*turn.Signed]) (w written, err error) {
	if err := s.lockDir(filepath.Dir(r.path)); err != nil {
		return w, err
	}
	if err := finishReplacing(s.o.FS, r.path); err != nil {
		return w, err
	}
	u := newUnion(s.o.Group, s.o.Parse)
	m := s.now()
	m.fill(&u, given)
	m.close()
	var logs []*logFile
	old := readLog(s.o.FS, r.path, nil, -1, u)
	if old.Err != nil {
		return w, old.Err // what cannot be read must not be replaced
	}
	if old.wrong != nil && !errors.Is(old.wrong, ErrOtherGroup) {
		return w, old.wrong
	}
	for _, other := range s.replicas {
		if other != r {
			// One that cannot be read has nothing to give; it is told elsewhere.
			logs = append(logs, readLog(s.o.FS, other.path, nil, -1, u))
		}
	}
	for _, t := range pending {
		u.give(t)
	}
	if len(s.replicas) == 1 {
		logs = append(logs, old) // no other says in which sequence
	}
	w = written{u: u, keep: old.aside(), modelled: len(s.replicas) == 1 || slices.ContainsFunc(logs, (*logFile).whole)}
	lacks := u.missing([]*logFile{old})[0]
	w.mended = Mended{Turns: len(lacks), From: u.sources(lacks)}
	made, err := s.writeNew(r.path, u, u.sequence(logs))
	w.pos = made.pos
	return w, err
}

// replace puts the new log in the place of the old one and opens it, with the
// turns that others took meanwhile: those are not yet durable.
func (s *Store) replace(r *replica, w written) (upto uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, ErrClosed
	}
	if r.overflow && !r.broken {
		return 0, errors.New("too much was said meanwhile")
	}
	fsys, path := s.o.FS, r.path+newSuffix
	log, pos := appendFile{fs: fsys, path: path, end: w.pos.offset}, w.pos
	missed := slices.DeleteFunc(slices.Clone(r.missed), func(t *turn.Signed) bool { return w.u.has(t.ID()) })
	if len(missed) > 0 {
		var lines []byte
		for _, t := range missed {
			lines = appendLine(lines, t)
		}
		if log.f, err = fsys.Append(path); err != nil {
			return 0, err
		}
		// Closed before it is renamed: Windows wants that.
		if err := errors.Join(log.append(lines), log.close()); err != nil {
			return 0, err
		}
		pos.grow(log.end, len(missed), lastLineOf(lines))
	}
	// What the old one has is in the new one, so an error of closing means
	// nothing.
	_ = r.log.close()
	if err := s.rename(r.path, w.keep); err != nil {
		return 0, err
	}
	log.path = r.path
	if log.f, err = fsys.Append(r.path); err != nil {
		return 0, err
	}
	if r.broken {
		r.pending = append(r.pending, missed...)
	}
	r.log, r.pos, r.broken, r.epoch = log, pos, false, r.epoch+1
	r.retry = retry{}
	r.unsynced = len(missed) > 0
	r.rebuilding, r.missed = false, nil
	return s.seq, nil
}

// finishReplacing does what replace was about to do when it ended between its
// two renames: then the new log is the only one that has all turns.
func finishReplacing(fsys FS, path string) error {
	if _, err := fsys.Size(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // if it cannot be read, reading it says so
	}
	if err := fsys.Rename(path+newSuffix, path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Store) newHeader() (header, error) {
	h := header{version: formatVersion, group: s.o.Group}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.ReadFull(s.o.Rand, h.generation[:]); err != nil {
		return h, fmt.Errorf("no randomness for a new log: %w", err)
	}
	return h, nil
}
