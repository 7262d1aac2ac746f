package lab

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Plan bounds what Generate makes. The zero value of a field leaves it to chance.
type Plan struct {
	Members int // exactly so many
	Ops     int // exactly so many
	Lasts   time.Duration
	Calm    bool    // no faults: people talk, and that is all
	Only    []Fault // these kinds of faults, and no others; nil: a random subset
}

// Fault is a kind of fault that a run has, or has not.
type Fault string

// The kinds of faults.
const (
	FaultLoss    Fault = "loss"
	FaultBurst   Fault = "burst"
	FaultRepeat  Fault = "repeat"
	FaultReorder Fault = "reorder"
	FaultDelay   Fault = "delay"
	FaultFlip    Fault = "flip"
	FaultStale   Fault = "stale"
	FaultMTU     Fault = "mtu"
	FaultBuffer  Fault = "buffer"
	FaultPart    Fault = "partition"
	FaultDeaf    Fault = "deaf"
	FaultOneWay  Fault = "one-way"
	FaultBridge  Fault = "bridge"
	FaultKill    Fault = "kill"
	FaultPower   Fault = "power"
	FaultWipe    Fault = "wipe"
	FaultQuit    Fault = "quit"
	FaultLate    Fault = "late"
	FaultPause   Fault = "pause"
	FaultSleep   Fault = "sleep"
	FaultDrift   Fault = "drift"
	FaultClock   Fault = "clock"
	FaultFull    Fault = "disk-full"
	FaultIO      Fault = "disk-error"
	FaultFsync   Fault = "fsync"
	FaultRot     Fault = "rot"
	FaultCopy    Fault = "copy"
	FaultHold    Fault = "hold"
	FaultCancel  Fault = "cancel"
	FaultHeld    Fault = "held-turns" // --delay
	FaultOrder   Fault = "order"
	FaultLong    Fault = "long-lines"
)

// Faults are all kinds.
var Faults = []Fault{
	FaultLoss, FaultBurst, FaultRepeat, FaultReorder, FaultDelay, FaultFlip, FaultStale, FaultMTU, FaultBuffer,
	FaultPart, FaultDeaf, FaultOneWay, FaultBridge, FaultKill, FaultPower, FaultWipe, FaultQuit, FaultLate, FaultPause, FaultSleep,
	FaultDrift, FaultClock, FaultFull, FaultIO, FaultFsync, FaultRot, FaultCopy, FaultHold, FaultCancel, FaultHeld, FaultOrder, FaultLong,
}

// rare are those of which one in a run is enough.
var rare = []Fault{FaultWipe, FaultCopy, FaultClock}

// signedOneIn is the share of runs with real signatures and sealed datagrams: they take
// ten times as long.
const signedOneIn = 64

// savedOneIn is the share of runs with checkpoints: SQLite takes ten times as long, too.
const savedOneIn = 48

// Generate makes a schedule from a seed: with a random subset of all faults (swarm
// testing; Groce et al., ISSTA 2012), since some hide others.
func Generate(seed uint64, plan Plan) *Schedule {
	rng := rand.New(rand.NewPCG(seed, 0x5eed))
	s := &Schedule{Seed: seed, Members: plan.Members, Replicas: 1 + rng.IntN(3), Net: near, Signed: rng.IntN(signedOneIn) == 0, Saved: rng.IntN(savedOneIn) == 0}
	if s.Members == 0 {
		s.Members = pick(rng, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9)
	}
	with := map[Fault]bool{}
	share := rng.IntN(3)
	for _, f := range Faults {
		some := rng.IntN(6) <= share
		switch {
		case plan.Calm:
		case plan.Only != nil:
			with[f] = slices.Contains(plan.Only, f)
		default:
			with[f] = some
		}
	}
	g := generator{rng, s, with}
	g.net()
	s.Until = plan.Lasts
	if s.Until == 0 {
		s.Until = 3*time.Second + within(rng, 12*time.Second)
	}
	if with[FaultDrift] {
		for range s.Members {
			s.Drift = append(s.Drift, rng.IntN(21)-10)
		}
	}
	if with[FaultLate] {
		for range s.Members {
			s.Late = append(s.Late, max(0, within(rng, 2*s.Until)-s.Until))
		}
		s.Late[rng.IntN(s.Members)] = 0
	}
	s.Arrival = with[FaultOrder] && rng.IntN(4) == 0
	ops := plan.Ops
	if ops == 0 {
		ops = 5 + rng.IntN(120)
	}
	for range ops {
		op := g.op()
		s.Ops = append(s.Ops, op)
		if op.Do == DoHold && rng.IntN(3) == 0 {
			s.Ops = append(s.Ops, g.stall(op)...)
		}
	}
	slices.SortStableFunc(s.Ops, func(a, b Op) int { return cmp.Compare(a.At, b.At) })
	return s
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

type generator struct {
	rng  *rand.Rand
	s    *Schedule
	with map[Fault]bool
}

func (g *generator) net() {
	n := &g.s.Net
	has := func(f Fault) bool { return g.with[f] }
	if has(FaultLoss) {
		n.Loss = pick(g.rng, 10, 50, 100, 300)
	}
	if has(FaultBurst) {
		n.Burst = pick(g.rng, 2, 10, 20)
	}
	if has(FaultRepeat) {
		n.Repeat = pick(g.rng, 20, 100, 300)
	}
	if has(FaultReorder) {
		n.Reorder, n.HoldBack = pick(g.rng, 20, 100, 300), pick(g.rng, 5*time.Millisecond, 50*time.Millisecond, time.Second)
	}
	if has(FaultDelay) {
		n.MaxDelay = pick(g.rng, 5*time.Millisecond, 20*time.Millisecond, 60*time.Millisecond)
	}
	if has(FaultFlip) {
		n.Flip, n.Truncate = pick(g.rng, 10, 50), pick(g.rng, 0, 10, 50)
	}
	if has(FaultStale) {
		n.Stale = pick(g.rng, 10, 50, 200)
	}
	if has(FaultMTU) {
		n.MTU = pick(g.rng, 300, 600, 1100)
	}
	if has(FaultBuffer) {
		n.Buffer = pick(g.rng, 4, 16, 64)
	}
}

// stall has a member stand still while it holds the floor.
func (g *generator) stall(hold Op) []Op {
	op := Op{At: min(hold.At+within(g.rng, 300*time.Millisecond), g.s.Until), M: hold.M, For: time.Second + within(g.rng, 3*time.Second)}
	switch {
	case g.with[FaultSleep]:
		op.Do = DoSleep
	case g.with[FaultPause]:
		op.Do = DoPause
	default:
		return nil
	}
	return []Op{op}
}

// op draws one operation. Most are lines.
func (g *generator) op() Op {
	rng, s := g.rng, g.s
	op := Op{At: within(rng, s.Until), Do: DoSay, M: rng.IntN(s.Members), N: 1 + max(0, rng.IntN(8)-4)}
	if rng.IntN(2) == 0 {
		op.At = max(op.At, 2*time.Second) // when those who started first may speak
		op.At = min(op.At, s.Until)
	}
	if g.with[FaultLong] && rng.IntN(8) == 0 {
		op.Size = pick(rng, 900, 1500, 8000)
	}
	if rng.IntN(3) > 0 {
		return op
	}
	f := Faults[rng.IntN(len(Faults))]
	if s.Saved && rng.IntN(4) == 0 {
		return Op{At: op.At, M: op.M, Do: DoAdvance}
	}
	if !g.with[f] || slices.Contains(rare, f) && rng.IntN(8) > 0 {
		return op
	}
	some := func(most time.Duration) time.Duration { return 10*time.Millisecond + within(rng, most) }
	what := Op{At: op.At, M: op.M}
	switch f {
	case FaultPart:
		what.Do, what.Set, what.For = DoPart, rng.Uint64()&(1<<s.Members-1), some(5*time.Second)
	case FaultDeaf:
		what.Do, what.For = pick(rng, DoDeaf, DoMute), some(4*time.Second)
	case FaultOneWay:
		what.Do, what.N, what.For = DoOneWay, rng.IntN(s.Members), some(4*time.Second)
	case FaultBridge:
		what.Do, what.For = DoBridge, some(4*time.Second)
	case FaultKill:
		what.Do, what.N, what.For = DoKill, rng.IntN(40), some(3*time.Second)
	case FaultPower:
		what.Do, what.N, what.For = DoPower, rng.IntN(40), some(3*time.Second)
	case FaultWipe:
		what.Do, what.For = DoWipe, some(3*time.Second)
	case FaultQuit:
		what.Do, what.For = DoQuit, some(3*time.Second)
	case FaultPause:
		what.Do, what.For = DoPause, some(pick(rng, 100*time.Millisecond, 2*time.Second, 5*time.Second))
	case FaultSleep:
		what.Do, what.For = DoSleep, some(5*time.Second)
	case FaultClock:
		what.Do, what.For = DoClock, some(3*time.Second)-time.Second
	case FaultFull:
		what.Do, what.For = DoFull, some(3*time.Second)
	case FaultIO:
		what.Do, what.N, what.For = DoIO, pick(rng, 10, 100, 500), some(3*time.Second)
	case FaultFsync:
		what.Do, what.N, what.For = DoFsync, pick(rng, 100, 500, 1000), some(3*time.Second)
	case FaultRot:
		what.Do, what.N = DoRot, rng.IntN(s.Replicas)
	case FaultCopy:
		what.Do = DoCopy
	case FaultHold:
		what.Do, what.For = DoHold, some(pick(rng, 500*time.Millisecond, 4*time.Second))
		if rng.IntN(3) == 0 {
			what.Do, what.For = DoRelease, 0
		}
	case FaultCancel:
		what.Do = DoCancel
	case FaultHeld:
		what.Do, what.For = DoDelay, pick(rng, 0, some(2*time.Second))
	case FaultOrder:
		what.Do, what.N = DoOrder, rng.IntN(2)
	default:
		if rng.IntN(8) > 0 {
			return op
		}
		what.Do = DoSync
	}
	return what
}
