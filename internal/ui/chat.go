// Package ui is what papo's user interfaces share: what a typed line means
// (Parse), how it reaches the chat (Typist), and how what happens is told to
// people (Renderer). It imports neither store nor transport.
package ui

import (
	"time"

	"github.com/papo-chat/papo/internal/peer"
)

// Chat is what a user interface needs of a running member. Its methods may be
// called from any goroutine and must not wait for the reader of Events.
type Chat interface {
	// Say queues a line to be said. n is the interface's number for it, from
	// 1; it comes back in every peer.Line that concerns the line.
	Say(n int, text string)
	// Do starts a command; a peer.Result with n and the command's name answers
	// it. The interface itself answers help, and does not pass it on.
	Do(n int, c Command)
	// End tells that no more input comes: what is queued is said, the linger
	// time passes, and the chat ends.
	End()
	// Events gives what happens. It is closed after peer.Exit.
	Events() <-chan peer.Event
	// Interrupt leaves at once, saying goodbye but waiting for nothing.
	// The exit code is 130.
	Interrupt()
}

// Clock turns the Boot times of events into times of the wall clock: Wall is
// the wall time at the moment when Boot was read. Later steps of the wall clock do
// not move it.
type Clock struct {
	Wall time.Time
	Boot time.Duration
}

// At is the wall time at the Boot time.
func (c Clock) At(boot time.Duration) time.Time {
	return c.Wall.Add(boot - c.Boot)
}
