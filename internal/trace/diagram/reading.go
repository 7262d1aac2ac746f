package diagram

import (
	"slices"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

// read takes one event in. Those before the part only change what is known when it
// begins.
func (s *scene) read(e *trace.Event) {
	switch e.Kind {
	case trace.KindSend:
		if s.options.covers(e.At) && s.options.shows(e.Msg) {
			s.drawn++
		}
		s.sent.add(&sent{datagram: e.Datagram, column: s.column(e.Member, false), to: e.Peer, at: e.At, message: e.Message, known: true})
		return
	case trace.KindReceive:
		s.receive(e, arrived)
		return
	case trace.KindLose:
		s.receive(e, lost)
		return
	case trace.KindFault, trace.KindWrong:
		s.note(e)
		return
	}
	c := s.column(e.Member, false)
	if c == nil {
		return
	}
	s.state(c, e)
	if text, g := mark(s.words, e); s.options.covers(e.At) && s.options.tells(e) && (text != "" || g != noGlyph) {
		s.drawn++
		p := s.spot(c, e.At)
		p.glyph = max(p.glyph, g)
		enters := s.words.T("diagram.enters", words.D{"TS": e.TS, "Kept": false})
		switch i := slices.Index(p.texts, enters); {
		case e.Kind == trace.KindFloor && e.State == "released" && i >= 0: // in no time, as a simulation does it
			p.texts[i] = s.words.T("diagram.passes", words.D{"TS": e.TS})
		case text != "" && !slices.Contains(p.texts, text):
			p.texts = append(p.texts, text)
		}
	}
}

// state notes what an event changes in a member that lasts.
func (s *scene) state(c *column, e *trace.Event) {
	last := func() *hold {
		if n := len(c.holds); n > 0 && c.holds[n-1].to == forever {
			return c.holds[n-1]
		}
		return nil
	}
	leave := func() {
		if h := last(); h != nil {
			h.to = e.At
		}
	}
	live := func(state int) {
		if e.At < s.options.From { // what it was before does not matter
			c.lives = c.lives[:0]
		}
		c.lives = append(c.lives, change{e.At, state})
	}
	switch e.Kind {
	case trace.KindStart:
		live(up)
		leave()
		s.starts = true
	case trace.KindStop:
		live(down)
		leave()
		if e.At < s.options.From {
			c.first = nil
		} else {
			c.views = append(c.views, change{e.At, -1})
		}
	case trace.KindPause:
		live(still)
	case trace.KindResume:
		live(again)
	case trace.KindView:
		v := &view{hash: e.View, members: e.Members}
		if e.At < s.options.From {
			c.first = v
		} else {
			c.views = append(c.views, change{e.At, s.viewIndex(v)})
		}
	case trace.KindFloor:
		switch h := last(); {
		case e.State == "granted":
			leave()
			c.holds = slices.DeleteFunc(c.holds, func(h *hold) bool { return h.to < s.options.From })
			c.holds = append(c.holds, &hold{from: e.At, until: time.Duration(e.Until), to: forever})
		case e.State == "released":
			leave()
		case h != nil && (e.State == "renewed" || e.State == "held"):
			h.until = time.Duration(e.Until)
			if e.State == "renewed" && s.options.covers(e.At) {
				s.drawn++
				h.renewed = append(h.renewed, e.At)
			}
		}
	}
}

// leasesEnd ends what is held on a lease that is over by now.
func (s *scene) leasesEnd(now time.Duration) {
	for _, c := range s.columns {
		if len(c.holds) == 0 {
			continue
		}
		if h := c.holds[len(c.holds)-1]; h.to == forever && h.until > 0 && h.until < now {
			h.to, h.lease = h.until, true
			if s.options.covers(h.to) {
				s.drawn++
				p := s.spot(c, h.to)
				p.texts = append(p.texts, s.words.T("diagram.lease-ends"))
			}
		}
	}
}

// note notes what stands at the side.
func (s *scene) note(e *trace.Event) {
	if !s.options.covers(e.At) || !s.options.tells(e) {
		return
	}
	var c *column
	if e.Member != "" {
		if c = s.column(e.Member, false); c == nil && e.Kind == trace.KindFault {
			return
		}
	}
	s.drawn++
	p := s.spot(c, e.At)
	n := &note{spot: p, wrong: e.Kind == trace.KindWrong}
	title := e.Code
	if n.wrong {
		title = s.words.T("diagram.wrong", words.D{"Code": e.Code})
		p.glyph = glyphWrong
	} else {
		switch e.State {
		case "begin":
			title = s.words.T("diagram.fault-begins", words.D{"Code": e.Code})
		case "end":
			title = s.words.T("diagram.fault-ends", words.D{"Code": e.Code})
		}
	}
	n.lines = wrap(title, noteWidth, 3)
	n.head = len(n.lines)
	n.lines = append(n.lines, wrap(strings.Join(e.Members, ", "), noteWidth, 2)...)
	n.lines = append(n.lines, wrap(e.Text, noteWidth, 3)...)
	s.notes = append(s.notes, n)
}

// receive notes what became of a message: it came, or it is lost.
func (s *scene) receive(e *trace.Event, f fate) {
	from := s.sent.by[e.Datagram]
	if from != nil {
		from.answered = true
	}
	if !s.options.covers(e.At) || !s.options.shows(e.Msg) {
		return
	}
	target := s.column(e.Member, false)
	if target == nil {
		return
	}
	a := &arrow{target: target, fate: f, came: e.At, faint: slices.Contains(quiet, e.Msg)}
	if from != nil {
		a.sent = *from
	} else {
		a.sent = sent{datagram: e.Datagram, message: e.Message}
		if _, met := s.byName[e.Peer]; met || s.header.Source == trace.SourceChat && e.Peer != "" {
			a.column = s.column(e.Peer, true)
		}
	}
	if f == lost {
		a.why = e.Why
		a.message.Why = ""
	}
	if a.source = a.column; a.source == nil || a.source == target || f == lost && (!a.known || !s.options.covers(a.at)) {
		return
	}
	if a.known && s.options.covers(a.at) {
		a.from = s.spot(a.source, a.at)
	}
	if f == arrived {
		a.to = s.spot(target, e.At)
		a.to.in = append(a.to.in, a)
	}
	s.drawn++
	s.arrows = append(s.arrows, a)
}

// openEnds notes the messages of which the trace does not tell what became of them.
func (s *scene) openEnds() {
	for _, out := range s.sent.order {
		if out.answered || out.column == nil || !s.options.covers(out.at) || !s.options.shows(out.message.Msg) {
			continue
		}
		a := &arrow{sent: *out, source: out.column, fate: open, faint: slices.Contains(quiet, out.message.Msg)}
		if a.target = s.byName[out.to]; out.to != "" && a.target == nil {
			continue
		}
		if a.target == a.source {
			continue
		}
		a.from = s.spot(out.column, out.at)
		s.arrows = append(s.arrows, a)
	}
}
