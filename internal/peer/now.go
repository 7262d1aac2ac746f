package peer

import "time"

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
