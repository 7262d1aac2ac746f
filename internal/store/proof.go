package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/papo-chat/papo/internal/turn"
)

// proof remembers when a checkpoint was proved whole.
type proof struct {
	mu sync.Mutex
	at time.Time // zero: never, or it is in doubt since
}

// within tells whether that is not longer ago than this.
func (p *proof) within(d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.at.IsZero() && time.Since(p.at) < d
}

func (p *proof) note(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = at
}

// forget is for when damage was met.
func (p *proof) forget() { p.note(time.Time{}) }

// check proves that the checkpoint is whole: the structure of the file, each row,
// all of them together, and the index of words. It reads all of it, and advancing
// waits for the last part; ctx ends it early.
func (c *checkpoint) check(ctx context.Context) error {
	at := time.Now()
	if err := c.prove(ctx); err != nil {
		return c.failed(err)
	}
	if err := c.proveWords(ctx); err != nil {
		return c.failed(err)
	}
	c.proof.note(at)
	return nil
}

// proveWords tells whether the index of words is that of the rows. Advancing waits
// for it: SQLite has it as a command that only a writer may give, and offers no
// way to do it in parts.
func (c *checkpoint) proveWords(ctx context.Context) error {
	if err := c.writing.enter(ctx); err != nil {
		return err
	}
	defer c.writing.leave()
	return patiently(ctx, func() error {
		_, err := c.db.ExecContext(ctx, "INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
		return err
	})
}

// prove is check for all but that the index of words is that of the rows. What it
// reads is of one moment.
//
// It has a new connection. One that was used before remembers of which segments the
// index of words was made then, and SQLite's integrity check, unlike a search, does
// not look whether that is still so (FTS5's fts5IntegrityMethod, in 3.54.1): when a
// transaction of another connection has merged them, which every sixteenth does, it
// would call the index damaged.
func (c *checkpoint) prove(ctx context.Context) error {
	db, err := sql.Open("sqlite", dsn(c.path, false, busyLimit))
	if err != nil {
		return err
	}
	defer db.Close() // it was only read
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing was written
	var word string
	if err := tx.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&word); err != nil {
		return err
	}
	switch {
	case unread(word):
		return fmt.Errorf("it cannot be read now: %s", word)
	case word != "ok":
		return fmt.Errorf("%w: %s", ErrCheckpoint, word)
	}
	s, err := loadState(tx)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+rowColumns+", stamp, short, name, author, time, text FROM turns")
	if err != nil {
		return err
	}
	defer rows.Close()
	var found state
	for rows.Next() {
		id, err := c.proveRow(rows)
		if err != nil {
			return err
		}
		found.count(id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if found.Turns != s.Turns || found.Sum != s.Sum {
		return fmt.Errorf("%w: it has %d turns, and not the %d that were put in", ErrCheckpoint, found.Turns, s.Turns)
	}
	return nil
}

// unread tells that SQLite's integrity check failed because the disk did not give a
// page, which proves nothing.
func unread(word string) bool {
	_, after, found := strings.Cut(word, "error code=")
	var code int
	_, err := fmt.Sscanf(after, "%d", &code)
	return found && err == nil && code&0xff == sqlite3.SQLITE_IOERR
}

// proveRow tells whether all columns of a row follow from the signed turn.
func (c *checkpoint) proveRow(rows *sql.Rows) (id turn.ID, err error) {
	var r row
	var stamp, prefix, ms int64
	var name, text string
	var author []byte
	if err := rows.Scan(&r.id, &r.signed, &r.state, &r.crc, &stamp, &prefix, &name, &author, &ms, &text); err != nil {
		return id, err
	}
	s, err := r.turn(c.group)
	if err != nil {
		return id, err
	}
	id = s.ID()
	t := s.Turn()
	if uint64(stamp) != t.Stamp || prefix != short(id) || name != t.Name || !slices.Equal(author, t.Author[:]) ||
		ms != t.Time || text != searchText(t) {
		return id, fmt.Errorf("%w: turn %s has columns that are not its own", ErrCheckpoint, id.Short())
	}
	return id, nil
}
