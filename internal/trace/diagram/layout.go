package diagram

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/trace"
)

// Lengths of the picture. It is 960 wide if it can: then text of size 13 can be read on
// a projector and, as wide as a page of A4, on paper.
const (
	wanted     = 960.0
	narrowest  = 560.0 // title and legend need it
	axisX      = 74.0  // the axis of time; its labels stand at the left
	firstX     = axisX + 56
	nearest    = 150.0 // columns
	farthest   = 230.0
	afterLast  = 150.0 // room for texts at the right of the last column
	noteRoom   = 158.0
	noteWidth  = 23 // characters of a line at the side
	namesY     = 62.0
	top        = 104.0 // where the part begins
	lineHeight = 14.0
	bandHeight = 15.0 // of what is cut out
	leastDrop  = 24.0 // of an arrow
	brokenDrop = 18.0 // of an arrow that ends on the way
	leastHold  = 18.0 // of a hold that takes no time
	namesEvery = 520.0
)

// cutFrom is how long nothing must happen to be cut out.
const cutFrom = 50 * time.Millisecond

// cut is a gap that was cut out of the axis.
type cut struct {
	y     float64 // the middle
	long  time.Duration
	names bool // the columns are named here again
}

// row is a moment at which something happens.
type row struct {
	at time.Duration
	y  float64
}

// picture is a scene of which everything has a place.
type picture struct {
	*scene
	width, right float64 // right: of the columns
	bottom       float64 // where the part ends
	rows         []row
	cuts         []cut
	labels       []label
	taken        []box
}

// lay gives everything its place.
func lay(s *scene) *picture {
	p := &picture{scene: s}
	gaps, notes := float64(max(len(s.columns)-1, 1)), 0.0
	if len(s.notes) > 0 {
		notes = noteRoom
	}
	gap := min(max(math.Floor((wanted-firstX-afterLast-notes)/gaps), nearest), farthest)
	for i, c := range s.columns {
		c.x = firstX + float64(i)*gap
	}
	p.right = firstX + float64(max(len(s.columns)-1, 0))*gap + afterLast
	p.width = max(p.right+notes, narrowest)
	for _, at := range s.spots {
		room := gap - 32
		if at.column == len(s.columns)-1 {
			room = afterLast - 14
		}
		var lines []string
		for _, t := range at.texts {
			lines = append(lines, fitLines(t, textSize, room)...)
		}
		at.texts = lines
	}
	p.layRows()
	p.numberViews()
	p.layArrows()
	p.layNotes()
	p.layLabels()
	return p
}

// step is how far apart two moments are at least that are so long apart. These are
// numbers from a table, not a logarithm, so that all machines draw the same.
func step(d time.Duration) float64 {
	switch {
	case d < 100*time.Microsecond:
		return 6
	case d < time.Millisecond:
		return 9
	case d < 10*time.Millisecond:
		return 12
	}
	return 16
}

// layRows gives each moment its height. What happens at one moment is at one height;
// the rest keeps its order. There is room for the texts above or below each place, so
// that they find one without arrows, and a slope for each arrow.
func (p *picture) layRows() {
	free := make([]float64, len(p.columns)) // where a column is free again
	for i := range free {
		free[i] = top
	}
	y, lastNames, ends := top, top, top+14
	broken := p.broken()
	for i := 0; i < len(p.spots); {
		at := p.spots[i].at
		n := i
		for n < len(p.spots) && p.spots[n].at == at {
			n++
		}
		group := p.spots[i:n]
		since := at - p.options.From
		if i > 0 {
			since = at - p.spots[i-1].at
		}
		if since >= cutFrom {
			low := y
			for _, f := range free {
				low = max(low, f)
			}
			low = max(low, ends)
			c := cut{y: low + 6 + bandHeight/2, long: since, names: low-lastNames > namesEvery}
			if c.names {
				lastNames = low
			}
			p.cuts = append(p.cuts, c)
			y = c.y + bandHeight/2 + 8
			for k := range free {
				free[k] = y
			}
		} else if i > 0 {
			y += step(since)
		}
		for _, s := range group {
			if s.column >= 0 {
				y = max(y, free[s.column]+5+lineHeight*float64(len(s.texts)))
			}
			for _, a := range s.in {
				if a.from != nil && a.from.at < at {
					y = max(y, a.from.y+leastDrop)
				}
			}
		}
		for _, s := range group {
			s.y = y
			if broken[s] {
				ends = max(ends, y+brokenDrop+8)
			}
			if s.column >= 0 {
				free[s.column] = y + 6 + lineHeight*float64(len(s.texts))
			}
		}
		p.rows = append(p.rows, row{at, y})
		i = n
	}
	p.bottom = max(y, ends)
	for _, f := range free {
		p.bottom = max(p.bottom, f)
	}
	p.bottom += 26
}

// broken gives where arrows begin that end on the way.
func (p *picture) broken() map[*spot]bool {
	at := map[*spot]bool{}
	for _, a := range p.arrows {
		if a.from != nil && a.fate != arrived {
			at[a.from] = true
		}
	}
	return at
}

// height gives that of a moment.
func (p *picture) height(at time.Duration) float64 {
	i, found := slices.BinarySearchFunc(p.rows, at, func(r row, at time.Duration) int { return cmp.Compare(r.at, at) })
	switch {
	case found:
		return p.rows[i].y
	case i == 0:
		return top
	case i == len(p.rows):
		return p.bottom
	}
	return (p.rows[i-1].y + p.rows[i].y) / 2
}

// span is a state of a column that lasts.
type span struct {
	y1, y2 float64
	state  int
}

// spans gives what the changes of a column amount to in the picture; before the first
// it was in the state before.
func (p *picture) spans(changes []change, before int) (out []span) {
	y, state := top, before
	for _, c := range changes {
		if h := p.height(c.at); c.at >= p.options.From {
			if h > y {
				out = append(out, span{y, h, state})
			}
			y = h
		}
		state = c.state
	}
	if y < p.bottom {
		out = append(out, span{y, p.bottom, state})
	}
	return out
}

// lives gives when a member ran.
func (p *picture) lives(c *column) []span {
	before := up
	switch {
	case len(c.lives) == 0:
		if p.starts && p.header.Source == trace.SourceLab { // not yet
			before = down
		}
	case c.lives[0].state == up:
		before = down
	case c.lives[0].state == again:
		before = still
	}
	return p.spans(c.lives, before)
}

// numberViews numbers the views in the order in which they are seen in the picture.
func (p *picture) numberViews() {
	type seen struct {
		y     float64
		index int
	}
	var all []seen
	for _, c := range p.columns {
		for _, s := range p.spans(c.views, -1) {
			if s.state >= 0 {
				all = append(all, seen{s.y1, s.state})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b seen) int { return cmp.Compare(a.y, b.y) })
	n := 0
	for _, s := range all {
		if v := p.views[s.index]; v.number == 0 {
			n++
			v.number = n
		}
	}
}

// layArrows gives the arrows their ends.
func (p *picture) layArrows() {
	for _, a := range p.arrows {
		a.x1 = a.source.x
		switch {
		case a.from != nil:
			a.y1 = a.from.y
		case a.known: // before the part begins
			a.y1 = top - 12
		default:
			a.y1 = max(a.to.y-brokenDrop, top-12)
		}
		if a.target == nil { // all, and nothing more is known
			a.x2, a.y2 = a.x1+44, a.y1+brokenDrop
			continue
		}
		a.x2 = a.target.x
		if a.fate == arrived {
			a.y2 = a.to.y
			continue
		}
		// It ends on the way: a lost one nearer to its receiver.
		part := 0.35
		if a.fate == lost {
			part = 0.7
		}
		if n := math.Abs(float64(a.target.index - a.source.index)); n > 1 {
			part = (n - 1 + part) / n // in the last of the gaps between columns
		}
		a.x2, a.y2 = a.x1+(a.x2-a.x1)*part, a.y1+brokenDrop
	}
}

// layNotes puts the notes one below the other at the side.
func (p *picture) layNotes() {
	y := top - 10
	for _, n := range p.notes {
		n.y = max(n.spot.y-4, y)
		y = n.y + lineHeight*float64(len(n.lines)) + 8
	}
	p.bottom = max(p.bottom, y)
}
