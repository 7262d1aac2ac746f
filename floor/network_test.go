package floor

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/transport/memnet"
)

const (
	leastDelay = 100 * time.Microsecond
	longAgo    = 3 * time.Second // how late a packet can be: two leases have ended by then
)

// packet is what travels. On the network it is its index in schedule.sent.
type packet struct {
	from Member
	n    uint32 // of its sender's packets
	msg  any    // a Message, a beat or a bye
}

// bye tells that its sender is gone for good.
type bye struct{}

// link sets the faults of all links; once all is healed there is but a delay.
func (s *schedule) link() {
	f := s.faults.net
	if s.healed {
		f = memnet.Faults{MinDelay: f.MinDelay, MaxDelay: f.MaxDelay}
	}
	err := s.net.SetAll(f)
	if s.faults.oneWay && !s.healed {
		err = errors.Join(err, s.net.SetLink(s.nodes[0].addr, s.nodes[1].addr, memnet.Faults{Cut: true}))
	}
	if err != nil {
		panic(err)
	}
}

// post puts a packet on the network, for these members or, if there are none, for
// everybody else. What is for some may reach others too.
func (s *schedule) post(from *node, to []Member, msg any) {
	from.n++
	b := binary.BigEndian.AppendUint32(nil, uint32(len(s.sent)))
	s.sent = append(s.sent, packet{from.self(), from.n, msg})
	s.logf("%d sends %v to %v", from.i, msg, to)
	for _, o := range s.nodes {
		meant := to == nil || slices.ContainsFunc(to, func(m Member) bool { return m.Key == o.key })
		if o != from && (meant || !s.healed && s.chance(s.faults.misdirect)) {
			s.net.Push(s.now, from.addr, o.addr, b)
		}
	}
}

// receive gives a packet to the node that it has reached.
func (s *schedule) receive(addr string, b []byte) {
	to := s.nodes[slices.IndexFunc(s.nodes, func(n *node) bool { return n.addr == addr })]
	p := s.sent[binary.BigEndian.Uint32(b)]
	s.step(to, func() {
		now := to.local(s.now)
		switch m := p.msg.(type) {
		case Message:
			to.f.Receive(now, p.from, p.n, m)
		case beat:
			to.f.Activity(now, p.from, p.n, m.asking, m.holding, m.ts)
		case bye:
			to.f.Bye(now, p.from)
			if s.chance(700) {
				left := slices.DeleteFunc(slices.Clone(to.f.view.members), func(m Member) bool { return m == p.from })
				to.f.SetView(now, NewView(left...))
			}
		}
	})
}

// beat is a heartbeat's part that concerns the floor.
func (s *schedule) beat(n *node) {
	s.after(250*time.Millisecond, func() { s.beat(n) })
	if n.dead || n.paused > s.now {
		return
	}
	ts, isAsking, isHolding := n.f.Request()
	s.post(n, nil, beat{isAsking, isHolding, ts})
}
