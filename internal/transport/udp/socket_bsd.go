//go:build darwin || freebsd

package udp

import "golang.org/x/sys/unix"

// prepare is called before the socket is bound. To share a port these systems
// want SO_REUSEPORT from everybody.
func prepare(fd uintptr, _, shared bool) error {
	if !shared {
		return nil
	}
	if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}
