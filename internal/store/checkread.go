package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/papo-chat/papo/internal/turn"
)

// row is a turn as the checkpoint has it.
type row struct {
	id     []byte
	signed []byte
	state  int64 // turn.State
	crc    int64 // see rowSum
}

// rowColumns are what scan takes.
const rowColumns = "id, signed, state, crc"

func (r *row) scan(rows interface{ Scan(...any) error }) error {
	return rows.Scan(&r.id, &r.signed, &r.state, &r.crc)
}

// rowSum is the CRC-32C of what nothing else proves: the signed turn, for its
// signature, and the state.
func rowSum(signed []byte, state turn.State) int64 {
	return int64(crc32.Update(crc32.Checksum(signed, castagnoli), castagnoli, []byte{byte(state)}))
}

// turn proves the row and gives the turn. Its signature was verified before it
// was put in.
func (r row) turn(g turn.GroupID) (*turn.Signed, error) {
	if rowSum(r.signed, turn.State(r.state)) != r.crc {
		return nil, fmt.Errorf("%w: turn %x has another checksum", ErrCheckpoint, r.id)
	}
	s, err := turn.ParseTrusted(g, r.signed)
	if err != nil {
		return nil, fmt.Errorf("%w: turn %x: %w", ErrCheckpoint, r.id, err)
	}
	if id := s.ID(); !slices.Equal(id[:], r.id) {
		return nil, fmt.Errorf("%w: turn %x is another one", ErrCheckpoint, r.id)
	}
	return s, nil
}

// item makes the place in the order of what a row has.
func item(stamp int64, id []byte) (turn.Item, error) {
	if len(id) != len(turn.ID{}) || stamp < 0 {
		return turn.Item{}, fmt.Errorf("%w: a row has no id", ErrCheckpoint)
	}
	return turn.Item{Stamp: uint64(stamp), ID: turn.ID(id)}, nil
}

// has tells whether a turn is in.
func (c *checkpoint) has(id turn.ID) (bool, error) { return c.hasOf(c.reader, id) }

func (c *checkpoint) hasOf(db asker, id turn.ID) (bool, error) {
	var n int
	err := db.QueryRow("SELECT 1 FROM turns WHERE short = ? AND id = ?", short(id), id[:]).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, c.failed(err)
}

// failed says which file an error is about.
func (c *checkpoint) failed(err error) error {
	if err == nil {
		return nil
	}
	err = damaged(err)
	if errors.Is(err, ErrCheckpoint) {
		c.proof.forget()
	}
	return fmt.Errorf("%s: %w", c.path, err)
}

// get gives a turn, nil if it is not in. It waits for no other reader and for no
// writer.
func (c *checkpoint) get(id turn.ID) (*turn.Signed, error) {
	var r row
	err := r.scan(c.getTurn.QueryRow(short(id), id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, c.failed(err)
	}
	s, err := r.turn(c.group)
	return s, c.failed(err)
}

// asker is a database, or a transaction: what it reads is of one moment.
type asker interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(query string, args ...any) *sql.Row
}

// items goes through all turns in the order.
func (c *checkpoint) items(ctx context.Context, from asker, yield func(turn.Item) bool) error {
	rows, err := from.QueryContext(ctx, "SELECT stamp, id FROM turns INDEXED BY turns_order ORDER BY stamp, id")
	if err != nil {
		return c.failed(err)
	}
	defer rows.Close()
	var stamp int64
	var id sql.RawBytes
	for rows.Next() {
		err := rows.Scan(&stamp, &id)
		if err != nil {
			return c.failed(err)
		}
		it, err := item(stamp, id)
		if err != nil {
			return c.failed(err)
		}
		if !yield(it) {
			return nil
		}
	}
	return c.failed(rows.Err())
}

// query gives the turns of a query for rowColumns, in its order.
func (c *checkpoint) query(ctx context.Context, query string, args ...any) ([]*turn.Signed, error) {
	rows, err := c.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, c.failed(err)
	}
	return c.turnsOf(rows)
}

// turnsOf gives the turns of rows, which it closes.
func (c *checkpoint) turnsOf(rows *sql.Rows) (ts []*turn.Signed, err error) {
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := r.scan(rows); err != nil {
			return nil, c.failed(err)
		}
		s, err := r.turn(c.group)
		if err != nil {
			return nil, c.failed(err)
		}
		ts = append(ts, s)
	}
	return ts, c.failed(rows.Err())
}

// last gives the last n turns of the order that are within reach, of any state.
func (c *checkpoint) last(ctx context.Context, n int, top uint64) ([]*turn.Signed, error) {
	ts, err := c.query(ctx, "SELECT "+rowColumns+" FROM turns WHERE stamp <= ? ORDER BY stamp DESC, id DESC LIMIT ?", int64(top), n)
	slices.Reverse(ts)
	return ts, err
}

// below gives the highest stamp that is at most limit, 0 if there is none.
func (c *checkpoint) below(limit uint64) (uint64, error) {
	var stamp int64
	err := c.reader.QueryRow("SELECT coalesce(max(stamp), 0) FROM turns WHERE stamp <= ?", int64(min(limit, turn.MaxStamp))).Scan(&stamp)
	return uint64(stamp), c.failed(err)
}

// missing gives the parents that are named and not there, by id.
func (c *checkpoint) missing(from asker, now state) (ids []turn.ID, err error) {
	var sum [4]uint64
	rows, err := from.QueryContext(context.Background(), "SELECT parent FROM missing ORDER BY parent")
	if err != nil {
		return nil, c.failed(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return nil, c.failed(err)
		}
		if len(id) != len(turn.ID{}) {
			return nil, c.failed(fmt.Errorf("%w: a row has no id", ErrCheckpoint))
		}
		sum = addID(sum, turn.ID(id))
		if n++; len(ids) == 0 || ids[len(ids)-1] != turn.ID(id) {
			ids = append(ids, turn.ID(id))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, c.failed(err)
	}
	if n != now.Missing || sum != now.MissingSum {
		return nil, c.failed(fmt.Errorf("%w: the turns that it lacks are others", ErrCheckpoint))
	}
	return ids, nil
}

// searchText is what words are searched in.
func searchText(t turn.Turn) string { return strings.Join(t.Texts, "\n") }
