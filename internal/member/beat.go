package member

import (
	"cmp"
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/wire"
)

// interval returns this member's own beat at present.
func (m *Membership) interval() time.Duration {
	if m.beatOf != m.live+1 {
		m.beatOf, m.own = m.live+1, beatInterval(m.cfg.Beat, m.live+1)
	}
	return m.own
}

// suspect returns after how much silence p is dropped.
func (m *Membership) suspect(p *peer) time.Duration {
	return m.suspectOf(m.interval(), p.interval)
}

func (m *Membership) suspectOf(a, b time.Duration) time.Duration {
	if m.cfg.Without.Has(broken.Suspicion) {
		return time.Hour
	}
	return max(m.cfg.Suspect, 4*a, 4*b)
}

// hears tells whether p gave a sign of life that is young enough.
func (m *Membership) hears(now time.Duration, p *peer) bool {
	return p.live && now < m.hearsUntil(p)
}

func (m *Membership) hearsUntil(p *peer) time.Duration {
	s := m.suspect(p)
	return min(p.sign+s, p.direct+s*3/2)
}

// countsOn tells whether this member counts on p. See the package comment.
func (m *Membership) countsOn(now time.Duration, p *peer) bool {
	return p.known && !p.twin && m.hears(now, p) && p.hasBeat &&
		(!p.quiet || m.cfg.Without.Has(broken.QuietUncounted)) &&
		(within(now, p.confirmed, m.suspect(p)) || m.cfg.Without.Has(broken.Confirmation))
}

// confirm takes p's word that it heard this incarnation at a counter. It is
// false if that counter is not fresh.
func (m *Membership) confirm(now time.Duration, p *peer, counter uint32) bool {
	if counter > m.sent.last {
		m.events = append(m.events, Misused{p.Member})
	}
	t, ok := m.sent.noted(counter)
	if fresh := ok && within(now, t, 2*m.suspect(p)); !fresh && !m.cfg.Without.Has(broken.FreshConfirmation) {
		return false
	}
	if !within(now, p.confirmed, m.suspect(p)) {
		m.stale = true
	}
	p.confirmed, p.heardAt = now, max(p.heardAt, t)
	if p.known && !p.joined {
		m.join(p)
	}
	if p.twin {
		m.meetTwin(p)
	}
	return true
}

func (m *Membership) join(p *peer) {
	if p.twin {
		return
	}
	p.joined = true
	m.stale = true
	m.events = append(m.events, Joined{p.info()})
}

// meetTwin decides who of two live incarnations of one key must exit: the one
// that is quiet, else the higher one. That the other lives is sure, as it has
// just confirmed that it hears this one.
func (m *Membership) meetTwin(p *peer) {
	if m.copied || !p.hasBeat || m.cfg.Without.Has(broken.CopyExits) {
		return
	}
	if quiet := m.isQuiet(); quiet != p.quiet {
		m.copied = quiet
	} else {
		m.copied = m.self.Incarnation > p.Incarnation
	}
	if m.copied {
		m.events = append(m.events, Copied{p.Member})
	}
}

// fresh tells whether it is news that o heard p at a counter: two suspects
// ago, this member itself had not yet heard p at a higher one.
func (m *Membership) fresh(now time.Duration, o, p *peer, counter uint32) bool {
	t, ok := p.heard.passed(counter)
	return !ok || within(now, t, 2*m.suspectOf(o.interval, p.interval))
}

// Beat takes a heartbeat. One that is not newer than the newest is ignored.
func (m *Membership) Beat(now time.Duration, from uint64, counter uint32, b wire.Beat) {
	p := m.others.byID[from]
	if p == nil || !p.live || p.hasCount && counter <= p.counter {
		return
	}
	p.counter, p.hasCount = counter, true
	p.hasBeat, p.beatAt = true, now
	p.interval = min(max(b.Interval, 0), MaxBeat)
	p.quiet, p.view, p.leader = b.Quiet, b.View, b.Leader
	p.says = append(p.says[:0], b.Heard...)
	p.hears = slotSet{}
	m.stale = true

	named := false
	for _, h := range b.Heard {
		if h.Incarnation == m.self.Incarnation {
			named = true
			m.confirm(now, p, h.Counter)
		} else if o := m.others.byID[h.Incarnation]; o != nil && m.fresh(now, p, o, h.Counter) {
			p.hears.add(o.slot)
		}
	}
	// A full heard set may have left this member out for want of room.
	if !named && len(b.Heard) < wire.MaxHeard {
		p.confirmed = never
	}
	m.checkFull(now)
}

// beat returns a heartbeat, without what the floor and the turns have to say.
func (m *Membership) beat(now, interval time.Duration) wire.Beat {
	return wire.Beat{
		Interval: interval,
		Quiet:    m.isQuiet(),
		View:     m.view.Hash(),
		Leader:   m.leader,
		Heard:    m.heardSet(now),
	}
}

// heardSet returns whom this member hears. Where there are too many, those in
// the view come first, then those who are not quiet, each by key: a view needs
// the same choice at all members.
func (m *Membership) heardSet(now time.Duration) []wire.Heard {
	var peers []*peer
	for _, p := range m.others.byKey {
		if m.hears(now, p) {
			peers = append(peers, p)
		}
	}
	if len(peers) > wire.MaxHeard {
		rank := func(p *peer) int {
			switch {
			case p.inView:
				return 0
			case p.hasBeat && !p.quiet:
				return 1
			}
			return 2
		}
		slices.SortStableFunc(peers, func(a, b *peer) int { return cmp.Compare(rank(a), rank(b)) })
		peers = peers[:wire.MaxHeard]
	}
	set := make([]wire.Heard, len(peers))
	for i, p := range peers {
		set[i] = wire.Heard{Incarnation: p.Incarnation, Counter: p.heard.last, InView: p.inView}
	}
	slices.SortFunc(set, func(a, b wire.Heard) int { return cmp.Compare(a.Incarnation, b.Incarnation) })
	return set
}
