package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	"github.com/papo-chat/papo/internal/turn"
)

// snapshot is a checkpoint as it is at one moment, whatever is put in meanwhile.
type snapshot struct {
	c       *checkpoint
	from    asker
	tx      *sql.Tx // nil: all that is read of the checkpoint is of one moment anyhow
	state   state
	missing []turn.ID // parents that are named and not there
}

// snapshot reads what the checkpoint says of itself now. What it gives must be
// closed.
func (c *checkpoint) snapshot(ctx context.Context) (v *snapshot, err error) {
	v = &snapshot{c: c, from: c.reader}
	if !c.frozen {
		if v.tx, err = c.reader.BeginTx(ctx, nil); err != nil {
			return nil, c.failed(err)
		}
		v.from = v.tx
	}
	if v.state, err = loadState(v.from); err != nil {
		v.close()
		return nil, c.failed(err)
	}
	if v.missing, err = c.missing(v.from, v.state); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

// items goes through all turns, and looks whether they are those that were put in.
func (v *snapshot) items(yield func(turn.Item)) error {
	var found state
	err := v.c.items(context.Background(), v.from, func(it turn.Item) bool {
		yield(it)
		found.count(it.ID)
		return true
	})
	if err == nil && (found.Turns != v.state.Turns || found.Sum != v.state.Sum) {
		err = v.c.failed(fmt.Errorf("%w: it has %d turns, and not the %d that were put in", ErrCheckpoint, found.Turns, v.state.Turns))
	}
	return err
}

// graph is that of its turns.
func (v *snapshot) graph() graph {
	g := newGraph()
	for _, id := range v.missing {
		g.missing[id] = struct{}{}
	}
	for id, stamp := range v.state.heads() {
		g.heads[id] = stamp
	}
	return g
}

func (v *snapshot) close() {
	if v.tx != nil {
		_ = v.tx.Rollback() // nothing was written
	}
}

// ownerOf gives the group and the member that a checkpoint says it is of. False:
// it is not there, or says nothing.
func ownerOf(path string) (g turn.GroupID, member string, ok bool) {
	if path == "" {
		return g, "", false
	}
	if _, err := os.Stat(path); err != nil {
		return g, "", false
	}
	db, err := sql.Open("sqlite", dsn(path, false, busyLimit))
	if err != nil {
		return g, "", false
	}
	defer db.Close() // it was only read
	s, err := loadState(db)
	if err != nil || s.Member == "" {
		return g, "", false
	}
	return turn.GroupID(s.Group), s.Member, true
}
