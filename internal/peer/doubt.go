package peer

import "time"

const (
	// unheardFor is how long nobody of those that this member hears may hear it.
	unheardFor = 5 * time.Second
	// inVain is how often a request is sent in vain to a member with the same view
	// that has no reason to let this one wait: 3.2 s of it. heardWell is how long
	// after the first sending that member must have heard something else.
	inVain    = 64
	heardWell = 1600 * time.Millisecond
	// A new incarnation is quiet at first, so there are not many of them: the
	// pause between two doubles, and after two minutes without need it is the
	// first again.
	doubtFirst = 5 * time.Second
	doubtMost  = 2 * time.Minute
)

// doubt is about an incarnation that is of no use any more. Whoever is in the
// group can send in the name of another's incarnation, and one such datagram is
// enough to stop it for good: after a BYE, or a counter far ahead, nobody listens
// to it; after a RELEASE or a REQ far ahead nobody answers its requests. The
// remedy is a new incarnation, which nobody has used.
type doubt struct {
	misused bool          // somebody heard from this incarnation what it did not send
	next    time.Duration // no new incarnation before that
	pause   time.Duration
}

// tickDoubt takes a new incarnation if the present one seems to be of no use. It
// comes after the members have seen the time: who stalled must not take those
// for deaf that it should drop.
func (c *Core) tickDoubt(now Now) {
	d := &c.doubt
	since, unheard := c.members.Unheard()
	if now.Boot < d.next || !d.misused && !(unheard && now.Boot-since >= unheardFor) && !c.ignored() {
		return
	}
	if now.Boot >= d.next+doubtMost {
		d.pause = 0
	}
	d.pause = min(max(2*d.pause, doubtFirst), doubtMost)
	d.next = now.Boot + d.pause
	c.rebirth(now, CodeAnew)
	c.settle(now)
}

// ignored tells whether a member whose view is this one's answers no request,
// though it hears what is sent.
func (c *Core) ignored() bool {
	for _, m := range c.floor.View().Members() {
		since, ok := c.floor.Ignored(m, inVain)
		if !ok {
			continue
		}
		at, heard := c.members.HeardAt(m.Incarnation)
		k := c.contacts.by[m.Incarnation]
		if heard && at >= since+heardWell && k != nil && k.view == c.floor.View().Hash() {
			return true
		}
	}
	return false
}
