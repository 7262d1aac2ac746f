package node

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

const (
	// behindMost is how many turns may be in no checkpoint before one is made out
	// of its time: they are in memory until then, 1 KB each. Putting them in takes
	// as long as verifying them, which a newcomer has no time for.
	behindMost = 100_000
	// lastAdvance is how long the end waits for the checkpoint. What that lacks the
	// next start reads from the replicas.
	lastAdvance = 2 * time.Second
)

// archive gives the core a turn of the record; nil: it cannot be read now. A
// checkpoint that turns out to be damaged the store notes by itself.
func (n *Node) archive(id turn.ID) *turn.Signed {
	ts, err := n.cfg.Store.Get([]turn.ID{id})
	if err != nil {
		return nil
	}
	return ts[0]
}

// sources says how many turns came from where. What the start put into the checkpoint
// the replicas had.
func sources(r *store.Restored) []peer.Source {
	var out []peer.Source
	if n := r.Summary.Count - r.Checkpoint.Filled; n > 0 {
		out = append(out, peer.Source{Name: "checkpoint", Turns: n})
	}
	if n := len(r.New) + r.Checkpoint.Filled; n > 0 {
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
		return peer.Error{At: at, Code: peer.CodeCheckpointLost, Path: s.Path, Text: checkpointReason(s.Path, s.Problem)}
	}
	return nil
}

// checkpointReason is an error of the checkpoint in one line, which need not begin with
// the path: the sentence has it.
func checkpointReason(path string, err error) string {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), path+": "), path+" ")
	return strings.ReplaceAll(text, "\n", "; ")
}

// advance makes the checkpoint cover what was appended, beside the loop.
func (n *Node) advance() {
	if n.advancing {
		return
	}
	n.advancing = true
	met := n.met()
	go func() {
		began := time.Now()
		a, err := n.cfg.Store.Advance(n.beside, met)
		took := time.Since(began)
		n.order(func(now peer.Now) { n.advanced(now, a, took, err) })
	}()
}

// advanceEarly is advance where much has come since the last time. One that failed
// is tried again when its time comes.
func (n *Node) advanceEarly() {
	if n.cfg.CheckpointEvery > 0 && !n.checkpointLost && n.cfg.Store.Behind() > behindMost {
		n.advance()
	}
}

func (n *Node) advanced(now peer.Now, a store.Advanced, took time.Duration, err error) {
	n.advancing = false
	n.tellAside(now, a.Aside)
	if err == nil {
		again := n.checkpointLost
		n.checkpointLost = false
		if a.New > 0 || again {
			n.core.Tell(now, peer.Checkpoint{At: peer.At(now.Boot), Path: a.Path, Turns: a.Turns, New: a.New, Took: took})
		}
		return
	}
	if errors.Is(err, store.ErrCheckpoint) {
		n.compareSilently(now) // which makes it anew
	}
	n.checkpointFails(now, a.Path, err)
}

// checkpointFails tells that the checkpoint cannot be used, once until it can be again:
// each try may fail in a way of its own.
func (n *Node) checkpointFails(now peer.Now, path string, err error) {
	if !n.checkpointLost {
		n.checkpointLost = true
		n.core.Tell(now, peer.Error{At: peer.At(now.Boot), Code: peer.CodeCheckpointLost, Path: path, Text: checkpointReason(path, err)})
	}
}

// tellCheckpoint tells what a comparison found of the checkpoint.
func (n *Node) tellCheckpoint(now peer.Now, r store.CheckpointReport) {
	n.tellAside(now, r.Aside)
	if r.Err != nil && !r.Repaired {
		n.checkpointFails(now, r.Path, r.Err)
	}
}

// tellAside tells that a checkpoint was put aside, and where; empty: none was.
func (n *Node) tellAside(now peer.Now, aside string) {
	if aside != "" {
		n.core.Tell(now, peer.Notice{At: peer.At(now.Boot), Code: peer.CodeCheckpointAside, Path: aside})
	}
}

// lastCheckpoint makes the last one, when nobody waits for it any more. What it lacks
// is in the replicas: a failure costs the next start some time, and is not told.
func (n *Node) lastCheckpoint() {
	if n.cfg.CheckpointEvery > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), lastAdvance)
		defer cancel()
		_, _ = n.cfg.Store.Advance(ctx, n.met())
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

// load reads the places of all turns of the checkpoint, beside the loop: the start
// did without. The core gets them then.
func (n *Node) load() {
	n.loading = true
	want := n.cfg.Restored.Summary.Count
	go func() {
		items := make([]turn.Item, 0, want)
		err := n.cfg.Store.Items(n.beside, func(it turn.Item) bool {
			items = append(items, it)
			return true
		})
		var all *turn.Set
		if err == nil {
			all, err = turn.NewSet(items)
		}
		n.order(func(now peer.Now) { n.loaded(now, all, err) })
	}()
}

// loaded takes what load read. If that is not all, the comparison makes the
// checkpoint anew, and then it is read again. If it is not all then either, that is
// told: until it is, the record is not compared with that of others.
func (n *Node) loaded(now peer.Now, all *turn.Set, err error) {
	n.loading = false
	if err == nil {
		err = n.core.Loaded(now, all)
	}
	n.partial = err != nil
	if n.partial && n.compared {
		n.checkpointFails(now, n.cfg.Restored.Checkpoint.Path, err)
		n.core.Unread(now)
	}
	if !n.compared {
		n.compareSilently(now) // the start read only what is new
	}
}
