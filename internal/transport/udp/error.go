package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Kinds of failure, to be told apart with errors.Is. The first four come from
// Open, as an *Error; Send may return ErrNoInterface too.
var (
	// ErrNotMulticast: the group is no multicast address, or has no port.
	ErrNotMulticast = errors.New("udp: not a multicast group")
	// ErrNoInterface: no network interface can carry the group now.
	ErrNoInterface = errors.New("udp: no usable network interface")
	// ErrUnknownInterface: an interface asked for does not exist.
	ErrUnknownInterface = errors.New("udp: no such network interface")
	// ErrPortTaken: another program has the group's port and does not share it.
	ErrPortTaken = errors.New("udp: port taken")
	// ErrTooLong: the datagram is longer than MaxDatagram.
	ErrTooLong = errors.New("udp: datagram too long")
	// ErrAddress: what to send to is no address and port of the group's family.
	ErrAddress = errors.New("udp: not an address that can be sent to")
)

// Error tells why the group cannot be used. Error gives one sentence for
// people; the fields let a user interface say the same in its own words.
type Error struct {
	Kind       error          // ErrNotMulticast, ErrNoInterface, ErrUnknownInterface or ErrPortTaken
	Group      netip.AddrPort // the group that was asked for
	Interfaces []string       // those it is about; with ErrNoInterface, those asked for (empty: any)
	Existing   []string       // the interfaces of this machine
	Err        error          // what the system said, if it said anything
}

func (e *Error) Error() string {
	switch e.Kind {
	case ErrNotMulticast:
		return fmt.Sprintf("%v is not a multicast group: give an IPv4 address from 224.0.0.0 to 239.255.255.255, "+
			"or an IPv6 address that begins with ff and has no zone, and a port from 1 to 65535", e.Group)
	case ErrUnknownInterface:
		return fmt.Sprintf("no network interface is called %s: this machine has %s",
			strings.Join(e.Interfaces, ", "), listed(e.Existing))
	case ErrPortTaken:
		return fmt.Sprintf("UDP port %d is taken by a program that does not share it (%v): "+
			"stop that program, or use another port in the whole group", e.Group.Port(), e.Err)
	}
	if e.Err != nil {
		return fmt.Sprintf("%v cannot be joined on any network interface: %v", e.Group, e.Err)
	}
	family := "IPv4"
	if e.Group.Addr().Is6() {
		family = "IPv6"
	}
	if len(e.Interfaces) > 0 {
		return fmt.Sprintf("%s: not up, or without an %s address, so that %v cannot be reached: bring it up, or use another (this machine has %s)",
			strings.Join(e.Interfaces, ", "), family, e.Group, listed(e.Existing))
	}
	return fmt.Sprintf("no network interface is up with an %s address, so that %v cannot be reached: "+
		"connect this machine to a network, or bring its loopback interface up", family, e.Group)
}

// Unwrap gives the kind and what the system said.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func listed(names []string) string {
	if len(names) == 0 {
		return "no others"
	}
	return strings.Join(names, ", ")
}

// explain says in words what doing something ran into, and what to do about it.
// The error of the system stays reachable with errors.Is.
func explain(doing string, err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("udp: %s: the network took nothing for %v; it is slow or stuck: %w", doing, sendWait, os.ErrDeadlineExceeded)
	case errors.Is(err, net.ErrClosed):
		return fmt.Errorf("udp: %s: %w", doing, net.ErrClosed)
	case !errors.As(err, &errno):
		return fmt.Errorf("udp: %s: %w", doing, err)
	case slices.Contains(forbidden, errno):
		return fmt.Errorf("udp: %s: %w; a firewall or a policy of this machine forbids it", doing, errno)
	case slices.Contains(unreachable, errno):
		return fmt.Errorf("udp: %s: %w; the interface is down or has no route there", doing, errno)
	case slices.Contains(tooLong, errno):
		return fmt.Errorf("udp: %s: %w; the MTU there is too small for it", doing, errno)
	case slices.Contains(full, errno):
		return fmt.Errorf("udp: %s: %w; the system has no buffer or no membership left for it", doing, errno)
	}
	return fmt.Errorf("udp: %s: %w", doing, errno)
}
