package member

import (
	"bytes"
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/broken"
)

// choose decides which view is this member's, and what is to be told of it.
//
// Whom a member counts on need not be transitive, nor the same for all, yet a
// floor stands still unless all members of a view have that very view. So the
// lowest key leads. Among the lower keys that this member counts on, it follows
// the lowest that leads its own view and has this member in it: that view,
// exactly. If there is none, it leads: see lead.
//
// A quiet member is alone in its view: nobody counts on it.
func (m *Membership) choose(now time.Duration) {
	m.stale = false
	m.checkFull(now)
	var view floor.View
	if m.isQuiet() {
		view = m.viewWith([]floor.Member{m.self})
	} else if followed, ok := m.follow(now); ok {
		view = followed
	} else {
		view = m.viewWith(m.lead(now))
	}
	if view.Hash() != m.view.Hash() {
		m.view, m.changed = view, true
		m.leader = view.Members()[0].Incarnation
		for _, p := range m.others.byKey {
			p.inView = view.Has(p.Member)
		}
		m.pace.soon(now)
	}
	m.noteLeftOut(now)
	m.noteUnheard(now)
}

// viewWith returns the view of these members: mostly the present one, which need not be
// hashed again.
func (m *Membership) viewWith(members []floor.Member) floor.View {
	if slices.Equal(members, m.view.Members()) {
		return m.view
	}
	return floor.NewView(members...)
}

// follow returns the view of the lowest member that leads this one.
func (m *Membership) follow(now time.Duration) (floor.View, bool) {
	for _, p := range m.others.byKey {
		if bytes.Compare(p.Key[:], m.self.Key[:]) >= 0 || m.cfg.Without.Has(broken.FollowLowest) {
			break
		}
		if p.leader != p.Incarnation || !m.countsOn(now, p) || !m.beatCounts(now, p) ||
			!p.marks(m.self.Incarnation) && !m.cfg.Without.Has(broken.FollowOwnView) {
			continue
		}
		if view, ok := m.viewOf(p); ok {
			return view, true
		}
	}
	return floor.View{}, false
}

// viewOf returns the view that p's newest heartbeat marks. It is false while
// the key of one of its members is unknown (its hello is asked for as soon as
// it is heard), and if the marks do not make the view that the heartbeat names.
func (m *Membership) viewOf(p *peer) (floor.View, bool) {
	if p.view == m.view.Hash() {
		return m.view, true
	}
	members := make([]floor.Member, 0, len(p.says)+1)
	members = append(members, p.Member)
	for _, h := range p.says {
		switch {
		case !h.InView:
		case h.Incarnation == m.self.Incarnation:
			members = append(members, m.self)
		default:
			o := m.others.byID[h.Incarnation]
			if o == nil || !o.known {
				return floor.View{}, false
			}
			members = append(members, o.Member)
		}
	}
	view := floor.NewView(members...)
	return view, view.Hash() == p.view && m.isProper(view, p)
}

// isProper tells whether p may have made a view: it is its lowest member, no
// key is there twice, and it is not too large.
func (m *Membership) isProper(v floor.View, p *peer) bool {
	members := v.Members()
	if members[0] != p.Member || len(members) > m.cfg.MaxMembers {
		return false
	}
	for i := 1; i < len(members); i++ {
		if members[i].Key == members[i-1].Key {
			return false
		}
	}
	return true
}

// lead returns the view that this member leads: itself, then the members of
// its present view, then by key, each higher member that nobody lower than
// this one leads and that counts on, and is counted on by, all taken so far.
// Of two incarnations of one key it takes one.
func (m *Membership) lead(now time.Duration) []floor.Member {
	members := append(make([]floor.Member, 0, m.view.Len()), m.self)
	var taken slotSet
	var heardByAll slotSet
	for i := range heardByAll {
		heardByAll[i] = ^uint64(0)
	}
	take := func(p *peer) {
		if len(members) == m.cfg.MaxMembers || taken.has(p.slot) {
			return
		}
		if !(taken.within(p.hears) && heardByAll.has(p.slot)) && !m.cfg.Without.Has(broken.MutualHearing) {
			return
		}
		for _, o := range members {
			if o.Key == p.Key {
				return
			}
		}
		members = append(members, p.Member)
		taken.add(p.slot)
		for i := range heardByAll {
			heardByAll[i] &= p.hears[i]
		}
	}
	var others []*peer
	for _, p := range m.others.byKey {
		if bytes.Compare(p.Key[:], m.self.Key[:]) <= 0 || !m.countsOn(now, p) || !m.beatCounts(now, p) || m.isLedByLower(now, p) {
			continue
		}
		if p.inView {
			take(p)
		} else {
			others = append(others, p)
		}
	}
	for _, p := range others {
		take(p)
	}
	return members
}

// beatCounts tells whether p's newest heartbeat still says something about the
// views of others.
func (m *Membership) beatCounts(now time.Duration, p *peer) bool {
	return within(now, p.beatAt, 3*m.suspect(p))
}

// isLedByLower tells whether somebody with a lower key than this member's
// leads p.
//
// An unknown leader counts as lower: to take p from a lower one would leave
// this member in a view that p does not share, unable to speak; to leave p to
// a higher one costs nothing but a larger group.
//
// A leader that is gone leads nobody: one that said BYE; and one that this
// member has dropped less than half of suspect ago, as far as the members of
// the present view are concerned. These are about to drop it too, and so stay
// together when their leader falls, instead of each being alone for a moment.
func (m *Membership) isLedByLower(now time.Duration, p *peer) bool {
	if p.leader == p.Incarnation || p.leader == m.self.Incarnation || m.others.byID[p.leader] == nil && m.gone.has(p.leader, 0) {
		return false
	}
	l := m.others.byID[p.leader]
	if l == nil || !l.known {
		return true
	}
	if bytes.Compare(l.Key[:], m.self.Key[:]) >= 0 {
		return false
	}
	return l.live || !p.inView || !within(now, l.dropped, m.suspect(l)/2)
}

// leftOutAfter is for how long this member is in nobody's view before that is told.
func (m *Membership) leftOutAfter() time.Duration {
	return m.suspectOf(m.interval(), 0)
}

// noteLeftOut tells who is there and not in the view, and whether this member
// is in nobody's.
func (m *Membership) noteLeftOut(now time.Duration) {
	somebody, marked := false, m.view.Len() > 1
	for _, p := range m.others.byKey {
		if !p.joined || p.quiet || !p.hasBeat || p.inView || m.isQuiet() {
			if p.outTold && p.inView {
				m.events = append(m.events, LetIn{Who: p.info()})
			}
			p.out, p.outTold = never, false
			continue
		}
		somebody = true
		marked = marked || p.marks(m.self.Incarnation)
		if p.out == never {
			p.out = now
		}
		if !p.outTold && !within(now, p.out, m.suspect(p)) {
			p.outTold = true
			m.events = append(m.events, LeftOut{Who: p.info()})
		}
	}
	if !somebody || marked {
		if m.selfOutTold {
			m.events = append(m.events, LetIn{Who: m.info(), Self: true})
		}
		m.selfOut, m.selfOutTold = never, false
		return
	}
	if m.selfOut == never {
		m.selfOut = now
	}
	if !m.selfOutTold && !within(now, m.selfOut, m.leftOutAfter()) {
		m.selfOutTold = true
		m.events = append(m.events, LeftOut{Who: m.info(), Self: true})
	}
}

// noteUnheard keeps track of Unheard.
func (m *Membership) noteUnheard(now time.Duration) {
	somebody, heard := false, m.isQuiet()
	for _, p := range m.others.byKey {
		if p.live && p.hasBeat && !p.twin {
			somebody = somebody || !p.quiet && p.joined
			heard = heard || within(now, p.confirmed, m.suspect(p))
		}
	}
	stalled := now-m.looked > m.cfg.Suspect // it was not there to be confirmed to
	m.looked = now
	switch {
	case !somebody || heard || stalled:
		m.unheard = never
	case m.unheard == never:
		m.unheard = now
	}
}

// info returns what this member is to itself.
func (m *Membership) info() Info {
	return Info{
		Member: m.self,
		Name:   m.cfg.Name,
		Quiet:  m.isQuiet(),
		InView: true,
	}
}
