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

// scannedLine is what stands between two newlines, or behind the last. NULs at its
// beginning are a line of their own: a disk that lost what an fsync had given up gives
// them, and what was written behind them later is whole, but for the newline before it.
type scannedLine struct {
	text   []byte // until the next call; nil if it is too long
	offset int64
	long   bool // longer than the limit
	ended  bool // by a newline
	nuls   bool // it is NULs, and what follows stands in the same line for people
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
	if n := s.skipNULs(); n > 0 {
		_, err := s.r.Peek(1)
		if err != nil && !errors.Is(err, io.EOF) {
			return l, err
		}
		l.long, l.ended, l.nuls = n >= s.r.Size(), err == nil, true
		if !l.long {
			l.text = make([]byte, n)
		}
		return l, nil
	}
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

// skipNULs tells how many were there.
func (s *lineScanner) skipNULs() (n int) {
	for {
		if b, err := s.r.Peek(1); err != nil || b[0] != 0 {
			return n
		}
		b, _ := s.r.Peek(s.r.Buffered())
		some := len(b) - len(bytes.TrimLeft(b, "\x00"))
		_, _ = s.r.Discard(some) // it is in the buffer
		n += some
		s.offset += int64(some)
	}
}
