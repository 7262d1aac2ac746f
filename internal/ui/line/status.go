package line

import (
	"strings"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/words"
)

// status is what the line over the prompt tells: what has become of one's own
// lines, and whom they wait for.
type status struct {
	words   *words.Words
	started bool
	leaving bool
	room    string
	here    int
	pending map[pending]bool // lines that wait; the chat bounds them
	waiting []string         // whose permission is missing, once that takes long
	asking  bool
	holding bool
	fetched peer.Notice // how far the catching up has come; its Count 0: that is over
}

// pending names a waiting line: by its number or, from the last run, its id.
type pending struct {
	n  int
	id turn.LineID
}

func newStatus(w *words.Words) *status {
	return &status{words: w, pending: map[pending]bool{}}
}

// saw takes note of an event.
func (s *status) saw(ev peer.Event) {
	switch ev := ev.(type) {
	case peer.Started:
		s.started, s.room, s.here = true, ev.Room, len(ev.View)
	case peer.Peer:
		if len(ev.View) > 0 {
			s.here = len(ev.View)
		}
	case peer.Line:
		s.line(ev)
	case peer.Notice:
		switch ev.Code {
		case peer.CodeWaiting:
			s.waiting = ev.Names
		case peer.CodeCatchingUp:
			s.fetched = ev
			if ev.Count == ev.Total {
				s.fetched = peer.Notice{}
			}
		case peer.CodeCaughtUp:
			s.fetched = peer.Notice{}
		}
	case peer.Floor:
		s.floor(ev)
	}
}

func (s *status) line(ev peer.Line) {
	key := pending{n: ev.N}
	if ev.N == 0 {
		key.id = ev.Line
	}
	if ev.State == peer.LineQueued {
		s.pending[key] = true
	} else {
		delete(s.pending, key)
	}
}

func (s *status) floor(ev peer.Floor) {
	switch ev.State {
	case peer.FloorRequested:
		s.asking = true
		if s.waiting != nil {
			s.waiting = ev.WaitingFor
		}
	case peer.FloorHeld:
		s.holding = true
	case peer.FloorGranted, peer.FloorCancelled:
		s.asking, s.waiting = false, nil
	case peer.FloorReleased:
		s.asking, s.waiting, s.holding = false, nil, false
	}
}

// String is the line, without control characters.
func (s *status) String() string {
	var parts []string
	switch {
	case s.leaving:
		parts = append(parts, s.words.T("status.leaving"))
	case !s.started:
		parts = append(parts, s.words.T("status.joining"))
	case s.holding:
		parts = append(parts, s.words.T("status.holding"))
	}
	if n := s.fetched; n.Count > 0 {
		total := ""
		if n.Total > 0 {
			total = s.words.Number(n.Total)
		}
		parts = append(parts, s.words.T("status.catching-up", words.D{"Number": s.words.Number(n.Count), "Total": total}))
	}
	if n := len(s.pending); n > 0 {
		parts = append(parts, s.words.N("status.sending", n))
	}
	if len(s.waiting) > 0 {
		parts = append(parts, s.words.T("status.waiting", words.D{"Names": s.words.List(s.waiting)}))
	} else if s.asking && len(s.pending) == 0 {
		parts = append(parts, s.words.T("status.asking"))
	}
	if len(parts) == 0 {
		parts = append(parts, s.words.T("status.room", words.D{"Room": s.room, "Count": s.here}))
	}
	return turn.Clean(strings.Join(parts, "; "))
}
