package lab

import "time"

// talk: all speak, and now and then at once.
func planTalk(seed uint64) *Schedule {
	s := newScript(seed, 3, 4*time.Second)
	s.Net.MaxDelay = 10 * ms
	s.Net.Repeat, s.Net.HoldBack = 100, 20*ms
	s.slow(20*ms, 40*ms)
	s.each(100*ms, func(op Op) Op {
		for m := range s.Members - 1 {
			s.add(Op{At: op.At + within(s.rng, 2*ms), Do: DoSay, M: (op.M + m) % s.Members, N: 1})
		}
		op.Do, op.N = DoSay, 1
		return op
	})
	for i := range s.Ops {
		s.Ops[i].At = min(s.Ops[i].At, s.Until)
	}
	return s.done()
}

// views: members hold the floor for long while views change.
func planViews(seed uint64) *Schedule {
	s := newScript(seed, 3+int(seed%2), 8*time.Second)
	s.Net.MaxDelay = 10 * ms
	s.talk(80 * ms)
	s.holds(500*ms, 4*time.Second)
	s.each(500*ms, func(op Op) Op { op.Do = DoRelease; return op })
	s.cuts(400*ms, 800*ms, 2500*ms)
	s.slow(pick(s.rng, 20*ms, 200*ms, 1200*ms))
	return s.done()
}

// late: as views, and datagrams come late, and requests are taken back.
func planLate(seed uint64) *Schedule {
	s := newScript(seed, 3, 8*time.Second)
	s.Net.MaxDelay, s.Net.Reorder, s.Net.HoldBack = 20*ms, 200, 1300*ms
	s.talk(60 * ms)
	s.holds(time.Second, 3*time.Second)
	s.cancels(150 * ms)
	s.cuts(600*ms, 800*ms, 2500*ms)
	s.slow(pick(s.rng, 20*ms, 200*ms, 1200*ms))
	return s.done()
}

func planRestarts(seed uint64) *Schedule {
	s := newScript(seed, 3, 8*time.Second)
	s.talk(60 * ms)
	s.slow(pick(s.rng, 20*ms, 200*ms, 1200*ms))
	s.holds(500*ms, 4*time.Second)
	s.each(500*ms, func(op Op) Op {
		s.add(Op{At: op.At, Do: pick(s.rng, DoDeaf, DoMute, DoPart), M: op.M, Set: 1 << op.M, For: s.between(500*ms, 2500*ms)})
		op.Do, op.For = DoKill, 1+within(s.rng, 100*ms)
		return op
	})
	return s.done()
}

func planStalls(seed uint64) *Schedule {
	s := newScript(seed, 3, 8*time.Second)
	s.talk(60 * ms)
	s.holds(800*ms, 4*time.Second)
	s.each(800*ms, func(op Op) Op {
		op.Do, op.For = DoSleep, s.between(time.Second, 4*time.Second)
		return op
	})
	return s.done()
}

// steady: some links are cut from the beginning, and stay so.
func planSteady(seed uint64) *Schedule {
	s := newScript(seed, 3+int(seed%4), 14*time.Second)
	s.Steady = settled + 2*time.Second
	s.talk(300 * ms)
	for from := range s.Members {
		for to := range s.Members {
			if from != to && s.rng.IntN(3) == 0 {
				s.add(Op{At: 2 * time.Second, Do: DoOneWay, M: from, N: to})
			}
		}
	}
	return s.done()
}

// gone: one dies, and is not started again.
func planGone(seed uint64) *Schedule {
	s := newScript(seed, 3, 13*time.Second)
	s.Steady = settled + 2*time.Second
	s.talk(300 * ms)
	s.add(Op{At: settled + 500*ms, Do: DoKill, M: s.rng.IntN(3)})
	return s.done()
}

// lossy: one network that loses a little, and nothing else.
func planLossy(seed uint64) *Schedule {
	s := newScript(seed, 3, 10*time.Second)
	s.Steady = settled
	s.Net.Loss = 100
	s.talk(250 * ms)
	return s.done()
}

func planDisk(seed uint64) *Schedule {
	s := newScript(seed, 3, 8*time.Second)
	s.talk(50 * ms)
	s.each(300*ms, func(op Op) Op {
		op.Do, op.N, op.For = pick(s.rng, DoFull, DoIO, DoFsync, DoSlowDisk), 500, s.between(100*ms, 2*time.Second)
		return op
	})
	return s.done()
}

func planKills(seed uint64) *Schedule {
	s := newScript(seed, 3, 10*time.Second)
	s.talk(50 * ms)
	s.ends(DoKill, 700*ms, 40, 200*ms)
	return s.done()
}

func planPower(seed uint64) *Schedule {
	s := newScript(seed, 3, 10*time.Second)
	s.talk(50 * ms)
	s.ends(DoPower, 700*ms, 40, 200*ms)
	return s.done()
}

func planCopies(seed uint64) *Schedule {
	s := newScript(seed, 3, 6*time.Second)
	s.talk(200 * ms)
	s.add(Op{At: settled + 500*ms, Do: DoCopy, M: s.rng.IntN(3)})
	return s.done()
}

func planParts(seed uint64) *Schedule {
	s := newScript(seed, 4, 10*time.Second)
	s.Net.Loss = 20
	s.talk(100 * ms)
	s.cuts(time.Second, 500*ms, 5*time.Second)
	return s.done()
}

func planForge(seed uint64) *Schedule {
	s := newScript(seed, 3, 3*time.Second)
	s.talk(200 * ms)
	s.each(500*ms, func(op Op) Op { op.Do = DoForge; return op })
	return s.done()
}

// old: one misses something and asks for it in vain, while the others say much more.
func planOld(seed uint64) *Schedule {
	s := newScript(seed, 3, 9200*ms)
	t := settled + 4500*ms + within(s.rng, 200*ms)
	m := s.rng.IntN(3)
	s.add(Op{At: t - 50*ms, Do: DoMute, M: m})
	s.add(Op{At: t, Do: DoDeaf, M: m, For: 100 * ms})
	s.each(15*ms, func(op Op) Op {
		op.Do, op.N, op.M = DoSay, 1, (m+1+s.rng.IntN(2))%3
		return op
	})
	return s.done()
}

// cut: two do not hear each other any more, and speak when they notice; the third hears both.
func planCut(seed uint64) *Schedule {
	s := newScript(seed, 3, 11*time.Second)
	s.Net.MaxDelay = 5 * ms
	s.slow(pick(s.rng, 100*ms, 400*ms, 1200*ms))
	for t := settled; t < s.Until-4*time.Second; t += 5500 * ms {
		o := s.rng.Perm(3)
		s.add(Op{At: t, Do: DoOneWay, M: o[0], N: o[1], For: 3 * time.Second})
		s.add(Op{At: t + within(s.rng, 200*ms), Do: DoOneWay, M: o[1], N: o[0], For: 3 * time.Second})
		for range 2 {
			for _, m := range o[:2] {
				s.add(Op{At: t + within(s.rng, 1600*ms), Do: DoSay, M: m, N: 1})
			}
		}
	}
	return s.done()
}

// far: most datagrams take up to a lease.
func planFar(seed uint64) *Schedule {
	s := newScript(seed, 3, 9*time.Second)
	s.Net.Reorder, s.Net.HoldBack, s.Net.MaxDelay = 700, 1400*ms, 50*ms
	s.slow(pick(s.rng, 200*ms, 1200*ms))
	s.talk(200 * ms)
	s.holds(700*ms, 3*time.Second)
	s.cuts(time.Second, 1500*ms, 2500*ms)
	return s.done()
}

// between: two never hear each other, and a third is now with one of them and now with the other.
func planBetween(seed uint64) *Schedule {
	s := newScript(seed, 3+int(seed%2), 10*time.Second)
	o := s.rng.Perm(s.Members)
	s.add(Op{At: 0, Do: DoOneWay, M: o[0], N: o[1]})
	s.add(Op{At: 0, Do: DoOneWay, M: o[1], N: o[0]})
	s.slow(pick(s.rng, 50*ms, 400*ms, 1200*ms))
	s.talk(80 * ms)
	s.holds(700*ms, 3*time.Second)
	s.each(700*ms, func(op Op) Op {
		op.Do, op.M, op.N, op.For = DoOneWay, o[s.rng.IntN(2)], o[2], s.between(900*ms, 2*time.Second)
		if s.rng.IntN(3) == 0 {
			op.M, op.N = op.N, op.M
		}
		return op
	})
	return s.done()
}

// stray: requests with one time, and permissions that others get too.
func planStray(seed uint64) *Schedule {
	s := newScript(seed, 3, 4*time.Second)
	s.Net.Loss, s.Net.Stray, s.Net.Reorder, s.Net.HoldBack = 200, 400, 100, 100*ms
	s.slow(20 * ms)
	s.each(150*ms, func(op Op) Op {
		for m := range s.Members - 1 {
			s.add(Op{At: op.At, Do: DoSay, M: (op.M + 1 + m) % s.Members, N: 1})
		}
		op.Do, op.N = DoSay, 1
		return op
	})
	return s.done()
}

// bye: some leave soon after another has come, and datagrams come late.
func planBye(seed uint64) *Schedule {
	s := newScript(seed, 4, 6*time.Second)
	s.Net.Loss, s.Net.Stale, s.Net.Reorder, s.Net.HoldBack = 200, 500, 300, 1300*ms
	late := s.between(3500*ms, 5*time.Second)
	s.Late = []time.Duration{0, 0, 0, late}
	for m := range 3 {
		s.add(Op{At: late + s.between(50*ms, 1500*ms), Do: DoQuit, M: m, For: 3 * time.Second})
	}
	s.each(20*ms, func(op Op) Op { op.Do = DoPeers; return op })
	return s.done()
}

// half: one does not hear another any more, which hears it.
func planHalf(seed uint64) *Schedule {
	s := newScript(seed, 3, 12*time.Second)
	s.Net.MaxDelay = 5 * ms
	s.slow(pick(s.rng, 100*ms, 400*ms, 1200*ms))
	for t := settled; t < s.Until-4*time.Second; t += 4 * time.Second {
		o := s.rng.Perm(3)
		s.add(Op{At: t, Do: DoOneWay, M: o[0], N: o[1], For: 2500 * ms})
		if s.rng.IntN(2) == 0 {
			s.add(Op{At: t + within(s.rng, time.Second), Do: DoOneWay, M: o[1], N: o[s.rng.IntN(3)], For: 2500 * ms})
		}
		for range 12 {
			s.add(Op{At: t + within(s.rng, 2500*ms), Do: DoSay, M: s.rng.IntN(3), N: 1})
		}
	}
	return s.done()
}

// busy: two have more to say than a turn takes, at once.
func planBusy(seed uint64) *Schedule {
	s := newScript(seed, 3, 2*time.Second)
	s.slow(20 * ms)
	s.each(500*ms, func(op Op) Op {
		op.Do, op.N, op.Size = DoSay, 5, 8000
		second := op
		second.M = (op.M + 1) % s.Members
		s.add(second)
		return op
	})
	return s.done()
}

// crossing: requests are taken back while they are answered.
func planCrossing(seed uint64) *Schedule {
	s := newScript(seed, 3, 5*time.Second)
	s.Net.MinDelay, s.Net.MaxDelay = 5*ms, 50*ms
	s.slow(60 * ms)
	s.talk(50 * ms)
	s.cancels(60 * ms)
	return s.done()
}

// held: one shows what comes up to two seconds later, and little is said.
func planHeld(seed uint64) *Schedule {
	s := newScript(seed, 3, 10*time.Second)
	s.Steady = settled
	s.add(Op{At: settled, Do: DoDelay, M: s.rng.IntN(3), For: 2 * time.Second})
	s.talk(time.Second)
	return s.done()
}

// ghost: one dies, and datagrams come very late.
func planGhost(seed uint64) *Schedule {
	s := newScript(seed, 3, 10*time.Second)
	s.Net.Reorder, s.Net.HoldBack = 300, 6*time.Second
	s.add(Op{At: settled + time.Second, Do: DoKill, M: s.rng.IntN(3)})
	s.talk(300 * ms)
	return s.done()
}

func planLies(seed uint64) *Schedule {
	s := newScript(seed, 3, 6*time.Second)
	s.talk(100 * ms)
	for m := range s.Members {
		s.add(Op{At: 0, Do: DoLie, M: m, For: s.Until})
	}
	s.each(700*ms, func(op Op) Op { op.Do, op.For = DoPower, 300*ms; return op })
	return s.done()
}

func planFrozen(seed uint64) *Schedule {
	s := planStalls(seed)
	s.Frozen = true
	return s
}

func planAsleep(seed uint64) *Schedule {
	s := planStalls(seed)
	s.StopsAsleep = true
	return s
}

func planDrift(seed uint64) *Schedule {
	s := newScript(seed, 3, 10*time.Second)
	s.Drift = []int{0, 0, 0}
	s.Drift[seed%3] = 30
	s.talk(60 * ms)
	s.holds(500*ms, 4*time.Second)
	s.cuts(400*ms, 800*ms, 2500*ms)
	return s.done()
}

func planSlow(seed uint64) *Schedule {
	s := newScript(seed, 3, 8*time.Second)
	s.talk(100 * ms)
	s.each(time.Second, func(op Op) Op { op.Do, op.For = DoSlowDisk, 2*time.Second; return op })
	return s.done()
}

func planHold(seed uint64) *Schedule {
	s := newScript(seed, 2, 6*time.Second)
	s.add(Op{At: settled + 100*ms, Do: DoHold, M: 0, For: time.Second})
	return s.done()
}
