package udp

import (
	"net"
	"slices"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	const on = net.FlagUp | net.FlagRunning
	all := []iface{
		{"lo", 1, on | net.FlagLoopback, "127.0.0.1/8"},
		{"eth0", 2, on | net.FlagMulticast | net.FlagBroadcast, "192.0.2.1/24"},
		{"wlan0", 3, on | net.FlagMulticast | net.FlagBroadcast, "198.51.100.9/24"},
		{"unplugged", 4, net.FlagUp | net.FlagMulticast, "192.0.2.9/24"},
		{"down", 5, net.FlagMulticast, "192.0.2.8/24"},
		{"wg0", 6, on | net.FlagPointToPoint, "10.0.0.1/24"},
		{"tun0", 7, on | net.FlagPointToPoint | net.FlagMulticast, "10.8.0.1/24"},
		{"noaddr", 8, on | net.FlagMulticast, ""},
	}
	without := func(names ...string) []iface {
		return slices.DeleteFunc(slices.Clone(all), func(i iface) bool { return slices.Contains(names, i.Name) })
	}
	for _, tt := range []struct {
		name  string
		all   []iface
		asked string
		want  string
	}{
		{"all that can", all, "", "eth0 wlan0 tun0"},
		{"loopback if nothing else", without("eth0", "wlan0", "tun0"), "", "lo"},
		{"nothing", without("lo", "eth0", "wlan0", "tun0"), "", ""},
		{"asked", all, "wlan0", "wlan0"},
		{"loopback asked", all, "lo", "lo"},
		{"loopback with another", all, "eth0 lo eth0", "lo eth0"},
		{"one asked that cannot by itself", all, "wg0 unplugged", "unplugged wg0"},
		{"asked but not ready: no other", all, "down noaddr", ""},
		{"asked but gone", all, "usb0", ""},
	} {
		if got := strings.Join(names(choose(tt.all, strings.Fields(tt.asked))), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := unknown(all, []string{"eth0", "usb0", "down"}); !slices.Equal(got, []string{"usb0"}) {
		t.Errorf("unknown: %v", got)
	}
}

func TestFamilyAddrs(t *testing.T) {
	_, v4, _ := net.ParseCIDR("192.0.2.0/24")
	v4.IP = net.ParseIP("192.0.2.7") // 16 bytes, as some systems give it
	_, v4b, _ := net.ParseCIDR("10.1.0.0/16")
	_, v6, _ := net.ParseCIDR("fe80::/64")
	addrs := []net.Addr{v4, v6, v4b}
	if got, want := familyAddrs(addrs, false), "10.1.0.0/16 192.0.2.7/24"; got != want {
		t.Errorf("IPv4: %q, want %q", got, want)
	}
	if got, want := familyAddrs(addrs, true), "fe80::/64"; got != want {
		t.Errorf("IPv6: %q, want %q", got, want)
	}
}

func TestInterfacesOfThisMachine(t *testing.T) {
	all, err := interfaces(false)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(i iface) bool { return i.Flags&net.FlagLoopback != 0 && i.ready() })
	if i < 0 || !strings.Contains(all[i].Addrs, "127.0.0.1/8") {
		t.Errorf("no loopback with its address in %+v", all)
	}
	if !slices.IsSortedFunc(all, func(a, b iface) int { return a.Index - b.Index }) {
		t.Errorf("not in order: %+v", all)
	}
}
