package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/papo-chat/papo/internal/turn"
)

// migrations make a checkpoint of one schema version that of the next: the
// first makes version 1 of an empty file. What was released is never changed.
//
// A row of turns proves itself: id is the hash of all but the signature of
// signed, and crc, a CRC-32C, is that of signed and state. The row of state has
// a CRC-32C too, and with the number and the sum of all ids it proves that no
// turn is missing.
var migrations = []string{`
CREATE TABLE state (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	json TEXT NOT NULL,
	crc INTEGER NOT NULL
);
CREATE TABLE turns (
	n INTEGER PRIMARY KEY,
	stamp INTEGER NOT NULL,
	id BLOB NOT NULL,
	short INTEGER NOT NULL, -- the first 8 bytes of id
	name TEXT NOT NULL,
	author BLOB NOT NULL,
	time INTEGER NOT NULL,  -- ms UTC
	state INTEGER NOT NULL, -- turn.State
	text TEXT NOT NULL,
	signed BLOB NOT NULL,
	crc INTEGER NOT NULL
);
CREATE UNIQUE INDEX turns_order ON turns (stamp, id);
CREATE INDEX turns_short ON turns (short);
CREATE INDEX turns_time ON turns (time);
CREATE INDEX turns_odd ON turns (stamp, id) WHERE state <> 2; -- turn.Valid
CREATE TABLE missing (
	parent BLOB NOT NULL, -- named by child, and not there
	child INTEGER NOT NULL,
	PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(text, content='turns', content_rowid='n', tokenize='unicode61 remove_diacritics 2');
`}

// applicationID marks the file as a checkpoint of papo: "pap" in ASCII and, in
// the last byte, the version of the schema. The file has that version twice, so
// that one that is damaged is not taken for a newer one.
const applicationID = 0x70617000

// Errors that opening a checkpoint matches.
var (
	// ErrCheckpoint: the checkpoint is damaged, or is none.
	ErrCheckpoint = errors.New("the checkpoint is damaged")

	// ErrNewerCheckpoint: it has a schema that this program does not know.
	ErrNewerCheckpoint = errors.New("the checkpoint was written by a newer papo: use that one, or move the file away; the replicas have all that it has")
)

// checkpoint is the record as a SQLite database. Its methods may be called from
// any goroutine.
type checkpoint struct {
	path   string // empty: in memory
	group  turn.GroupID
	verify func(turn.GroupID, []byte) (*turn.Signed, error)
	db     *sql.DB // one connection, which writes
	reader *sql.DB // maxReaders others

	// getter is one connection for single turns, so that they wait for nobody, and
	// getTurn its statement.
	getter  *sql.DB
	getTurn *sql.Stmt
	getNext *sql.Stmt // those that follow a place in the order
	ahead   ahead

	file os.FileInfo // which file it is; nil: it is in memory, or read only

	frozen bool // see freeze

	base *checkpoint // if not nil, has parents of what is here

	writing gate // held by the one that advances it; guards what follows
	state   state
	recent  map[turn.ID]uint64 // stamps of turns that were put in lately

	stateMu sync.Mutex // guards what state is, for others

	proof proof // that it is whole
}

// maxReaders is how many may read at once beside the one that gets single turns and
// the one that proves the whole: a list of all turns, a comparison with the logs and
// two searches. More wait.
const maxReaders = 4

const (
	// busyWait is how long SQLite itself waits for another process where that must
	// not be long: to write, after which we look whether to go on waiting, and to
	// get a turn.
	busyWait = 50 * time.Millisecond
	// busyLimit is how long we do, where no context ends sooner.
	busyLimit = 10 * time.Second
)

// patiently does something again for as long as another process keeps it from the
// database, until ctx ends or busyLimit is over.
func patiently(ctx context.Context, f func() error) error {
	for start := time.Now(); ; {
		err := f()
		var e *sqlite.Error
		busy := errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
		if !busy || time.Since(start) > busyLimit {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another program is using it: %w: %w", err, ctx.Err())
		case <-time.After(busyWait / 10): // if SQLite did not wait
		}
	}
}

// openCheckpoint opens a checkpoint, and makes it if it is not there. An error
// that matches ErrCheckpoint, ErrOtherGroup or ErrNewerCheckpoint says what the
// file is; any other, that it cannot be used now. If it may not write, it must
// be there, and nothing is migrated.
func openCheckpoint(path string, g turn.GroupID, verify func(turn.GroupID, []byte) (*turn.Signed, error), write bool) (c *checkpoint, err error) {
	c = &checkpoint{path: path, group: g, verify: verify, writing: newGate(), recent: map[turn.ID]uint64{}}
	defer func() {
		if err != nil {
			_ = c.close() // nothing was written
			c, err = nil, fmt.Errorf("%s: %w", path, err)
		}
	}()
	if path != "" && !write {
		if _, err := os.Stat(path); err != nil {
			return c, err
		}
	}
	if path != "" && !writable(path) {
		return c, fmt.Errorf("%w: the head of the file", ErrCheckpoint)
	}
	if path != "" && write {
		if err := keepPrivate(path); err != nil {
			return c, err
		}
	}
	wait := busyLimit
	if write {
		wait = busyWait
	}
	if c.db, err = sql.Open("sqlite", dsn(path, write, wait)); err != nil {
		return c, err
	}
	c.db.SetMaxOpenConns(1)
	c.reader, c.getter = c.db, c.db
	if path != "" && write {
		if c.reader, err = sql.Open("sqlite", dsn(path, false, busyLimit)); err != nil {
			return c, err
		}
		c.reader.SetMaxOpenConns(maxReaders)
		c.reader.SetMaxIdleConns(maxReaders)
		if c.getter, err = sql.Open("sqlite", dsn(path, false, busyWait)); err != nil {
			return c, err
		}
		c.getter.SetMaxOpenConns(1)
	}
	if err := patiently(context.Background(), func() error { return c.migrate(write) }); err != nil {
		return c, damaged(err)
	}
	if err := c.load(); err != nil {
		return c, damaged(err)
	}
	if path != "" && write {
		if c.file, err = os.Stat(path); err != nil {
			return c, err
		}
	}
	if c.getTurn, err = c.getter.Prepare("SELECT " + rowColumns + " FROM turns WHERE short = ? AND id = ?"); err != nil {
		return c, damaged(err)
	}
	c.getNext, err = c.getter.Prepare(fmt.Sprintf("SELECT %s FROM turns WHERE (stamp, id) > (?, ?) ORDER BY stamp, id LIMIT %d", rowColumns, aheadMost))
	return c, damaged(err)
}

// there is an error if the file was removed, or another is in its place: what is put
// in now is gone when the file is closed.
func (c *checkpoint) there() error {
	info, err := os.Stat(c.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.failed(fmt.Errorf("%w: the file was removed", ErrCheckpoint))
	case err == nil && !os.SameFile(info, c.file):
		return c.failed(fmt.Errorf("%w: another file is in its place", ErrCheckpoint))
	}
	return nil
}

// freeze has all that is read of a checkpoint that is open for reading be of one
// moment, until it is closed: there is one connection.
func (c *checkpoint) freeze() error {
	_, err := c.db.Exec("BEGIN")
	c.frozen = err == nil
	return err
}

// keepPrivate makes the files of a database their owner's alone. SQLite gives
// those beside it the mode of the database.
func keepPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, more := range sqliteFiles {
		info, err := os.Stat(path + more)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			// Where there are no such modes, or the file is another user's, it stays
			// as it is.
			_ = os.Chmod(path+more, 0o600)
		}
	}
	return nil
}

// synchronous makes a transaction durable when it ends. Tests that cut no power
// do without.
var synchronous = "full"

// dsn says how SQLite opens a file, and how long it waits for other processes.
func dsn(path string, write bool, wait time.Duration) string {
	if path == "" {
		return "file::memory:"
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/...
	}
	q := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()), "cell_size_check(1)", "trusted_schema(0)"}}
	if write {
		q.Set("_txlock", "immediate")
		q["_pragma"] = append(q["_pragma"], "journal_mode(wal)", "synchronous("+synchronous+")", "cache_size(-16000)")
	} else {
		q.Set("mode", "rw") // a file that somebody removed is not made
		q["_pragma"] = append(q["_pragma"], "query_only(1)", "mmap_size(0)")
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// writable is false if the file says of itself that SQLite may only read it
// (Database File Format, 1.3.3): we never write that.
func writable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true // told when it is opened
	}
	defer f.Close() // it was only read
	head := make([]byte, 20)
	_, err = io.ReadFull(f, head)
	return err != nil || head[18] <= 2 && head[19] <= 2
}

// migrate brings the schema to this program's version.
func (c *checkpoint) migrate(write bool) error {
	var version, app int
	if err := c.db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if err := c.db.QueryRow("PRAGMA application_id").Scan(&app); err != nil {
		return err
	}
	switch {
	case (version != 0 || app != 0) && (version < 1 || version > 0xff || app != applicationID+version):
		return fmt.Errorf("%w: it is no checkpoint of papo", ErrCheckpoint)
	case version > len(migrations):
		return ErrNewerCheckpoint
	case version == len(migrations):
		return nil
	case !write:
		return fmt.Errorf("%w: its schema is older, and it may not be written", ErrNoRecord)
	}
	tx, err := c.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	var tables int
	if err := tx.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if version == 0 && tables > 0 {
		return fmt.Errorf("%w: it is another program's database", ErrCheckpoint)
	}
	for _, m := range migrations[version:] {
		if _, err := tx.Exec(m); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID+len(migrations), len(migrations))); err != nil {
		return err
	}
	if version == 0 {
		if err := saveState(tx, state{Group: hexBytes(c.group[:])}); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// load reads the state.
func (c *checkpoint) load() error {
	s, err := loadState(c.reader)
	if err != nil {
		return err
	}
	if !slices.Equal(s.Group, c.group[:]) {
		return ErrOtherGroup
	}
	c.setState(s)
	return nil
}

func (c *checkpoint) setState(s state) {
	c.stateMu.Lock()
	defer c.stateMu.Unlock()
	c.state = s
}

// now is the state as the last transaction left it. It must not be changed.
func (c *checkpoint) now() state {
	c.stateMu.Lock()
	defer c.stateMu.Unlock()
	return c.state
}

// close closes the file. What was advanced is durable already.
func (c *checkpoint) close() error {
	var errs []error
	for _, stmt := range []*sql.Stmt{c.getTurn, c.getNext} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	for _, db := range []*sql.DB{c.getter, c.reader} {
		if db != nil && db != c.db {
			errs = append(errs, db.Close())
		}
	}
	if c.db != nil {
		errs = append(errs, c.db.Close())
	}
	return errors.Join(errs...)
}

// damaged marks an error of SQLite that tells of damage.
func damaged(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%w: a row is missing", ErrCheckpoint)
		}
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR,
		sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG:
		return fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	return err
}

// removeCheckpoint removes the files of a checkpoint, as far as it can.
func removeCheckpoint(path string) error {
	var errs []error
	for _, more := range sqliteFiles {
		if err := os.Remove(path + more); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sqliteFiles are what SQLite has beside a database.
var sqliteFiles = []string{"", "-wal", "-shm", "-journal"}

// checkpointAside moves a checkpoint away so that it stays: of damaged ones the
// first two and the newest, of others all. It gives the new path.
func checkpointAside(path, suffix string) (string, error) {
	to := path + suffix
	for n := 2; ; n++ {
		_, err := os.Lstat(to)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return "", err
		}
		if suffix == damagedSuffix && n > maxAside {
			break
		}
		if n > 99 {
			return "", fmt.Errorf("%s cannot be kept aside: there are too many already", path)
		}
		to = fmt.Sprintf("%s%s.%d", path, suffix, n)
	}
	for _, more := range sqliteFiles {
		err := os.Remove(to + more)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = os.Rename(path+more, to+more)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return to, nil
}
