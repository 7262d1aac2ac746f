package store

import (
	"context"
	"fmt"

	"github.com/papo-chat/papo/internal/turn"
)

// DecodeLine reads one line of a log of a group.
func DecodeLine(g turn.GroupID, line []byte) (*turn.Signed, string) {
	return newUnion(g, turn.Parse).decode(line)
}

// AppendLine writes one.
var AppendLine = appendLine

// MaxLogLine bounds a line.
const MaxLogLine = maxLogLine

// Checksum ends a line.
func Checksum(body string) string {
	b := appendChecksum([]byte(body), 0)
	return string(b[:len(b)-1])
}

// States gives the states that the checkpoint has for its turns.
func (s *Store) States() (map[turn.ID]turn.State, error) {
	rows, err := s.checkpoint.reader.Query("SELECT id, state FROM turns")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	states := map[turn.ID]turn.State{}
	for rows.Next() {
		var id []byte
		var state int
		if err := rows.Scan(&id, &state); err != nil {
			return nil, err
		}
		states[turn.ID(id)] = turn.State(state)
	}
	return states, rows.Err()
}

// NoteSpoiled tells the next start what was seen of a checkpoint.
var NoteSpoiled = noteSpoiled

// CheckCheckpoint proves the checkpoint.
func (s *Store) CheckCheckpoint() error { return s.checkpoint.check(context.Background()) }

// WithMigration runs f in a program whose schema is newer by one step.
func WithMigration(step string, f func()) {
	migrations = append(migrations, step)
	defer func() { migrations = migrations[:len(migrations)-1] }()
	f()
}

// BreakCheckpoint makes it read-only, or writable again.
func (s *Store) BreakCheckpoint(broken bool) {
	n := 0
	if broken {
		n = 1
	}
	if _, err := s.checkpoint.db.Exec(fmt.Sprintf("PRAGMA query_only = %d", n)); err != nil {
		panic(err)
	}
}

// SpoilCheckpoint changes what it has.
func (s *Store) SpoilCheckpoint(statement string) {
	if _, err := s.checkpoint.db.Exec(statement); err != nil {
		panic(err)
	}
}

// Synchronous says whether transactions of checkpoints opened from now on are
// durable.
func Synchronous(on bool) {
	synchronous = "off"
	if on {
		synchronous = "full"
	}
}

// Batch makes batches smaller for one test.
func Batch(t interface{ Cleanup(func()) }, n int) {
	before := remakeBatch
	remakeBatch = n
	t.Cleanup(func() { remakeBatch = before })
}

// MaxPages bounds the size of checkpoints opened from now on, as a full disk does;
// 0: no longer.
func MaxPages(n int) {
	synchronous = "off"
	if n > 0 {
		synchronous += fmt.Sprintf("); PRAGMA max_page_count(%d", n)
	}
}

// HoldCheckpoint takes all that searches, proofs and an Advance can take.
func (s *Store) HoldCheckpoint(ctx context.Context) (release func()) {
	c := s.checkpoint
	if err := c.writing.enter(ctx); err != nil {
		panic(err)
	}
	var held []*snapshot
	for range maxReaders {
		v, err := c.snapshot(ctx)
		if err != nil {
			panic(err)
		}
		held = append(held, v)
	}
	return func() {
		for _, v := range held {
			v.close()
		}
		c.writing.leave()
	}
}

// CheckAlike is Check for the case that nothing is amiss; else it gives nil.
func (s *Store) CheckAlike() *Report {
	m := s.moment()
	defer m.close()
	return s.checkAlike(m, nil)
}

// CheckEach is Check that reads each log by itself.
func (s *Store) CheckEach() *Report {
	m := s.moment()
	defer m.close()
	rep, _, _ := s.checkEach(m, nil)
	s.addErrors(rep.Replicas)
	return rep
}

// AlikeChunk is how much of each log is compared at a time.
const AlikeChunk = alikeChunk

// Forget has the next Advance leave out what waits for it, so that the checkpoint
// is filled by half.
func (s *Store) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = nil
	clear(s.inHand)
}

// Unread tells what becomes of an answer of SQLite's integrity check.
func Unread(word string) bool { return unread(word) }
