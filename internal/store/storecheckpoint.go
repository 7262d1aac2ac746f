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
	_, err := os.Stat(path)
	state.Created = errors.Is(err, fs.ErrNotExist)
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
	aside, err := checkpointAside(s.o.Checkpoint, suffix)
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
	s.advancing.Lock()
	defer s.advancing.Unlock()
	if s.checkpoint == nil {
		return nil
	}
	return s.checkpoint.close()
}

// remember notes turns for the next Advance. Its caller holds s.mu, or is Open.
func (s *Store) remember(ts []*turn.Signed) {
	if s.checkpoint == nil {
		return
	}
	s.fresh = append(s.fresh, ts...)
	for _, t := range ts {
		s.inHand[t.ID()] = t
	}
}

// Advanced tells what an Advance did.
type Advanced struct {
	Path  string // of the checkpoint; empty: there is none
	Turns int    // that it has now
	New   int    // of these
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
// itself. It costs what is new. Append goes on meanwhile. After an error the
// checkpoint is as before, and the next Advance has that much more to do. An
// error that matches ErrCheckpoint is a case for Repair.
func (s *Store) Advance(peers []Peer) (Advanced, error) {
	s.advancing.Lock()
	defer s.advancing.Unlock()
	if s.o.Checkpoint == "" {
		return Advanced{}, nil
	}
	return s.advance(peers)
}

// advance is Advance for one who holds s.advancing.
func (s *Store) advance(peers []Peer) (Advanced, error) {
	s.mu.Lock()
	c := s.checkpoint
	if s.closed || c == nil {
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return Advanced{}, ErrClosed
		}
		return Advanced{}, fmt.Errorf("%s: %w", s.o.Checkpoint, ErrNoCheckpoint)
	}
	ts := s.fresh
	s.fresh = nil
	logs := maps.Clone(s.others)
	for _, r := range s.replicas {
		if r.complete && !r.broken {
			logs[s.key(r.path)] = r.pos
		}
	}
	s.mu.Unlock()

	n, err := c.advance(each(ts), cover{logs: logs, peers: peers, member: s.o.member(), said: s.unsent.carried})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.fresh = append(ts, s.fresh...)
		return Advanced{}, err
	}
	for _, t := range ts {
		delete(s.inHand, t.ID())
	}
	for _, t := range s.fresh {
		s.inHand[t.ID()] = t // it may have been appended twice
	}
	return Advanced{Path: c.path, Turns: c.now().Turns, New: n}, nil
}

// remakeBatch is how many turns go into one transaction when a checkpoint is
// made of the logs.
const remakeBatch = 20_000

// remakeCheckpoint puts the checkpoint aside and makes one of the logs. If that
// fails half way, the next start sees that it lacks turns.
func (s *Store) remakeCheckpoint(ctx context.Context) (aside string, err error) {
	s.advancing.Lock()
	defer s.advancing.Unlock()
	peers := s.theCheckpoint().now().peers()
	s.mu.Lock()
	_ = s.checkpoint.close() // it is damaged
	aside, err = checkpointAside(s.o.Checkpoint, damagedSuffix)
	var c *checkpoint
	if err == nil {
		c, err = openCheckpoint(s.o.Checkpoint, s.o.Group, s.o.Parse, true)
	}
	s.checkpoint = c
	s.mu.Unlock()
	if err != nil {
		return aside, err
	}

	u := newUnion(s.o.Group, s.o.Parse)
	u.trust = true
	paths, ends, _ := s.ends()
	compare(s.o.FS, paths, ends, u)
	src := s.newSource(u)
	defer src.close()
	all := u.all()
	for len(all) > 0 && err == nil {
		n := min(len(all), remakeBatch)
		_, err = c.advance(src.turns(all[:n]), cover{peers: peers, member: s.o.member()})
		all = all[n:]
		err = errors.Join(err, ctx.Err())
	}
	if err == nil {
		_, err = s.advance(nil)
	}
	return aside, err
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
	return c.items(ctx, yield)
}

// Get gives turns that are stored, in the order asked for; nil stands for one
// that is not there. With no checkpoint, none are.
func (s *Store) Get(ids []turn.ID) ([]*turn.Signed, error) {
	ts := make([]*turn.Signed, len(ids))
	s.mu.Lock()
	for i, id := range ids {
		ts[i] = s.inHand[id]
	}
	c := s.checkpoint
	s.mu.Unlock()
	if c == nil {
		return ts, nil
	}
	for i, id := range ids {
		if ts[i] != nil {
			continue
		}
		t, err := c.get(id)
		if err != nil {
			return nil, err
		}
		ts[i] = t
	}
	return ts, nil
}
