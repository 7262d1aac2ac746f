package ui

import (
	"strings"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/ui/words"
)

// Sentences gives the words for what has a code: notices, errors, and the
// failures of lines and commands. It remembers the start of the chat, which
// some of the sentences speak of.
type Sentences struct {
	words   *words.Words
	started peer.Started
}

// NewSentences makes the sentences of one chat.
func NewSentences(w *words.Words) *Sentences { return &Sentences{words: w} }

// Saw takes note of an event; it must be called with each one, in order.
func (s *Sentences) Saw(ev peer.Event) {
	if ev, ok := ev.(peer.Started); ok {
		s.started = ev
	}
}

// Notice gives the sentence for a notice.
func (s *Sentences) Notice(n peer.Notice) string {
	d := words.D{"Names": s.words.List(n.Names), "Path": n.Path, "Text": n.Text}
	if n.Code == peer.CodeCatchingUp {
		d["Number"] = s.words.Number(n.Count)
		if n.Total > n.Count {
			d["Total"] = s.words.Number(n.Total)
		}
	}
	if n.Left > 0 {
		d["Seconds"] = s.words.T("seconds.left", words.D{"Seconds": s.words.Seconds(n.Left)})
	}
	return s.code(n.Code, n.Count, d)
}

// Error gives the sentence for an error.
func (s *Sentences) Error(e peer.Error) string {
	return s.code(e.Code, 0, words.D{"Path": e.Path, "Text": e.Text})
}

// Line gives the sentence for a line's error.
func (s *Sentences) Line(l peer.Line) string {
	return s.code(l.Code, 0, nil)
}

// Result gives the sentence for a command that failed.
func (s *Sentences) Result(r peer.Result) string {
	d := words.D{"Command": "/" + r.Command}
	if r.Code == peer.CodeUsage {
		d["Usage"] = s.words.T(words.Key("usage." + r.Command))
	}
	return s.code(r.Code, 0, d)
}

// code gives the sentence of a code. Placeholders that the caller does not
// fill are empty; the numbers 0 among them, too.
func (s *Sentences) code(code peer.Code, count int, d words.D) string {
	all := words.D{
		"Names": "", "Path": "", "Text": "", "Seconds": "", "Command": "", "Usage": "", "Number": "", "Total": "",
		"Group":      s.started.Group,
		"Room":       s.started.Room,
		"Interfaces": strings.Join(s.started.Interfaces, ", "),
	}
	return s.words.N(words.Key("code."+string(code)), count, all, d)
}

// Help gives the lines of /help.
func (s *Sentences) Help() []string {
	lines := []string{s.words.T("help.title")}
	var rows [][]string
	for _, name := range Commands() {
		rows = append(rows, []string{s.words.T(words.Key("usage." + name)), s.words.T(words.Key("help." + name))})
	}
	for _, row := range table(rows) {
		lines = append(lines, "  "+row)
	}
	return append(lines, s.words.T("help.words", words.D{"Words": "sair quit peers sync verbose"}))
}
