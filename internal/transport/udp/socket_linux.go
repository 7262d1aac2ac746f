package udp

import "golang.org/x/sys/unix"

// prepare is called before the socket is bound. IP_MULTICAST_ALL is on by
// default and would let in every group that any program of this machine has
// joined on the port. A kernel that lacks the option for IPv6 (before 4.20)
// lets them in; they are not ours, and above us they are dropped as such.
func prepare(fd uintptr, v6, shared bool) error {
	s := int(fd)
	level, all := unix.IPPROTO_IP, unix.IP_MULTICAST_ALL
	if v6 {
		level, all = unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL
	}
	if err := unix.SetsockoptInt(s, level, all, 0); err != nil && err != unix.ENOPROTOOPT {
		return err
	}
	if !shared {
		return nil
	}
	return unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
}
