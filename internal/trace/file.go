package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Errors of Read.
var (
	// ErrNoTrace: the first line is no header of a trace.
	ErrNoTrace = errors.New("this is no trace of papo")
	// ErrNewer: a newer papo wrote it.
	ErrNewer = errors.New("the trace was written by a newer papo")
)

// MaxAt bounds the times of a trace, and of Until in both directions: 36 years. Other
// ones are errors of Read, so that times can be added.
const MaxAt = time.Duration(1 << 60)

var errTime = errors.New("a time out of range")

// LineError is a line that is no event.
type LineError struct {
	Line int // counted from 1; the header is 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap gives what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

// MaxLine bounds a line of a trace. One that is longer is an error.
const MaxLine = 1 << 20

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

// Read reads the header, and gives the events one after the other, once; after an error
// there are no more. It is a *LineError where a line is no event, or is too long. A last
// line that was cut off, as a kill leaves it, ends the trace without an error. Texts are
// as the file has them: whoever shows them to people cleans them.
func Read(r io.Reader) (Header, iter.Seq2[Event, error], error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), MaxLine)
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
		n := 2
		for ; s.Scan(); n++ {
			var e Event
			err := json.Unmarshal(s.Bytes(), &e)
			if until := time.Duration(e.Until); err == nil && (e.At < 0 || e.At > MaxAt || until < -MaxAt || until > MaxAt) {
				err = errTime
			}
			if err != nil {
				yield(Event{}, &LineError{n, err})
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		switch err := s.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(Event{}, &LineError{n, err})
		case err != nil:
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
