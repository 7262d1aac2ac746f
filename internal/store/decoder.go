package store

import (
	"bytes"
	"fmt"

	"github.com/papo-chat/papo/internal/turn"
)

// decoder reads lines of logs. It has buffers that it uses again: each goroutine
// has its own.
type decoder struct{ raw, line []byte }

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
	d.raw = raw
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

	d.line = startLine(d.line[:0], s)
	text := columns[min(len(d.line), len(columns)):]
	if s.Known() && len(text) > 0 {
		d.line = appendText(d.line, s)
	} else {
		d.line = append(d.line, text...) // written by a program of another age
	}
	d.line = finishLine(d.line, 0, s)
	if !bytes.Equal(d.line[:len(d.line)-1], line) {
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
