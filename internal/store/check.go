package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
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
	Err      error  // it is damaged, or cannot be read now
	Repaired bool   // it was made anew from the replicas
	Aside    string // Repaired: where the damaged one is kept

	// Missing are turns that the logs have, and that it has not, though they
	// wait for no Advance: it was filled by half. Only Store.Check and Repair
	// look for them.
	Missing int
	Noted   bool // Missing: the next Advance puts them in
}

// Consistent tells that the checkpoint was whole, or that there is none.
func (c *CheckpointReport) Consistent() bool { return c.Err == nil && c.Missing == 0 }

// Healthy tells that nothing is amiss with it now, or not after the next Advance.
func (c *CheckpointReport) Healthy() bool {
	return c.Repaired || c.Err == nil && (c.Missing == 0 || c.Noted)
}

// Consistent tells that the replicas were whole and alike. Of the checkpoint
// CheckpointReport tells.
func (r *Report) Consistent() bool {
	return !slices.ContainsFunc(r.Replicas, func(l ReplicaReport) bool { return !l.Consistent() })
}

// Healthy tells that the replicas are whole and alike now: what was amiss is
// repaired.
func (r *Report) Healthy() bool {
	return !slices.ContainsFunc(r.Replicas, func(l ReplicaReport) bool { return !l.Consistent() && !l.Repaired })
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
// Append. It writes nothing, waits for an Advance that is under way, and needs
// memory only for what is amiss: see alike.
func (s *Store) Check() *Report {
	rep, _, _ := s.check(nil)
	return rep
}

// check is Check with turns that the caller has. It also gives the turns that
// this run did not know, which are in u.
func (s *Store) check(given iter.Seq[*turn.Signed]) (rep *Report, u *union, unknown []int32) {
	for try := 1; ; try++ {
		m := s.moment()
		if rep = s.checkAlike(m, given); rep != nil {
			m.close()
			return rep, nil, nil
		}
		rep, u, unknown = s.checkEach(m, given)
		m.close()
		if _, _, now := s.ends(); slices.Equal(now, m.epochs) || try == checkTries {
			s.addErrors(rep.Replicas)
			return rep, u, unknown
		}
	}
}

// checkAlike is check for the case that nothing is amiss. Nil: something is, or
// it cannot know; checkEach finds out.
func (s *Store) checkAlike(m *moment, given iter.Seq[*turn.Signed]) *Report {
	if given != nil {
		return nil
	}
	turns, sum, g, known := m.expected()
	if !known {
		return nil
	}
	found, ok := alike(s.o.FS, m.paths, m.ends, s.o.Group, s.o.Parse)
	if !ok || found.Turns != turns || found.Sum != sum {
		return nil
	}
	rep := &Report{Group: s.o.Group, Turns: turns, Missing: len(g.missing), Fingerprint: g.fingerprint(), Checkpoint: m.checkpoint}
	for _, path := range m.paths {
		rep.Replicas = append(rep.Replicas, ReplicaReport{Path: path, Turns: turns})
	}
	return rep
}

// checkEach is check for any case.
func (s *Store) checkEach(m *moment, given iter.Seq[*turn.Signed]) (*Report, *union, []int32) {
	rep := &Report{}
	u := newUnion(s.o.Group, s.o.Parse)
	u.trust = true
	m.fill(&u, given)
	rep.take(u, compare(s.o.FS, m.paths, m.ends, u))
	rep.Checkpoint = m.checkpoint
	unknown := s.unknown(m, u)
	for _, i := range unknown {
		if m.snap != nil && u.places[i].log > 0 {
			rep.Checkpoint.Missing++
		}
	}
	return rep, u, unknown
}

// unknown gives the turns of a union that neither the checkpoint has nor this run
// had at that moment.
func (s *Store) unknown(m *moment, u *union) (of []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.snap == nil && s.tally == nil {
		return nil // the checkpoint cannot be read
	}
	for i := u.known; i < len(u.items); i++ {
		id := u.items[i].ID
		if m.hand[id] == nil && !s.tally.has(id) {
			of = append(of, int32(i))
		}
	}
	return of
}

// note takes up turns that this run did not know, so that the next Advance puts
// them into the checkpoint. Where they are many, it advances between.
func (s *Store) note(u *union, unknown []int32) error {
	src := s.newSource(u)
	defer src.close()
	for len(unknown) > 0 {
		n := min(len(unknown), remakeBatch)
		var ts []*turn.Signed
		for t, err := range src.turns(unknown[:n]) {
			if err == nil {
				_, err = s.o.Parse(s.o.Group, t.Bytes()) // nobody did it yet
			}
			if err != nil {
				return err
			}
			ts = append(ts, t)
		}
		s.mu.Lock()
		s.remember(ts)
		s.tally.add(ts)
		s.mu.Unlock()
		if unknown = unknown[n:]; len(unknown) > 0 {
			if _, err := s.Advance(s.life, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// ends gives the replicas' paths, how far each is written, and which file it
// is. All are of one moment between two Appends.
func (s *Store) ends() (paths []string, ends []int64, epochs []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endsNow()
}

// endsNow is ends for one who holds s.mu.
func (s *Store) endsNow() (paths []string, ends []int64, epochs []int) {
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

// Repair is Check, and mends what that finds: each log that is not as it should
// be is written anew from all others, from the checkpoint and from given, which
// are verified turns that the caller has (nil: none). A checkpoint that does not
// prove whole is kept aside and made of the replicas: that takes reading all of
// it, unless that was done not longer ago than Options.ProveEvery and no damage
// was met since; ctx ends it early. What the checkpoint lacks, the next Advance
// puts in. Append goes on meanwhile. The report says what was found, and what
// became of it; the error of what could not be repaired is in it.
func (s *Store) Repair(ctx context.Context, given iter.Seq[*turn.Signed]) *Report {
	s.repairing.Lock()
	defer s.repairing.Unlock()
	rep, u, unknown := s.check(given)
	s.takeUp(rep, u, unknown)
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
	s.repairCheckpoint(ctx, rep, s.o.ProveEvery)
	return rep
}

// takeUp notes what check found that this run did not know.
func (s *Store) takeUp(rep *Report, u *union, unknown []int32) {
	if len(unknown) == 0 {
		return
	}
	err := s.note(u, unknown)
	if c := &rep.Checkpoint; c.Missing > 0 {
		c.Noted, c.Err = err == nil, errors.Join(c.Err, err)
	}
}

// repairCheckpoint proves the checkpoint, and makes it anew if it is damaged. A
// proof that is not older than every will do.
func (s *Store) repairCheckpoint(ctx context.Context, rep *Report, every time.Duration) {
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
		_ = s.noticed(c, state.Err)
	case spoiled != nil:
		state.Err = spoiled
	default:
		err := c.there()
		if err == nil && !c.proof.within(every) {
			err = c.check(ctx)
		}
		state.Err = s.noticed(c, err)
	}
	if !errors.Is(state.Err, ErrCheckpoint) && !errors.Is(state.Err, ErrNoCheckpoint) {
		return
	}
	aside, err := s.remakeCheckpoint(ctx)
	state.Aside, state.Repaired = aside, err == nil
	state.Err = errors.Join(state.Err, err)
}

// Check compares the logs of a data directory without its lock, also while a
// chat writes them: read-only, and with the checkpoint if Options names one.
// Which group's and whose they are, the logs say (see Look), or the checkpoint if
// none is left; logs of others are not looked at. Signatures are verified, but of
// turns that the checkpoint has. Options.Dir must be set, and ReplicaDirs and
// Replicas as for Open; a replica that is not there is told as missing. The error
// matches ErrNoRecord.
func Check(o Options) (*Report, error) {
	if err := o.locate(); err != nil {
		return nil, err
	}
	var paths []string
	dirs := o.dirs()
	for i := range o.Replicas {
		paths = append(paths, filepath.Join(dirs[i%len(dirs)], o.logName(i)))
	}
	m := &moment{}
	if o.Checkpoint != "" {
		c, err := openCheckpoint(o.Checkpoint, o.Group, o.Parse, false)
		if err == nil {
			defer c.close() // it was only read
			m.look(c)
		} else if !errors.Is(err, fs.ErrNotExist) {
			m.checkpoint = CheckpointReport{Path: o.Checkpoint, Err: err}
		}
	}
	u := newUnion(o.Group, o.Parse)
	m.fill(&u, nil)
	m.close()
	rep := &Report{Checkpoint: m.checkpoint}
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
	rep, u, unknown := s.check(nil)
	s.takeUp(rep, u, unknown)
	for i, st := range r.Replicas {
		now := rep.Replicas[i]
		rep.Replicas[i] = st.ReplicaReport
		if !now.Consistent() {
			rep.Replicas[i].Repaired = false
			rep.Replicas[i].Err = errors.Join(st.Err, st.NotMended, now.Err)
		}
	}
	s.repairCheckpoint(ctx, rep, 0)
	if c := r.Checkpoint; c.Problem != nil {
		rep.Checkpoint.Err = errors.Join(c.Problem, rep.Checkpoint.Err)
		rep.Checkpoint.Path, rep.Checkpoint.Aside, rep.Checkpoint.Repaired = c.Path, c.Aside, c.Aside != ""
	}
	_, err = s.Advance(ctx, nil)
	return rep, errors.Join(err, s.SyncAll(), s.Close())
}

// locate fills in what is needed to open the record of a directory of which
// nothing but the place is known: the logs say it, or, if none is left, the
// checkpoint.
func (o *Options) locate() error {
	if err := o.defaults(); err != nil {
		return err
	}
	home := filepath.Join(o.Dir, "replicas")
	paths := findLogs(o.FS, append([]string{home}, o.dirs()...))
	groups, err := findGroups(o.FS, o.Dir, paths)
	if len(paths) == 0 || len(groups) == 0 {
		group, member, ours := ownerOf(o.Checkpoint)
		switch {
		case ours:
			groups = []turn.GroupID{group}
		case len(paths) == 0:
			return fmt.Errorf("%s: %w", o.Dir, ErrNoRecord)
		case o.Group == turn.GroupID{}:
			return errors.Join(fmt.Errorf("%s: %w: no file says of which group it is", o.Dir, ErrNoRecord), err)
		}
		if len(paths) == 0 && o.Name == "" && o.base == "" {
			o.base = member
		}
	}
	if o.Group == (turn.GroupID{}) {
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
