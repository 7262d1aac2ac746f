package floor

import (
	"fmt"
	"time"
)

// Ready is what a Floor wants done after an input.
type Ready struct {
	Send   []Send
	Events []Event
	// Wake is when Tick must be called if nothing else happens before; 0: never.
	Wake time.Duration
}

// Send is a message to carry. The caller must not change it. It may be lost,
// repeated, delayed or overtaken: the protocol heals by itself.
type Send struct {
	To  []Member // nil: everybody
	Msg Message
}

// Kind names an Event.
type Kind uint8

// What can happen at a Floor.
const (
	Requested Kind = iota + 1 // this member asks; Members are those whose permission is missing
	Deferred                  // this member deferred the request WhoTS of Who, because of Why
	Granted                   // this member gave Who its permission for request WhoTS
	Entered                   // this member holds the floor, until Until at the latest
	Renewed                   // the hold may now last until Until
	Left                      // the hold is over; Why tells if its leases ended
	Cancelled                 // the request was given up
	Waited                    // Who told that it deferred this member's request
	Mismatch                  // a request of Who was ignored: its view is not this member's
	QuietOver                 // this member takes part from now on
)

var kindNames = [...]string{"", "requested", "deferred", "granted", "entered", "renewed", "left", "cancelled", "waited", "mismatch", "quiet-over"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Event is a transition, told at the moment when it happened.
type Event struct {
	At    time.Duration
	Kind  Kind
	TS    uint64 // of this member's request or hold
	Clock uint64
	View  ViewHash // entered, left: the view at entry
	Until time.Duration
	// Kept: entered on permissions kept from before, without asking anybody.
	Kept    bool
	Who     Member
	WhoTS   uint64
	Why     Why
	Place   int
	Left    time.Duration // waited: how long the reason may last
	Expired bool          // left: the leases ended before
	Stale   bool          // left: the view had changed during the hold
	Members []Member      // requested: missing; left: those answered, in order
}
