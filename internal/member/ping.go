package member

import (
	"time"

	"github.com/papo-chat/papo/internal/wire"
)

// pingGap is the time from PING to PING.
const pingGap = 80 * time.Millisecond

// pingDue returns when p is to be asked for a sign of life: when it was silent
// for half of suspect, or did not confirm for a whole one.
//
// Two things are added. Who is in the view is asked for a confirmation from
// half of suspect on as well, because after a whole one it is not counted on
// any more and a view would break that a PING could have kept. And who has not
// confirmed for four suspects, so that it seems not to hear this member at all,
// is asked once in a beat only.
func (m *Membership) pingDue(p *peer) time.Duration {
	s := m.suspect(p)
	base := max(p.confirmed, p.since)
	unconfirmed := base + s
	if p.inView {
		unconfirmed = base + s/2
	}
	gap := pingGap
	if p.pinged >= base+4*s {
		gap = m.interval()
	}
	return max(min(p.sign+s/2, unconfirmed), p.pinged+gap)
}

// probe sends PING, and from 3/4 of suspect without a sign of life also
// through two others (SWIM, Das et al., DSN 2002, section 3.1).
func (m *Membership) probe(now time.Duration, p *peer) {
	p.pinged = now
	ping := wire.Ping{Origin: m.self.Incarnation, Target: p.Incarnation}
	m.send(p.Incarnation, ping)
	if within(now, p.sign, m.suspect(p)*3/4) {
		return
	}
	var helpers []*peer // who says that it hears p
	for _, o := range m.others.byKey {
		if o != p && o.hears.has(p.slot) && m.countsOn(now, o) {
			helpers = append(helpers, o)
		}
	}
	for i := 0; i < 2 && i < len(helpers); i++ {
		j := i + m.cfg.Rand.IntN(len(helpers)-i)
		helpers[i], helpers[j] = helpers[j], helpers[i]
		m.send(helpers[i].Incarnation, ping)
	}
}

// Ping takes a PING. Its target answers: to who sent it, and if that one asks
// for another, to the other as well. Anybody else passes it on, once.
//
// The target answers only if its heartbeat would name the origin: if it hears
// it and knows its key. Else PONG and heartbeat would contradict each other, and
// the origin would count on the target and not, in turns.
func (m *Membership) Ping(now time.Duration, from uint64, p wire.Ping) {
	if m.others.byID[from] == nil {
		return
	}
	if p.Target != m.self.Incarnation {
		if target := m.others.byID[p.Target]; from == p.Origin && target != nil && m.hears(now, target) {
			m.send(p.Target, p)
		}
		return
	}
	origin := m.others.byID[p.Origin]
	if origin == nil || !origin.known || !m.hears(now, origin) {
		return
	}
	pong := wire.Pong{Of: m.self.Incarnation, To: p.Origin, Counter: origin.heard.last}
	m.send(p.Origin, pong)
	if from != p.Origin {
		m.send(from, pong)
	}
}

// Pong takes a PONG, or passes it on, once, to whom it is for. One that came
// through another is a sign of life only if what it confirms is fresh.
func (m *Membership) Pong(now time.Duration, from uint64, p wire.Pong) {
	m.moved = true
	if m.others.byID[from] == nil {
		return
	}
	if p.To != m.self.Incarnation {
		if to := m.others.byID[p.To]; from == p.Of && to != nil && m.hears(now, to) {
			m.send(p.To, p)
		}
		return
	}
	of := m.others.byID[p.Of]
	if of == nil || !of.live {
		return
	}
	if m.confirm(now, of, p.Counter) && from != p.Of {
		m.signOfLife(now, of)
	}
}
