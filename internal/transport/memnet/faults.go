// Package memnet is a network in memory with faults, for tests: Queue without
// goroutines or clock, for drivers that must repeat a run exactly, and Net with
// nodes that behave as other transports do. Both treat links the same way and
// draw everything from one seeded source.
package memnet

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Faults is how one link, in one direction, treats datagrams. The zero value
// carries everything at once and in order.
type Faults struct {
	// Cut loses everything.
	Cut bool
	// Loss, Duplicate and Reorder are probabilities from 0 to 1: that a datagram
	// is lost, that it comes twice, and that it is held back so that later ones
	// overtake it. Each copy of a datagram is held back or not by itself.
	Loss, Duplicate, Reorder float64
	// MinDelay and MaxDelay bound the time on the way, evenly distributed.
	// Delay alone changes no order: who would overtake waits.
	MinDelay, MaxDelay time.Duration
	// HoldBack is the most that a reordered datagram is later than it would be.
	// Zero: 10 ms.
	HoldBack time.Duration
}

const defaultHoldBack = 10 * time.Millisecond

// Check tells what is wrong with f; nil if nothing is.
func (f Faults) Check() error {
	for _, p := range []struct {
		name string
		v    float64
	}{{"loss", f.Loss}, {"duplicate", f.Duplicate}, {"reorder", f.Reorder}} {
		if !(p.v >= 0 && p.v <= 1) {
			return fmt.Errorf("memnet: %s %v: a probability is from 0 to 1", p.name, p.v)
		}
	}
	if f.MinDelay < 0 || f.MaxDelay < f.MinDelay || f.HoldBack < 0 {
		return fmt.Errorf("memnet: delay %v to %v, hold back %v: they must not be negative, nor the most less than the least",
			f.MinDelay, f.MaxDelay, f.HoldBack)
	}
	return nil
}

// link is one direction between two nodes.
type link struct {
	faults Faults
	last   time.Duration // when the last datagram that kept its place arrives
}

// send gives the times at which copies of a datagram sent now arrive: none, one
// or two. It always draws the same number of times, so that in a run where one
// fault is left out everything else stays as it was.
func (l *link) send(rng *rand.Rand, now time.Duration) (at [2]time.Duration, copies int) {
	f := l.faults
	lost := rng.Float64() < f.Loss
	twice := rng.Float64() < f.Duplicate
	holdBack := f.HoldBack
	if holdBack == 0 {
		holdBack = defaultHoldBack
	}
	var arrival [2]time.Duration
	var held [2]bool
	for i := range arrival {
		arrival[i] = now + f.MinDelay + part(rng, f.MaxDelay-f.MinDelay)
		held[i] = rng.Float64() < f.Reorder
		back := part(rng, holdBack)
		if held[i] {
			arrival[i] += back
		}
	}
	if lost || f.Cut {
		return at, 0
	}
	copies = 1
	if twice {
		copies = 2
	}
	for i := range copies {
		if !held[i] {
			arrival[i] = max(arrival[i], l.last)
			l.last = arrival[i]
		}
		at[i] = arrival[i]
	}
	return at, copies
}

// part draws a time from 0 to the whole of d.
func part(rng *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(rng.Float64() * float64(d))
}
