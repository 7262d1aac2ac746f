package node

import (
	"time"

	"github.com/papo-chat/papo/internal/peer"
)

// readApart is how long reading both clocks may take; longer, and they are
// read again: the process was interrupted between the two.
const readApart = 10 * time.Millisecond

// Clock reads the time. Boot counts while the machine sleeps, see bootTime.
type Clock struct {
	boot func() time.Duration
	wall func() time.Time
}

// SystemClock is the machine's clock.
func SystemClock() Clock { return Clock{boot: bootTime, wall: time.Now} }

// Boot is the time since some fixed moment, time asleep included.
func (c Clock) Boot() time.Duration { return c.boot() }

// Now reads both clocks at one moment: Boot, Wall and Boot again.
func (c Clock) Now() peer.Now {
	for {
		before := c.boot()
		wall := c.wall()
		after := c.boot()
		if after-before <= readApart {
			// Round strips Go's own monotonic reading, which stops in sleep.
			return peer.Now{Boot: before, Wall: wall.Round(0)}
		}
	}
}
