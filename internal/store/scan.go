package store

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lineScanner reads a file line by line in bounded memory.
type lineScanner struct {
	r      *bufio.Reader
	offset int64 // behind the line that next gave
}

// scannedLine is what stands between two newlines, or behind the last.
type scannedLine struct {
	text   []byte // until the next call; nil if it is too long
	offset int64
	long   bool // longer than the limit
	ended  bool // by a newline
}

// newLineScanner is for lines of at most limit bytes, limit being at least 16.
// Its reset comes first.
func newLineScanner(limit int) *lineScanner {
	return &lineScanner{r: bufio.NewReaderSize(nil, limit+1)}
}

// reset begins a file, or goes on in one at an offset.
func (s *lineScanner) reset(r io.Reader, offset int64) {
	s.r.Reset(r)
	s.offset = offset
}

// next gives the next line, and io.EOF once there is no more. A last line that
// no newline ends is given like any other, unless it is empty.
func (s *lineScanner) next() (scannedLine, error) {
	l := scannedLine{offset: s.offset}
	for {
		b, err := s.r.ReadSlice('\n')
		s.offset += int64(len(b))
		switch {
		case err == nil:
			l.ended = true
		case errors.Is(err, bufio.ErrBufferFull):
			l.long = true
			continue
		case !errors.Is(err, io.EOF):
			return l, err
		case s.offset == l.offset:
			return l, io.EOF
		}
		if !l.long {
			l.text = bytes.TrimSuffix(b, []byte("\n"))
		}
		return l, nil
	}
}
