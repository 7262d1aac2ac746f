package e2e

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// faults are what a directed link does to a frame, each by itself and with its
// own probability.
type faults struct {
	loss    float64
	burst   float64 // that this one and those after it, up to burstMost in all, are lost
	repeat  float64
	reorder float64       // that it waits, so that later ones overtake it,
	most    time.Duration // for how long at most
	delay   time.Duration // that every frame waits
	corrupt float64       // that bits of its datagram are flipped and the checksum is taken out: the program gets it so
	damage  float64       // that bits are flipped and the checksums left: the kernel drops it
	cut     bool          // nothing gets through
}

// burstMost is how many frames a burst of losses takes at most.
const burstMost = 30

// and gives what two causes of faults do together: of each the worse.
func (f faults) and(g faults) faults {
	return faults{
		loss: max(f.loss, g.loss), burst: max(f.burst, g.burst), repeat: max(f.repeat, g.repeat),
		reorder: max(f.reorder, g.reorder), most: max(f.most, g.most), delay: max(f.delay, g.delay),
		corrupt: max(f.corrupt, g.corrupt), damage: max(f.damage, g.damage), cut: f.cut || g.cut,
	}
}

// counts are what the links did. A frame was overtaken if a later one of its
// link arrived before it.
type counts struct{ frames, lost, burst, repeated, delayed, overtaken, corrupted, damaged, cut, full int }

func (c *counts) add(d counts) {
	c.frames += d.frames
	c.lost += d.lost
	c.burst += d.burst
	c.repeated += d.repeated
	c.delayed += d.delayed
	c.overtaken += d.overtaken
	c.corrupted += d.corrupted
	c.damaged += d.damaged
	c.cut += d.cut
	c.full += d.full
}

// link is one direction between two ports. Its seed decides the fate of its
// frames, in the order in which they come.
type link struct {
	mu      sync.Mutex
	rand    *rand.Rand
	faults  faults
	bursts  int // how many more frames the present burst takes
	waiting int // frames that wait: at most mostWaiting, one more is lost
	arrived int // the latest frame that arrived, by its number
	counts
}

// mostWaiting is how many frames wait on a link: seconds of what a group says.
const mostWaiting = 4096

// arrival is one copy of a frame that gets through.
type arrival struct {
	number int // of the frame on its link
	wait   time.Duration
	frame  []byte // the one that came, or a harmed copy
}

func newLink(seed uint64, from, to int, f faults) *link {
	return &link{rand: rand.New(rand.NewPCG(seed, uint64(from)<<32|uint64(to))), faults: f}
}

// set changes the faults of the link.
func (l *link) set(f faults) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = f
}

// did tells what the link did so far.
func (l *link) did() counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// fate says which copies of a frame arrive. Each must be told to arrives.
func (l *link) fate(frame []byte) []arrival {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.faults
	l.frames++
	if f.cut {
		l.cut++
		return nil
	}
	if l.bursts == 0 && l.rand.Float64() < f.burst {
		l.bursts = 1 + l.rand.IntN(burstMost)
	}
	if l.bursts > 0 {
		l.bursts--
		l.burst++
		return nil
	}
	if l.rand.Float64() < f.loss {
		l.lost++
		return nil
	}
	copies := 1
	if l.rand.Float64() < f.repeat {
		l.repeated++
		copies = 2
	}
	var all []arrival
	for range copies {
		a := arrival{number: l.frames, wait: f.delay, frame: frame}
		if l.rand.Float64() < f.reorder {
			a.wait += time.Duration(1 + l.rand.Int64N(int64(f.most)))
		}
		if a.wait > 0 {
			if l.waiting == mostWaiting {
				l.full++
				continue
			}
			l.waiting++
			l.delayed++
		}
		if l.rand.Float64() < f.corrupt {
			if harmed, ok := corrupt(frame, l.rand); ok {
				l.corrupted++
				a.frame = harmed
			}
		} else if l.rand.Float64() < f.damage {
			l.damaged++
			a.frame = damage(frame, l.rand)
		}
		all = append(all, a)
	}
	return all
}

// arrives is called when a frame is over the link.
func (l *link) arrives(a arrival) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.wait > 0 {
		l.waiting--
	}
	if a.number < l.arrived {
		l.overtaken++
	}
	l.arrived = max(l.arrived, a.number)
}

// Where things are in a frame.
const (
	etherHeader = 14
	udpHeader   = 8
	mostFlips   = 8 // bits that are flipped in a frame
)

// corrupt gives a copy of the frame with flipped bits in what its UDP datagram
// carries. The checksum is taken out (0 stands for none, RFC 768), so that the kernel
// cannot tell. Of a frame with no such datagram there is none.
func corrupt(frame []byte, r *rand.Rand) ([]byte, bool) {
	if len(frame) < etherHeader+20 || binary.BigEndian.Uint16(frame[12:]) != 0x0800 {
		return nil, false // not IPv4
	}
	ip := frame[etherHeader:]
	header, total := int(ip[0]&15)*4, int(binary.BigEndian.Uint16(ip[2:]))
	whole := binary.BigEndian.Uint16(ip[6:])&0x3fff == 0 // no piece of a datagram
	if ip[9] != 17 || !whole || total > len(ip) || total <= header+udpHeader {
		return nil, false
	}
	harmed := slices.Clone(frame)
	udp := harmed[etherHeader+header : etherHeader+total]
	flip(udp[udpHeader:], r)
	udp[6], udp[7] = 0, 0
	return harmed, true
}

// damage gives a copy of the frame with flipped bits anywhere behind the Ethernet
// header. The checksums of IP and UDP tell the kernel.
func damage(frame []byte, r *rand.Rand) []byte {
	harmed := slices.Clone(frame)
	flip(harmed[etherHeader:], r)
	return harmed
}

// flip flips one bit or some, no bit twice.
func flip(b []byte, r *rand.Rand) {
	if len(b) == 0 {
		return
	}
	bits := len(b) * 8
	begin, step := r.IntN(bits), 1+r.IntN(bits)
	for i := range 1 + r.IntN(min(mostFlips, bits)) {
		at := (begin + i*step) % bits
		if i > 0 && at == begin {
			return // it has come round
		}
		b[at/8] ^= 1 << (at % 8)
	}
}
