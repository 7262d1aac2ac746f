package e2e

import (
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tapSwitch is a switch between TAP devices, one in each host's namespace.
type tapSwitch struct {
	hosts []*namespace
	ports []*os.File
	links [][]*link // [from][to]
}

// newTapSwitch connects n hosts over links with these faults.
func newTapSwitch(t *testing.T, n int, seed uint64, f faults) *tapSwitch {
	t.Helper()
	s := &tapSwitch{}
	for i := range n {
		host := newNamespace(t)
		s.hosts = append(s.hosts, host)
		s.ports = append(s.ports, openTap(t, host))
		host.command("ip link set eth0 txqueuelen 10000")
		row := make([]*link, n)
		for j := range row {
			row[j] = newLink(seed, i, j, f)
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
	l := s.links[i][j]
	for _, a := range l.fate(frame) {
		if a.wait == 0 {
			s.deliver(l, j, a)
			continue
		}
		a.frame = slices.Clone(a.frame)
		time.AfterFunc(a.wait, func() { s.deliver(l, j, a) })
	}
}

// deliver hands a frame to host j.
func (s *tapSwitch) deliver(l *link, j int, a arrival) {
	l.arrives(a)
	_, _ = s.ports[j].Write(a.frame) // a host that is not up yet hears nothing
}

// set gives each link its faults.
func (s *tapSwitch) set(f func(from, to int) faults) {
	for i, row := range s.links {
		for j, l := range row {
			l.set(f(i, j))
		}
	}
}

// split cuts all links between hosts of different sides, and mends the others; host i
// is on side sides[i]. All on one side: the network is whole.
func (s *tapSwitch) split(sides ...int) {
	s.set(func(i, j int) faults { return faults{cut: sides[i] != sides[j]} })
}

// total adds up what all links did.
func (s *tapSwitch) total() (sum counts) {
	for _, row := range s.links {
		for _, l := range row {
			sum.add(l.did())
		}
	}
	return sum
}
