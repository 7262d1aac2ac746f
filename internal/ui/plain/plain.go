// Package plain is the user interface without a screen, for pipes and for
// terminals that cannot move the cursor: lines in, lines out, as text for people
// or as JSON for programs (docs/EVENTS.md).
package plain

import (
	"context"
	"io"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/words"
)

// Options say how Run shows things.
type Options struct {
	Words   *words.Words
	Zone    *time.Location       // of the times in text; nil: the local one
	Clock   ui.Clock             // the wall time of events
	Now     func() time.Duration // Boot time
	JSON    bool                 // --format jsonl
	Verbose bool                 // --verbose; for text alone, the core sends what it was asked to
}

// WriteError tells that the output could not be written, as when the program
// that read it is gone.
type WriteError struct{ Err error }

// Error says so in English; the words for people are the catalogue's.
func (e *WriteError) Error() string { return "plain: standard output: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *WriteError) Unwrap() error { return e.Err }

// Run lets a person or a program chat: it reads in to its end, and writes what
// happens until the chat's events end. Each event is one Write, so nothing
// waits in a buffer. exit is the code of peer.Exit.
//
// A done ctx acts as /quit. If out fails, the chat is interrupted, the rest of the
// events is dropped, and exit is 1 with a *WriteError; to get that far the process
// must not die of SIGPIPE. Reading in cannot be interrupted: if it
// still blocks when Run returns, one goroutine stays behind in it.
func Run(ctx context.Context, in io.Reader, out io.Writer, chat ui.Chat, o Options) (exit int, err error) {
	stop := make(chan struct{})
	defer close(stop)
	own := make(chan peer.Event) // unbuffered: the typist needs to know that it was taken
	typist := ui.NewTypist(chat, o.Now, func(ev peer.Event) {
		select {
		case own <- ev:
		case <-stop:
		}
	})
	go read(newLineReader(in), typist, chat, stop)

	render := renderer(o)
	quit := ctx.Done()
	events := chat.Events()
	for {
		var ev peer.Event
		var open bool
		select {
		case <-quit:
			quit = nil
			chat.Do(0, ui.Command{Name: "quit"})
			continue
		case ev = <-own:
		case ev, open = <-events:
			if !open {
				return exit, nil
			}
		}
		if ev, ok := ev.(peer.Exit); ok {
			exit = ev.Code
		}
		if b := render(ev); len(b) > 0 {
			if _, err := out.Write(b); err != nil {
				return 1, abandon(chat, &WriteError{err})
			}
		}
	}
}

// abandon leaves the chat when nobody reads any more, and waits for its end,
// so that what must be written to disk is.
func abandon(chat ui.Chat, err error) error {
	chat.Interrupt()
	for range chat.Events() {
	}
	return err
}

// read passes lines to the typist until the input ends, which the chat is told. A
// read that fails is the end of input too: nothing more can come.
func read(lines *lineReader, typist *ui.Typist, chat ui.Chat, stop <-chan struct{}) {
	for {
		line, long, err := lines.next()
		select {
		case <-stop:
			return
		default:
		}
		switch {
		case err != nil:
			chat.End()
			return
		case long:
			typist.TooLong(line)
		default:
			typist.Type(line)
		}
	}
}

func renderer(o Options) func(peer.Event) []byte {
	if o.JSON {
		return NewEncoder(o.Clock, o.Words).Encode
	}
	r := ui.NewRenderer(ui.Look{Words: o.Words, Zone: o.Zone, Clock: o.Clock, Verbose: o.Verbose})
	return func(ev peer.Event) []byte {
		var b []byte
		for _, line := range r.Lines(ev) {
			b = append(append(b, line...), '\n')
		}
		return b
	}
}
