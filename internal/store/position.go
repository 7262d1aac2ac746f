package store

import (
	"bytes"
	"crypto/sha256"
	"io"
)

// position says how far a log is known: up to the end of one of its lines. It
// holds for a file in which that line stands at that place, under the same
// header. The zero value is no position.
type position struct {
	generation [8]byte
	offset     int64    // behind the line
	start      int64    // of the line
	sum        [32]byte // SHA-256 of the line, with its newline
	lines      int      // up to the offset
}

// lastLine is the end of what is appended to a log.
type lastLine struct {
	size int64
	sum  [32]byte
}

// lastLineOf gives the last line of b, which ends with a newline.
func lastLineOf(b []byte) lastLine {
	b = b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:]
	return lastLine{int64(len(b)), sha256.Sum256(b)}
}

// grow moves it behind lines that were appended. The zero value stays: where the
// lines before them are is not known.
func (p *position) grow(end int64, lines int, last lastLine) {
	if *p == (position{}) || last.size == 0 {
		return
	}
	p.offset, p.start, p.sum = end, end-last.size, last.sum
	p.lines += lines
}

// holds tells whether it is a position of the file, whose header is h.
func (p *position) holds(f io.ReaderAt, h header) bool {
	size := p.offset - p.start
	if h.version != formatVersion || h.generation != p.generation || p.start < 0 || size <= 0 || size > maxLogLine+1 {
		return false
	}
	line := make([]byte, size)
	if n, _ := f.ReadAt(line, p.start); int64(n) < size {
		return false
	}
	return line[size-1] == '\n' && sha256.Sum256(line) == p.sum
}
