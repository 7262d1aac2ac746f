package member

import (
	"math/rand/v2"
	"time"
)

const (
	// beatGap is the shortest time between two heartbeats of one member.
	beatGap = 100 * time.Millisecond

	// beatShare is each member's share of the time of the group: 95
	// heartbeats a second together, whatever its size.
	beatShare = 10500 * time.Microsecond

	// MaxBeat is the longest beat: that of the 121 members and more that a
	// full table can hold. A longer one that another tells is taken as this.
	MaxBeat = 1280 * time.Millisecond
)

// beatInterval is the beat of a member of a group of n that beats no faster
// than least. It is a whole number of milliseconds, as on the wire.
func beatInterval(least time.Duration, n int) time.Duration {
	return min(max(least, time.Duration(n)*beatShare), MaxBeat).Round(time.Millisecond)
}

// jitter spreads d over 20 %: from 0.9 to 1.1 of it.
func jitter(r *rand.Rand, d time.Duration) time.Duration {
	return d*9/10 + time.Duration(r.Int64N(int64(d)/5+1))
}

// pacer says when the next heartbeat is due: regularly, and in between when
// somebody should hear of a change. An extra heartbeat does not move the
// regular ones, so a change that all members tell at once does not make them
// beat in step from then on.
type pacer struct {
	last    time.Duration // the last one sent
	regular time.Duration
	extra   time.Duration // never: none
}

// soon asks for a heartbeat as early as the gap allows.
func (p *pacer) soon(now time.Duration) {
	if p.extra == never {
		p.extra = max(now, p.last+beatGap)
	}
}

// due returns when the next heartbeat is to be sent.
func (p *pacer) due() time.Duration {
	if p.extra != never && p.extra < p.regular {
		return p.extra
	}
	return p.regular
}

// sent records a heartbeat; interval is the time to the next regular one.
func (p *pacer) sent(now, interval time.Duration) {
	p.last, p.extra = now, never
	if p.regular <= now {
		p.regular = now + interval
	}
	p.regular = max(p.regular, now+beatGap)
}
