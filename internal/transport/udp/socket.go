package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// The least receive buffer worth asking for.
const minReceiveBuffer = 64 << 10

// membership is what ipv4.PacketConn and ipv6.PacketConn have in common.
type membership interface {
	JoinGroup(ifi *net.Interface, group net.Addr) error
	LeaveGroup(ifi *net.Interface, group net.Addr) error
}

// listen opens a UDP socket on any address. A shared one lets other programs
// that share it too listen on the same port.
func listen(group netip.AddrPort, port uint16, shared bool) (*net.UDPConn, error) {
	v6 := group.Addr().Is6()
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) { err = prepare(fd, v6, shared) }); e != nil {
			return e
		}
		return err
	}}
	conn, err := lc.ListenPacket(context.Background(), network(group), ":"+strconv.Itoa(int(port)))
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

func network(group netip.AddrPort) string {
	if group.Addr().Is6() {
		return "udp6"
	}
	return "udp4"
}

// openSockets opens the socket on which the group is heard and the one that
// sends everything. Both have multicast loopback on: most systems look at the
// sender's option, Windows looks at the receiver's.
func openSockets(cfg Config) (hear, send *net.UDPConn, err error) {
	hear, err = listen(cfg.Group, cfg.Group.Port(), true)
	if err != nil {
		if errno := syscall.Errno(0); errors.As(err, &errno) && slices.Contains(taken, errno) {
			err = &Error{Kind: ErrPortTaken, Group: cfg.Group, Err: errno}
		}
		return nil, nil, err
	}
	send, err = listen(cfg.Group, 0, false)
	if err != nil {
		return nil, nil, errors.Join(err, hear.Close())
	}
	for _, c := range []*net.UDPConn{hear, send} {
		if err := setMulticast(c, cfg); err != nil {
			return nil, nil, errors.Join(err, hear.Close(), send.Close())
		}
		setReceiveBuffer(c, cfg.ReceiveBuffer)
	}
	return hear, send, nil
}

func setMulticast(c *net.UDPConn, cfg Config) error {
	if cfg.Group.Addr().Is6() {
		p := ipv6.NewPacketConn(c)
		return errors.Join(p.SetMulticastHopLimit(cfg.TTL), p.SetMulticastLoopback(true))
	}
	p := ipv4.NewPacketConn(c)
	return errors.Join(p.SetMulticastTTL(cfg.TTL), p.SetMulticastLoopback(true))
}

func memberships(c *net.UDPConn, group netip.AddrPort) membership {
	if group.Addr().Is6() {
		return ipv6.NewPacketConn(c)
	}
	return ipv4.NewPacketConn(c)
}

// setReceiveBuffer asks for n bytes. Linux and Windows give what they can;
// macOS and the BSDs refuse what is over their limit, so less is asked then.
func setReceiveBuffer(c *net.UDPConn, n int) {
	for c.SetReadBuffer(n) != nil && n > minReceiveBuffer {
		n = max(n/2, minReceiveBuffer)
	}
}
