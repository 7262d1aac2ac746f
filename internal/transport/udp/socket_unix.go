//go:build linux || darwin || freebsd

package udp

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// What the system's errors mean here.
var (
	taken       = []syscall.Errno{unix.EADDRINUSE}
	forbidden   = []syscall.Errno{unix.EPERM, unix.EACCES}
	unreachable = []syscall.Errno{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENETDOWN, unix.EHOSTDOWN, unix.EADDRNOTAVAIL, unix.ENODEV, unix.ENXIO}
	tooLong     = []syscall.Errno{unix.EMSGSIZE}
	full        = []syscall.Errno{unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN}
)

// passing tells whether a read error is about one datagram, not the socket.
func passing(syscall.Errno) bool { return false }

// selectInterface makes multicast leave by the interface with this index and,
// with IPv4, from this address unless it is zero.
func selectInterface(fd uintptr, v6 bool, index int, source [4]byte) error {
	if v6 {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index)
	}
	return unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Address: source, Ifindex: int32(index)})
}
