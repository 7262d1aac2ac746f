package line

import (
	"bytes"
	"io"
	"os"
	"sync"

	"github.com/charmbracelet/x/ansi"
)

// screen is the terminal, and tells when the first frame has been drawn on it. Bubble
// Tea takes the frame to be as high as the terminal until then, and would print
// lines at the wrong place.
type screen struct {
	out   io.Writer
	once  sync.Once
	drawn chan struct{}
}

// terminal is a screen that is a file: Bubble Tea looks for its descriptor,
// to set it to raw mode and to ask for its size.
type terminal struct {
	*screen
	file *os.File
}

// newScreen wraps out. The writer is for Bubble Tea, the screen for who waits.
func newScreen(out io.Writer) (io.Writer, *screen) {
	s := &screen{out: out, drawn: make(chan struct{})}
	if f, ok := out.(*os.File); ok {
		return terminal{screen: s, file: f}, s
	}
	return s, s
}

// Write implements io.Writer. Every first frame turns bracketed paste on.
func (s *screen) Write(b []byte) (int, error) {
	n, err := s.out.Write(b)
	if bytes.Contains(b, []byte(ansi.SetModeBracketedPaste)) {
		s.once.Do(func() { close(s.drawn) })
	}
	return n, err
}

// Read, Close and Fd make a terminal a term.File.
func (t terminal) Read(b []byte) (int, error) { return t.file.Read(b) }

// Close closes the file.
func (t terminal) Close() error { return t.file.Close() }

// Fd is the file's descriptor.
func (t terminal) Fd() uintptr { return t.file.Fd() }
