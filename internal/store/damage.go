package store

import (
	"errors"
	"fmt"
)

// Damage is one damaged place of a log.
type Damage struct {
	Offset int64  // of the line's first byte
	Line   int    // from 1
	Why    string // in English
}

// String says it on one line.
func (d Damage) String() string {
	return fmt.Sprintf("line %d (byte %d): %s", d.Line, d.Offset, d.Why)
}

// MaxDamaged is how many damaged places of one log are told one by one. The
// others are counted.
const MaxDamaged = 100

// ReplicaReport is what reading found of one log, and what was done about it.
type ReplicaReport struct {
	Path        string
	Turns       int // different ones, in good lines
	Missing     int // turns of the union that it has in no good line
	Damaged     []Damage
	MoreDamaged int   // damaged places beyond MaxDamaged
	Torn        bool  // its last line is torn
	Err         error // it could not be read or opened; the rest says what was read before

	Repaired bool     // since then it was written anew, or what it lacked was appended
	From     []Source // Repaired: where the Missing turns were taken from
}

func (r *ReplicaReport) damage(offset int64, line int, why string) {
	if len(r.Damaged) == MaxDamaged {
		r.MoreDamaged++
		return
	}
	r.Damaged = append(r.Damaged, Damage{offset, line, why})
}

// Consistent tells that the log was whole and lacked nothing.
func (r *ReplicaReport) Consistent() bool {
	return r.Missing == 0 && len(r.Damaged) == 0 && !r.Torn && r.Err == nil
}

// Errors that opening and reading match.
var (
	// ErrOtherGroup: a file in this place has another group's record.
	ErrOtherGroup = errors.New("the record in this directory belongs to another group: other passphrase, address or room")

	// ErrNewerLog: a log has a format that this program does not know.
	ErrNewerLog = errors.New("this was written by a newer papo")

	// ErrNoRecord: there is no log to read.
	ErrNoRecord = errors.New("there is no record here")

	// ErrClosed: the store is closed.
	ErrClosed = errors.New("the store is closed")
)

// LockedError says that another process has the data directory, or a
// directory of replicas. It matches ErrLocked.
type LockedError struct {
	Name string // of the member that was to be opened
	Dir  string
}

// Error implements error.
func (e *LockedError) Error() string {
	return fmt.Sprintf("another papo is running as %s in %s: choose another name or --data", e.Name, e.Dir)
}

// Unwrap implements errors.Unwrap.
func (e *LockedError) Unwrap() error { return ErrLocked }
