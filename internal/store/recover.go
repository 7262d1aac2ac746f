package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"

	"github.com/papo-chat/papo/internal/turn"
)

// found is what reading all logs gave.
type found struct {
	u            *union
	logs, others []*logFile
	base         int // turns before what was read: the checkpoint's, if logs were read from there on
	filled       int // of what was read, turns that were put into the checkpoint
	res          *Restored
}

// find reads the logs: what they have behind the checkpoint, if they are as that
// says and need no mending but at their ends, else all. A checkpoint that turns
// out to be damaged or somebody else's is put aside.
func (s *Store) find(unusable []error, dirs []string, state *CheckpointState) (*found, error) {
	others := s.findOthers(dirs)
	for {
		f, err := s.read(unusable, others, state)
		switch {
		case err == nil:
			return f, nil
		case s.checkpoint == nil, errors.Is(err, ErrOtherGroup), errors.Is(err, ErrNewerLog):
			return nil, err
		case state.Aside != "":
			s.noCheckpoint(state, errors.Join(state.Problem, err)) // the new one is no better
		case errors.Is(err, ErrCheckpoint):
			s.newCheckpoint(state, damagedSuffix, err)
		case errors.Is(err, errOtherMember):
			s.newCheckpoint(state, foreignSuffix, err)
		default:
			s.noCheckpoint(state, err)
		}
	}
}

// read reads the logs with the checkpoint that there is.
func (s *Store) read(unusable []error, others []string, state *CheckpointState) (*found, error) {
	if s.checkpoint != nil && s.checkpoint.now().Turns > 0 {
		f, err := s.readTails(unusable, others)
		if f != nil || err != nil {
			return f, err
		}
		state.Behind = true
	}
	return s.readWhole(unusable, others)
}

// errOtherMember says whose checkpoint it is.
var errOtherMember = errors.New("it is of another member")

// newUnion makes a union for what the start reads. A store that is open for
// writing, and has a checkpoint, keeps a batch of turns at most: see complete.
func (s *Store) newUnion(paths []string, logs map[string]logState) *union {
	u := newUnion(s.o.Group, s.o.Parse)
	u.keep = true
	if s.unsent != nil {
		if s.checkpoint != nil {
			u.most = remakeBatch
		}
		u.queued = map[turn.LineID]struct{}{}
		for _, l := range s.unsent.lines {
			u.queued[l.Line] = struct{}{}
		}
	}
	u.progress.tell = s.o.Progress
	total := int64(0)
	for _, path := range paths {
		size, _ := s.o.FS.Size(path) // one that cannot be read is told then
		total += max(0, size-logs[s.key(path)].Offset)
	}
	u.progress.begin(total)
	return u
}

// paths are those of the replicas, in their order.
func (s *Store) paths() []string {
	var paths []string
	for _, r := range s.replicas {
		paths = append(paths, r.path)
	}
	return paths
}

// anyTurn tells that a log has a turn.
func (f *found) anyTurn() bool {
	return slices.ContainsFunc(slices.Concat(f.logs, f.others), func(l *logFile) bool { return l.Turns > 0 })
}

// readWhole reads all logs from their beginnings.
func (s *Store) readWhole(unusable []error, others []string) (*found, error) {
	u := s.newUnion(slices.Concat(s.paths(), others), nil)
	f := &found{u: u}
	if err := s.known(u); err != nil {
		return nil, err
	}
	for i, r := range s.replicas {
		l := readLog(s.o.FS, r.path, nil, -1, u)
		l.Err = errors.Join(unusable[i], l.Err)
		f.logs = append(f.logs, l)
	}
	for _, path := range others {
		f.others = append(f.others, readLog(s.o.FS, path, nil, -1, u))
	}
	if err := strangers(f.logs, f.others); err != nil {
		return nil, err
	}
	if c := s.checkpoint; c != nil && c.now().Turns > 0 && c.now().Member != s.o.member() && f.anyTurn() {
		return nil, fmt.Errorf("%s: %w: %s", c.path, errOtherMember, c.now().Member)
	}
	return f, s.complete(f)
}

// complete brings the checkpoint up to date, if the logs have more turns that it
// lacks than were kept, and sums up.
func (s *Store) complete(f *found) error {
	u := f.u
	if !u.keep {
		var with cover
		if u.known == 0 {
			with.logs = s.checkpoint.now().positions() // they hold
		}
		var err error
		if f.filled, err = s.fill(context.Background(), s.checkpoint, u, u.fresh(), with); err != nil {
			return err
		}
	}
	u.progress = progress{} // what is read again is not told
	return s.summarize(f)
}

// fresh gives the numbers of the turns that the checkpoint lacks, in the order.
func (u *union) fresh() []int32 {
	of := make([]int32, 0, len(u.items)-u.known)
	for i := u.known; i < len(u.items); i++ {
		of = append(of, int32(i))
	}
	return u.ordered(of)
}

// fill puts turns of a union into a checkpoint, in batches. After an error some
// are there: with says up to where the logs were covered before.
func (s *Store) fill(ctx context.Context, c *checkpoint, u *union, of []int32, with cover) (n int, err error) {
	src := s.newSource(u)
	defer src.close()
	u.progress.begin(int64(len(of)))
	with.member, with.said = s.o.member(), s.unsent.carried
	for len(of) > 0 && err == nil {
		k, added := min(len(of), remakeBatch), 0
		added, err = c.advance(ctx, src.turns(of[:k]), with)
		n, of, with.peers = n+added, of[k:], nil
		u.progress.add(int64(k))
	}
	return n, err
}

// known puts what the checkpoint has into a union.
func (s *Store) known(u *union) error { return s.knownOf(s.theCheckpoint(), u) }

// knownOf is known for a checkpoint that may not be in use; nil: there is none.
func (s *Store) knownOf(c *checkpoint, u *union) error {
	if c == nil {
		return nil
	}
	v, err := c.snapshot(context.Background())
	if err != nil {
		return s.noticed(c, err)
	}
	defer v.close()
	u.graph = v.graph()
	err = v.items(u.addKnown)
	return s.noticed(c, err)
}

// readTails reads what the logs have behind the checkpoint. It gives nil if a
// log is not as the checkpoint says, or needs more than an append. Logs that
// cannot be read are left out.
func (s *Store) readTails(unusable []error, others []string) (*found, error) {
	c := s.checkpoint
	logs := c.now().Logs
	u := s.newUnion(slices.Concat(s.paths(), others), logs)
	f := &found{u: u, base: c.now().Turns}
	failed, err := u.passOver(c)
	if err != nil {
		return nil, err
	}
	for i, r := range s.replicas {
		l := s.readTail(r.path, logs, u)
		if l == nil {
			return nil, failed()
		}
		l.Err = errors.Join(unusable[i], l.Err)
		f.logs = append(f.logs, l)
	}
	for _, path := range others {
		l := s.readTail(path, logs, u)
		if l == nil {
			return nil, failed()
		}
		f.others = append(f.others, l)
	}
	seq := u.sequence(f.logs)
	for _, l := range f.logs {
		if l.Err == nil && !(l.whole() && len(l.order) <= len(seq) && slices.Equal(l.order, seq[:len(l.order)])) {
			return nil, failed()
		}
	}
	if err = failed(); err == nil {
		err = s.complete(f)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// passOver has an empty union pass over the turns of a checkpoint, which it asks for
// each. failed is the error of that, as far as it was asked.
func (u *union) passOver(c *checkpoint) (failed func() error, err error) {
	v, err := c.snapshot(context.Background())
	if err != nil {
		return nil, err
	}
	u.graph = v.graph()
	v.close()
	var asked error
	u.elsewhere = func(id turn.ID) bool {
		has, err := c.has(id)
		asked = errors.Join(asked, err)
		return has
	}
	return func() error { return asked }, nil
}

// readTail reads a log from its position in the checkpoint on. It gives nil if
// that does not hold.
func (s *Store) readTail(path string, logs map[string]logState, u *union) *logFile {
	p := logs[s.key(path)].position()
	if f, err := s.o.FS.Open(path); err == nil {
		h := headerOf(f)
		holds := h.group == u.group && p.holds(f, h)
		_ = f.Close() // it was only read
		if !holds {
			return nil
		}
	} else if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	l := readLog(s.o.FS, path, &p, -1, u)
	if l.Err == nil && l.from == nil {
		return nil
	}
	return l
}

// key names a log in the checkpoint, so that a directory can be moved.
func (s *Store) key(path string) string {
	if rel, err := filepath.Rel(s.o.Dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}

// summarize makes of what was read what the start must know.
func (s *Store) summarize(f *found) (err error) {
	u, res := f.u, &Restored{}
	f.res = res
	if u.keep {
		res.New = u.signed(u.fresh())
	}
	res.Count = f.base + len(u.items)
	res.Heads, res.Missing = u.graph.items(), sortedIDs(u.graph.missing)
	if res.MaxStamp, err = reach(s.checkpoint, res.New); err != nil {
		return err
	}
	near := res.New[:below(res.New, res.MaxStamp)]
	res.Recent = slices.Clone(near[max(0, len(near)-s.o.Recent):])
	var known state
	if s.checkpoint != nil {
		if s.unsent != nil { // nobody advances it meanwhile
			if res.Summary, err = s.checkpoint.summary(context.Background(), s.o.Recent); err != nil {
				return err
			}
		}
		known = s.checkpoint.now().clone()
		last := res.Summary.Recent
		if s.unsent == nil || len(res.Summary.Above) > 0 { // New may bring those within reach
			if last, err = s.checkpoint.last(context.Background(), s.o.Recent, res.MaxStamp); err != nil {
				return err
			}
		}
		res.Recent = slices.Concat(last, res.Recent)
		slices.SortFunc(res.Recent, func(a, b *turn.Signed) int { return a.Item().Compare(b.Item()) })
		res.Recent = res.Recent[max(0, len(res.Recent)-s.o.Recent):]
	}
	for _, t := range res.New {
		known.meet(Peer{t.Turn().Name, t.Turn().Author})
	}
	res.Peers = known.peers()
	return nil
}

// below is the number of turns, sorted, whose stamps are at most limit.
func below(ts []*turn.Signed, limit uint64) int {
	return sort.Search(len(ts), func(i int) bool { return ts[i].Stamp() > limit })
}

// reach is the highest stamp within reach of the turns of a checkpoint, which may
// be nil, and of these, which are sorted: see turn.History.MaxStamp.
func reach(c *checkpoint, ts []*turn.Signed) (top uint64, err error) {
	for {
		next := top
		if n := below(ts, top+turn.MaxJump); n > 0 {
			next = max(next, ts[n-1].Stamp())
		}
		if c != nil {
			stamp, err := c.below(top + turn.MaxJump)
			if err != nil {
				return 0, err
			}
			next = max(next, stamp)
		}
		if next == top {
			return top, nil
		}
		top = next
	}
}
