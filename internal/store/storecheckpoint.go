package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"

	"github.com/papo-chat/papo/internal/turn"
)

// theCheckpoint is the one in use just now, nil if there is none.
func (s *Store) theCheckpoint() *checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkpoint
}

// findCheckpoint opens the checkpoint, if one is asked for. One that is damaged,
// or of another group while the replicas are of this one, is put aside. The error
// matches ErrOtherGroup or ErrNewerCheckpoint.
func (s *Store) findCheckpoint(state *CheckpointState) error {
	path := s.o.Checkpoint
	if path == "" {
		return nil
	}
	state.Path = path
	_ = removeCheckpoint(path + newSuffix) // of a run that was killed, or ended, while it made it
	_, err := os.Stat(path)
	state.Created = errors.Is(err, fs.ErrNotExist)
	if state.Created {
		_ = os.Remove(path + spoiledSuffix) // it spoke of one that somebody removed
	} else if exists(path + spoiledSuffix) {
		s.newCheckpoint(state, damagedSuffix, spoiledWhy(path))
		return nil
	}
	c, err := openCheckpoint(path, s.o.Group, s.o.Parse, true)
	switch {
	case err == nil:
		s.checkpoint, state.Turns = c, c.now().Turns
	case errors.Is(err, ErrNewerCheckpoint):
		return err
	case errors.Is(err, ErrOtherGroup):
		for _, r := range s.replicas {
			if h, _ := readHeader(s.o.FS, r.path); h.version == formatVersion && h.group == s.o.Group {
				s.newCheckpoint(state, foreignSuffix, err)
				return nil
			}
		}
		return err
	case errors.Is(err, ErrCheckpoint):
		s.newCheckpoint(state, damagedSuffix, err)
	default:
		s.noCheckpoint(state, err)
	}
	return nil
}

// newCheckpoint puts the checkpoint aside and makes an empty one, if it can.
func (s *Store) newCheckpoint(state *CheckpointState, suffix string, why error) {
	s.noCheckpoint(state, why)
	aside, err := s.putCheckpointAside(suffix)
	if err == nil {
		state.Aside = aside
		s.checkpoint, err = openCheckpoint(s.o.Checkpoint, s.o.Group, s.o.Parse, true)
	}
	if err != nil {
		s.noCheckpoint(state, errors.Join(why, err))
	}
}

// noCheckpoint goes on without one.
func (s *Store) noCheckpoint(state *CheckpointState, why error) {
	_ = s.closeCheckpoint() // nothing was written
	s.checkpoint, state.Turns, state.Problem = nil, 0, why
}

func (s *Store) closeCheckpoint() error {
	_ = s.advancing.enter(context.Background()) // which does not end
	defer s.advancing.leave()
	if s.checkpoint == nil {
		return nil
	}
	return s.checkpoint.close()
}

// remember notes turns for the next Advance. Its caller holds s.mu, or is Open.
func (s *Store) remember(ts []*turn.Signed) {
	if s.o.Checkpoint == "" {
		return
	}
	s.fresh = append(s.fresh, ts...)
	for _, t := range ts {
		s.inHand[t.ID()] = t
	}
}

// noticed notes an error of a checkpoint that tells of damage: then the next
// Advance or Repair makes it anew, or, if that does not come, the next start. It
// gives the error back.
func (s *Store) noticed(c *checkpoint, err error) error {
	if !errors.Is(err, ErrCheckpoint) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opened || s.checkpoint != c || s.spoiled != nil {
		return err // it is not in use, or known
	}
	s.spoiled = err
	noteSpoiled(s.o.Checkpoint, err)
	return err
}

// Advanced tells what an Advance did.
type Advanced struct {
	Path  string // of the checkpoint; empty: there is none
	Turns int    // that it has now
	New   int    // of these

	Remade bool   // it was made anew of the logs, because it was damaged or not there
	Aside  string // Remade: where the damaged one is kept; empty: there was none
}

// Behind is how many turns the checkpoint lacks: they are in memory until the
// next Advance.
func (s *Store) Behind() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.fresh)
}

// Advance makes the checkpoint cover all that was appended until now, in one
// transaction, and notes peers that were met; authors of turns it notes by
// itself. It costs what is new, and an fsync of each log and of unsent.log that is
// not durable: a log whose fsync fails is read whole at the next start. If the checkpoint was found to be damaged, or is
// not there, it is made of the logs first, which reads all of them. Append and Get
// go on meanwhile.
//
// It waits until ctx ends, but 10 s at most, for another program that writes the
// file; ctx also ends the making of a new one. After an error the checkpoint is as
// before, and the next Advance has that much more to do: do not repeat it at once.
// Making a checkpoint that failed twice is tried again after one call that does
// nothing, then three, seven and so on up to 255. Path is set in any case.
func (s *Store) Advance(ctx context.Context, peers []Peer) (Advanced, error) {
	if s.o.Checkpoint == "" {
		return Advanced{}, nil
	}
	a := Advanced{Path: s.o.Checkpoint}
	if err := s.enterAdvancing(ctx); err != nil {
		return a, err
	}
	defer s.advancing.leave()
	c := s.theCheckpoint()
	if c != nil {
		_ = s.noticed(c, c.there()) // it is made anew
	}
	s.mu.Lock()
	remake := c == nil || s.spoiled != nil
	s.mu.Unlock()
	if remake {
		if !s.remakes.due() {
			return a, s.remakes.err
		}
		if err := s.obtain(ctx, &a, peers); err != nil {
			return a, err
		}
	}
	err := s.advance(ctx, &a, peers)
	return a, err
}

// enterAdvancing takes s.advancing, while the store is open.
func (s *Store) enterAdvancing(ctx context.Context) error {
	if err := s.advancing.enter(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.o.Checkpoint, err)
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		s.advancing.leave()
		return ErrClosed
	}
	return nil
}

// advance is Advance for one who holds s.advancing, and a checkpoint that is there.
func (s *Store) advance(ctx context.Context, a *Advanced, peers []Peer) error {
	// The checkpoint is about to forget lines that unsent.log does not say any
	// more: it must not say them again.
	if err := s.unsent.settle(); err != nil {
		return err
	}
	s.mu.Lock()
	c, ts := s.checkpoint, s.fresh
	s.fresh = nil
	logs := maps.Clone(s.others)
	covered := map[int]position{}
	for i, r := range s.replicas {
		if r.complete && !r.broken {
			covered[i] = r.pos
		}
	}
	s.mu.Unlock()

	// What stands before a position is not read again at a start: no power cut
	// may take it.
	for i, pos := range covered {
		if _, err := s.Sync(i); err == nil {
			logs[s.key(s.replicas[i].path)] = pos
		}
	}
	n, err := c.advance(ctx, each(ts), cover{logs: logs, peers: peers, member: s.o.member(), said: s.unsent.carried})
	if err != nil {
		s.mu.Lock()
		s.fresh = append(ts, s.fresh...)
		s.mu.Unlock()
		return s.noticed(c, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range ts {
		delete(s.inHand, t.ID())
	}
	for _, t := range s.fresh {
		s.inHand[t.ID()] = t // it may have been appended twice
	}
	a.Turns, a.New = c.now().Turns, a.New+n
	return nil
}

// ErrNoCheckpoint says that there is no checkpoint, or that it could not be opened
// at the start.
var ErrNoCheckpoint = errors.New("there is no checkpoint in use")

// Items goes through the places in the order of all turns of the checkpoint, as
// it is now. What it lacks are Restored.New and what was appended since; of
// these it may have some. 100,000 take some 60 ms.
func (s *Store) Items(ctx context.Context, yield func(turn.Item) bool) error {
	c := s.theCheckpoint()
	if c == nil {
		return nil
	}
	return s.noticed(c, c.items(ctx, c.reader, yield))
}

// Get gives turns that are stored, in the order asked for; nil stands for one
// that is not there. With no checkpoint in use, it has what was appended since the
// start alone. It waits for no search, no Items, no Advance and no Repair. The
// error matches ErrCheckpoint, and then the next Advance mends it, or it is
// another: then the turns may be there at the next call.
func (s *Store) Get(ids []turn.ID) ([]*turn.Signed, error) {
	ts := make([]*turn.Signed, len(ids))
	for {
		s.mu.Lock()
		for i, id := range ids {
			if t := s.inHand[id]; t != nil {
				ts[i] = t
			}
		}
		c, closed := s.checkpoint, s.closed
		s.mu.Unlock()
		if closed {
			return nil, ErrClosed
		}
		if c == nil {
			return ts, nil
		}
		err := c.fill(ts, ids)
		if err == nil {
			return ts, nil
		}
		if s.theCheckpoint() == c {
			return nil, s.noticed(c, err)
		}
		// Another took its place meanwhile.
	}
}

// fill gets those turns that are nil.
func (c *checkpoint) fill(ts []*turn.Signed, ids []turn.ID) (err error) {
	for i, id := range ids {
		if ts[i] == nil {
			if ts[i], err = c.getAlong(id); err != nil {
				return err
			}
		}
	}
	return nil
}
