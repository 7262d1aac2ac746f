package transporttest

import (
	"net"
	"testing"
)

// Loopback gives the loopback interface, the only one on which tests send.
func Loopback(tb testing.TB) *net.Interface {
	tb.Helper()
	all, err := net.Interfaces()
	if err != nil {
		tb.Fatal(err)
	}
	const wanted = net.FlagLoopback | net.FlagUp
	for _, i := range all {
		if i.Flags&wanted == wanted {
			return &i
		}
	}
	tb.Skip("this machine has no loopback interface that is up")
	return nil
}

// FreePort gives a UDP port that nobody has at the moment.
func FreePort(tb testing.TB) uint16 {
	tb.Helper()
	c, err := net.ListenPacket("udp4", ":0")
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	return uint16(c.LocalAddr().(*net.UDPAddr).Port)
}
