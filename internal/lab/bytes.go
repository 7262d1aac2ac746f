package lab

import (
	"encoding/binary"
	"time"
)

// What FromBytes reads, in bytes.
const (
	headBytes = 20
	opBytes   = 6
	// MaxBytesOps bounds the operations of a schedule from bytes: what follows is ignored.
	MaxBytesOps = 100
)

// bytesDos are the operations of a schedule from bytes. New ones come last, so that
// the seeds stay what they are. A disk that lies about fsync is not among them, as no
// promise holds against it, nor are forged turns, which have tests of their own.
var bytesDos = []Do{
	DoSay, DoHold, DoRelease, DoCancel, DoAdvance, DoSync, DoDelay, DoOrder, DoQuit, DoKill, DoPower, DoWipe, DoPause, DoSleep, DoClock,
	DoPart, DoDeaf, DoMute, DoOneWay, DoSlow, DoBridge, DoFull, DoIO, DoFsync, DoRot, DoSlowDisk, DoCopy,
}

// The bounds of times in a schedule from bytes: at the bound they stay there.
const (
	bytesLast = 12 * time.Second // of the last operation
	bytesUnit = 250 * time.Microsecond
	bytesTail = 20 * time.Millisecond
)

// FromBytes makes a schedule of any bytes, for a fuzzer: a head of headBytes, then opBytes
// an operation. Bytes that are missing are 0, and bytes that are too much are ignored.
// What it gives passes Check. A small change of the bytes is a small change of the
// schedule, and 0 is the absence of a fault.
func FromBytes(b []byte) *Schedule {
	var head [headBytes]byte
	copy(head[:], b)
	h := head[2:]
	next := func() int {
		c := int(h[0])
		h = h[1:]
		return c
	}
	s := &Schedule{Seed: uint64(binary.LittleEndian.Uint16(head[:]))}
	s.Members = 1 + next()%9
	s.Replicas = 1 + next()%3
	flags := next()
	s.Arrival = flags&7 == 7                                   // no clock stops asleep: no papo can bear that
	s.Signed, s.Saved = flags&0xf8 == 0xf8, flags&0xf8 == 0xf0 // seldom, as they take long
	n := &s.Net
	n.Loss = of(next(), 0, 10, 50, 100, 300)
	n.Burst = of(next(), 0, 2, 10, 20)
	n.Repeat = of(next(), 0, 20, 100, 300)
	n.Reorder = of(next(), 0, 20, 100, 300)
	n.HoldBack = of(next(), 0, 5*time.Millisecond, 50*time.Millisecond, time.Second)
	n.MinDelay, n.MaxDelay = near.MinDelay, of(next(), near.MaxDelay, 5*time.Millisecond, 20*time.Millisecond, 60*time.Millisecond)
	n.Flip, n.Truncate = of(next(), 0, 10, 50), of(next(), 0, 10, 50)
	n.Stale = of(next(), 0, 10, 50, 200)
	n.MTU = of(next(), 0, 1100, 600, 300)
	n.Buffer = of(next(), 0, 64, 16, 4)
	drift, late, tail := next(), next(), time.Duration(next())*bytesTail

	rest := b[min(headBytes, len(b)):]
	at := time.Duration(0)
	for len(rest) >= opBytes && len(s.Ops) < MaxBytesOps {
		wait := time.Duration(rest[0])
		at = min(at+wait*wait*bytesUnit, bytesLast) // up to 16 s, and fine where it is short
		s.Ops = append(s.Ops, opOf(at, s, [opBytes]byte(rest)))
		rest = rest[opBytes:]
	}
	s.Until = at + tail
	for i := range s.Members {
		if drift > 0 {
			s.Drift = append(s.Drift, (drift+7*i)%21-10)
		}
		if late > 0 && i > 0 {
			s.Late = append(s.Late, min(time.Duration((late*i)%256)*bytesTail, s.Until))
		} else if late > 0 {
			s.Late = append(s.Late, 0)
		}
	}
	return s
}

// of chooses one of several by a byte.
func of[T any](b int, from ...T) T { return from[b%len(from)] }

// opOf makes an operation at a time of its bytes: after the wait that led to it what is
// done, the member, a number, a set of members and how long it lasts.
func opOf(at time.Duration, s *Schedule, b [opBytes]byte) Op {
	op := Op{At: at, Do: DoSay, M: int(b[2]) % s.Members}
	number, set := int(b[3]), uint64(b[4])
	lasts := 10*time.Millisecond + time.Duration(b[5])*time.Duration(b[5])*100*time.Microsecond // up to 6.5 s
	// Half of all are lines.
	if b[1]%2 == 1 {
		op.Do = of(int(b[1]/2), bytesDos...)
	}
	switch op.Do {
	case DoSay:
		op.N, op.Size = 1+number%4, of(int(set), 0, 0, 0, 0, 900, 1500, 8000)
	case DoRelease, DoCancel, DoSync, DoCopy, DoAdvance:
	case DoOrder:
		op.N = number % 2
	case DoKill, DoPower:
		op.N, op.For = number%40, lasts
	case DoClock:
		op.For = lasts - time.Second
	case DoPart:
		op.Set, op.For = (set|uint64(number)<<8)&(1<<s.Members-1), lasts
	case DoOneWay:
		op.N, op.For = number%s.Members, lasts
	case DoSlow:
		op.N, op.Size, op.For = number%s.Members, int(set), lasts
	case DoIO:
		op.N, op.For = of(number, 10, 100, 500), lasts
	case DoFsync:
		op.N, op.For = of(number, 100, 500, 1000), lasts
	case DoRot:
		op.N = number % s.Replicas
	default: // for how long is all that there is to say
		op.For = lasts
	}
	return op
}
