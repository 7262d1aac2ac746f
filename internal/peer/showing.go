package peer

import (
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/turn"
)

const (
	showAtOnce = 256              // turns that are shown within one input
	showAgain  = time.Millisecond // then the next ones are
)

// showing is a turn that is about to be shown.
type showing struct {
	id     turn.ID
	before []Event // told first
	late   bool
	batch  bool // of the first catch-up
	follow int  // how many more of its batch come after it
}

// show shows the turns, after a line that sums them up where there are many. What is
// decided on before is shown before; all is in memory until then, a batch and what
// waits by itself at the most.
func (c *Core) show(now Now, show []showing, first bool, gaps, merged int) {
	s := &c.screen
	var before []Event
	switch {
	case first && len(show) > 0 && !s.filling:
		before = append(before, Notice{At: At(now.Boot), Code: CodeCaughtUp, Count: len(show)})
	case merged > 0:
		before = append(before, Notice{At: At(now.Boot), Code: CodeMerged, Count: merged})
	}
	if gaps > 0 {
		before = append(before, Notice{At: At(now.Boot), Code: CodeGap, Count: gaps})
	}
	for i := range show {
		if !s.arrival && (show[i].late || show[i].batch) {
			show[i].follow = len(show) - 1 - i
		}
	}
	if len(show) > 0 {
		show[0].before = before
	}
	if len(s.showing) == 0 {
		s.showing = show
	} else {
		s.showing = append(s.showing, show...)
	}
	c.showPart(now)
}

// showPart shows what is decided on, so much at a time that nobody has to wait for
// this member's permission meanwhile.
func (c *Core) showPart(now Now) {
	s := &c.screen
	if now.Boot < s.goOn {
		return
	}
	n := min(len(s.showing), showAtOnce)
	for _, e := range s.showing[:n] {
		c.showOne(now, e)
	}
	if s.showing, s.goOn = s.showing[n:], now.Boot+showAgain; len(s.showing) == 0 {
		s.showing, s.goOn = nil, 0
	}
}

// showRest shows all that is decided on: nothing is shown after this.
func (c *Core) showRest(now Now) {
	for len(c.screen.showing) > 0 {
		c.screen.goOn = 0
		c.showPart(now)
	}
}

func (c *Core) showOne(now Now, e showing) {
	for _, b := range e.before {
		c.event(b)
	}
	t := c.history.Get(e.id)
	if t == nil {
		return // it cannot be read now; /history has it when it can
	}
	if c.cfg.Without.Has(broken.LateMarked) {
		e.late = false
	}
	out := c.turnShown(now, t)
	out.Late, out.Batch, out.Follow = e.late, e.batch, e.follow
	if e.late {
		out.Before = c.markAfter(e.id)
	}
	c.event(out)
}
