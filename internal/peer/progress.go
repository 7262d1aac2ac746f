package peer

import (
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

const (
	progressEvery = time.Second
	progressFrom  = 1000 // turns that came; of fewer nothing is told
)

// progress is how far the fetching of many turns has come.
type progress struct {
	got  int           // turns that were wanted and came, since it began
	next time.Duration // when people are told again; 0: nothing is fetched
	told bool
	base uint64 // the highest stamp that there was when it began
}

// tellProgress tells people how many turns came of those that are missing, while
// many are, and that this is over.
func (c *Core) tellProgress(now Now) {
	p := &c.progress
	switch {
	case !c.fetches():
		if p.told && !c.screen.catching && !c.screen.filling { // else caughtUp tells
			c.event(Notice{At: At(now.Boot), Code: CodeCatchingUp, Count: p.got, Total: p.got})
		}
		*p = progress{base: p.base}
	case p.next == 0:
		p.next = now.Boot + progressEvery
		if !c.screen.catching {
			p.base = c.history.MaxStamp()
		}
	case p.got >= progressFrom && now.Boot >= p.next:
		p.next, p.told = now.Boot+progressEvery, true
		e := Notice{At: At(now.Boot), Code: CodeCatchingUp, Count: p.got}
		if s := c.sync.session; s != nil {
			if more := s.more(p.base); more > 0 {
				e.Total = p.got + more
			}
		}
		c.event(e)
	}
}

// more estimates how many turns the session will still bring; 0: that is not known.
// Between base, the highest stamp that this member had, and the highest that there is,
// it takes the missing turns to be spread evenly. Nothing in the protocol says how many
// there are, and the windows before the present one are done.
func (s *session) more(base uint64) int {
	if s.top <= base || s.to <= base {
		return 0
	}
	bottom := max(s.from, base)
	done := s.top - min(s.to, s.top) + max(min(s.reached, s.top), bottom) - bottom
	if done == 0 || s.received == 0 {
		return 0
	}
	left := s.top - base - done
	return max(len(s.needed), int(float64(s.received)/float64(done)*float64(left)))
}

// reach notes the stamp of a turn that the session brought.
func (s *session) reach(h *turn.History, id turn.ID) {
	if it, ok := h.Item(id); ok && it.Stamp < s.to {
		s.reached = max(s.reached, it.Stamp)
	}
}
