package e2e

import (
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// faults are what a directed link does to a frame, each by itself and with its
// own probability.
type faults struct {
	loss   float64
	repeat float64
	delay  float64       // how likely it waits, so that later ones overtake it
	most   time.Duration // for how long at most
}

// counts are what the links did.
type counts struct{ frames, lost, repeated, delayed, cut int }

// link is one direction between two ports.
type link struct {
	mu   sync.Mutex
	rand *rand.Rand
	down bool
	counts
}

// tapSwitch is a switch between TAP devices, one in each host's namespace.
type tapSwitch struct {
	hosts  []*namespace
	ports  []*os.File
	links  [][]*link // [from][to]
	faults faults
}

// newTapSwitch connects n hosts over links with these faults. The seed decides
// the fate of each link's frames, in the order in which they come.
func newTapSwitch(t *testing.T, n int, seed uint64, f faults) *tapSwitch {
	t.Helper()
	s := &tapSwitch{faults: f}
	for i := range n {
		host := newNamespace(t)
		s.hosts = append(s.hosts, host)
		s.ports = append(s.ports, openTap(t, host))
		host.command("ip link set eth0 txqueuelen 10000")
		row := make([]*link, n)
		for j := range row {
			row[j] = newLink(seed, i, j)
		}
		s.links = append(s.links, row)
	}
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() { s.forward(i) })
	}
	t.Cleanup(func() {
		for _, p := range s.ports {
			p.Close()
		}
		done.Wait()
	})
	for i, host := range s.hosts {
		host.address(i)
	}
	return s
}

// openTap makes eth0 in the namespace. Frames that the host sends are read
// from the file, one a read, and what is written to it the host receives.
func openTap(t *testing.T, host *namespace) *os.File {
	t.Helper()
	var fd int
	var err error
	host.do(func() {
		fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		var req *unix.Ifreq
		if req, err = unix.NewIfreq("eth0"); err != nil {
			return
		}
		req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	})
	if err != nil {
		t.Fatalf("no TAP device can be made: %v", err)
	}
	return os.NewFile(uintptr(fd), "tap")
}

// forward carries what host i sends, until its port is closed.
func (s *tapSwitch) forward(i int) {
	frame := make([]byte, 1<<16)
	for {
		n, err := s.ports[i].Read(frame)
		if err != nil {
			return
		}
		if n < 14 {
			continue
		}
		group, to := frame[0]&1 != 0, int(frame[5])
		for j := range s.ports {
			if j != i && (group || j == to) {
				s.carry(i, j, frame[:n])
			}
		}
	}
}

// carry puts one frame on the link from i to j.
func (s *tapSwitch) carry(i, j int, frame []byte) {
	for _, wait := range s.links[i][j].fate(s.faults) {
		if wait == 0 {
			_, _ = s.ports[j].Write(frame) // a host that is not up yet hears nothing
			continue
		}
		late := slices.Clone(frame)
		time.AfterFunc(wait, func() { _, _ = s.ports[j].Write(late) })
	}
}

func newLink(seed uint64, from, to int) *link {
	return &link{rand: rand.New(rand.NewPCG(seed, uint64(from)<<32|uint64(to)))}
}

// fate says for each copy of a frame that arrives how long it waits before.
func (l *link) fate(f faults) []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames++
	if l.down {
		l.cut++
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
	waits := make([]time.Duration, copies)
	for i := range waits {
		if l.rand.Float64() < f.delay {
			l.delayed++
			waits[i] = time.Duration(1 + l.rand.Int64N(int64(f.most)))
		}
	}
	return waits
}

// split cuts all links between hosts of different sides; host i is on side
// sides[i]. All on one side: the network is whole.
func (s *tapSwitch) split(sides ...int) {
	for i, row := range s.links {
		for j, l := range row {
			l.mu.Lock()
			l.down = sides[i] != sides[j]
			l.mu.Unlock()
		}
	}
}

// total adds up what all links did.
func (s *tapSwitch) total() (sum counts) {
	for _, row := range s.links {
		for _, l := range row {
			l.mu.Lock()
			sum.frames += l.frames
			sum.lost += l.lost
			sum.repeated += l.repeated
			sum.delayed += l.delayed
			sum.cut += l.cut
			l.mu.Unlock()
		}
	}
	return sum
}
