package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Errors of Read.
var (
	// ErrNoTrace: the first line is no header of a trace.
	ErrNoTrace = errors.New("this is no trace of papo")
	// ErrNewer: a newer papo wrote it.
	ErrNewer = errors.New("the trace was written by a newer papo")
)

// maxLine bounds a line of a trace. One that is longer is an error.
const maxLine = 1 << 20

// Writer writes a trace. It is for one goroutine.
type Writer struct {
	w   *bufio.Writer
	enc *json.Encoder
}

// NewWriter writes the header.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Version = Version
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return &Writer{b, enc}, enc.Encode(h)
}

// Write writes an event. The bytes follow from the event alone.
func (w *Writer) Write(e Event) error { return w.enc.Encode(e) }

// Flush hands on what is buffered.
func (w *Writer) Flush() error { return w.w.Flush() }

// Read reads the header, and gives the events one after the other; after an error, which
// names the line, there are no more. A last line that was cut off, as a kill leaves it,
// ends the trace without an error.
func Read(r io.Reader) (Header, iter.Seq2[Event, error], error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	s.Split(wholeLines)
	var h Header
	if !s.Scan() {
		if err := s.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
			return h, nil, err
		}
		return h, nil, ErrNoTrace
	}
	if err := json.Unmarshal(s.Bytes(), &h); err != nil || h.Version < 1 {
		return h, nil, ErrNoTrace
	}
	if h.Version > Version {
		return h, nil, ErrNewer
	}
	return h, func(yield func(Event, error) bool) {
		for n := 2; s.Scan(); n++ {
			var e Event
			if err := json.Unmarshal(s.Bytes(), &e); err != nil {
				yield(e, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(Event{}, err)
		}
	}, nil
}

// wholeLines splits at newlines; what stands behind the last one is no line.
func wholeLines(data []byte, _ bool) (advance int, line []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}
