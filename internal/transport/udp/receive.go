package udp

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

const (
	// After a read error the socket is left alone for this long, twice as long
	// after each further one in a row.
	minBackOff = time.Millisecond
	maxBackOff = time.Second

	// How many senders' addresses each receiver keeps in text. When they are
	// more, all are forgotten and written again as they come.
	maxNames = 1024
)

// reader is the part of net.UDPConn that receiving needs.
type reader interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
}

// receiver reads one socket until it is closed.
type receiver struct {
	conn    reader
	done    <-chan struct{}
	deliver func(from string, b []byte)
	fail    func(error)
	tooLong func() // counts a datagram longer than MaxDatagram
	names   map[netip.AddrPort]string
}

func (r *receiver) run() {
	r.names = make(map[netip.AddrPort]string)
	// One byte more than is accepted shows what is too long.
	buf := make([]byte, MaxDatagram+1)
	backOff := minBackOff
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil && n <= MaxDatagram:
			r.deliver(r.name(from), buf[:n])
		case err == nil || isPassing(err):
			r.tooLong()
		case errors.Is(err, net.ErrClosed):
			return
		default:
			r.fail(explain("receiving", err))
			if !r.sleep(backOff) {
				return
			}
			backOff = min(2*backOff, maxBackOff)
			continue
		}
		backOff = minBackOff
	}
}

func isPassing(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && passing(errno)
}

// sleep waits, and tells false if the transport was closed meanwhile.
func (r *receiver) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.done:
		return false
	case <-t.C:
		return true
	}
}

// name gives the address as text, the same string each time.
func (r *receiver) name(a netip.AddrPort) string {
	s, ok := r.names[a]
	if !ok {
		if len(r.names) >= maxNames {
			clear(r.names)
		}
		s = netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String()
		r.names[a] = s
	}
	return s
}
