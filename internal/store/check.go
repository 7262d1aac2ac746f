package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

// Report is what comparing or repairing replicas found and did.
type Report struct {
	Group turn.GroupID
	Turns int // of all replicas and the checkpoint

	// Missing are parents that are named and nowhere. With none, Fingerprint is
	// what turn.History.Fingerprint gives; else it means nothing.
	Missing     int
	Fingerprint [32]byte

	Replicas   []ReplicaReport
	Checkpoint CheckpointReport
}

// CheckpointReport is what was found of the checkpoint.
type CheckpointReport struct {
	Path     string // empty: there is none
	Turns    int
	Err      error  // it is damaged, or cannot be read
	Repaired bool   // it was made anew from the replicas
	Aside    string // Repaired: where the damaged one is kept
}

// Consistent tells that nothing was amiss.
func (r *Report) Consistent() bool {
	return r.Checkpoint.Err == nil && !slices.ContainsFunc(r.Replicas, func(l ReplicaReport) bool { return !l.Consistent() })
}

// Healthy tells that nothing is amiss now: what was is repaired.
func (r *Report) Healthy() bool {
	return (r.Checkpoint.Err == nil || r.Checkpoint.Repaired) &&
		!slices.ContainsFunc(r.Replicas, func(l ReplicaReport) bool { return !l.Consistent() && !l.Repaired })
}

func (r *Report) take(u *union, replicas []ReplicaReport) {
	r.Group, r.Turns, r.Replicas = u.group, len(u.items), replicas
	r.Missing, r.Fingerprint = len(u.graph.missing), u.graph.fingerprint()
}

// checkTries bounds how often a comparison begins anew because a log was
// replaced meanwhile.
const checkTries = 3

// Check reads the replicas from disk again and compares them with each other,
// with the checkpoint and with what was appended since, up to where they were
// written when it began: Append goes on meanwhile and makes no difference. It
// finds a log that was cut between two lines, with one replica too. Damage is
// found by the checksums; signatures were verified at the start and before
// Append. It writes nothing.
func (s *Store) Check() *Report { return s.check(nil) }

// check is Check with turns that the caller has.
func (s *Store) check(given iter.Seq[*turn.Signed]) *Report {
	for try := 1; ; try++ {
		rep := &Report{}
		u := newUnion(s.o.Group, s.o.Parse)
		u.trust = true
		rep.Checkpoint = s.gather(&u, given)
		paths, ends, epochs := s.ends()
		reports := compare(s.o.FS, paths, ends, u)
		_, _, now := s.ends()
		if slices.Equal(now, epochs) || try == checkTries {
			s.addErrors(reports)
			rep.take(u, reports)
			return rep
		}
	}
}

// gather puts into a union what is not in the logs: the checkpoint, the turns in
// hand, and those that the caller has. All of these were appended before. If the
// checkpoint cannot be read, it gives nothing.
func (s *Store) gather(u **union, given iter.Seq[*turn.Signed]) (rep CheckpointReport) {
	if c := s.theCheckpoint(); c != nil {
		rep.Path, rep.Turns = c.path, c.now().Turns
		if rep.Err = s.known(*u); rep.Err != nil {
			trust := (*u).trust
			*u = newUnion(s.o.Group, s.o.Parse)
			(*u).trust = trust
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.inHand {
		(*u).give(t)
	}
	if given != nil {
		for t := range given {
			(*u).give(t)
		}
	}
	return rep
}

// ends gives the replicas' paths, how far each is written, and which file it
// is. All are of one moment between two Appends.
func (s *Store) ends() (paths []string, ends []int64, epochs []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.replicas {
		end := r.log.end
		if r.broken {
			end = -1
		}
		paths, ends, epochs = append(paths, r.path), append(ends, end), append(epochs, r.epoch)
	}
	return paths, ends, epochs
}

// addErrors tells of replicas that take no turns.
func (s *Store) addErrors(reports []ReplicaReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.replicas {
		if r.broken {
			reports[i].Err = errors.Join(r.retry.err, reports[i].Err)
		}
	}
}

// Compare is Check for the replicas alone, with the number of turns of them all.
func (s *Store) Compare() ([]ReplicaReport, int) {
	rep := s.Check()
	return rep.Replicas, rep.Turns
}

// Repair is Check, and mends what that finds: each log that is not as it should
// be is written anew from all others, from the checkpoint and from given, which
// are verified turns that the caller has (nil: none). A checkpoint that does not
// prove whole is kept aside and made of the replicas: that takes reading all of
// it, and ctx ends it early. Append goes on meanwhile. The report says what was
// found, and what became of it; the error of what could not be repaired is in it.
func (s *Store) Repair(ctx context.Context, given iter.Seq[*turn.Signed]) *Report {
	s.repairing.Lock()
	defer s.repairing.Unlock()
	rep := s.check(given)
	for i, r := range s.replicas {
		l := &rep.Replicas[i]
		if l.Consistent() {
			continue
		}
		r.syncing.Lock()
		_, mended, err := s.rebuild(r, given)
		r.syncing.Unlock()
		if err != nil {
			l.Err = err
			continue
		}
		l.Repaired, l.From = true, mended.From
	}
	s.repairCheckpoint(ctx, rep)
	return rep
}

// repairCheckpoint proves the checkpoint, and makes it anew if it is damaged.
func (s *Store) repairCheckpoint(ctx context.Context, rep *Report) {
	if s.o.Checkpoint == "" {
		return
	}
	s.mu.Lock()
	c, spoiled := s.checkpoint, s.spoiled
	s.mu.Unlock()
	state := &rep.Checkpoint
	state.Path = s.o.Checkpoint
	switch {
	case c == nil:
		state.Err = fmt.Errorf("%s: %w", state.Path, ErrNoCheckpoint)
	case state.Err != nil:
	case spoiled != nil:
		state.Err = spoiled
	default:
		state.Err = s.noticed(c, c.check(ctx))
	}
	if !errors.Is(state.Err, ErrCheckpoint) && !errors.Is(state.Err, ErrNoCheckpoint) {
		return
	}
	aside, err := s.remakeCheckpoint(ctx)
	state.Aside, state.Repaired = aside, err == nil
	state.Err = errors.Join(state.Err, err)
}

// Check compares the logs of a data directory without its lock, also while a
// chat writes them: read-only, and no checkpoint is needed. Which group's and
// whose they are, the logs say (see Read); logs of others are not looked at.
// Signatures are verified. Options.Dir must be set, and ReplicaDirs and Replicas
// as for Open; a replica that is not there is told as missing. The error matches
// ErrNoRecord.
func Check(o Options) (*Report, error) {
	if err := o.locate(); err != nil {
		return nil, err
	}
	var paths []string
	dirs := o.dirs()
	for i := range o.Replicas {
		paths = append(paths, filepath.Join(dirs[i%len(dirs)], o.logName(i)))
	}
	u := newUnion(o.Group, o.Parse)
	rep := &Report{}
	rep.take(u, compareLive(o.FS, paths, u))
	return rep, nil
}

// liveTries bounds how often a log is read again that lacks something: an append
// to all logs may be under way. It doubles its wait from 10 ms to 80 ms.
const liveTries = 4

// compareLive is compare for logs that may be in writing.
func compareLive(fsys FS, paths []string, u *union) []ReplicaReport {
	reports := compare(fsys, paths, nil, u)
	all := len(u.items)
	for i := range reports {
		for try := 0; try < liveTries && reports[i].Missing > 0 && reports[i].Err == nil; try++ {
			time.Sleep(10 * time.Millisecond << try)
			l := readLog(fsys, paths[i], nil, -1, u)
			l.Missing = all
			for _, k := range l.order {
				if int(k) < all {
					l.Missing--
				}
			}
			reports[i] = l.ReplicaReport
		}
	}
	return reports
}

// Repair mends the logs of a data directory, under its lock, and brings its
// checkpoint up to date: see Store.Repair. Options are as for the function
// Check.
func Repair(ctx context.Context, o Options) (*Report, error) {
	if err := o.locate(); err != nil {
		return nil, err
	}
	s, r, err := Open(o)
	if err != nil {
		return nil, err
	}
	// Opening mends already: what it found is what is told.
	rep := s.Check()
	for i, st := range r.Replicas {
		now := rep.Replicas[i]
		rep.Replicas[i] = st.ReplicaReport
		if !now.Consistent() {
			rep.Replicas[i].Repaired = false
			rep.Replicas[i].Err = errors.Join(st.Err, st.NotMended, now.Err)
		}
	}
	s.repairCheckpoint(ctx, rep)
	if c := r.Checkpoint; c.Problem != nil {
		rep.Checkpoint.Err = errors.Join(c.Problem, rep.Checkpoint.Err)
		rep.Checkpoint.Path, rep.Checkpoint.Aside, rep.Checkpoint.Repaired = c.Path, c.Aside, c.Aside != ""
	}
	_, err = s.Advance(ctx, nil)
	return rep, errors.Join(err, s.SyncAll(), s.Close())
}

// locate fills in what is needed to open the record of a directory of which
// nothing but the place is known.
func (o *Options) locate() error {
	if err := o.defaults(); err != nil {
		return err
	}
	home := filepath.Join(o.Dir, "replicas")
	paths := findLogs(o.FS, append([]string{home}, o.dirs()...))
	if len(paths) == 0 {
		return fmt.Errorf("%s: %w", o.Dir, ErrNoRecord)
	}
	if o.Group == (turn.GroupID{}) {
		groups, err := findGroups(o.FS, o.Dir, paths)
		if len(groups) == 0 {
			return errors.Join(fmt.Errorf("%s: %w: no file says of which group it is", o.Dir, ErrNoRecord), err)
		}
		o.Group = groups[0]
	}
	if o.Name == "" && o.base == "" {
		o.base = mostlyOf(paths)
	}
	return nil
}

// mostlyOf gives the member that most of these logs are of.
func mostlyOf(paths []string) string {
	count := map[string]int{}
	var all []string
	for _, p := range paths {
		m := strings.TrimPrefix(memberOf(p), logPrefix)
		if count[m]++; count[m] == 1 {
			all = append(all, m)
		}
	}
	return slices.MaxFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(count[a], count[b]), cmp.Compare(b, a))
	})
}
