package lab

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// script makes a schedule by hand: one that has few faults, and those where they tell.
// What Generate makes has many, and some hide others.
type script struct {
	*Schedule
	rng *rand.Rand
}

// settled is when a group that started at 0 is one and may speak.
const settled = 2500 * time.Millisecond

func newScript(seed uint64, members int, lasts time.Duration) script {
	return script{
		&Schedule{Seed: seed, Members: members, Replicas: 1, Net: near, Until: settled + lasts},
		rand.New(rand.NewPCG(seed, 0x7e57)),
	}
}

// each adds what do gives, at random times that are every apart on the average.
func (s script) each(every time.Duration, do func(Op) Op) {
	for at := settled; ; {
		at += within(s.rng, 2*every)
		if at > s.Until {
			return
		}
		s.add(do(Op{At: at, M: s.rng.IntN(s.Members)}))
	}
}

func (s script) add(op Op) { s.Ops = append(s.Ops, op) }

// done gives the schedule, with its operations in order.
func (s script) done() *Schedule {
	slices.SortStableFunc(s.Ops, func(a, b Op) int { return cmp.Compare(a.At, b.At) })
	return s.Schedule
}

// between draws a time.
func (s script) between(least, most time.Duration) time.Duration {
	return least + within(s.rng, most-least)
}

// talk has all say a line now and then.
func (s script) talk(every time.Duration) {
	s.each(every, func(op Op) Op {
		op.Do, op.N = DoSay, 1
		return op
	})
}

// holds has members take the floor for long.
func (s script) holds(every, most time.Duration) {
	s.each(every, func(op Op) Op {
		op.Do, op.For = DoHold, s.between(time.Second, most)
		return op
	})
}

// cancels has members take back what they ask for, mostly soon after.
func (s script) cancels(every time.Duration) {
	s.each(every, func(op Op) Op {
		op.Do = DoCancel
		return op
	})
}

// cuts cuts links for a time in which views change.
func (s script) cuts(every, least, most time.Duration) {
	s.each(every, func(op Op) Op {
		op.For = s.between(least, most)
		op.Do = pick(s.rng, DoOneWay, DoOneWay, DoDeaf, DoMute, DoPart, DoBridge)
		switch op.Do {
		case DoOneWay:
			op.N = (op.M + 1 + s.rng.IntN(max(1, s.Members-1))) % s.Members
		case DoPart:
			op.Set = 1 + s.rng.Uint64N(1<<s.Members-2)
		}
		return op
	})
}

// ends has members end and start again.
func (s script) ends(do Do, every time.Duration, fuse int, most time.Duration) {
	s.each(every, func(op Op) Op {
		op.Do, op.For = do, s.between(time.Millisecond, most)
		if fuse > 0 {
			op.N = s.rng.IntN(fuse)
		}
		return op
	})
}

// slow has each write of turns take time: so long somebody has the floor.
func (s script) slow(most ...time.Duration) {
	for m := range s.Members {
		s.add(Op{At: settled, Do: DoSlowDisk, M: m, For: most[m%len(most)]})
	}
}
