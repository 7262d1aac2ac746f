package udp

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

const (
	// MaxDatagram is the longest datagram, in bytes, that is sent or
	// delivered: what an Ethernet frame holds, headers not counted.
	MaxDatagram = 1500

	defaultTTL           = 2
	defaultReceiveBuffer = 4 << 20
	defaultPoll          = 3 * time.Second
)

// DefaultGroup is the group that a zero Config joins.
var DefaultGroup = netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 1, 1, 1}), 5007)

// Config says which group to join and how. The zero value is ready to use.
type Config struct {
	// Group is the multicast address, IPv4 or IPv6 without a zone, and the
	// port. Zero: DefaultGroup.
	Group netip.AddrPort

	// Interfaces are the names of the network interfaces to use, loopback
	// included. They must exist when Open is called; those that are not up are
	// used as soon as they are. Empty: every interface that is up and running,
	// can multicast and has an address of the group's family; loopback only
	// while there is no other. For an IPv6 group on loopback Linux lacks a
	// route until one is made: ip -6 route add local ff00::/8 dev lo table local
	Interfaces []string

	// TTL is how many networks a multicast datagram may cross, 1 to 255; the
	// hop limit of IPv6. Zero: 2, this network and one router.
	TTL int

	// ReceiveBuffer is how many bytes the system is asked to keep, for each
	// socket, of what has come in and was not read yet. It may give less: Linux
	// gives no more than net.core.rmem_max. Zero: 4 MiB, a burst of some 3,000
	// datagrams.
	ReceiveBuffer int

	// Poll is how often the interfaces are looked at for changes. Zero: 3 s.
	Poll time.Duration

	// Changed, if not nil, is told the names of interfaces that came into use
	// and that went out of use after Open. One that was removed and made again
	// is in both. It is called from a goroutine of the transport, between
	// Start and Close, and must not call Close.
	Changed func(came, went []string)
}

// withDefaults fills in what is zero and checks the rest.
func (c Config) withDefaults() (Config, error) {
	if c.Group == (netip.AddrPort{}) {
		c.Group = DefaultGroup
	}
	c.Group = netip.AddrPortFrom(c.Group.Addr().Unmap(), c.Group.Port())
	if a := c.Group.Addr(); !a.IsMulticast() || a.Zone() != "" || c.Group.Port() == 0 {
		return c, &Error{Kind: ErrNotMulticast, Group: c.Group}
	}
	if c.TTL == 0 {
		c.TTL = defaultTTL
	}
	if c.TTL < 1 || c.TTL > 255 {
		return c, fmt.Errorf("udp: TTL %d: it must be from 1 to 255", c.TTL)
	}
	if c.ReceiveBuffer == 0 {
		c.ReceiveBuffer = defaultReceiveBuffer
	}
	if c.ReceiveBuffer < 0 {
		return c, fmt.Errorf("udp: receive buffer of %d bytes: it must not be negative", c.ReceiveBuffer)
	}
	if c.Poll == 0 {
		c.Poll = defaultPoll
	}
	if c.Poll < 0 {
		return c, fmt.Errorf("udp: polling interfaces every %v: it must not be negative", c.Poll)
	}
	c.Interfaces = slices.Clone(c.Interfaces)
	return c, nil
}
