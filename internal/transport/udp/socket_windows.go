package udp

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/windows"
)

// What the system's errors mean here. A port that is taken for exclusive use
// is refused as a matter of access.
var (
	taken       = []syscall.Errno{windows.WSAEADDRINUSE, windows.WSAEACCES}
	forbidden   = []syscall.Errno{windows.WSAEACCES}
	unreachable = []syscall.Errno{windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTDOWN, windows.WSAEADDRNOTAVAIL}
	tooLong     = []syscall.Errno{windows.WSAEMSGSIZE}
	full        = []syscall.Errno{windows.WSAENOBUFS, windows.WSAEWOULDBLOCK}
)

// prepare is called before the socket is bound.
func prepare(fd uintptr, _, shared bool) error {
	if !shared {
		return nil
	}
	return windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
}

// passing tells whether a read error is about one datagram, not the socket:
// Windows reports one that is longer than the buffer as an error.
func passing(err syscall.Errno) bool { return err == windows.WSAEMSGSIZE }

// selectInterface makes multicast leave by the interface with this index, from
// the address that the system chooses. For IPv4 Windows takes an address of
// 0.0.0.0/8 as an index in network order.
func selectInterface(fd uintptr, v6 bool, index int, _ [4]byte) error {
	if v6 {
		return windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IPV6, windows.IPV6_MULTICAST_IF, index)
	}
	var asAddr [4]byte
	binary.BigEndian.PutUint32(asAddr[:], uint32(index))
	return windows.SetsockoptInet4Addr(windows.Handle(fd), windows.IPPROTO_IP, windows.IP_MULTICAST_IF, asAddr)
}
