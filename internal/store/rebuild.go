package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

const (
	newSuffix     = ".new"     // a log being written anew
	damagedSuffix = ".damaged" // what a rebuilt log was before, if it had damage
	tornSuffix    = ".torn"    // the last line that was cut off
)

// rebuild writes a broken log anew and opens it. Its caller holds r.syncing.
func (s *Store) rebuild(r *replica) (upto uint64, err error) {
	s.mu.Lock()
	pending := slices.Clone(r.pending)
	r.rebuilding = true
	s.mu.Unlock()

	damaged, err := s.writeAnew(r, pending)
	if err == nil {
		upto, err = s.replace(r, damaged)
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
		r.breakDown(fmt.Errorf("write %s anew: %w", r.path, err))
		return r.synced, r.retry.err
	}
	r.settle(len(pending))
	r.syncRetry = retry{}
	r.synced = upto
	r.rebuilt++
	return upto, nil
}

// writeAnew writes the union of all logs and of the pending turns beside the
// log at r.path, durably, and reads it again. Damaged tells that the log has
// damaged lines to be kept.
func (s *Store) writeAnew(r *replica, pending []*turn.Signed) (damaged bool, err error) {
	if err := s.lockDir(filepath.Dir(r.path)); err != nil {
		return false, err
	}
	if err := finishReplacing(s.o.FS, r.path); err != nil {
		return false, err
	}
	u := newUnion(s.o.Group, s.o.Parse)
	old, err := readLog(s.o.FS, r.path, -1, u)
	if err := errors.Join(err, old.Err); err != nil {
		return false, err // what cannot be read must not be replaced
	}
	for _, other := range s.replicas {
		if other != r {
			// One that cannot be read has nothing to give; it is told elsewhere.
			_, _ = readLog(s.o.FS, other.path, -1, u)
		}
	}
	for _, t := range pending {
		u.salvage(t)
	}

	path := r.path + newSuffix
	if err := s.writeLog(path, u.sorted()); err != nil {
		_ = s.o.FS.Remove(path) // to make room; the next try empties it anyway
		return false, err
	}
	written, err := readLog(s.o.FS, path, -1, u)
	if err := errors.Join(err, written.Err); err != nil {
		return false, err
	}
	written.Missing = len(u.turns) - written.Turns
	if !written.Consistent() {
		return false, errDamagedCopy
	}
	return len(old.Damaged) > 0, nil
}

// writeLog writes a whole log and syncs it.
func (s *Store) writeLog(path string, ts []*turn.Signed) error {
	h, err := s.newHeader()
	if err != nil {
		return err
	}
	f, err := s.o.FS.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	line := h.append(nil)
	for _, t := range ts {
		w.Write(line) // its error stays until Flush
		line = appendLine(line[:0], t)
	}
	w.Write(line)
	err = w.Flush()
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// replace puts the new log in the place of the old one and opens it, with the
// turns that others took meanwhile: those are not yet durable.
func (s *Store) replace(r *replica, damaged bool) (upto uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fsys, path := s.o.FS, r.path+newSuffix
	log := appendFile{fs: fsys, path: path}
	if log.end, err = fsys.Size(path); err != nil {
		return 0, err
	}
	if len(r.missed) > 0 {
		var lines []byte
		for _, t := range r.missed {
			lines = appendLine(lines, t)
		}
		if log.f, err = fsys.Append(path); err != nil {
			return 0, err
		}
		// Closed before it is renamed: Windows wants that.
		if err := errors.Join(log.append(lines), log.close()); err != nil {
			return 0, err
		}
	}
	if damaged {
		if err := fsys.Rename(r.path, r.path+damagedSuffix); err != nil {
			return 0, err
		}
	}
	if err := fsys.Rename(path, r.path); err != nil {
		return 0, err
	}
	log.path = r.path
	if log.f, err = fsys.Append(r.path); err != nil {
		return 0, err
	}
	r.log, r.broken, r.epoch = log, false, r.epoch+1
	r.retry = retry{}
	r.pending = append(r.pending, r.missed...)
	r.unsynced = len(r.missed) > 0
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
