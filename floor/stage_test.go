package floor

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A stage is a few members and the network between them, for the transcripts:
// nothing moves unless a command says so, and all that is done is written down.
type stage struct {
	now, zero time.Duration
	players   []*player
	names     map[Member]string
	views     map[ViewHash]string
	mail      []*letter
	numbers   int
	cuts      map[[2]string]bool
	carry     time.Duration // running: how long a message takes; else 0
	log       []string
}

// player is a member, or what is left of it.
type player struct {
	name    string
	f       *Floor
	n       uint32 // its datagrams
	wake    time.Duration
	stalled bool
	dead    bool
}

// letter is a message on its way to those who have not had it yet.
type letter struct {
	number  int
	from    *player
	n       uint32
	msg     any // a Message or a beat
	to      []*player
	due     time.Duration // running: when it arrives
	delayed bool
}

// beat is what a heartbeat tells of its sender's floor.
type beat struct {
	asking, holding bool
	ts              uint64
}

func newStage() *stage {
	// An hour after the clock began, because 0 means never to a Floor.
	return &stage{
		now: time.Hour, zero: time.Hour,
		names: map[Member]string{}, views: map[ViewHash]string{}, cuts: map[[2]string]bool{},
	}
}

func (s *stage) sayf(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf("%-10s", ms(s.now-s.zero))+fmt.Sprintf(format, args...))
}

func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Round(time.Microsecond))/1e6, 'f', -1, 64) + "ms"
}

func (s *stage) player(name string) *player {
	for _, p := range s.players {
		if p.name == name {
			return p
		}
	}
	panic(fmt.Sprintf("there is no %q", name))
}

// start brings a member up; key is the name whose key it has, its own or that
// of a former incarnation.
func (s *stage) start(name, key string, incarnation, clock uint64) *player {
	self := Member{Incarnation: incarnation}
	copy(self.Key[:], key)
	p := &player{name: name, f: New(Config{Self: self, Clock: clock}, s.now)}
	s.names[self] = name
	s.players = append(s.players, p)
	s.know(p.f.view)
	return p
}

func (s *stage) view(names []string) View {
	var ms []Member
	for _, n := range names {
		ms = append(ms, s.player(n).f.self)
	}
	v := NewView(ms...)
	s.know(v)
	return v
}

func (s *stage) know(v View) { s.views[v.hash] = s.list(v.members, "+") }

func (s *stage) list(ms []Member, sep string) string {
	var names []string
	for _, m := range ms {
		names = append(names, s.names[m])
	}
	return strings.Join(names, sep)
}

// do gives a member an input, and writes down and carries what comes of it.
func (s *stage) do(p *player, in func(f *Floor)) {
	in(p.f)
	s.perform(p)
}

func (s *stage) perform(p *player) {
	r := p.f.Ready(s.now)
	for _, e := range r.Events {
		s.sayf("  %s %s", p.name, s.event(e))
	}
	for _, m := range r.Send {
		s.post(p, m.Msg, m.To)
	}
	p.wake = r.Wake
}

func (s *stage) post(p *player, msg any, to []Member) {
	s.numbers++
	p.n++
	l := &letter{number: s.numbers, from: p, n: p.n, msg: msg, due: s.now + s.carry}
	var lost []string
	for _, o := range s.players {
		switch {
		case o == p || o.dead || to != nil && !slices.Contains(to, o.f.self):
		case s.cuts[[2]string{p.name, o.name}]:
			lost = append(lost, o.name)
		default:
			l.to = append(l.to, o)
		}
	}
	s.mail = append(s.mail, l)
	whom := "all"
	if to != nil {
		whom = s.list(to, " ")
	}
	text := fmt.Sprintf("  #%d %s -> %s: %s", l.number, p.name, whom, s.text(msg))
	if lost != nil {
		text += ", lost on the way to " + strings.Join(lost, " ")
	}
	s.sayf("%s", text)
}

// deliver hands the letter to one of those it is for.
func (s *stage) deliver(l *letter, p *player) {
	s.sayf("%s gets #%d of %s, %s", p.name, l.number, l.from.name, s.text(l.msg))
	if p.dead {
		return
	}
	s.do(p, func(f *Floor) {
		switch m := l.msg.(type) {
		case Message:
			f.Receive(s.now, l.from.f.self, l.n, m)
		case beat:
			f.Activity(s.now, l.from.f.self, l.n, m.asking, m.holding, m.ts)
		}
	})
}

// ticks lets time pass until to, waking whom it is time to wake; while it
// runs, letters arrive when they are due.
func (s *stage) ticks(to time.Duration, run bool) {
	for range 100_000 {
		var next *player
		at := to
		for _, p := range s.players {
			if !p.dead && !p.stalled && p.wake != 0 && (p.wake < at || p.wake == at && next == nil) {
				next, at = p, p.wake
			}
		}
		var l *letter
		if run {
			for _, o := range s.mail {
				if len(o.to) > 0 && !o.delayed && o.due <= at && (l == nil || o.due < l.due) {
					l = o
				}
			}
		}
		switch {
		case l != nil:
			s.now = max(s.now, l.due)
			p := l.to[0]
			l.to = l.to[1:]
			s.deliver(l, p)
		case next != nil:
			s.now = max(s.now, at)
			s.do(next, func(f *Floor) { f.Tick(s.now) })
		default:
			s.now = to
			return
		}
	}
	panic("time does not pass: a member is woken again and again")
}

func (s *stage) event(e Event) string {
	text := e.Kind.String()
	who, until := s.names[e.Who], ms(e.Until-s.zero)
	switch e.Kind {
	case Requested:
		return fmt.Sprintf("%s ts=%d, missing %s", text, e.TS, s.list(e.Members, " "))
	case Deferred:
		return fmt.Sprintf("%s %s ts=%d: %v", text, who, e.WhoTS, e.Why)
	case Granted:
		return fmt.Sprintf("%s %s ts=%d", text, who, e.WhoTS)
	case Entered:
		text += fmt.Sprintf(" ts=%d until %s", e.TS, until)
		if e.Kept {
			text += ", on kept permissions"
		}
	case Renewed:
		text += " until " + until
	case Left:
		text += fmt.Sprintf(" ts=%d", e.TS)
		if e.Expired {
			text += ", the lease ended"
		}
		if e.Stale {
			text += ", the view had changed"
		}
		if e.At != s.now {
			text += ", as of " + ms(e.At-s.zero)
		}
		if len(e.Members) > 0 {
			text += ", answered " + s.list(e.Members, " ")
		}
	case Waited:
		text += fmt.Sprintf(" for %s: %v, place %d, %s left", who, e.Why, e.Place, ms(e.Left))
	case Mismatch:
		text += fmt.Sprintf(" with %s ts=%d", who, e.WhoTS)
	case Cancelled:
		text += fmt.Sprintf(" ts=%d", e.TS)
	}
	return text
}

func (s *stage) text(msg any) string {
	switch m := msg.(type) {
	case Req:
		return fmt.Sprintf("REQ ts=%d k=%d view=%s", m.TS, m.K, s.views[m.View])
	case Rep:
		text := fmt.Sprintf("REP view=%s clock=%d", s.views[m.View], m.Clock)
		if m.HandOver {
			text += " hand-over"
		}
		for _, g := range m.Grants {
			text += fmt.Sprintf(" [%s ts=%d k=%d]", s.names[g.To], g.TS, g.K)
		}
		return text
	case Wait:
		to := strconv.FormatUint(m.To, 10)
		for o, name := range s.names {
			if o.Incarnation == m.To {
				to = name
			}
		}
		return fmt.Sprintf("WAIT %s ts=%d place=%d %v left=%s", to, m.TS, m.Place, m.Why, ms(m.Left))
	case Release:
		return fmt.Sprintf("RELEASE ts=%d", m.TS)
	case beat:
		switch {
		case m.asking:
			return fmt.Sprintf("BEAT asking ts=%d", m.ts)
		case m.holding:
			return fmt.Sprintf("BEAT holding ts=%d", m.ts)
		}
		return "BEAT idle"
	}
	panic(fmt.Sprintf("an unknown message %T", msg))
}

// state describes one member: what it does, and whose permissions it has, gave
// and owes.
func (s *stage) state(p *player) string {
	f := p.f
	text := [...]string{"idle", "asking", "holding", "leaving"}[f.state]
	if f.state != idle {
		text += fmt.Sprintf(" ts=%d", f.ts)
	}
	if f.quiet {
		text += " quiet"
	}
	text += fmt.Sprintf(" clock=%d view=%s", f.clock, s.views[f.view.hash])
	if until, ok := f.Holds(s.now); ok {
		text += " until " + ms(until-s.zero)
	}
	var has, gave []Member
	for m := range f.perms {
		if f.permits(m, s.now) {
			has = append(has, m)
		}
	}
	for m, g := range f.grants {
		if s.now < g.until {
			gave = append(gave, m)
		}
	}
	for _, l := range []struct {
		word string
		ms   []Member
	}{{"has", has}, {"gave", gave}, {"owes", f.Queue()}} {
		if len(l.ms) == 0 {
			continue
		}
		if l.word != "owes" {
			slices.SortFunc(l.ms, func(a, b Member) int { return cmp.Compare(s.names[a], s.names[b]) })
		}
		text += fmt.Sprintf(" %s(%s)", l.word, s.list(l.ms, " "))
	}
	return text
}
