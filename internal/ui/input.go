package ui

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
)

// Command is a command of the chat, its arguments checked.
type Command struct {
	Name string // without the slash, as "hold"
	Args []string
}

// Commands lists the names of all commands, in the order in which help shows them.
// say is among them for people; Parse gives a line for it, not a Command.
func Commands() []string {
	return []string{"quit", "peers", "sync", "verbose", "hold", "release", "cancel", "search", "history", "delay", "order", "say", "help"}
}

// bareWords are commands when they stand alone on a line: those of the system
// that papo follows.
var bareWords = map[string]string{
	"sair": "quit", "quit": "quit", "peers": "peers", "sync": "sync", "verbose": "verbose",
}

// maxHold is the longest hold that can be asked for, in minutes.
const maxHold = int(peer.HoldMost / time.Minute)

// Kind says what a typed line is.
type Kind uint8

// The kinds. A BadLine was to be said, a BadCommand was meant as a command; both are
// refused whole, with a code.
const (
	Nothing Kind = iota
	Line
	Do
	BadLine
	BadCommand
)

// Input is the meaning of one typed line.
type Input struct {
	Kind    Kind
	Text    string    // Line: as turn.Clean leaves it, not empty, at most turn.MaxLine bytes
	Command Command   // Do; BadCommand: the name alone
	Code    peer.Code // BadLine: too-long or empty; BadCommand: unknown or usage
	// Replaced tells that bytes that are no UTF-8 were replaced by U+FFFD.
	Replaced bool
}

// Parse gives the meaning of one line, which comes without its line ending.
// An empty line is Nothing. A line that begins with one slash is a command,
// or a BadCommand, and is never said; "//x" says "/x", and "/say TEXT" says TEXT,
// whatever it looks like. "sair", "quit", "peers", "sync" and "verbose" are commands when
// they are the whole line, but for spaces around them.
func Parse(line string) Input {
	var in Input
	in.Replaced = !utf8.ValidString(line)
	line = strings.ToValidUTF8(line, string(utf8.RuneError))
	switch {
	case line == "":
		return Input{}
	case strings.HasPrefix(line, "//"):
		return in.say(line[1:])
	case strings.HasPrefix(line, "/"):
		return in.command(line[1:])
	}
	if name, ok := bareWords[strings.TrimSpace(line)]; ok {
		in.Kind, in.Command = Do, Command{Name: name}
		return in
	}
	return in.say(line)
}

func (in Input) say(text string) Input {
	text = turn.Clean(text)
	switch {
	case text == "":
		in.Kind, in.Code = BadLine, peer.CodeEmpty
	case len(text) > turn.MaxLine:
		in.Kind, in.Code = BadLine, peer.CodeTooLong
	default:
		in.Kind, in.Text = Line, text
	}
	return in
}

func (in Input) command(s string) Input {
	name, rest, _ := strings.Cut(s, " ")
	if name == "say" && rest != "" {
		return in.say(rest)
	}
	in.Command = Command{Name: name, Args: strings.Fields(rest)}
	in.Kind = Do
	switch name {
	case "hold":
		if !number(in.Command.Args, maxHold) {
			return in.wrong(peer.CodeUsage)
		}
	case "history", "search":
		if _, ok := ParseLookup(name, in.Command.Args, time.Now()); !ok {
			return in.wrong(peer.CodeUsage)
		}
	case "delay":
		if len(in.Command.Args) > 1 || len(in.Command.Args) == 1 && !Delay(in.Command.Args[0]) {
			return in.wrong(peer.CodeUsage)
		}
	case "order":
		if len(in.Command.Args) > 1 || len(in.Command.Args) == 1 && !slices.Contains(Orders(), in.Command.Args[0]) {
			return in.wrong(peer.CodeUsage)
		}
	case "quit", "peers", "sync", "verbose", "release", "cancel", "help":
		if len(in.Command.Args) > 0 {
			return in.wrong(peer.CodeUsage)
		}
	case "say":
		return in.wrong(peer.CodeUsage)
	default:
		return in.wrong(peer.CodeUnknown)
	}
	return in
}

func (in Input) wrong(code peer.Code) Input {
	in.Kind, in.Code, in.Command.Args = BadCommand, code, nil
	// The name is echoed in the error: a long one would drown it.
	if r := []rune(in.Command.Name); len(r) > 32 {
		in.Command.Name = string(r[:32]) + "…"
	}
	return in
}

// Orders lists what /order and --order take.
func Orders() []string { return []string{string(peer.OrderAgreed), string(peer.OrderArrival)} }

// Delay tells whether /delay and --delay take it: a time, from 0 to peer.DelayMost.
func Delay(s string) bool {
	d, err := time.ParseDuration(s)
	return err == nil && d >= 0 && d <= peer.DelayMost
}

// number accepts no argument or one: a whole number from 1 to most.
func number(args []string, most int) bool {
	if len(args) == 0 {
		return true
	}
	n, err := strconv.Atoi(args[0])
	return len(args) == 1 && err == nil && n >= 1 && n <= most
}
