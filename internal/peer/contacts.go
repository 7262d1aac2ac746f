package peer

import (
	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/wire"
)

// maxContacts bounds the addresses kept. At the bound the one least recently
// added is forgotten: it is found again by its next datagram, and until then
// what is meant for it goes to everybody.
const maxContacts = 256

// contacts is where each incarnation was heard from, and what it told last.
type contacts struct {
	by    map[uint64]*contact
	order []uint64
}

type contact struct {
	address  string
	counter  uint32
	beaten   uint32 // the counter of its newest heartbeat, which said:
	activity wire.Activity
	view     floor.ViewHash
}

func (c *contacts) init() { c.by = map[uint64]*contact{} }

// heard takes the address of the newest datagram of an incarnation.
func (c *contacts) heard(p Packet) {
	k := c.by[p.Incarnation]
	if k == nil {
		if len(c.order) >= maxContacts {
			delete(c.by, c.order[0])
			c.order = c.order[1:]
		}
		k = &contact{}
		c.by[p.Incarnation] = k
		c.order = append(c.order, p.Incarnation)
	}
	if p.Counter >= k.counter {
		k.counter, k.address = p.Counter, p.From
	}
}

// beat takes what a heartbeat of inc says, if it is the newest, and tells whether
// it is.
func (c *contacts) beat(inc uint64, counter uint32, b wire.Beat) bool {
	k := c.by[inc]
	if k == nil || counter < k.beaten {
		return false
	}
	k.beaten, k.activity, k.view = counter, b.Activity, b.View
	return true
}

// holds tells whether inc held the floor at its last heartbeat.
func (c *contacts) holds(inc uint64) bool {
	k := c.by[inc]
	return k != nil && k.activity == wire.Holding
}

// address returns where inc is reached; empty, which is everybody, if that is
// not known or inc is 0.
func (c *contacts) address(inc uint64) string {
	if k := c.by[inc]; k != nil {
		return k.address
	}
	return ""
}
