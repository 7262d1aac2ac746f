package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"iter"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// maxRecent bounds the stamps that are remembered for turns that name their
// turns as parents; at the bound all are forgotten, and looked up.
const maxRecent = 1 << 16

// cover is what a transaction writes beside turns.
type cover struct {
	logs   map[string]position // how far the logs are covered by it
	peers  []Peer
	member string // whose record it is

	// said gives those lines that unsent.log may have still.
	said func(iter.Seq[turn.LineID]) []turn.LineID
}

// advance puts turns in, in one transaction. Turns that it has count for
// nothing. It tells how many were new. If ctx ends before it has put in all of
// them, nothing is.
func (c *checkpoint) advance(ctx context.Context, turns iter.Seq2[*turn.Signed, error], with cover) (added int, err error) {
	if err := c.writing.enter(ctx); err != nil {
		return 0, c.failed(err)
	}
	defer c.writing.leave()
	added, next, err := c.transact(ctx, turns, with)
	if err != nil {
		clear(c.recent) // it may have turns that are not there now
		return 0, c.failed(err)
	}
	c.setState(next)
	return added, nil
}

func (c *checkpoint) transact(ctx context.Context, turns iter.Seq2[*turn.Signed, error], with cover) (added int, next state, err error) {
	var tx *sql.Tx
	err = patiently(ctx, func() (err error) { tx, err = c.db.Begin(); return err })
	if err != nil {
		return 0, next, err
	}
	defer tx.Rollback() // after Commit it does nothing
	a, err := c.begin(tx)
	if err != nil {
		return 0, next, err
	}
	defer a.close()
	for s, err := range turns {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = a.add(s)
		}
		if err != nil {
			return 0, next, err
		}
		a.lines = append(a.lines, s.Turn().LineIDs...)
	}
	a.finish(with)
	if err := saveState(tx, a.next); err != nil {
		return 0, next, err
	}
	return a.added, a.next, tx.Commit()
}

// finish makes the state that goes with the turns.
func (a *adding) finish(with cover) {
	a.next.Member = with.member
	for _, p := range with.peers {
		a.next.meet(p)
	}
	a.next.Logs = map[string]logState{}
	for path, p := range with.logs {
		if p != (position{}) {
			a.next.Logs[path] = logStateOf(p)
		}
	}
	a.next.Heads = nil
	for _, it := range (graph{heads: a.heads}).items() {
		a.next.Heads = append(a.next.Heads, headState{it.Stamp, it.ID[:]})
	}
	said := a.next.said()
	a.next.Said = nil
	if with.said != nil {
		for _, id := range with.said(slices.Values(append(said, a.lines...))) {
			a.next.Said = append(a.next.Said, hexBytes(id[:]))
		}
	}
}

// adding is one transaction that puts turns in.
type adding struct {
	c     *checkpoint
	next  state
	heads map[turn.ID]uint64
	added int
	lines []turn.LineID // that the turns carry

	insert, words, find, miss, waiting, found, body, judged *sql.Stmt
}

func (c *checkpoint) begin(tx *sql.Tx) (*adding, error) {
	a := &adding{c: c, next: c.state.clone(), heads: c.state.heads()}
	for _, p := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&a.insert, "INSERT OR IGNORE INTO turns (stamp, id, short, name, author, time, state, text, signed, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{&a.words, "INSERT INTO words (rowid, text) VALUES (?, ?)"},
		{&a.find, "SELECT stamp FROM turns WHERE short = ? AND id = ?"},
		{&a.miss, "INSERT OR IGNORE INTO missing VALUES (?, ?)"},
		{&a.waiting, "SELECT child FROM missing WHERE parent = ?"},
		{&a.found, "DELETE FROM missing WHERE parent = ?"},
		{&a.body, "SELECT " + rowColumns + " FROM turns WHERE n = ?"},
		{&a.judged, "UPDATE turns SET state = ?, crc = ? WHERE n = ?"},
	} {
		s, err := tx.Prepare(p.query)
		if err != nil {
			a.close()
			return nil, err
		}
		*p.to = s
	}
	return a, nil
}

func (a *adding) close() {
	for _, s := range []*sql.Stmt{a.insert, a.words, a.find, a.miss, a.waiting, a.found, a.body, a.judged} {
		if s != nil {
			_ = s.Close() // its rows are read
		}
	}
}

// short is the part of an id that has an index.
func short(id turn.ID) int64 { return int64(binary.BigEndian.Uint64(id[:8])) }

// add puts one turn in, and keeps heads, missing parents and states as
// turn.History does.
func (a *adding) add(s *turn.Signed) error {
	id, t := s.ID(), s.Turn()
	state, missing, err := a.judge(s)
	if err != nil {
		return err
	}
	text := searchText(t)
	res, err := a.insert.Exec(int64(s.Stamp()), id[:], short(id), t.Name, t.Author[:], t.Time, int(state), text,
		s.Bytes(), rowSum(s.Bytes(), state))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	n, err := res.LastInsertId()
	if err != nil {
		return err
	}
	if _, err := a.words.Exec(n, text); err != nil {
		return err
	}
	a.added++
	a.next.count(id)
	if state != turn.Valid {
		a.next.odd(id)
	}
	a.next.meet(Peer{t.Name, t.Author})
	a.remember(id, s.Stamp())
	for _, p := range t.Parents {
		delete(a.heads, p)
	}
	for _, p := range missing {
		if _, err := a.miss.Exec(p[:], n); err != nil {
			return err
		}
		a.next.MissingSum = addID(a.next.MissingSum, p)
	}
	a.next.Missing += len(missing)
	children, err := a.children(id)
	if err != nil {
		return err
	}
	if len(children) == 0 {
		a.heads[id] = s.Stamp()
		return nil
	}
	return a.resolve(id, children)
}

// resolve judges the turns that waited for one that is in now.
func (a *adding) resolve(id turn.ID, children []int64) error {
	if _, err := a.found.Exec(id[:]); err != nil {
		return err
	}
	a.next.Missing -= len(children)
	for _, n := range children {
		a.next.MissingSum = takeID(a.next.MissingSum, id)
		var r row
		if err := r.scan(a.body.QueryRow(n)); err != nil {
			return err
		}
		s, err := r.turn(a.c.group)
		if err != nil {
			return err
		}
		state, _, err := a.judge(s)
		if err == nil && state != turn.Pending {
			_, err = a.judged.Exec(int(state), rowSum(r.signed, state), n)
		}
		if state == turn.Valid {
			a.next.even(s.ID())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// judge gives a turn's state, and its parents that are missing.
func (a *adding) judge(s *turn.Signed) (state turn.State, missing []turn.ID, err error) {
	var top uint64
	for _, p := range s.Turn().Parents {
		stamp, there, err := a.stamp(p)
		if err != nil {
			return state, nil, err
		}
		if !there {
			missing = append(missing, p)
		}
		top = max(top, stamp)
	}
	switch {
	case len(missing) > 0:
		return turn.Pending, missing, nil
	case s.Stamp() <= top || s.Stamp() > top+turn.MaxJump:
		return turn.Invalid, nil, nil
	case !s.Known():
		return turn.Newer, nil, nil
	}
	return turn.Valid, nil, nil
}

func (a *adding) remember(id turn.ID, stamp uint64) {
	if len(a.c.recent) >= maxRecent {
		clear(a.c.recent)
	}
	a.c.recent[id] = stamp
}

// stamp gives the stamp of a turn that is in.
func (a *adding) stamp(id turn.ID) (stamp uint64, there bool, err error) {
	if stamp, there = a.c.recent[id]; there {
		return stamp, true, nil
	}
	err = a.find.QueryRow(short(id), id[:]).Scan(&stamp)
	if errors.Is(err, sql.ErrNoRows) {
		if a.c.base == nil {
			return 0, false, nil
		}
		t, err := a.c.base.get(id)
		if t == nil {
			return 0, false, err
		}
		a.remember(id, t.Stamp())
		return t.Stamp(), true, nil
	}
	if err == nil {
		a.remember(id, stamp)
	}
	return stamp, err == nil, err
}

// children are the rows that name a turn that was missing.
func (a *adding) children(id turn.ID) (ns []int64, err error) {
	if a.next.Missing == 0 {
		return nil, nil
	}
	rows, err := a.waiting.Query(id[:])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		ns = append(ns, n)
	}
	return ns, rows.Err()
}

// each gives turns as advance takes them.
func each(ts []*turn.Signed) iter.Seq2[*turn.Signed, error] {
	return func(yield func(*turn.Signed, error) bool) {
		for _, s := range ts {
			if !yield(s, nil) {
				return
			}
		}
	}
}
