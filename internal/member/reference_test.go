package member

import (
	"bytes"
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
)

// referenceView is the rule of the view once more, as slowly and plainly as
// docs/PROTOCOL.md says it: from the heartbeats, with no slots and no order
// that was kept. before is the view until now.
func referenceView(m *Membership, before floor.View, now time.Duration) floor.View {
	self := m.self
	if m.quiet || m.full {
		return floor.NewView(self)
	}
	var all []*peer // whom this member counts on
	for _, p := range m.others.byID {
		s := max(time.Second, 4*m.interval(), 4*p.interval)
		silent := now-p.sign >= s || now-p.direct >= s+s/2
		if p.known && p.live && !silent && p.Key != self.Key && p.hasBeat && !p.quiet &&
			now-p.confirmed < s && now-p.beatAt < 3*s {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *peer) int {
		if a.Less(b.Member) {
			return -1
		}
		return 1
	})
	names := func(p *peer, inc uint64) (named, inView bool) {
		for _, h := range p.says {
			if h.Incarnation == inc {
				return true, h.InView
			}
		}
		return false, false
	}
	lower := func(a, b [32]byte) bool { return bytes.Compare(a[:], b[:]) < 0 }

	for _, p := range all {
		if _, inView := names(p, self.Incarnation); !lower(p.Key, self.Key) || p.leader != p.Incarnation || !inView {
			continue
		}
		members := []floor.Member{p.Member}
		unknown := false
		for _, h := range p.says {
			o := m.others.byID[h.Incarnation]
			switch {
			case !h.InView:
			case h.Incarnation == self.Incarnation:
				members = append(members, self)
			case o == nil || !o.known:
				unknown = true
			default:
				members = append(members, o.Member)
			}
		}
		if v := floor.NewView(members...); !unknown && v.Hash() == p.view {
			return v
		}
	}

	var taken []*peer
	for _, present := range []bool{true, false} {
		for _, p := range all {
			if before.Has(p.Member) != present || !lower(self.Key, p.Key) || len(taken)+1 >= m.cfg.MaxMembers {
				continue
			}
			if l := m.others.byID[p.leader]; p.leader != p.Incarnation && p.leader != self.Incarnation && (m.others.byID[p.leader] != nil || !m.gone.has(p.leader, 0)) {
				fallen := l != nil && l.known && !l.live && present && now-l.dropped < max(time.Second, 4*m.interval(), 4*l.interval)/2
				if l == nil || !l.known || lower(l.Key, self.Key) && !fallen {
					continue
				}
			}
			fits := true
			for _, o := range taken {
				a, _ := names(p, o.Incarnation)
				b, _ := names(o, p.Incarnation)
				fits = fits && a && b && o.Key != p.Key
			}
			if fits {
				taken = append(taken, p)
			}
		}
	}
	members := []floor.Member{self}
	for _, p := range taken {
		members = append(members, p.Member)
	}
	return floor.NewView(members...)
}
