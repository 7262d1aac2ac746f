package record

import (
	"bytes"
	"io"

	"github.com/papo-chat/papo/internal/turn"
)

// VerifyWith is Verify; parse stands for turn.Parse.
func VerifyWith(r io.Reader, each func(*turn.Signed), parse func(turn.GroupID, []byte) (*turn.Signed, error)) (*Report, error) {
	return verify(r, each, parse)
}

// CheckTurn checks the line of a turn, and writes it as it should be if it can be read.
func CheckTurn(g turn.GroupID, line []byte, parse func(turn.GroupID, []byte) (*turn.Signed, error)) (s *turn.Signed, fault Fault, want []byte) {
	s, fault, _ = checkTurn(parse, g, line, nil)
	if s != nil {
		want = appendTurn(nil, s)
	}
	return s, fault, want
}

// ReadHeader reads the first line, and gives it as it would be written.
func ReadHeader(line []byte) (h *Header, code FaultCode, again []byte) {
	if h, code = parseHeader(line); h != nil {
		again = h.append(nil)
	}
	return h, code, again
}

// ReadEnd reads the last line, and gives it as it would be written.
func ReadEnd(line []byte) (again []byte, ok bool) {
	e, ok := parseEnd(line)
	return bytes.Clone(e.append(nil)), ok
}
