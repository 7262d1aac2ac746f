package floor

import (
	"fmt"
	"time"
)

// MaxTime bounds Lamport times: what is not below 2^53 is refused.
const MaxTime = 1 << 53

// Stamp is the place of a request in the one order of requests: by Lamport
// time, ties by incarnation.
type Stamp struct {
	TS          uint64
	Incarnation uint64
}

// Before tells whether s comes earlier in the order of requests.
func (s Stamp) Before(o Stamp) bool {
	return s.TS < o.TS || s.TS == o.TS && s.Incarnation < o.Incarnation
}

// Message is what members say to each other: Req, Rep, Wait or Release.
type Message interface{ fmt.Stringer }

// Req asks for the floor. TS is the Lamport time when its sender began to ask
// and stays the same through every re-send; K numbers the sendings of an
// incarnation; View is the view that it was asked with.
type Req struct {
	TS   uint64
	K    uint32
	View ViewHash
}

// Grant is a permission for one request of To, in answer to its sending K.
type Grant struct {
	To Member
	TS uint64
	K  uint32
}

// Rep carries permissions of its sender. One that HandOver gives, on leaving,
// carries those of all that waited, in the order of their requests.
type Rep struct {
	View     ViewHash
	Clock    uint64
	Grants   []Grant
	HandOver bool // its sender has just left the floor
}

// Why is the reason for a deferral.
type Why uint8

// The reasons: the deferrer holds the floor; it asks, with an earlier request;
// a member that is not in its view may still use a permission that it gave.
const (
	WhyHolding Why = 1
	WhyAsking  Why = 2
	WhyGrant   Why = 3
)

func (w Why) String() string {
	switch w {
	case WhyHolding:
		return "holding"
	case WhyAsking:
		return "asking"
	case WhyGrant:
		return "grant"
	}
	return fmt.Sprintf("why-%d", uint8(w))
}

// Wait tells an asker (To, an incarnation) that its request TS was heard and
// is deferred, so that deferred differs from lost. Place is how many wait
// before it, Left how long the reason may last (0: not known).
type Wait struct {
	To    uint64
	TS    uint64
	Place uint16
	Why   Why
	Left  time.Duration
}

// Release takes back request TS of its sender and all older ones.
type Release struct {
	TS uint64
}

func (m Req) String() string { return fmt.Sprintf("REQ ts=%d k=%d view=%v", m.TS, m.K, m.View) }

func (m Rep) String() string {
	s := fmt.Sprintf("REP view=%v clock=%d", m.View, m.Clock)
	for _, g := range m.Grants {
		s += fmt.Sprintf(" [to=%d ts=%d k=%d]", g.To.Incarnation, g.TS, g.K)
	}
	if m.HandOver {
		s += " hand-over"
	}
	return s
}

func (m Wait) String() string {
	return fmt.Sprintf("WAIT to=%d ts=%d place=%d why=%v left=%v", m.To, m.TS, m.Place, m.Why, m.Left)
}

func (m Release) String() string { return fmt.Sprintf("RELEASE ts=%d", m.TS) }
