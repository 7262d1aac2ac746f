package node

import (
	"context"
	"errors"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

const (
	// behindMost is how many turns may be in no checkpoint before one is made out
	// of its time: they are in memory until then.
	behindMost = 10_000
	// getBatch is how many turns are read from the checkpoint at a time.
	getBatch = 1000
)

// Turns gives all turns of a record that was opened, by (stamp, id). Those of the
// checkpoint are read from it; their signatures were verified before they were put
// there. The error is one of the store's.
func Turns(s *store.Store, r *store.Restored) ([]*turn.Signed, error) {
	if r.Turns != nil || r.Count == 0 {
		return r.Turns, nil
	}
	ids := make([]turn.ID, 0, r.Count)
	err := s.Items(context.Background(), func(it turn.Item) bool {
		ids = append(ids, it.ID)
		return true
	})
	if err != nil {
		return nil, err
	}
	all := make([]*turn.Signed, 0, r.Count)
	for len(ids) > 0 {
		n := min(len(ids), getBatch)
		got, err := s.Get(ids[:n])
		if err != nil {
			return nil, err
		}
		for _, t := range got {
			if t == nil {
				return nil, store.ErrCheckpoint
			}
			all = append(all, t)
		}
		ids = ids[n:]
	}
	return append(all, r.New...), nil
}

// sources says how many turns came from where.
func sources(r *store.Restored) []peer.Source {
	var out []peer.Source
	if n := r.Checkpoint.Turns; n > 0 {
		out = append(out, peer.Source{Name: "checkpoint", Turns: n})
	}
	if n := r.Count - r.Checkpoint.Turns; n > 0 {
		out = append(out, peer.Source{Name: "replicas", Turns: n})
	}
	return out
}

// checkpointEvent tells what became of the checkpoint at the start, if that is not
// as it should be.
func checkpointEvent(at peer.At, s store.CheckpointState) peer.Event {
	switch {
	case s.Aside != "":
		return peer.Notice{At: at, Code: peer.CodeCheckpointAside, Path: s.Aside}
	case s.Problem != nil:
		return peer.Error{At: at, Code: peer.CodeCheckpointLost, Path: s.Path, Text: s.Problem.Error()}
	}
	return nil
}

// advance makes the checkpoint cover what was appended, beside the loop.
func (n *Node) advance() {
	if n.cfg.CheckpointEvery <= 0 || n.advancing {
		return
	}
	n.advancing = true
	met := n.met()
	go func() {
		began := time.Now()
		a, err := n.cfg.Store.Advance(met)
		took := time.Since(began)
		n.order(func(now peer.Now) { n.advanced(now, a, took, err) })
	}()
}

func (n *Node) advanced(now peer.Now, a store.Advanced, took time.Duration, err error) {
	n.advancing = false
	switch {
	case errors.Is(err, store.ErrCheckpoint):
		n.compareSilently() // which makes it anew
	case err != nil && !errors.Is(err, store.ErrNoCheckpoint):
		if text := err.Error(); text != n.lastCheckpoint {
			n.lastCheckpoint = text
			n.core.Tell(now, peer.Error{At: peer.At(now.Boot), Code: peer.CodeCheckpointLost, Path: a.Path, Text: text})
		}
	case err == nil && a.New > 0:
		n.lastCheckpoint = ""
		n.core.Tell(now, peer.Checkpoint{At: peer.At(now.Boot), Path: a.Path, Turns: a.Turns, New: a.New, Took: took})
	}
}

// met gives the members that were met, for the checkpoint.
func (n *Node) met() []store.Peer {
	var out []store.Peer
	for _, m := range n.core.Met() {
		out = append(out, store.Peer{Name: m.Name, Key: m.Key})
	}
	return out
}
