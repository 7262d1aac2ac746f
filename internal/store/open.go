package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/papo-chat/papo/internal/turn"
)

// Restored is what was found on disk. All slices of turns are by (stamp, id). All turns
// are New, and what Store.Items and Store.Get or View.All give.
type Restored struct {
	Count    int            // all turns, of any state
	MaxStamp uint64         // within reach, as turn.History.MaxStamp has it
	Heads    []turn.Item    // in the order
	Missing  []turn.ID      // parents that are named and not there, by id
	Recent   []*turn.Signed // the last ones within reach, Options.Recent or more
	Peers    []Peer         // in the order of first meeting

	// Summary is of the turns that the checkpoint has. With none in use it is the
	// zero value. Recent has as many as Options.Recent.
	Summary turn.Summary
	// New are the others: all, if no checkpoint is in use, else 20,000 at most. If
	// the logs had more, Open has put them in.
	New []*turn.Signed

	Checkpoint CheckpointState
	Replicas   []ReplicaState

	// Others are logs beside the replicas: of an earlier name, or from when
	// there were more replicas. They are read and never written.
	Others []ReplicaReport

	Unsent        []Unsent // lines typed and never said, in order
	UnsentDamaged []Damage // of unsent.log; MaxDamaged at most
}

// CheckpointState is what became of the checkpoint when it was opened.
type CheckpointState struct {
	Path    string // empty: none was asked for
	Turns   int    // that it had
	Filled  int    // turns that Open put into it
	Created bool   // it was not there
	Aside   string // it was damaged or somebody else's, and is kept there; a new one is made
	Problem error  // why it was put aside, or why it cannot be used (then Aside is empty)

	// Behind tells that no log is as the checkpoint says, or not all of them
	// are: all logs were read whole.
	Behind bool
}

// ReplicaState is what became of one replica when it was opened: the report is
// what was found, the rest what was done.
type ReplicaState struct {
	ReplicaReport
	Aside     string // Torn: the file where the torn line is kept; empty: it was not cut off
	Created   bool   // the file was not there
	Foreign   bool   // the file was another group's, and is kept with the ending .foreign
	NotMended error  // it is open, but could not be mended
}

// Open opens the record of a member, and makes it if it is not there. Turns of
// all logs are verified. What the outcome of each kind of damage is stands in
// the package's comment; no damage keeps a record from being opened, and a
// replica that cannot be written is left out, as long as one can.
//
// The error matches ErrLocked (as *LockedError), ErrOtherGroup or ErrNewerLog,
// and then no log was touched; or else says which directory cannot be used.
func Open(o Options) (*Store, *Restored, error) {
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	s := &Store{o: o, locks: map[string]io.Closer{}, advancing: newGate(), inHand: map[turn.ID]*turn.Signed{}}
	s.life, s.die = context.WithCancel(context.Background())
	r, err := s.open()
	if err != nil {
		for _, r := range s.replicas {
			_ = r.log.close() // nothing was written
		}
		if s.unsent != nil {
			_ = s.unsent.close()
		}
		_ = s.closeCheckpoint()
		s.die()
		return nil, nil, errors.Join(err, s.unlock())
	}
	return s, r, nil
}

// openGCPercent is GOGC while Open reads.
const openGCPercent = 25

func (s *Store) open() (*Restored, error) {
	fsys, dir, dirs := s.o.FS, s.o.Dir, s.o.dirs()
	if err := s.lock(dir, filepath.Join(dir, "lock")); err != nil {
		return nil, err
	}
	var unusable []error // by replica
	for i := range s.o.Replicas {
		d := dirs[i%len(dirs)]
		r := &replica{path: filepath.Join(d, s.o.logName(i))}
		s.replicas = append(s.replicas, r)
		lockErr := s.lockDir(d)
		if errors.Is(lockErr, ErrLocked) {
			return nil, lockErr
		}
		unusable = append(unusable, errors.Join(lockErr, finishReplacing(fsys, r.path)))
	}

	if err := s.findUnsent(); err != nil {
		return nil, err
	}
	var state CheckpointState
	if err := s.findCheckpoint(&state); err != nil {
		return nil, err
	}
	// What is known of a long record holds no pointers, so that collecting garbage
	// costs little, and doing so often saves half of the memory.
	percent := debug.SetGCPercent(openGCPercent)
	f, err := s.find(unusable, dirs, &state)
	debug.SetGCPercent(percent)
	if err != nil {
		return nil, err
	}
	state.Filled = f.filled
	f.res.Checkpoint = state
	if err := s.restore(f); err != nil {
		return nil, err
	}
	s.remember(f.res.New)
	if s.checkpoint == nil {
		s.tally = tallyOf(f.u)
	}
	s.opened = true
	if f.filled > 0 {
		// So that the next start need not read all again. If it fails, the next
		// Advance does it.
		_, _ = s.Advance(s.life, nil)
	}
	return f.res, nil
}

// restore makes the store ready for what was found, and tells it.
func (s *Store) restore(f *found) error {
	u, res := f.u, f.res
	if err := s.openUnsent(u); err != nil {
		return err
	}
	res.Unsent, res.UnsentDamaged = slices.Clone(s.unsent.lines), s.unsent.report.Damaged
	s.others = map[string]position{}
	for i, missing := range u.missing(f.others) {
		l := f.others[i]
		l.Missing, l.Turns = len(missing), l.Turns+f.base
		l.Err = errors.Join(l.Err, l.wrong)
		res.Others = append(res.Others, l.ReplicaReport)
		s.others[s.key(l.Path)] = l.at
	}
	var errs []error
	seq, missing := u.sequence(f.logs), u.missing(f.logs)
	for i, r := range s.replicas {
		state := s.ready(r, f.logs[i], u, seq, missing[i])
		if state.Err != nil {
			r.breakDown(state.Err)
			errs = append(errs, state.Err)
		} else {
			state.Turns += f.base
		}
		r.complete = state.Err == nil && state.NotMended == nil
		res.Replicas = append(res.Replicas, state)
	}
	if len(errs) == len(s.replicas) {
		return fmt.Errorf("no replica can be written: free or choose a directory: %w", errors.Join(errs...))
	}
	return nil
}

// strangers is the error if these logs belong to somebody else. A log of
// another group is not taken for that where another log is of this one: then
// it came there by mistake.
func strangers(replicas, others []*logFile) error {
	ours := slices.ContainsFunc(replicas, func(l *logFile) bool {
		return l.wrong == nil && l.header.version == formatVersion && (l.Turns > 0 || len(l.Damaged) == 0)
	})
	for _, l := range slices.Concat(replicas, others) {
		if l.wrong != nil && !(ours && errors.Is(l.wrong, ErrOtherGroup)) {
			return l.wrong
		}
	}
	return nil
}

// ready makes a log that was read ready for appending, mended if it must be.
func (s *Store) ready(r *replica, l *logFile, u *union, seq, missing []int32) ReplicaState {
	l.Missing = len(missing)
	state := ReplicaState{ReplicaReport: l.ReplicaReport, Created: !l.exists, Foreign: l.wrong != nil}
	if l.Err != nil {
		state.Created = false
		return state
	}
	r.unsynced = true // what an earlier run left may not be durable
	for _, i := range l.order {
		if b := u.bodies[i]; b != nil {
			r.pending = append(r.pending, b)
		}
	}
	if l.wrong == nil {
		r.log, r.pos = appendFile{fs: s.o.FS, path: r.path, end: l.good, open: l.open}, l.at
	}
	if l.Torn {
		state.Aside = s.cutTorn(r, l)
	}
	from := u.sources(missing) // before what is mended moves it
	repaired, err := s.mend(r, l, u, seq)
	if err == nil {
		state.Repaired, state.From = repaired, from
		return state
	}
	_ = r.log.close()
	if l.wrong != nil || !l.exists || l.fresh && l.good == 0 {
		state.Err, state.Created = err, false
		return state
	}
	// It stays as it is, and takes what comes.
	state.NotMended = err
	r.log.f, state.Err = s.o.FS.Append(r.path)
	return state
}

// cutTorn keeps a torn last line aside and cuts it off. If it cannot be kept,
// it stays, and becomes a damaged line.
func (s *Store) cutTorn(r *replica, l *logFile) (aside string) {
	aside = r.path + tornSuffix
	if writeSynced(s.o.FS, aside, l.torn) != nil {
		r.log.end, r.log.open = l.good+int64(len(l.torn)), true
		r.pos = position{}
		return ""
	}
	r.log.junk = true
	r.log.cut()
	return aside
}

// findUnsent reads unsent.log.
func (s *Store) findUnsent() error {
	path := filepath.Join(s.o.Dir, unsentName)
	if err := finishReplacing(s.o.FS, path); err != nil {
		return err
	}
	l, err := readUnsent(s.o.FS, s.o.Dir)
	if err != nil {
		return err
	}
	if l.group != nil && *l.group != s.o.Group && len(l.lines) > 0 {
		return fmt.Errorf("%s: %w", path, ErrOtherGroup)
	}
	s.unsent = l
	return nil
}

// openUnsent opens unsent.log without the lines that a turn carries.
func (s *Store) openUnsent(u *union) error {
	l := s.unsent
	if s.checkpoint != nil {
		for _, id := range s.checkpoint.now().said() {
			l.remove(id)
		}
	}
	for id := range u.carried {
		l.remove(id)
	}
	return l.open(s.o.Group)
}

// findOthers gives the logs of the data directory, and those of this name in
// the directories of replicas, that are none of the replicas.
func (s *Store) findOthers(dirs []string) []string {
	home := filepath.Join(s.o.Dir, "replicas")
	if !slices.Contains(dirs, home) {
		dirs = append(dirs, home)
	}
	return slices.DeleteFunc(findLogs(s.o.FS, dirs), func(path string) bool {
		own := slices.ContainsFunc(s.replicas, func(r *replica) bool { return r.path == path })
		return own || filepath.Dir(path) != home && memberOf(path) != memberOf(s.replicas[0].path)
	})
}

const (
	logPrefix = "replica_"
	logSuffix = ".log"
)

// memberOf gives a log's file name without its number: one member's logs agree
// in it.
func memberOf(path string) string {
	name := filepath.Base(path)
	return name[:max(0, strings.LastIndexByte(name, '_'))]
}

// findLogs gives the paths of all logs in some directories, each once. A
// directory that cannot be read has none.
func findLogs(fsys FS, dirs []string) []string {
	var paths []string
	for _, dir := range dirs {
		names, err := fsys.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, name := range names {
			path := filepath.Join(dir, name)
			if isLogName(name) && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// isLogName tells whether a file has a name that logName gives.
func isLogName(name string) bool {
	rest, ok := strings.CutPrefix(name, logPrefix)
	if !ok {
		return false
	}
	rest, ok = strings.CutSuffix(rest, logSuffix)
	i := strings.LastIndexByte(rest, '_')
	return ok && i > 0 && len(rest) == i+2 && '0' <= rest[i+1] && rest[i+1] < '0'+MaxReplicas
}
