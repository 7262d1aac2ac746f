//go:build linux || darwin || freebsd

package udp

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// readBackBuffer halves what Linux says: it doubles what is asked for, to have
// room for its own records of each datagram (socket(7), SO_RCVBUF).
func readBackBuffer(fd uintptr) (int, error) {
	n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	if runtime.GOOS == "linux" {
		n /= 2
	}
	return n, err
}
