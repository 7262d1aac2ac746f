package diagram

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

// scene is what a picture shows, before anything has a place.
type scene struct {
	header  trace.Header
	options Options
	words   *words.Words

	columns []*column
	names   []string // of all members that were met, shown or not
	spots   []*spot
	arrows  []*arrow
	notes   []*note
	views   []*view // in the order in which they are first seen
	end     time.Duration
	starts  bool // the trace says who starts when

	byName map[string]*column // nil: not shown
	byHash map[string]int     // of views
	at     map[place]*spot
	sent   sentLog
	drawn  int // what is drawn so far, of messages each end
}

// column is a member. What it was before the part begins stands at its beginning.
type column struct {
	index int
	name  string
	heard bool // nobody wrote down what happens to it: it is known by its messages
	lives []change
	views []change
	first *view // its last before the part begins; nil: none
	holds []*hold
	x     float64
}

// change is a new state from a moment on.
type change struct {
	at    time.Duration
	state int
}

// The states of a life.
const (
	up = iota // a start
	down
	still
	again // up, after it stood still
)

// hold is a time in the critical section.
type hold struct {
	from, until, to time.Duration // to: forever while it lasts
	lease           bool          // it ended with the lease
	renewed         []time.Duration
}

const forever = time.Duration(1<<63 - 1)

// view is a view that somebody had.
type view struct {
	hash    string
	members []string
	number  int // in the picture, from 1; 0: not there
}

// place is a moment of a column; column -1: of none.
type place struct {
	column int
	at     time.Duration
}

// spot is where something happens: everything of one member at one moment.
type spot struct {
	place
	glyph glyph
	texts []string
	y     float64
	in    []*arrow
}

// glyph is the mark of a spot. Of several the last in this list is drawn.
type glyph int

const (
	noGlyph glyph = iota
	glyphTick
	glyphShown
	glyphTurn
	glyphAsks
	glyphDefers
	glyphStart
	glyphStop
	glyphCrash
	glyphWrong
)

// arrow is a message to one receiver.
type arrow struct {
	sent
	source, target *column // target nil: all, and it is open
	from, to       *spot   // nil: from before the part, or of an unknown moment
	fate           fate
	why            string // lost: the reason
	came           time.Duration
	faint          bool

	x1, y1, x2, y2 float64 // x2, y2: a lost one breaks off there
}

// fate is what became of a message.
type fate int

const (
	arrived fate = iota
	lost
	open // that is not in the trace
)

// note is what stands at the side of its spot.
type note struct {
	spot  *spot
	lines []string
	head  int // how many of them are the title
	wrong bool
	y     float64
}

// sent is a datagram that left.
type sent struct {
	datagram string
	column   *column // nil: not shown
	to       string  // empty: all
	at       time.Duration
	message  trace.Message
	known    bool // its sending is in the trace
	answered bool // what became of it is, too
}

// maxSent bounds the datagrams that are remembered; at the bound the oldest is
// forgotten, and if it still comes, it comes from an unknown moment.
const maxSent = 1 << 16

// sentLog remembers who sent which datagram when.
type sentLog struct {
	by    map[string]*sent
	order []*sent
}

func (l *sentLog) add(s *sent) {
	l.by[s.datagram] = s
	l.order = append(l.order, s)
	if len(l.order) > maxSent {
		if old := l.order[0]; l.by[old.datagram] == old {
			delete(l.by, old.datagram)
		}
		l.order = l.order[1:]
	}
}

// newScene reads the part of a trace that was chosen. Its errors are those of events,
// and those of this package.
func newScene(h trace.Header, events iter.Seq2[trace.Event, error], o Options) (*scene, error) {
	s := &scene{
		header: h, options: o, words: o.Words, byName: map[string]*column{}, byHash: map[string]int{}, at: map[place]*spot{},
		sent: sentLog{by: map[string]*sent{}},
	}
	if s.words == nil {
		s.words = words.For(words.English)
	}
	for _, m := range h.Members {
		s.column(m.Name, false)
	}
	fits := time.Duration(0) // until then there is not too much
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		if o.To > 0 && e.At > o.To {
			break
		}
		if e.At > s.end {
			fits, s.end = s.end, e.At
		}
		s.leasesEnd(e.At)
		s.read(&e)
		if len(s.columns) > maxColumns || len(s.names) > maxNames {
			return nil, &TooLargeError{Members: true, Most: maxColumns}
		}
		if s.drawn > maxDrawn {
			return nil, &TooLargeError{Most: maxDrawn, Fits: fits}
		}
	}
	if o.To > 0 {
		s.end = o.To
	}
	s.leasesEnd(s.end)
	s.openEnds()
	for _, c := range s.columns {
		if c.first != nil {
			c.views = append([]change{{o.From - 1, s.viewIndex(c.first)}}, c.views...)
		}
	}
	if err := s.order(); err != nil {
		return nil, err
	}
	if len(s.spots) == 0 {
		return nil, ErrEmpty
	}
	return s, nil
}

// column gives that of a member, nil if it is not to be shown.
func (s *scene) column(name string, heard bool) *column {
	c, met := s.byName[name]
	if !met {
		if s.names = append(s.names, name); len(s.options.Members) == 0 || slices.Contains(s.options.Members, name) {
			c = &column{index: len(s.columns), name: name, heard: heard}
			s.columns = append(s.columns, c)
		}
		s.byName[name] = c
	}
	if c != nil && !heard {
		c.heard = false
	}
	return c
}

// order puts the columns in the order that was asked for and the spots in that of time.
func (s *scene) order() error {
	for _, name := range s.options.Members {
		if _, met := s.byName[name]; !met {
			return &UnknownMemberError{Name: name, Members: s.names}
		}
	}
	slices.SortFunc(s.spots, func(a, b *spot) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.column, b.column))
	})
	if len(s.options.Members) > 0 {
		slices.SortFunc(s.columns, func(a, b *column) int {
			return cmp.Compare(slices.Index(s.options.Members, a.name), slices.Index(s.options.Members, b.name))
		})
		now := make([]int, len(s.columns))
		for i, c := range s.columns {
			now[c.index], c.index = i, i
		}
		for _, p := range s.spots {
			if p.column >= 0 {
				p.column = now[p.column]
			}
		}
	}
	return nil
}

// viewIndex gives the place of a view in the list of all.
func (s *scene) viewIndex(v *view) int {
	i, met := s.byHash[v.hash]
	if !met {
		i = len(s.views)
		s.byHash[v.hash] = i
		s.views = append(s.views, v)
	}
	return i
}

// spot gives where something happens to a member; c nil: to nobody.
func (s *scene) spot(c *column, at time.Duration) *spot {
	where := place{-1, at}
	if c != nil {
		where.column = c.index
	}
	p := s.at[where]
	if p == nil {
		p = &spot{place: where}
		s.at[where] = p
		s.spots = append(s.spots, p)
	}
	return p
}
