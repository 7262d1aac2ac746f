package lab

import (
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/wire"
)

// While nothing changes (Schedule.Steady), so long at most
const (
	patience      = 8 * time.Second         // a line waits, or all of them while none of them is said
	gapsLast      = 1500 * time.Millisecond // the same turns are missing before one that is there
	behindLast    = 2500 * time.Millisecond // a turn is missing that was said, if no link is cut
	comparesFirst = 5 * time.Second         // records are compared when a member has started
)

// waits is for how long a member has waited for something.
type waits struct {
	unsent      int // lines
	unsentSince time.Duration
	gaps        uint64 // which turns are missing
	gapsSince   time.Duration
	old         int // so many turns were said some time ago
}

// steady tells whether promises hold that are about the time that something takes.
func (w *world) steady() bool { return w.s.Steady > 0 && w.now >= w.s.Steady && !w.healed }

func (e *waits) check(p *process) {
	w := p.w
	if w.s.Steady == 0 {
		return
	}
	h := p.core.History()
	n := p.core.Unsent()
	if n == 0 || n < e.unsent || e.unsent == 0 {
		e.unsentSince = w.now
	}
	e.unsent = n
	if g := h.Gaps(); g != e.gaps {
		e.gaps, e.gapsSince = g, w.now
	}
	if !w.steady() {
		return
	}
	if since := max(e.unsentSince, w.s.Steady); n > 0 && w.now-since > patience {
		w.wrong("waits", "%s has waited for the floor for %v, while nothing changed; its view is %v", p.m.label(), w.now-since, p.core.View())
	}
	if p.delays {
		return // what it holds back it does not lack
	}
	e.behind(p)
	if since := max(e.gapsSince, w.s.Steady); e.gaps != 0 && !w.net.isCut() && w.now-since > gapsLast {
		w.wrong("gaps", "%s has lacked the same turns for %v, while nothing changed", p.m.label(), w.now-since)
	}
}

// behind checks that a member has what was said some time ago.
func (e *waits) behind(p *process) {
	w := p.w
	away := func(m *machine) bool { return m.runs == nil } // with what nobody else has
	if w.net.isCut() || w.now < p.since+behindLast || w.check.lost || slices.ContainsFunc(w.machines, away) {
		return
	}
	said := w.check.said
	for e.old < len(said) && w.now-said[e.old].at > behindLast {
		e.old++
	}
	if n := p.core.History().Len(); n < e.old {
		w.wrong("gaps", "%s has %d turns, and %d were said more than %v ago", p.m.label(), n, e.old, behindLast)
	}
}

// compares checks that records are not compared while nothing is lost: nobody lacks what
// was said two seconds ago.
func (e *waits) compares(p *process, d peer.Datagram) {
	w := p.w
	if !w.steady() || w.now < p.since+comparesFirst || !w.s.losesNothing() {
		return
	}
	if msg, err := wire.Decode(d.Payload); err == nil && !msg.(wire.Recon).Response {
		w.wrong("needless", "%s compares its record with that of another, and nobody has lost anything", p.m.label())
	}
}

// losesNothing tells whether all that is sent arrives, soon, and all members run all the time.
func (s *Schedule) losesNothing() bool {
	return s.Net == Net{MinDelay: s.Net.MinDelay, MaxDelay: s.Net.MaxDelay} && !slices.ContainsFunc(s.Ops, func(op Op) bool {
		return !slices.Contains([]Do{DoSay, DoHold, DoRelease, DoCancel, DoDelay}, op.Do)
	})
}
