package ui

import (
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/words"
)

// The marks that lines other than turns begin with, so that eyes and grep tell
// them apart: what happened, what went wrong, and what the protocol does.
const (
	markNotice   = "* "
	markError    = "! "
	markProtocol = "~ "
)

// maxRecent is how many turns are shown of those that come together: restored
// at the start, caught up with, or late after a merge. /history has the others.
const maxRecent = 20

// Look is how a Renderer shows things.
type Look struct {
	Words *words.Words
	Zone  *time.Location // of all times shown; nil: the local one
	// Clock gives the wall time of events. At zero, as for a record read without a
	// chat, no day is known to be the current one: the first turn shows its date.
	Clock   Clock
	Verbose bool // show the protocol at work
}

// Renderer tells events to people: each becomes zero or more lines of text,
// which hold no newline and nothing that a terminal would obey. It remembers what
// it told before, so it must get all events of one chat, in order, from one
// goroutine.
type Renderer struct {
	look         Look
	words        *words.Words
	sentences    *Sentences
	day          string // the date under which turns are shown now
	verbose      bool
	asked        map[string]bool // scopes of reconciled that /sync asked for
	local        []string        // what it said of the replicas, if it waits for what it says of the members
	replicaCount int             // that these lines are about
	openTold     bool            // the open room has been told
	keptTold     bool            // that lines stay in unsent.log has been told
	requested    uint64          // floor: ts of the request told last
	holding      bool            // /hold is in force
	skipped      int             // late turns left out of the batch that is coming in
	view         []string        // names in the view shown last
}

// NewRenderer makes a renderer for one chat.
func NewRenderer(look Look) *Renderer {
	if look.Zone == nil {
		look.Zone = time.Local
	}
	r := &Renderer{
		look: look, words: look.Words, sentences: NewSentences(look.Words),
		verbose: look.Verbose, asked: map[string]bool{},
	}
	if !look.Clock.Wall.IsZero() {
		r.day = r.date(look.Clock.Wall)
	}
	return r
}

// Verbose tells whether the protocol is shown at work: Look.Verbose, turned
// over by each successful answer to /verbose.
func (r *Renderer) Verbose() bool { return r.verbose }

// Lines gives the lines for an event.
func (r *Renderer) Lines(ev peer.Event) []string {
	r.sentences.Saw(ev)
	lines := r.lines(ev)
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(turn.Clean(line), "\n", " ")
	}
	return lines
}

func (r *Renderer) lines(ev peer.Event) []string {
	switch ev := ev.(type) {
	case peer.Restored:
		return r.restored(ev)
	case peer.Started:
		return r.started(ev)
	case peer.TurnShown:
		return r.next(ev)
	case peer.Line:
		return r.line(ev)
	case peer.Floor:
		return r.floor(ev)
	case peer.Peer:
		return r.peer(ev)
	case peer.Reconciled:
		return r.reconciled(ev)
	case peer.Delivered:
		return r.delivered(ev)
	case peer.Result:
		return r.result(ev)
	case peer.Notice:
		return r.notice(ev)
	case peer.Error:
		return []string{markError + r.sentences.Error(ev)}
	case peer.Checkpoint:
		return r.checkpoint(ev)
	case peer.Exit:
		return r.exit(ev)
	case Asked:
		return r.wasAsked(ev)
	}
	return nil
}

func (r *Renderer) say(key words.Key, d ...words.D) string {
	return markNotice + r.words.T(key, d...)
}

func (r *Renderer) restored(ev peer.Restored) []string {
	var lines []string
	if ev.Turns == 0 && len(ev.From) == 0 {
		lines = append(lines, r.say("restored.none"))
	} else {
		from := make([]string, len(ev.From))
		for i, s := range ev.From {
			from[i] = r.words.T(words.Key("restored.source."+s.Name), words.D{"Count": s.Turns})
		}
		lines = append(lines, markNotice+r.words.N("restored.turns", ev.Turns, words.D{"From": r.words.List(from)}))
	}
	if len(ev.Repaired) > 0 {
		lines = append(lines, r.say("restored.repaired", words.D{"Paths": strings.Join(ev.Repaired, ", ")}))
	}
	if len(ev.Damaged) > 0 {
		lines = append(lines, markError+r.words.T("restored.damaged", words.D{"Paths": strings.Join(ev.Damaged, ", ")}))
	}
	recent := ev.Recent[max(0, len(ev.Recent)-maxRecent):]
	for _, t := range recent {
		lines = append(lines, r.turn(t)...)
	}
	return lines
}

// checkpoint tells of one in verbose.
func (r *Renderer) checkpoint(ev peer.Checkpoint) []string {
	if !r.verbose {
		return nil
	}
	return []string{r.say("checkpoint", words.D{
		"Path": ev.Path, "Turns": r.words.N("count.turns", ev.Turns), "New": ev.New, "MS": ev.Took.Milliseconds(),
	})}
}

func (r *Renderer) started(ev peer.Started) []string {
	r.view = ev.View
	lines := []string{r.say("start.ready", words.D{
		"Name": ev.Name, "Room": ev.Room, "Group": ev.Group, "Interfaces": strings.Join(ev.Interfaces, ", "),
	})}
	if ev.Open && !r.openTold {
		r.openTold = true
		lines = append(lines, markError+r.sentences.Notice(peer.Notice{Code: peer.CodeOpenRoom}))
	}
	if len(ev.View) > 1 {
		return append(lines, r.say("start.here", words.D{"Names": r.words.List(ev.View)}))
	}
	return append(lines, r.say("start.alone"))
}

func (r *Renderer) line(ev peer.Line) []string {
	d := words.D{"N": ev.N, "Turn": ev.Turn.Short()}
	switch {
	case ev.State == peer.LineError:
		d["Why"] = r.sentences.Line(ev)
		return []string{markError + r.words.T("line.error", d)}
	case r.verbose:
		return []string{markProtocol + r.words.T(words.Key("line."+string(ev.State)), d)}
	}
	return nil
}

func (r *Renderer) peer(ev peer.Peer) []string {
	key := words.Key("peer." + string(ev.State))
	if ev.Bye {
		key = "peer.left-bye"
	}
	var lines []string
	passing := ev.State == peer.PeerSuspected || ev.State == peer.PeerRecovered
	if r.verbose || !passing {
		lines = append(lines, r.say(key, words.D{"Name": ev.Name}))
	}
	changed := strings.Join(ev.View, "|") != strings.Join(r.view, "|") // no name has a bar
	r.view = ev.View
	if r.verbose && changed {
		lines = append(lines, markProtocol+r.words.T("peer.view", words.D{"Names": r.words.List(ev.View)}))
	}
	return lines
}

func (r *Renderer) delivered(ev peer.Delivered) []string {
	if !r.verbose {
		return nil
	}
	return []string{markProtocol + r.words.N("delivered", ev.Of, words.D{"Turn": ev.ID.Short(), "To": ev.To})}
}

func (r *Renderer) notice(ev peer.Notice) []string {
	switch ev.Code {
	case peer.CodeOpenRoom:
		if r.openTold {
			return nil
		}
		r.openTold = true
		return []string{markError + r.sentences.Notice(ev)}
	case peer.CodeUnsentKept:
		r.keptTold = true
	case peer.CodeDayChanged:
		return r.dayLine(r.look.Clock.At(ev.When()))
	}
	return []string{markNotice + r.sentences.Notice(ev)}
}

func (r *Renderer) exit(ev peer.Exit) []string {
	if ev.Unsent == 0 || r.keptTold {
		return nil
	}
	return []string{markError + r.words.N("exit.unsent", ev.Unsent)}
}

func (r *Renderer) wasAsked(ev Asked) []string {
	switch ev.Command {
	case "sync":
		r.asked["local"], r.asked["group"] = true, true
		return []string{r.say("result.sync")}
	case "hold":
		return []string{r.say("result.hold")}
	}
	return nil
}
