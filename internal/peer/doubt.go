package peer

import (
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
)

const (
	// unheardFor is how long nobody of those that this member hears may hear it.
	unheardFor = 5 * time.Second
	// inVain is how often a request is sent to a member with the same view that
	// answers with neither REP nor WAIT: 3.2 s of it.
	inVain = 64
	// A new incarnation is quiet at first, so there are not many of them: the
	// pause between two doubles, and after the longest one it is the first again.
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

// tickDoubt takes a new incarnation if the present one seems to be of no use.
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
}

// ignored tells whether a member whose view is this one's answers no request.
func (c *Core) ignored() bool {
	return slices.ContainsFunc(c.floor.Ignored(inVain), func(m floor.Member) bool {
		k := c.contacts.by[m.Incarnation]
		return k != nil && k.view == c.floor.View().Hash()
	})
}
