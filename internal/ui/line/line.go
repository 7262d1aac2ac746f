// Package line is the user interface for a terminal without a full screen: a
// prompt at the bottom, and what happens printed above it as text that stays in
// the terminal. What comes in never breaks what is being typed.
package line

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/words"
)

// Options say how Run shows things.
type Options struct {
	Words   *words.Words
	Zone    *time.Location       // of the times shown; nil: the local one
	Clock   ui.Clock             // the wall time of events
	Now     func() time.Duration // Boot time
	Name    string               // one's own, for the prompt
	Verbose bool
}

// ErrInterrupted is the error of a chat that did not end after Ctrl-C, and was
// left by a second one.
var ErrInterrupted = errors.New("line: interrupted twice")

// Run lets a person chat on a terminal: in and out are its two directions. It
// returns when the chat's events end; exit is the code of peer.Exit. A done ctx
// acts as /quit. A terminal that fails, as one that was closed, interrupts the
// chat: exit is 1 with the error. A second Ctrl-C does not wait for the chat: exit is
// 130 with ErrInterrupted, and the chat's events are no longer read.
func Run(ctx context.Context, in io.Reader, out io.Writer, chat ui.Chat, o Options) (exit int, err error) {
	q := newQueue()
	m := newModel(o.Words, o.Name, q, func() { go chat.Interrupt() })
	writer, screen := newScreen(out)
	p := tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(writer), tea.WithoutSignalHandler())

	gone := make(chan struct{}) // the program has ended
	own := make(chan peer.Event)
	printed := make(chan int, 1)
	go func() {
		// The one goroutine that prints: lines come out in order.
		select {
		case <-screen.drawn:
		case <-gone:
		}
		printed <- printer{
			send: p.Send, cols: m.cols, own: own,
			renderer: ui.NewRenderer(ui.Look{Words: o.Words, Zone: o.Zone, Clock: o.Clock, Verbose: o.Verbose}),
		}.run(chat.Events())
	}()
	go feed(q, chat, o.Now, own, gone)
	go func() {
		select {
		case <-ctx.Done():
			q.put(typed{kind: typedQuit})
		case <-gone:
		}
	}()

	_, err = p.Run()
	close(gone)
	switch {
	case err != nil:
		chat.Interrupt()
		<-printed
		return 1, err
	case !m.ended:
		return 130, ErrInterrupted
	}
	return <-printed, nil
}

// feed hands the chat what was typed.
func feed(q *queue, chat ui.Chat, now func() time.Duration, own chan<- peer.Event, gone <-chan struct{}) {
	tell := func(ev peer.Event) {
		select {
		case own <- ev:
		case <-gone:
		}
	}
	typist := ui.NewTypist(chat, now, tell)
	for {
		t, ok := q.next(gone)
		if !ok {
			return
		}
		switch t.kind {
		case typedLine:
			typist.Type(t.text)
		case typedLong:
			typist.TooLong(t.text)
		case typedLost:
			tell(peer.Notice{At: peer.At(now()), Code: peer.CodeQueueFull, Count: t.count})
		case typedEnd:
			chat.End()
		case typedQuit:
			chat.Do(0, ui.Command{Name: "quit"})
		}
	}
}

// printer prints events above the prompt and passes them on to the model.
type printer struct {
	send     func(tea.Msg) // does nothing once the program has ended
	cols     *atomic.Int32
	own      <-chan peer.Event
	renderer *ui.Renderer
}

// run prints until events ends, and gives the exit code.
func (p printer) run(events <-chan peer.Event) (exit int) {
	for {
		var ev peer.Event
		open := true
		select {
		case ev = <-p.own:
		case ev, open = <-events:
		}
		if !open {
			p.send(endMsg{})
			return exit
		}
		if ev, ok := ev.(peer.Exit); ok {
			exit = ev.Code
		}
		p.print(ev)
		p.send(eventMsg{ev})
	}
}

func (p printer) print(ev peer.Event) {
	lines := p.renderer.Lines(ev)
	if n, ok := ev.(peer.Notice); ok && (n.Code == peer.CodeWaiting || n.Code == peer.CodeCatchingUp) && !p.renderer.Verbose() {
		return // the line over the prompt tells it
	}
	for _, line := range lines {
		// The last column stays free: a full row, once erased to its end, loses
		// its last character on some terminals.
		for _, row := range wrap(line, max(2, int(p.cols.Load())-1)) {
			// The message is sent from here rather than returned as a command,
			// each of which runs in its own goroutine; and not with
			// Program.Println, which waits for ever when the program has ended.
			p.send(tea.Println(row)())
		}
	}
}
