package e2e

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"
)

// datagram is a frame with a UDP datagram of this size, and with bytes behind it
// as short frames have.
func datagram(size int) []byte {
	total := 20 + udpHeader + size
	frame := make([]byte, etherHeader+total+3)
	frame[12], frame[13] = 8, 0
	frame[14] = 0x45
	frame[16], frame[17] = byte(total>>8), byte(total)
	frame[23] = 17
	frame[40], frame[41] = 0xab, 0xcd // the checksum
	return frame
}

func TestLinkFate(t *testing.T) {
	fates := func(f faults, seed uint64) (arrived int, l *link) {
		l = newLink(seed, 0, 1, f)
		for range 10_000 {
			all := l.fate(datagram(100))
			arrived += len(all)
			for i := range all {
				l.arrives(all[len(all)-1-i])
			}
		}
		return arrived, l
	}
	all := faults{loss: 0.2, burst: 0.01, repeat: 0.1, reorder: 0.25, most: 1000, corrupt: 0.1, damage: 0.1}
	arrived, l := fates(all, 1)
	if l.frames != 10_000 || arrived != l.frames-l.lost-l.burst+l.repeated || l.full > 0 || l.waiting > 0 {
		t.Errorf("%d arrive of %+v", arrived, l.counts)
	}
	for what, share := range map[string][2]int{
		"in bursts": {l.burst, 1340}, "lost": {l.lost, 1730}, "repeated": {l.repeated, 690}, "delayed": {l.delayed, 1900},
		"corrupted": {l.corrupted, 760}, "damaged": {l.damaged, 690},
	} {
		if 10*share[0] < 8*share[1] || 10*share[0] > 12*share[1] {
			t.Errorf("%s: %d of 10000, want about %d", what, share[0], share[1])
		}
	}
	if again, same := fates(all, 1); again != arrived || same.counts != l.counts {
		t.Errorf("the same seed gave %+v, then %+v", l.counts, same.counts)
	}
	if arrived, l := fates(faults{}, 1); arrived != 10_000 || l.counts != (counts{frames: 10_000}) {
		t.Errorf("without faults %d of 10000 arrive: %+v", arrived, l.counts)
	}
	if arrived, l := fates(faults{cut: true}, 1); arrived != 0 || l.cut != 10_000 {
		t.Errorf("over a cut link %d of 10000 arrive: %+v", arrived, l.counts)
	}
}

func TestLinkOvertaken(t *testing.T) {
	l := newLink(1, 0, 1, faults{delay: time.Second})
	var all []arrival
	for range 3 {
		all = append(all, l.fate(datagram(1))...)
	}
	for _, i := range []int{0, 2, 1} {
		l.arrives(all[i])
	}
	if l.overtaken != 1 || l.delayed != 3 {
		t.Errorf("one of three was overtaken, all waited; told %+v", l.counts)
	}
	for range mostWaiting + 5 {
		l.fate(datagram(1))
	}
	if l.full != 5 || l.waiting != mostWaiting {
		t.Errorf("%d of 5 too many were lost, %d wait", l.full, l.waiting)
	}
}

func TestCorrupt(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	flips := func(a, b []byte) (n int) {
		for i := range a {
			n += bits.OnesCount8(a[i] ^ b[i])
		}
		return n
	}
	for _, size := range []int{1, 2, 57, 1200} {
		frame := datagram(size)
		before := bytes.Clone(frame)
		begin, end := etherHeader+20+udpHeader, etherHeader+20+udpHeader+size
		for range 1000 {
			harmed, ok := corrupt(frame, r)
			if !ok || harmed[40] != 0 || harmed[41] != 0 {
				t.Fatalf("of %d bytes: %v, %x", size, ok, harmed)
			}
			if n := flips(harmed[begin:end], frame[begin:end]); n < 1 || n > mostFlips {
				t.Errorf("%d bits of %d bytes are flipped", n, size)
			}
			if flips(harmed[:40], frame[:40])+flips(harmed[end:], frame[end:]) > 0 {
				t.Fatalf("more than the datagram is harmed: %x", harmed)
			}
			if n := flips(damage(frame, r), frame); n < 1 || n > mostFlips {
				t.Errorf("%d bits are flipped", n)
			}
		}
		if !bytes.Equal(frame, before) {
			t.Error("the frame itself was changed")
		}
	}
	piece, arp, tcp, cut := datagram(10), datagram(10), datagram(10), datagram(10)
	piece[20] = 0x20
	arp[13] = 6
	tcp[23] = 6
	for what, frame := range map[string][]byte{
		"a piece": piece, "ARP": arp, "TCP": tcp, "cut off": cut[:30], "cut off in the datagram": cut[:45], "empty": datagram(0), "nothing": nil,
	} {
		if _, ok := corrupt(frame, r); ok {
			t.Errorf("%s was corrupted", what)
		}
	}
}
