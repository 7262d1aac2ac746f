package peer

import (
	"time"

	"github.com/papo-chat/papo/internal/broken"
)

// Now is the time of an input.
type Now struct {
	// Boot is the time since some fixed moment, counted also while the machine
	// sleeps, never set and never going back. All that the protocol measures
	// it measures with this.
	Boot time.Duration
	// Wall is the time of day: for people only.
	Wall time.Time
}

// jump is how far Wall and Boot may part between two inputs before the core
// takes it that the machine slept with a clock that stopped, or that its clock
// was set.
const jump = 200 * time.Millisecond

// apart is the difference between the two clocks: constant while both run well.
func (n Now) apart() time.Duration { return time.Duration(n.Wall.UnixNano()) - n.Boot }

// mark is what the clock was at a time.
type mark struct {
	at    time.Duration
	clock uint64
}

// clock looks whether the machine slept or its clock was set, and keeps marks
// of the Lamport clock.
func (c *Core) clock(now Now) {
	if d := now.apart() - c.clocks.apart(); (d > jump || d < -jump) && !c.cfg.Without.Has(broken.SleepNoticed) {
		c.rebirth(now, CodeSlept)
	} else if c.floor.Exhausted() || c.counter > 1<<32-1<<16 {
		c.rebirth(now, CodeAnew)
	}
	c.clocks = now
	if n := len(c.marks); n == 0 || now.Boot-c.marks[n-1].at >= Beat {
		c.marks = append(c.marks, mark{now.Boot, c.floor.Clock()})
		for len(c.marks) > 1 && now.Boot-c.marks[1].at >= settleAfter {
			c.marks = c.marks[1:]
		}
	}
}

// rebirth forgets all that this incarnation was given and gave, and begins
// again as a new one. Lines that wait go on waiting. why is told.
func (c *Core) rebirth(now Now, why Code) {
	c.processDelayed(now, true)
	c.farewell(now)
	c.event(Notice{At: At(now.Boot), Code: why})
	clock := c.floor.Clock()
	if c.speaker.saying != nil {
		c.speaker.saying.orphan = true
	}
	c.be(now, clock)
	c.marks = nil
	c.joined, c.started = 0, false
	c.sync.session = nil
	c.speaker.entered = 0
	c.clocks = now
	if len(c.speaker.queue) > 0 || c.speaker.hold != nil {
		c.ask(now)
	}
}

// settledStamp is what the clock was two seconds ago, or less: below all that is
// held by a delay.
func (c *Core) settledStamp(now Now) uint64 {
	if len(c.marks) == 0 || now.Boot-c.marks[0].at < settleAfter {
		return 0
	}
	s := c.marks[0].clock
	if low, ok := c.delay.lowest(); ok && low <= s {
		s = max(low, 1) - 1
	}
	return s
}
