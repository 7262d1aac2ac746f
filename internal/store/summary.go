package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// summary sums up what the checkpoint has, with the last turns within reach, as
// many as that. It costs as much as there are heads, turns that are not Valid and
// turns out of reach. Nobody may advance it meanwhile.
func (c *checkpoint) summary(ctx context.Context, recent int) (sum turn.Summary, err error) {
	now := c.now()
	if now.Turns == 0 {
		return sum, nil
	}
	sum.Count = now.Turns
	for id, stamp := range now.heads() {
		sum.Heads = append(sum.Heads, turn.Item{Stamp: stamp, ID: id})
	}
	slices.SortFunc(sum.Heads, func(a, b turn.Item) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	top, err := reach(c, nil)
	if err != nil {
		return sum, err
	}
	if sum.Recent, err = c.last(ctx, max(recent, 1), top); err != nil {
		return sum, err
	}
	if n := len(sum.Recent); n > 0 {
		sum.Top = sum.Recent[n-1].Item()
		sum.Recent = sum.Recent[max(0, n-recent):]
	}
	if sum.Above, err = c.above(ctx, top); err != nil {
		return sum, err
	}
	sum.Exceptions, err = c.exceptions(ctx, now)
	return sum, err
}

// above gives the items behind a stamp, in the order.
func (c *checkpoint) above(ctx context.Context, top uint64) (items []turn.Item, err error) {
	rows, err := c.reader.QueryContext(ctx, "SELECT stamp, id FROM turns INDEXED BY turns_order WHERE stamp > ? ORDER BY stamp, id", int64(top))
	if err != nil {
		return nil, c.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		var stamp int64
		var id []byte
		if err := rows.Scan(&stamp, &id); err != nil {
			return nil, c.failed(err)
		}
		it, err := item(stamp, id)
		if err != nil {
			return nil, c.failed(err)
		}
		items = append(items, it)
	}
	return items, c.failed(rows.Err())
}

// exceptions gives the turns that are not Valid, in the order. The state says how
// many there are, and the sum of their ids.
func (c *checkpoint) exceptions(ctx context.Context, now state) (all []turn.Exception, err error) {
	if now.Odd == 0 {
		return nil, nil // the index is not looked at: a full check does that
	}
	waits, err := c.waits(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := c.reader.QueryContext(ctx, "SELECT n, "+rowColumns+" FROM turns INDEXED BY turns_odd WHERE state <> 2 ORDER BY stamp, id")
	if err != nil {
		return nil, c.failed(err)
	}
	defer rows.Close()
	var found state
	for rows.Next() {
		var r row
		var n int64
		if err := rows.Scan(&n, &r.id, &r.signed, &r.state, &r.crc); err != nil {
			return nil, c.failed(err)
		}
		s, err := r.turn(c.group)
		if err != nil {
			return nil, c.failed(err)
		}
		e := turn.Exception{Item: s.Item(), State: turn.State(r.state)}
		if e.State == turn.Pending {
			if err := c.wait(&e, s, waits[n]); err != nil {
				return nil, err
			}
		}
		found.odd(s.ID())
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, c.failed(err)
	}
	if found.Odd != now.Odd || found.OddSum != now.OddSum {
		return nil, c.failed(fmt.Errorf("%w: the turns that are not valid are others", ErrCheckpoint))
	}
	return all, nil
}

// wait fills in what a pending turn waits for.
func (c *checkpoint) wait(e *turn.Exception, s *turn.Signed, missing []turn.ID) error {
	e.Missing, e.Known = missing, s.Known()
	there := 0
	for _, p := range s.Turn().Parents {
		if slices.Contains(missing, p) {
			continue
		}
		var stamp uint64
		err := c.reader.QueryRow("SELECT stamp FROM turns WHERE short = ? AND id = ?", short(p), p[:]).Scan(&stamp)
		if err != nil {
			return c.failed(err)
		}
		e.Top = max(e.Top, stamp)
		there++
	}
	if len(missing) == 0 || there+len(missing) != len(s.Turn().Parents) {
		return c.failed(fmt.Errorf("%w: what turn %s waits for is not what it names", ErrCheckpoint, s.ID().Short()))
	}
	return nil
}

// waits gives the missing parents of each row that has some, by id.
func (c *checkpoint) waits(ctx context.Context) (map[int64][]turn.ID, error) {
	rows, err := c.reader.QueryContext(ctx, "SELECT parent, child FROM missing ORDER BY parent")
	if err != nil {
		return nil, c.failed(err)
	}
	defer rows.Close()
	of := map[int64][]turn.ID{}
	for rows.Next() {
		var parent []byte
		var child int64
		if err := rows.Scan(&parent, &child); err != nil {
			return nil, c.failed(err)
		}
		if len(parent) != len(turn.ID{}) {
			return nil, c.failed(errors.Join(ErrCheckpoint, errors.New("a missing parent has no id")))
		}
		of[child] = append(of[child], turn.ID(parent))
	}
	return of, c.failed(rows.Err())
}
