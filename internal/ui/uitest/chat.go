// Package uitest has what the tests of several user interfaces need: a made-up
// chat, and one event of every kind.
package uitest

import (
	"fmt"
	"strings"
	"sync"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/ui"
)

// Chat is a ui.Chat that writes down what is asked of it and lets the test
// decide what happens.
type Chat struct {
	events chan peer.Event
	asked  chan string
	once   sync.Once
}

// NewChat makes a chat in which nothing has happened.
func NewChat() *Chat {
	return &Chat{events: make(chan peer.Event), asked: make(chan string, 1<<16)}
}

// Say implements ui.Chat.
func (c *Chat) Say(n int, text string) { c.asked <- fmt.Sprintf("say %d %s", n, text) }

// Do implements ui.Chat.
func (c *Chat) Do(n int, cmd ui.Command) {
	c.asked <- strings.TrimRight(fmt.Sprintf("do %d %s %s", n, cmd.Name, strings.Join(cmd.Args, " ")), " ")
}

// End implements ui.Chat.
func (c *Chat) End() { c.asked <- "end" }

// Interrupt implements ui.Chat.
func (c *Chat) Interrupt() { c.asked <- "interrupt" }

// Events implements ui.Chat.
func (c *Chat) Events() <-chan peer.Event { return c.events }

// Happen makes an event happen; it returns when the interface has taken it.
func (c *Chat) Happen(ev peer.Event) { c.events <- ev }

// Exit makes the last event happen and closes the events, once.
func (c *Chat) Exit(code int) {
	c.once.Do(func() {
		c.events <- peer.Exit{Code: code}
		close(c.events)
	})
}

// Asked waits for what is asked of the chat next: "say N TEXT", "do N NAME
// ARGS", "end" or "interrupt".
func (c *Chat) Asked() string { return <-c.asked }
