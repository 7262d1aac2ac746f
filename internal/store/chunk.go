package store

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/papo-chat/papo/internal/turn"
)

const (
	// chunkLines and chunkBytes bound what is read of a log before its lines are
	// looked at: at the bound they are, and the next chunk follows. One line may
	// be longer.
	chunkLines = 1024
	chunkBytes = 1 << 20

	// chunkShare is how many lines are worth a goroutine.
	chunkShare = 16
)

// chunk is a number of lines that follow each other in a log. Verifying the
// signatures takes most of the time of reading, and depends on nothing but the
// line: so all cores do that for the lines of a chunk, which are then taken one
// by one.
type chunk struct {
	text  []byte
	lines []chunkLine
	todo  []int
}

// chunkLine is a line of a chunk.
type chunkLine struct {
	scannedLine
	size int
	end  int64  // where it ends in the log
	hash uint64 // see union.lines

	decoded bool // into these
	s       *turn.Signed
	why     string
}

// read reads the next lines, but one only if that may be a header. The error is
// what ended it; what was read before is there.
func (c *chunk) read(scan *lineScanner, one bool) error {
	c.text, c.lines = c.text[:0], c.lines[:0]
	for len(c.lines) < chunkLines && len(c.text) < chunkBytes {
		line, err := scan.next()
		if err != nil {
			return err
		}
		c.text = append(c.text, line.text...)
		c.lines = append(c.lines, chunkLine{scannedLine: line, size: len(line.text), end: scan.offset})
		if one {
			break
		}
	}
	return nil
}

// decode finds the text of the lines, and decodes those that are new, if that is
// worth more than one goroutine; else it is left to takeTurn.
func (c *chunk) decode(u *union) {
	c.todo = c.todo[:0]
	at := 0
	for i := range c.lines {
		l := &c.lines[i]
		l.text = c.text[at:][:l.size:l.size]
		at += l.size
		if l.long || l.size == 0 {
			continue
		}
		l.hash = u.hash(l.text)
		if _, met := u.lines[l.hash]; !met {
			c.todo = append(c.todo, i)
		}
	}
	workers := min(runtime.GOMAXPROCS(0), len(c.todo)/chunkShare)
	if workers < 2 {
		return
	}
	for len(u.decoders) < workers {
		u.decoders = append(u.decoders, &decoder{})
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for _, d := range u.decoders[:workers] {
		wg.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(c.todo); n = int(next.Add(1)) - 1 {
				l := &c.lines[c.todo[n]]
				l.s, l.why = d.decode(u, l.text)
				l.decoded = true
			}
		})
	}
	wg.Wait()
}
