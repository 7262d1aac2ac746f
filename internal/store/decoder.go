package store

import (
	"bytes"
	"fmt"

	"github.com/papo-chat/papo/internal/turn"
)

// decoder reads lines of logs. It has buffers that it uses again: each goroutine
// has its own.
type decoder struct {
	raw, line []byte
	plain     bool // the base64 of the line that was opened last has no \r, which decoding passes over
}

// open takes a line apart: the columns, the bytes of the signed turn, which are
// valid until the next call, and whether the checksum is right. Why is empty if
// that can be done.
func (d *decoder) open(line []byte) (columns, raw []byte, right bool, why string) {
	body, found, right := cutChecksum(line)
	if !found {
		return nil, nil, false, "this is no line of a log"
	}
	columns, encoded, found := cutLast(body)
	if !found {
		return nil, nil, false, "this is no line of a log"
	}
	raw, err := base64url.AppendDecode(d.raw[:0], encoded)
	switch {
	case err != nil && !right:
		return nil, nil, false, "the checksum is wrong, and the signed turn cannot be read"
	case err != nil:
		return nil, nil, false, "the signed turn is no base64url"
	}
	d.raw, d.plain = raw, bytes.IndexByte(encoded, '\r') < 0
	return columns, raw, right, ""
}

// decode reads a line without its newline, for a union, of which it changes
// nothing. Why is empty if the line is as appendLine writes it; else it says what
// is wrong, and s is the turn if that is still sound (nil: it is not).
func (d *decoder) decode(u *union, line []byte) (s *turn.Signed, why string) {
	columns, raw, right, why := d.open(line)
	if why != "" {
		return nil, why
	}
	s, err := u.parse(raw, right)
	switch {
	case err != nil && !right:
		return nil, "the checksum is wrong, and the signed turn cannot be read"
	case err != nil:
		return nil, fmt.Sprintf("the turn is not valid: %v", err)
	case !right:
		return s, "the checksum is wrong"
	}

	// The checksum and the base64 are canonical: what is right has one form only.
	d.line = startLine(d.line[:0], s)
	text, ok := bytes.CutPrefix(columns, d.line)
	if ok && s.Known() && len(text) > 0 { // else it was written by a program of another age
		d.line = appendText(d.line[:0], s)
		ok = bytes.Equal(text, d.line)
	}
	if !ok || !d.plain {
		return s, "what people read is not what was signed"
	}
	return s, ""
}

// again reads the signed turn of a line that was found good before.
func (d *decoder) again(g turn.GroupID, line []byte) (*turn.Signed, error) {
	_, raw, right, why := d.open(line)
	if why != "" || !right {
		return nil, errMoved
	}
	return turn.ParseTrusted(g, raw)
}
