package lab

import (
	"time"

	"github.com/papo-chat/papo/internal/peer"
)

// epoch is the wall time at which every simulation begins.
var epoch = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// clock is a machine's clock.
type clock struct {
	base    time.Duration // of Boot, at the beginning
	drift   int           // percent by which it is too fast
	shift   time.Duration // by which Wall was set
	stopped time.Duration // for so long Boot stood still
	asleep  time.Duration // since when it does; 0: it runs
	frozen  bool          // Wall stands still with Boot
}

// elapsed is how much time has passed, as the clock counts it.
func (c *clock) elapsed(now time.Duration) time.Duration {
	return now + now*time.Duration(c.drift)/100
}

// now reads the clock.
func (c *clock) now(now time.Duration) peer.Now {
	e := c.elapsed(now)
	stopped := c.stopped
	if c.asleep != 0 {
		stopped += e - c.elapsed(c.asleep)
	}
	wall := e + c.shift
	if c.frozen {
		wall -= stopped
	}
	return peer.Now{Boot: c.base + e - stopped, Wall: epoch.Add(wall)}
}

// when is the first moment at which Boot is not before b.
func (c *clock) when(b time.Duration) time.Duration {
	e := b - c.base + c.stopped
	rate := time.Duration(100 + c.drift)
	return (e*100 + rate - 1) / rate
}
