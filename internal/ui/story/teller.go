package story

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/words"
)

const (
	// maxMembers bounds the members of whom something is remembered. Of others the
	// sentences say what happens, and not why.
	maxMembers = 4096
	// maxText and maxList bound what a sentence shows of one text, in characters, and of
	// one list. An ellipsis stands for the rest.
	maxText = 500
	maxList = 64
)

// Line is one sentence.
type Line struct {
	At     time.Duration // since the beginning of the trace
	Member string        // whom it is about; empty: nobody alone
	Text   string        // clean (turn.Clean), without a newline
	// Important separates what happens to the floor, the views, the members and the talk
	// from heartbeats and single datagrams.
	Important bool
}

// Teller turns the events of one trace into sentences. It remembers what it needs for the
// reasons. It is for one goroutine.
type Teller struct {
	words   *words.Words
	members map[string]*member
	typed   string // the text of the latest line that the schedule of a simulation has
}

// New makes the teller of one trace.
func New(w *words.Words) *Teller { return &Teller{words: w, members: map[string]*member{}} }

// Tell gives the sentences for an event, nearly always one. Events must come in the
// order of the trace.
func (t *Teller) Tell(e trace.Event) []Line {
	out := t.leaseEnds(e)
	text, important := t.tell(e)
	if text == "" {
		return out
	}
	return append(out, line(e.At, e.Member, text, important))
}

func line(at time.Duration, member, text string, important bool) Line {
	return Line{at, turn.Clean(member), strings.ReplaceAll(turn.Clean(text), "\n", " "), important}
}

// Time writes a moment of a trace: seconds, with three digits behind the decimal mark.
func (t *Teller) Time(at time.Duration) string {
	s := strconv.FormatFloat(at.Seconds(), 'f', 3, 64)
	return strings.Replace(s, ".", t.words.T("number.decimal"), 1)
}

func (t *Teller) tell(e trace.Event) (text string, important bool) {
	d := words.D{"Name": name(e.Member)}
	switch e.Kind {
	case trace.KindStart:
		return t.start(e, d), true
	case trace.KindStop:
		return t.stop(e, d), true
	case trace.KindPause:
		m := t.of(e.Member)
		m.down = true
		d["Holding"] = m.state == holding
		return t.known("story.pause.", e.Why, d), true
	case trace.KindResume:
		t.of(e.Member).down = false
		return t.words.T("story.resume", d), true
	case trace.KindSend, trace.KindReceive, trace.KindLose:
		return t.datagram(e, d)
	case trace.KindView:
		return t.view(e, d), true
	case trace.KindFloor:
		return t.floor(e, d)
	case trace.KindAppend:
		d["Turns"], d["Replicas"] = list(t.words, e.Turns), t.words.N("count.replicas", e.Count)
		return t.words.T("story.writes", d), false
	case trace.KindLine:
		return t.line(e, d)
	case trace.KindShow:
		d["Who"], d["Text"], d["Stamp"] = name(e.Peer), short(e.Text), e.Stamp
		if e.Late {
			return t.words.T("story.shows.late", d), true
		}
		return t.words.T("story.shows", d), true
	case trace.KindTell:
		return t.told(e, d)
	case trace.KindFault:
		return t.fault(e, d)
	case trace.KindWrong:
		d["Code"], d["Text"] = short(e.Code), short(e.Text)
		return t.words.T("story.wrong", d), true
	}
	return "", false // of a newer papo
}

func (t *Teller) start(e trace.Event, d words.D) string {
	m := t.of(e.Member)
	again := m.incarnation != ""
	*m = member{incarnation: e.Incarnation, started: e.At, whole: true}
	if e.Incarnation == "" {
		m.incarnation = "?"
	}
	switch {
	case e.Why == "anew":
		return t.words.T("story.start.anew", d)
	case again:
		return t.words.T("story.start.again", d)
	}
	return t.words.T("story.start", d)
}

func (t *Teller) stop(e trace.Event, d words.D) string {
	m := t.of(e.Member)
	m.down = true
	d["Holding"] = m.state == holding
	if e.Why == "exit" {
		m.state = idle // it left the floor before
	}
	return t.known("story.stop.", e.Why, d)
}

// leaseEnds tells the end of holds of members that stand still or are gone, and so
// cannot tell it themselves.
func (t *Teller) leaseEnds(e trace.Event) []Line {
	var out []Line
	for who, m := range t.members {
		if m.down && m.state == holding && m.until != 0 && m.until <= e.At && (who != e.Member || e.Kind != trace.KindFloor) {
			m.state = idle
			out = append(out, line(m.until, who, t.words.T("story.lease-ends", words.D{"Name": name(who)}), true))
		}
	}
	slices.SortFunc(out, func(a, b Line) int {
		if a.At != b.At {
			return int(min(max(a.At-b.At, -1), 1))
		}
		return strings.Compare(a.Member, b.Member)
	})
	return out
}

func (t *Teller) view(e trace.Event, d words.D) string {
	m := t.of(e.Member)
	var came, gone []string
	for _, x := range e.Members {
		if !slices.Contains(m.view, x) {
			came = append(came, x)
		}
	}
	for _, x := range m.view {
		if !slices.Contains(e.Members, x) {
			gone = append(gone, x)
		}
	}
	if m.view == nil {
		came = nil
	}
	m.viewChanged(slices.Clone(e.Members[:min(len(e.Members), maxList)]), e.View)
	d["Set"], d["New"], d["Gone"] = set(e.Members), list(t.words, came), list(t.words, gone)
	return t.words.T("story.view", d)
}

func (t *Teller) line(e trace.Event, d words.D) (string, bool) {
	d["Text"] = short(e.Text)
	switch e.State {
	case "queued":
		return t.words.T("story.line.queued", d), e.Text == "" || e.Text != t.typed
	case "cancelled":
		return t.words.T("story.line.cancelled", d), true
	case "error":
		d["Code"] = short(e.Code)
		return t.words.T("story.line.error", d), true
	case "sent":
		return t.words.T("story.line.sent", d), false
	case "said":
		return t.words.T("story.line.said", d), false
	}
	return "", false
}

// known is the sentence for one of several words of the format, or for what stands there
// instead of them.
func (t *Teller) known(family, word string, d words.D) string {
	if s, ok := t.find(family, word, d); ok {
		return s
	}
	d["Why"] = short(word)
	return t.words.T(words.Key(family+"other"), d)
}

// wordFor is what people say for a word of the format; the word itself if there is nothing.
func (t *Teller) wordFor(family, word string) string {
	if s, ok := t.find(family, word, nil); ok {
		return s
	}
	return short(word)
}

func (t *Teller) find(family, word string, d words.D) (string, bool) {
	if word == "" || word == "other" || len(word) > maxList {
		return "", false
	}
	key := words.Key(family + word)
	s := t.words.T(key, d)
	return s, s != string(key)
}

// name is a member's name as a sentence shows it.
func name(s string) string {
	if s == "" {
		return "?"
	}
	return cut(turn.Clean(s), maxList)
}

func short(s string) string { return cut(turn.Clean(s), maxText) }

// cut leaves the first so many characters.
func cut(s string, most int) string {
	n := 0
	for i := range s {
		if n == most {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

func names(ms []string) []string {
	out := make([]string, 0, min(len(ms), maxList+1))
	for _, m := range ms[:min(len(ms), maxList)] {
		out = append(out, name(m))
	}
	if len(ms) > maxList {
		out = append(out, "…")
	}
	return out
}

func list(w *words.Words, ms []string) string { return w.List(names(ms)) }

// set writes a view: {ana, bia}.
func set(ms []string) string { return "{" + strings.Join(names(ms), ", ") + "}" }
