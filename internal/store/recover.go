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
	res          *Restored
}

// find reads the logs: what they have behind the checkpoint, if they are as that
// says and need no mending but at their ends, else all. A checkpoint that turns
// out to be damaged or somebody else's is put aside.
func (s *Store) find(unusable []error, dirs []string, state *CheckpointState) (*found, error) {
	others := s.findOthers(dirs)
	if s.checkpoint != nil && s.checkpoint.now().Turns > 0 {
		f, err := s.readTails(unusable, others)
		if f != nil {
			return f, nil
		}
		if err == nil {
			state.Behind = true
			f, err = s.readWhole(unusable, others)
		}
		switch {
		case errors.Is(err, ErrOtherGroup), errors.Is(err, ErrNewerLog):
			return nil, err
		case errors.Is(err, ErrCheckpoint):
			s.newCheckpoint(state, damagedSuffix, err)
		case err != nil:
			s.noCheckpoint(state, err)
		case s.checkpoint.now().Member != s.o.member() && f.anyTurn():
			s.newCheckpoint(state, foreignSuffix, fmt.Errorf("%s: this is the checkpoint of %s", s.checkpoint.path, s.checkpoint.now().Member))
		default:
			return f, nil
		}
	}
	return s.readWhole(unusable, others)
}

// anyTurn tells that a log has a turn.
func (f *found) anyTurn() bool {
	return slices.ContainsFunc(slices.Concat(f.logs, f.others), func(l *logFile) bool { return l.Turns > 0 })
}

// readWhole reads all logs from their beginnings.
func (s *Store) readWhole(unusable []error, others []string) (*found, error) {
	u := newUnion(s.o.Group, s.o.Parse)
	u.keep = true
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
	return f, s.summarize(f)
}

// known puts what the checkpoint has into a union.
func (s *Store) known(u *union) error {
	c := s.theCheckpoint()
	if c == nil {
		return nil
	}
	if err := u.graph.load(c); err != nil {
		return err
	}
	now := c.now()
	var sum [4]uint64
	err := c.items(context.Background(), func(it turn.Item) bool {
		u.addKnown(it)
		sum = addID(sum, it.ID)
		return true
	})
	if err == nil && (len(u.items) != now.Turns || sum != now.Sum) {
		err = fmt.Errorf("%s: %w: it has %d turns, and not the %d that were put in", c.path, ErrCheckpoint, len(u.items), now.Turns)
	}
	return err
}

// readTails reads what the logs have behind the checkpoint. It gives nil if a
// log is not as the checkpoint says, or needs more than an append. Logs that
// cannot be read are left out.
func (s *Store) readTails(unusable []error, others []string) (*found, error) {
	c := s.checkpoint
	logs := c.now().Logs
	u := newUnion(s.o.Group, s.o.Parse)
	u.keep = true
	f := &found{u: u, base: c.now().Turns}
	err := u.graph.load(c)
	if err != nil {
		return nil, err
	}
	u.elsewhere = func(id turn.ID) bool {
		has, e := c.has(id)
		err = errors.Join(err, e)
		return has
	}
	for i, r := range s.replicas {
		l := s.readTail(r.path, logs, u)
		if l == nil {
			return nil, err
		}
		l.Err = errors.Join(unusable[i], l.Err)
		f.logs = append(f.logs, l)
	}
	for _, path := range others {
		l := s.readTail(path, logs, u)
		if l == nil {
			return nil, err
		}
		f.others = append(f.others, l)
	}
	seq := u.sequence(f.logs)
	for _, l := range f.logs {
		if l.Err == nil && !(l.whole() && len(l.order) <= len(seq) && slices.Equal(l.order, seq[:len(l.order)])) {
			return nil, err
		}
	}
	if err == nil {
		err = s.summarize(f)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
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
	var fresh []int32
	for i := u.known; i < len(u.items); i++ {
		fresh = append(fresh, int32(i))
	}
	res.New = u.signed(u.ordered(fresh))
	res.Count = f.base + len(u.items)
	res.Heads, res.Missing = u.graph.items(), sortedIDs(u.graph.missing)
	if res.MaxStamp, err = s.reach(res.New); err != nil {
		return err
	}
	near := res.New[:below(res.New, res.MaxStamp)]
	res.Recent = slices.Clone(near[max(0, len(near)-s.o.Recent):])
	var known state
	if s.checkpoint != nil {
		known = s.checkpoint.now().clone()
		last, err := s.checkpoint.last(context.Background(), s.o.Recent, res.MaxStamp)
		if err != nil {
			return err
		}
		res.Recent = append(last, res.Recent...)
		slices.SortFunc(res.Recent, func(a, b *turn.Signed) int { return a.Item().Compare(b.Item()) })
		res.Recent = res.Recent[max(0, len(res.Recent)-s.o.Recent):]
	} else {
		res.Turns = res.New
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

// reach is the highest stamp within reach of the checkpoint's turns and of
// these, which are sorted: see turn.History.MaxStamp.
func (s *Store) reach(ts []*turn.Signed) (top uint64, err error) {
	for {
		next := top
		if n := below(ts, top+turn.MaxJump); n > 0 {
			next = max(next, ts[n-1].Stamp())
		}
		if s.checkpoint != nil {
			stamp, err := s.checkpoint.below(top + turn.MaxJump)
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
