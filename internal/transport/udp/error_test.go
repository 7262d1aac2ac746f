package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/transport/transporttest"
)

func TestOpenErrors(t *testing.T) {
	lo := transporttest.Loopback(t).Name
	port := transporttest.FreePort(t)
	group := netip.AddrPortFrom(DefaultGroup.Addr(), port)
	foreign, err := net.ListenPacket("udp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	takenPort := uint16(foreign.LocalAddr().(*net.UDPAddr).Port)

	up := iface{Name: "eth0", Index: 2, Flags: net.FlagUp | net.FlagMulticast | net.FlagRunning, Addrs: "192.0.2.1/24"}
	down := iface{Name: "eth1", Index: 3}
	absent := iface{Name: "ghost0", Index: 1 << 30, Flags: up.Flags, Addrs: up.Addrs}
	for _, tt := range []struct {
		name string
		cfg  Config
		ifs  []iface // nil: those of this machine
		kind error
		says []string
	}{
		{"unicast group", Config{Group: netip.MustParseAddrPort("192.0.2.1:5007")}, nil, ErrNotMulticast, []string{"192.0.2.1:5007", "224.0.0.0"}},
		{"no port", Config{Group: netip.MustParseAddrPort("224.1.1.1:0")}, nil, ErrNotMulticast, []string{"224.1.1.1:0", "port from 1"}},
		{"zone", Config{Group: netip.MustParseAddrPort("[ff02::1%lo]:5007")}, nil, ErrNotMulticast, []string{"no zone"}},
		{"unknown", Config{Group: group, Interfaces: []string{"nope7", lo}}, nil, ErrUnknownInterface, []string{"called nope7:", "this machine has", lo}},
		{"named one is down", Config{Group: group, Interfaces: []string{"eth1"}}, []iface{up, down}, ErrNoInterface, []string{"eth1: not up", "IPv4", "eth0, eth1"}},
		{"all down", Config{Group: group}, []iface{down}, ErrNoInterface, []string{"no network interface is up with an IPv4 address", group.String()}},
		{"none", Config{Group: netip.MustParseAddrPort("[ff02::1]:5007")}, []iface{}, ErrNoInterface, []string{"IPv6"}},
		{"cannot be joined", Config{Group: group}, []iface{absent}, ErrNoInterface, []string{"cannot be joined", "ghost0"}},
		{"port taken", Config{Group: netip.AddrPortFrom(group.Addr(), takenPort), Interfaces: []string{lo}}, nil, ErrPortTaken, []string{"UDP port", "does not share it", "another port"}},
		{"TTL", Config{Group: group, TTL: 256}, nil, nil, []string{"TTL 256", "1 to 255"}},
		{"TTL", Config{Group: group, TTL: -1}, nil, nil, []string{"TTL -1"}},
		{"buffer", Config{Group: group, ReceiveBuffer: -1}, nil, nil, []string{"receive buffer of -1"}},
		{"poll", Config{Group: group, Poll: -1}, nil, nil, []string{"must not be negative"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := interfaces
			if tt.ifs != nil {
				list = func(bool) ([]iface, error) { return tt.ifs, nil }
			}
			tr, err := open(tt.cfg, list)
			if err == nil {
				tr.Close()
				t.Fatal("it opened")
			}
			if tt.kind != nil && !errors.Is(err, tt.kind) {
				t.Errorf("%v is not of the kind %v", err, tt.kind)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a sentence: %v", err)
			}
			for _, part := range tt.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			t.Log(err)
		})
	}
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		err  error
		is   error
		says string
	}{
		{&net.OpError{Op: "write", Err: os.NewSyscallError("sendto", forbidden[0])}, forbidden[0], "firewall"},
		{&net.OpError{Op: "write", Err: os.NewSyscallError("sendto", unreachable[0])}, unreachable[0], "no route"},
		{tooLong[0], tooLong[0], "MTU"},
		{full[0], full[0], "buffer"},
		{&net.OpError{Op: "write", Err: os.ErrDeadlineExceeded}, os.ErrDeadlineExceeded, "slow or stuck"},
		{&net.OpError{Op: "write", Err: net.ErrClosed}, net.ErrClosed, "sending to x"},
		{os.ErrInvalid, os.ErrInvalid, "sending to x"},
	} {
		err := explain("sending to x", tt.err)
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "sending to x") {
			t.Errorf("explain(%v) = %v", tt.err, err)
		}
	}
}
