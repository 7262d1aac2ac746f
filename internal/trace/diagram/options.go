package diagram

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

// Bounds of what can be made of a trace. At the bound there is a *TooLargeError.
const (
	maxDrawn   = 1500  // points where something happens in a picture: some forty pages
	maxLogged  = 20000 // events of a ShiViz log: the browser that shows it bears no more
	maxColumns = 16    // members in a picture or a log
	maxNames   = 4096  // members that the trace speaks of
)

// Options choose a part of a trace. The zero value is all of it but what keeps the
// group together: see All.
type Options struct {
	From     time.Duration // since the beginning of the trace
	To       time.Duration // 0: to its end
	Members  []string      // in the order of the columns; none: all
	Messages []string      // as "REQ"; none: all but HELLO, BEAT, PING and PONG
	All      bool          // those too, and every event of a member
	Words    *words.Words  // nil: English
}

// ErrEmpty: nothing that would be drawn happens in the part that was chosen.
var ErrEmpty = errors.New("nothing that would be drawn happens in this part of the trace")

// TooLargeError: the part that was chosen is more than can be drawn.
type TooLargeError struct {
	Members bool          // there are too many members, not too many events
	Most    int           // so many can be drawn
	Fits    time.Duration // events: a To at which it is not too much; below From: there is none
}

func (e *TooLargeError) Error() string {
	if e.Members {
		return fmt.Sprintf("more than %d members: choose some of them", e.Most)
	}
	return fmt.Sprintf("more than %d events: choose an end not after %v, a later beginning, or fewer members or messages", e.Most, e.Fits)
}

// UnknownMemberError: the trace knows no member of this name.
type UnknownMemberError struct {
	Name    string
	Members []string // those that it knows
}

func (e *UnknownMemberError) Error() string {
	return fmt.Sprintf("there is no member %q, only %s", e.Name, strings.Join(e.Members, ", "))
}

// quiet are the messages that keep the group together: many, and all alike.
var quiet = []string{"HELLO", "BEAT", "PING", "PONG"}

// shows says whether the messages of a kind are shown.
func (o *Options) shows(msg string) bool {
	if len(o.Messages) > 0 {
		return slices.ContainsFunc(o.Messages, func(s string) bool { return strings.EqualFold(s, msg) })
	}
	return o.All || !slices.Contains(quiet, msg)
}

// covers says whether a moment is in the part that was chosen.
func (o *Options) covers(at time.Duration) bool {
	return at >= o.From && (o.To == 0 || at <= o.To)
}

// operations are what the schedule of a simulation lets people do; they are no faults.
var operations = []string{"say", "hold", "release", "cancel", "sync", "delay", "order"}

// told are the codes of KindTell that explain what is drawn, without All.
var told = []string{"suspected", "merged", "slept", "disk-full"}

// tells says whether an event of this kind and code is drawn as a mark with text.
func (o *Options) tells(e *trace.Event) bool {
	switch e.Kind {
	case trace.KindTell:
		return o.All || slices.Contains(told, e.Code)
	case trace.KindFault:
		return o.All || !slices.Contains(operations, e.Code)
	case trace.KindAppend:
		return o.All
	case trace.KindFloor:
		return o.All || e.State != "grant" && e.State != "renewed"
	}
	return true
}
