package ui

import (
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/peer"
)

// Asked tells the interface itself that a command was typed, just before the
// chat gets it: an answer that nobody asked for may be kept quiet.
type Asked struct {
	peer.At
	Command string
}

// Typist takes typed lines one after the other, numbers them, and passes them
// to the chat. Lines to be said and commands are numbered apart, each from 1,
// refused ones included. It must be used by one goroutine at a time.
type Typist struct {
	chat     Chat
	now      func() time.Duration
	tell     func(peer.Event)
	lines    int
	commands int
}

// NewTypist makes a typist for the chat. What it finds out by itself (refused lines,
// replaced bytes, the answer to help) it tells as events, timed by now (Boot
// time). tell must have taken note of an Asked when it returns.
func NewTypist(chat Chat, now func() time.Duration, tell func(peer.Event)) *Typist {
	return &Typist{chat: chat, now: now, tell: tell}
}

// Type handles one line, without its line ending.
func (t *Typist) Type(line string) {
	in := Parse(line)
	if in.Replaced {
		t.tell(peer.Notice{At: t.at(), Code: peer.CodeBadText})
	}
	switch in.Kind {
	case Line:
		t.lines++
		t.chat.Say(t.lines, in.Text)
	case Do:
		t.do(in.Command)
	case BadLine:
		t.refuseLine(in.Code)
	case BadCommand:
		t.refuseCommand(in.Command.Name, in.Code)
	}
}

// TooLong refuses a line that is too long to be looked at as a whole. begin is
// how it begins, and decides whether it was meant as a command.
func (t *Typist) TooLong(begin string) {
	in := Parse(begin)
	slash := strings.HasPrefix(begin, "/")
	if in.Kind == BadCommand || in.Kind == Do && slash {
		t.refuseCommand(in.Command.Name, peer.CodeTooLong)
		return
	}
	t.refuseLine(peer.CodeTooLong)
}

func (t *Typist) do(c Command) {
	t.commands++
	t.tell(Asked{At: t.at(), Command: c.Name})
	if c.Name == "help" {
		t.tell(peer.Result{At: t.at(), N: t.commands, Command: c.Name, OK: true})
		return
	}
	t.chat.Do(t.commands, c)
}

func (t *Typist) refuseLine(code peer.Code) {
	t.lines++
	t.tell(peer.Line{At: t.at(), N: t.lines, State: peer.LineError, Code: code})
}

func (t *Typist) refuseCommand(name string, code peer.Code) {
	t.commands++
	t.tell(peer.Result{At: t.at(), N: t.commands, Command: name, Code: code})
}

func (t *Typist) at() peer.At { return peer.At(t.now()) }
