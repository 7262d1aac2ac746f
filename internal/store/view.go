package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/papo-chat/papo/internal/turn"
)

// View is the record of a data directory as it was when Look read it. It is for
// one goroutine.
type View struct {
	// Restored is what was found. Unsent is not set, and Replicas and Others are
	// not told apart: Replicas are all logs, as far as they were read.
	Restored    *Restored
	Group       turn.GroupID
	Fingerprint [32]byte // as turn.History.Fingerprint has it

	o     Options
	paths []string    // of the logs
	base  *checkpoint // nil: all is in Restored.New
	more  *checkpoint // of Restored.New, for its words; nil: not made yet

	// wrong are turns that break the rule of stamps: of New, and of base those of
	// which only New tells that they do.
	wrong map[turn.ID]struct{}
}

// Look opens the record of a data directory for reading, without its lock, also
// while a chat writes it: the checkpoint, if it can be used, and what the logs
// have behind it, else the logs, whose signatures are verified. Every log in the
// directory and in ReplicaDirs counts, and one is enough. Logs of other groups
// and of newer formats are passed over, and what is damaged or torn too; all of
// that is in Restored.Replicas. Nothing is written, but that SQLite may put the
// write-ahead log of a chat that was killed into the checkpoint.
//
// Dir must be set, and Group if it is known. If not, it is the one that most logs
// name, of those that have a turn. What the checkpoint has is not in memory; what
// the logs have behind it is. The error matches ErrNoRecord.
func Look(o Options) (*View, error) {
	known := o.Group != turn.GroupID{}
	if err := o.locate(); err != nil {
		return nil, err
	}
	paths := findLogs(o.FS, append([]string{filepath.Join(o.Dir, "replicas")}, o.dirs()...))
	v, err := look(o, paths)
	if err != nil || known || v.Restored.Count > 0 {
		return v, err
	}
	groups, _ := findGroups(o.FS, o.Dir, paths) // what cannot be read, look told
	for _, g := range groups {
		o.Group = g
		if other, err := look(o, paths); err == nil && other.Restored.Count > 0 {
			return other, v.Close()
		} else if err == nil {
			_ = other.Close() // it was only read
		}
	}
	return v, nil
}

// GroupOf tells of which group the record of a data directory is. Options and the
// error are as for Look. It reads no more than it must: mostly the logs' headers.
func GroupOf(o Options) (turn.GroupID, error) {
	if o.Group != (turn.GroupID{}) {
		return o.Group, nil
	}
	given := o
	if err := o.locate(); err != nil {
		return turn.GroupID{}, err
	}
	paths := findLogs(o.FS, append([]string{filepath.Join(o.Dir, "replicas")}, o.dirs()...))
	if groups, _ := findGroups(o.FS, o.Dir, paths); len(groups) <= 1 {
		return o.Group, nil
	}
	v, err := Look(given)
	if err != nil {
		return turn.GroupID{}, err
	}
	return v.Group, v.Close()
}

// look is Look for the group that Options say.
func look(o Options, paths []string) (*View, error) {
	v := &View{Group: o.Group, o: o, paths: paths}
	var problem error
	if o.Checkpoint != "" {
		problem = v.open()
	}
	if v.base == nil {
		if len(paths) == 0 {
			return nil, errors.Join(fmt.Errorf("%s: %w", o.Dir, ErrNoRecord), problem)
		}
		if err := v.read(nil); err != nil {
			return nil, err
		}
	}
	v.Restored.Checkpoint = CheckpointState{Path: o.Checkpoint, Problem: problem}
	if v.base != nil {
		v.Restored.Checkpoint.Turns = v.base.now().Turns
	}
	return v, nil
}

// open reads the checkpoint and what the logs have behind it. What it sees of the
// checkpoint from then on is of one moment, whatever a chat does to it.
func (v *View) open() error {
	c, err := openCheckpoint(v.o.Checkpoint, v.Group, v.o.Parse, false)
	if err != nil {
		return err
	}
	if err = c.freeze(); err == nil {
		err = c.load()
	}
	if err == nil {
		err = v.read(c)
	}
	if err != nil {
		_ = c.close() // it was only read
		v.base = nil
		return c.failed(err)
	}
	return nil
}

// read reads the logs from the positions of the checkpoint on, or whole if one of
// them is not as the checkpoint says, or without a checkpoint.
func (v *View) read(c *checkpoint) error {
	s := &Store{o: v.o, checkpoint: c}
	var f *found
	if c != nil {
		var err error
		if f, err = s.tails(v.paths); err != nil {
			return err
		}
	}
	if f == nil {
		u := newUnion(v.Group, v.o.Parse)
		u.keep = true
		f = &found{u: u}
		if err := s.known(u); err != nil {
			return err
		}
		for _, path := range v.paths {
			f.logs = append(f.logs, readLog(v.o.FS, path, nil, -1, u))
		}
	}
	if err := s.summarize(f); err != nil {
		return err
	}
	for _, l := range f.logs {
		l.Turns += f.base
		l.Err = errors.Join(l.Err, l.wrong)
		f.res.Replicas = append(f.res.Replicas, ReplicaState{ReplicaReport: l.ReplicaReport})
	}
	v.Restored, v.Fingerprint, v.base, v.more = f.res, f.u.graph.fingerprint(), c, nil
	return v.judge()
}

// tails reads what logs have behind the checkpoint. It gives nil if one of them is
// not as the checkpoint says.
func (s *Store) tails(paths []string) (*found, error) {
	c := s.checkpoint
	u := newUnion(s.o.Group, s.o.Parse)
	u.keep = true
	f := &found{u: u, base: c.now().Turns}
	failed, err := u.passOver(c)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		l := s.readTail(path, c.now().Logs, u)
		if l == nil || failed() != nil {
			return nil, failed()
		}
		f.logs = append(f.logs, l)
	}
	return f, nil
}

// judge finds the turns that break the rule of stamps, of those that the
// checkpoint lacks, and of those that waited there for one of these.
func (v *View) judge() error {
	v.wrong = map[turn.ID]struct{}{}
	stamps := make(map[turn.ID]uint64, len(v.Restored.New))
	for _, s := range v.Restored.New {
		stamps[s.ID()] = s.Stamp()
	}
	judge := func(s *turn.Signed) error {
		var top uint64
		for _, p := range s.Turn().Parents {
			stamp, there := stamps[p]
			if !there && v.base != nil {
				t, err := v.base.get(p)
				if err != nil {
					return err
				}
				if there = t != nil; there {
					stamp = t.Stamp()
				}
			}
			if !there {
				return nil // it is pending
			}
			top = max(top, stamp)
		}
		if s.Stamp() <= top || s.Stamp() > top+turn.MaxJump {
			v.wrong[s.ID()] = struct{}{}
		}
		return nil
	}
	for _, s := range v.Restored.New {
		if err := judge(s); err != nil {
			return err
		}
		if v.base == nil || v.base.now().Missing == 0 {
			continue
		}
		id := s.ID()
		waited, err := v.base.query(context.Background(),
			"SELECT "+rowColumns+" FROM turns WHERE n IN (SELECT child FROM missing WHERE parent = ?)", id[:])
		if err != nil {
			return err
		}
		for _, child := range waited {
			if err := judge(child); err != nil {
				return err
			}
		}
	}
	return nil
}

// Find is Store.Find for what was there. A checkpoint that turns out to be damaged
// is done without: all logs are read.
func (v *View) Find(ctx context.Context, f Filter) ([]*turn.Signed, error) {
	ts, err := v.find(ctx, f)
	if v.base != nil && errors.Is(err, ErrCheckpoint) {
		if err := v.leave(err); err != nil {
			return nil, err
		}
		return v.find(ctx, f)
	}
	return ts, err
}

func (v *View) find(ctx context.Context, f Filter) ([]*turn.Signed, error) {
	var all []*turn.Signed
	top := v.Restored.MaxStamp
	if v.base != nil {
		ts, err := v.base.page(ctx, f, top, len(v.wrong))
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(ts, v.breaks)
	}
	if f.Words == "" {
		return f.merge(append(all, v.fresh(&f)...)), nil
	}
	if v.more == nil {
		more, err := inMemory(v.Group, v.base, v.Restored.New)
		if err != nil {
			return nil, err
		}
		v.more = more
	}
	ts, err := v.more.page(ctx, f, top, 0)
	return f.merge(append(all, ts...)), err
}

func (v *View) breaks(s *turn.Signed) bool {
	_, wrong := v.wrong[s.ID()]
	return wrong
}

// fresh gives what a filter without words chooses of the turns that are in memory.
func (v *View) fresh(f *Filter) (out []*turn.Signed) {
	ts := v.Restored.New
	search := func(not func(turn.Item) bool) int {
		return sort.Search(len(ts), func(i int) bool { return !not(ts[i].Item()) })
	}
	from, to := 0, below(ts, v.Restored.MaxStamp)
	if f.After != nil {
		from = search(func(it turn.Item) bool { return !f.After.Less(it) })
	}
	if f.From != nil {
		from = max(from, search(func(it turn.Item) bool { return it.Less(*f.From) }))
	}
	if f.Before != nil {
		to = min(to, search(func(it turn.Item) bool { return it.Less(*f.Before) }))
	}
	for n := range to - from {
		s := ts[from+n]
		if !f.First {
			s = ts[to-1-n]
		}
		if f.is(s) && !v.breaks(s) {
			if out = append(out, s); len(out) == f.limit() {
				break
			}
		}
	}
	return out
}

// is tells what where asks of a turn, but for its words and its place.
func (f *Filter) is(s *turn.Signed) bool {
	t := s.Turn()
	switch {
	case f.Name != "" && !strings.EqualFold(f.Name, t.Name),
		f.Key != nil && *f.Key != t.Author,
		len(f.Peers) > 0 && !slices.Contains(f.Peers, Peer{t.Name, t.Author}),
		!f.Since.IsZero() && t.Time < f.Since.UnixMilli(),
		!f.Until.IsZero() && t.Time >= f.Until.UnixMilli():
		return false
	}
	return true
}

// leave goes on without the checkpoint, for that reason.
func (v *View) leave(why error) error {
	if len(v.paths) == 0 {
		return why // it is all there is
	}
	if err := v.Close(); err != nil {
		return err
	}
	if err := v.read(nil); err != nil {
		return err
	}
	v.Restored.Checkpoint = CheckpointState{Path: v.o.Checkpoint, Problem: why}
	return nil
}

// Prove makes sure that no turn is missing in what Find gives: that the checkpoint's
// index of the order has all, which Look believes, and that those which Find leaves out
// are to be left out. It costs some 150 ms for 100,000 turns. If one is missing, View
// goes on without the checkpoint. The index of words is not looked at.
func (v *View) Prove(ctx context.Context) error {
	if v.base == nil {
		return nil
	}
	var found state
	err := v.base.items(ctx, v.base.reader, func(it turn.Item) bool {
		found.count(it.ID)
		return true
	})
	if now := v.base.now(); err == nil && (found.Turns != now.Turns || found.Sum != now.Sum) {
		err = v.base.failed(fmt.Errorf("%w: it has %d turns, and not the %d that were put in", ErrCheckpoint, found.Turns, now.Turns))
	}
	if err == nil {
		err = v.base.failed(v.base.proveHidden(ctx, v.Restored.MaxStamp))
	}
	if errors.Is(err, ErrCheckpoint) {
		return v.leave(err)
	}
	return err
}

// proveHidden proves the rows that say that they break a rule, or that they are beyond
// the reach of top.
func (c *checkpoint) proveHidden(ctx context.Context, top uint64) error {
	rows, err := c.reader.QueryContext(ctx, "SELECT "+rowColumns+" FROM turns WHERE state = ? UNION ALL SELECT "+rowColumns+
		" FROM turns INDEXED BY turns_order WHERE stamp > ?", int(turn.Invalid), int64(top))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := r.scan(rows); err != nil {
			return err
		}
		s, err := r.turn(c.group)
		if err != nil {
			return err
		}
		if turn.State(r.state) != turn.Invalid && s.Stamp() <= top {
			return c.disorder()
		}
	}
	return rows.Err()
}

// All gives all turns of the record in the order, also those that are not shown:
// Restored.Count of them, but if the checkpoint turns out to be damaged and has some
// that no log has. It has MaxPage turns in memory at a time, beside Restored.New.
// After an error it ends.
func (v *View) All(ctx context.Context) iter.Seq2[*turn.Signed, error] {
	return func(yield func(*turn.Signed, error) bool) {
		fresh := v.Restored.New
		var last turn.Item // given
		put := func(s *turn.Signed) bool {
			last = s.Item()
			return yield(s, nil)
		}
		var from turn.Item // of the checkpoint
		for v.base != nil {
			page, err := v.base.after(ctx, from)
			if errors.Is(err, ErrCheckpoint) {
				if err = v.leave(err); err == nil {
					fresh = v.Restored.New
					fresh = fresh[sort.Search(len(fresh), func(i int) bool { return last.Less(fresh[i].Item()) }):]
					break
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if len(page) == 0 {
				break
			}
			from = page[len(page)-1].Item()
			for _, s := range page {
				for ; len(fresh) > 0 && fresh[0].Item().Less(s.Item()); fresh = fresh[1:] {
					if !put(fresh[0]) {
						return
					}
				}
				if !put(s) {
					return
				}
			}
		}
		for _, s := range fresh {
			if !put(s) {
				return
			}
		}
	}
}

// after gives the next turns of the order, of any state, MaxPage at most.
func (c *checkpoint) after(ctx context.Context, it turn.Item) ([]*turn.Signed, error) {
	ts, err := c.query(ctx, "SELECT "+rowColumns+" FROM turns WHERE (stamp, id) > (?, ?) ORDER BY stamp, id LIMIT ?", int64(it.Stamp), it.ID[:], MaxPage)
	if err == nil && len(ts) > 0 && !it.Less(ts[0].Item()) {
		err = c.disorder()
	}
	return ts, errors.Join(err, c.inOrder(ts))
}

// inOrder is an error if turns that an index gave are not in the order: then it
// leads to the wrong rows.
func (c *checkpoint) inOrder(ts []*turn.Signed) error {
	for i := range len(ts) - 1 {
		if !ts[i].Item().Less(ts[i+1].Item()) {
			return c.disorder()
		}
	}
	return nil
}

func (c *checkpoint) disorder() error {
	return c.failed(fmt.Errorf("%w: its index of the order leads to other turns", ErrCheckpoint))
}

// Close closes the files.
func (v *View) Close() error {
	var errs []error
	for _, c := range []*checkpoint{v.base, v.more} {
		if c != nil {
			errs = append(errs, c.close())
		}
	}
	v.base, v.more = nil, nil
	return errors.Join(errs...)
}
