package turn

import (
	"bytes"
	"errors"
	"fmt"
)

// The format's numbers. All are part of the protocol's version.
const (
	// Version is the version of the turns that this package writes. They count
	// from 1.
	Version = 1
	// KindChat is the kind of a turn that holds lines of chat, the only one yet.
	KindChat = 0

	// MaxLine bounds one text, in bytes.
	MaxLine = 8 << 10
	// MaxTurn is the room for lines in one turn, in bytes: see Fit.
	MaxTurn = 32 << 10
	// MaxSigned bounds a signed turn, in bytes: MaxTurn and 1 KiB for all else.
	// That is enough for four lines of MaxLine; many short lines need some of
	// MaxTurn for their line ids.
	MaxSigned = MaxTurn + 1<<10
	// MaxParents bounds the parents that a turn names.
	MaxParents = 8
	// MaxName bounds a name, in characters (code points, after NFC).
	MaxName = 32
	// MaxStamp is the highest stamp: the integers that every language's numbers
	// hold exactly.
	MaxStamp = 1<<53 - 1
	// MaxJump is how far a stamp may lie above the highest of its parents.
	MaxJump = 1 << 32
	// MaxTime is the end of the year 9999 in UTC, in ms since 1970: the last time
	// that RFC 3339 can write.
	MaxTime = 253_402_300_799_999
)

// Why a turn is not valid by itself. Parse and Sign wrap exactly one of them, so
// that callers can count reasons with errors.Is.
var (
	ErrSize      = errors.New("turn: wrong size")
	ErrCanonical = errors.New("turn: not the canonical CBOR of a turn")
	ErrVersion   = errors.New("turn: no such version")
	ErrAuthor    = errors.New("turn: not the author's key")
	ErrName      = errors.New("turn: bad name")
	ErrStamp     = errors.New("turn: stamp out of range")
	ErrParents   = errors.New("turn: bad parents")
	ErrTime      = errors.New("turn: time out of range")
	ErrText      = errors.New("turn: bad lines")
	ErrSignature = errors.New("turn: the signature is not the author's")
)

// Turn is what a turn says. Its fields are the elements of the CBOR array, in
// their order.
type Turn struct {
	_ struct{} `cbor:",toarray"`

	Version uint64
	Author  Key
	Name    string   // of the author, as it was then: for people only
	Stamp   uint64   // Lamport time, 1 to MaxStamp
	Parents []ID     // at most MaxParents, sorted by id, no doubles
	Time    int64    // by the author's clock, ms since 1970 UTC: for people only
	Kind    uint64   // what follows
	LineIDs []LineID // one per text
	Texts   []string // at least one; each clean, not empty, at most MaxLine
}

// known tells whether this version understands all of t.
func (t *Turn) known() bool { return t.Version == Version && t.Kind == KindChat }

// check tells why t is not valid by itself, apart from its encoding, size and
// signature. The lines are looked at only where they are understood.
func (t *Turn) check() error {
	if t.Version == 0 {
		return fmt.Errorf("%w: versions count from 1", ErrVersion)
	}
	if fault, char := checkStable(t.Name); fault != "" {
		return fmt.Errorf("%w: %w", ErrName, &NameError{Kind: "name", Name: t.Name, Fault: fault, Char: char})
	}
	if t.Stamp < 1 || t.Stamp > MaxStamp {
		return fmt.Errorf("%w: %d is not within 1 to 2^53-1", ErrStamp, t.Stamp)
	}
	if t.Time < 0 || t.Time > MaxTime {
		return fmt.Errorf("%w: %d ms is not within the years 1970 to 9999: set the author's clock", ErrTime, t.Time)
	}
	if len(t.Parents) > MaxParents {
		return fmt.Errorf("%w: %d of them, the most is %d", ErrParents, len(t.Parents), MaxParents)
	}
	for i := 1; i < len(t.Parents); i++ {
		if bytes.Compare(t.Parents[i-1][:], t.Parents[i][:]) >= 0 {
			return fmt.Errorf("%w: not sorted by id, or named twice", ErrParents)
		}
	}
	if !t.known() {
		return nil
	}
	return t.checkLines()
}

// checkLines is check for what follows the kind.
func (t *Turn) checkLines() error {
	if len(t.Texts) == 0 || len(t.Texts) != len(t.LineIDs) {
		return fmt.Errorf("%w: %d texts with %d line ids", ErrText, len(t.Texts), len(t.LineIDs))
	}
	for i, text := range t.Texts {
		switch {
		case text == "":
			return fmt.Errorf("%w: line %d is empty", ErrText, i+1)
		case len(text) > MaxLine:
			return fmt.Errorf("%w: line %d has %d bytes, the most is %d: say it in several", ErrSize, i+1, len(text), MaxLine)
		case Clean(text) != text:
			return fmt.Errorf("%w: line %d has control characters or is not UTF-8: clean it first", ErrText, i+1)
		}
	}
	return nil
}

// What Fit reckons with, in bytes of CBOR.
const (
	// fixedSize is the most that all but the lines can take: array head,
	// version, author, name, stamp, parents, time, kind, the heads of the two
	// arrays of lines, signature.
	fixedSize = 1 + 1 + 34 + (2 + 4*MaxName) + 9 + (1 + MaxParents*34) + 9 + 1 + (3 + 3) + signatureSize
	// lineIDSize is one line id with its head.
	lineIDSize = 1 + 8
)

// Fit tells how many of these texts, from the first on, one turn carries
// whatever its name and parents are. It stops before a text that is longer than
// MaxLine, and looks at nothing but lengths.
func Fit(texts []string) int {
	room := MaxSigned - fixedSize
	for i, text := range texts {
		room -= lineIDSize + textSize(len(text))
		if room < 0 || len(text) > MaxLine {
			return i
		}
	}
	return len(texts)
}

// textSize is what a text of n bytes takes with its head (RFC 8949, section 3).
func textSize(n int) int {
	switch {
	case n < 24:
		return 1 + n
	case n < 1<<8:
		return 2 + n
	default:
		return 3 + n // up to 64 KiB, more than a turn holds
	}
}
