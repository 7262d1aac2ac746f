package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/papo-chat/papo/internal/transport/transporttest"
)

// loopbackConfig is a group of its own on loopback.
func loopbackConfig(tb testing.TB) Config {
	tb.Helper()
	return Config{
		Group:      netip.AddrPortFrom(DefaultGroup.Addr(), transporttest.FreePort(tb)),
		Interfaces: []string{transporttest.Loopback(tb).Name},
	}
}

// openOn opens members of a group of its own. Its port was free a moment ago;
// if another took it meanwhile, the next may do.
func openOn(tb testing.TB, cfg func(testing.TB) Config, members int) []transporttest.Transport {
	tb.Helper()
	for range 10 {
		c := cfg(tb)
		var trs []transporttest.Transport
		for range members {
			tr, err := Open(c)
			if err != nil {
				if len(trs) == 0 && errors.Is(err, ErrPortTaken) {
					break
				}
				tb.Fatal(err)
			}
			trs = append(trs, tr)
		}
		if len(trs) == members {
			return trs
		}
	}
	tb.Fatal("no free port found")
	return nil
}

// kept is what the buffer that was granted is sure to hold: no system counts
// more than 4 KiB for a short datagram, and Linux has twice what it was asked.
func kept(tr transporttest.Transport, _ int) int {
	return receiveBuffer(tr.(*Transport).hear) / 2048
}

// receiveBuffer reads back how many bytes the system gave; 0 if it does not say.
func receiveBuffer(c *net.UDPConn) int {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var n int
	if e := raw.Control(func(fd uintptr) { n, err = readBackBuffer(fd) }); e != nil || err != nil {
		return 0
	}
	return n
}

func suite(cfg func(testing.TB) Config) transporttest.Suite {
	return transporttest.Suite{
		Open:        func(tb testing.TB, members int) []transporttest.Transport { return openOn(tb, cfg, members) },
		Keeps:       kept,
		MaxDatagram: MaxDatagram,
	}
}

func TestConformance(t *testing.T) { suite(loopbackConfig).Run(t) }

func TestConformanceIPv6(t *testing.T) {
	cfg := func(tb testing.TB) Config {
		c := loopbackConfig(tb)
		c.Group = netip.AddrPortFrom(netip.MustParseAddr("ff02::7061:706f"), c.Group.Port())
		return c
	}
	tr, err := Open(cfg(t))
	if err != nil {
		t.Skipf("IPv6 multicast does not work on loopback here: %v", err)
	}
	err = tr.Send("", []byte("x"))
	tr.Close()
	if err != nil {
		t.Skipf("IPv6 multicast does not work on loopback here: %v", err)
	}
	suite(cfg).Run(t)
}

func BenchmarkEcho(b *testing.B)         { suite(loopbackConfig).BenchmarkEcho(b) }
func BenchmarkEchoLoopback(b *testing.B) { transporttest.BenchmarkEchoLoopback(b) }

// A member is found by its host alone, where multicast does not reach: what is
// sent to the group's port by unicast reaches one of the members there.
func TestUnicastToGroupPort(t *testing.T) {
	cfg := loopbackConfig(t)
	heard := make(chan string, 10)
	for range 2 {
		tr, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		tr.Start(func(from string, b []byte) { heard <- from + " " + string(b) }, func(err error) { t.Error(err) })
	}
	out, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(cfg.Group.Port())}
	for _, text := range []string{"first", "second"} {
		if _, err := out.WriteTo([]byte(text), to); err != nil {
			t.Fatal(err)
		}
		// Had the first reached both, it would be heard again here.
		if got, want := <-heard, out.LocalAddr().String()+" "+text; got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
}

// Another group on the same port, joined by another program of this machine, is
// not heard.
func TestOtherGroupsAreNotHeard(t *testing.T) {
	cfg := loopbackConfig(t)
	other := cfg
	other.Group = netip.AddrPortFrom(netip.MustParseAddr("224.1.1.2"), cfg.Group.Port())
	heard := make(chan string, 10)
	var trs []*Transport
	for _, c := range []Config{cfg, cfg, other, other} {
		tr, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		trs = append(trs, tr)
	}
	for i, tr := range trs {
		if i == 0 || i == 3 {
			tr.Start(func(_ string, b []byte) { heard <- string(b) }, func(err error) { t.Error(err) })
		}
	}
	// Sent in this order they arrive in this order on the socket of trs[0].
	for _, step := range []struct {
		by   *Transport
		text string
	}{{trs[2], "other group"}, {trs[1], "this group"}} {
		if err := step.by.Send("", []byte(step.text)); err != nil {
			t.Fatal(err)
		}
		if got := <-heard; got != step.text {
			t.Errorf("heard %q, want %q", got, step.text)
		}
	}
	if len(heard) != 0 {
		t.Errorf("heard %q as well", <-heard)
	}
}

func TestDefaults(t *testing.T) {
	cfg, err := Config{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Group.String(); got != "224.1.1.1:5007" || cfg.TTL != 2 || cfg.ReceiveBuffer != 4<<20 {
		t.Errorf("defaults are %s, TTL %d, %d bytes", got, cfg.TTL, cfg.ReceiveBuffer)
	}
	cfg, err = Config{Group: netip.MustParseAddrPort("[::ffff:224.1.1.1]:9")}.withDefaults()
	if err != nil || !cfg.Group.Addr().Is4() {
		t.Errorf("an IPv4 group written as IPv6: %v, %v", cfg.Group, err)
	}
}

func TestReceiveBuffer(t *testing.T) {
	cfg := loopbackConfig(t)
	cfg.ReceiveBuffer = 100_000
	tr, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if got := receiveBuffer(tr.hear); got != cfg.ReceiveBuffer {
		t.Errorf("%d bytes granted, %d asked", got, cfg.ReceiveBuffer)
	}
}

func TestTTL(t *testing.T) {
	for _, group := range []netip.Addr{DefaultGroup.Addr(), netip.MustParseAddr("ff02::7061:706f")} {
		for ttl, want := range map[int]int{0: 2, 1: 1, 255: 255} {
			cfg := loopbackConfig(t)
			cfg.Group = netip.AddrPortFrom(group, cfg.Group.Port())
			cfg.TTL = ttl
			tr, err := Open(cfg)
			if group.Is6() && errors.Is(err, ErrNoInterface) {
				t.Skip("no IPv6 on loopback here")
			}
			if err != nil {
				t.Fatal(err)
			}
			var got int
			if group.Is6() {
				got, err = ipv6.NewPacketConn(tr.send).MulticastHopLimit()
			} else {
				got, err = ipv4.NewPacketConn(tr.send).MulticastTTL()
			}
			tr.Close()
			if err != nil || got != want {
				t.Errorf("TTL %d of %v is %d, %v; want %d", ttl, group, got, err, want)
			}
		}
	}
}

func TestSendErrors(t *testing.T) {
	tr, err := Open(loopbackConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	for _, tt := range []struct {
		to   string
		size int
		kind error
	}{
		{"", MaxDatagram + 1, ErrTooLong},
		{"127.0.0.1:1", MaxDatagram + 1, ErrTooLong},
		{"127.0.0.1", 1, ErrAddress},
		{"localhost:5007", 1, ErrAddress},
		{"127.0.0.1:0", 1, ErrAddress},
		{"[::1]:5007", 1, ErrAddress},
	} {
		if err := tr.Send(tt.to, make([]byte, tt.size)); !errors.Is(err, tt.kind) {
			t.Errorf("Send(%q, %d bytes): %v, want %v", tt.to, tt.size, err, tt.kind)
		}
	}
}

// One interface of several that does not work is no error of Send: it is told
// by fail, once for as long as it lasts.
func TestOneInterfaceFails(t *testing.T) {
	tr, err := Open(loopbackConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	broken := &used{iface: iface{Name: "gone0", Index: 1 << 30}}
	tr.used = append([]*used{broken}, tr.used...)
	heard := make(chan string, 10)
	r := &receiver{conn: tr.hear, deliver: func(_ string, b []byte) { heard <- string(b) }, fail: func(err error) { t.Error(err) }, tooLong: func() {}}
	var reading sync.WaitGroup
	reading.Go(r.run)
	defer reading.Wait()
	defer tr.Close()

	send := func() {
		t.Helper()
		if err := tr.Send("", []byte("x")); err != nil {
			t.Errorf("Send: %v", err)
		}
		<-heard
	}
	told := func() (n int) {
		tr.told, tr.telling = tr.telling, make(map[string]string)
		for _, err := range tr.unsent() {
			if !strings.Contains(err.Error(), "gone0") {
				t.Error(err)
			}
			n++
		}
		return n
	}
	for _, step := range []struct {
		sends, told int
	}{{2, 1}, {1, 0}, {0, 0}, {1, 1}} {
		for range step.sends {
			send()
		}
		if got := told(); got != step.told {
			t.Errorf("after %d sends %d failures told, want %d", step.sends, got, step.told)
		}
	}

	tr.used = tr.used[:1]
	if err := tr.Send("", []byte("x")); err == nil || !strings.Contains(err.Error(), "gone0") {
		t.Errorf("Send on a broken interface only: %v", err)
	}
	tr.used = nil
	if err := tr.Send("", []byte("x")); !errors.Is(err, ErrNoInterface) {
		t.Errorf("Send on no interface: %v, want ErrNoInterface", err)
	}
	tr.Close()
	if err := tr.Send("", []byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send after Close: %v, want net.ErrClosed", err)
	}
}

// Neither sending nor receiving allocates once the sender is known.
func TestAllocations(t *testing.T) {
	trs := openOn(t, loopbackConfig, 2)
	defer trs[0].Close()
	defer trs[1].Close()
	heard := make(chan struct{}, 1)
	sender := make(chan string, 1)
	trs[1].Start(func(from string, _ []byte) {
		select {
		case sender <- from:
		default:
		}
		heard <- struct{}{}
	}, func(err error) { t.Error(err) })
	trs[0].Start(func(string, []byte) { heard <- struct{}{} }, func(err error) { t.Error(err) })
	b := make([]byte, 1200)
	if n := testing.AllocsPerRun(200, func() {
		if err := trs[0].Send("", b); err != nil {
			t.Fatal(err)
		}
		<-heard
		<-heard
	}); n != 0 {
		t.Errorf("a multicast and its delivery to two make %v allocations", n)
	}
	from := <-sender
	if n := testing.AllocsPerRun(200, func() {
		if err := trs[1].Send(from, b); err != nil {
			t.Fatal(err)
		}
		<-heard
	}); n != 0 {
		t.Errorf("a unicast and its delivery make %v allocations", n)
	}
	// Choosing the interface anew for each datagram, as with several.
	tr := trs[0].(*Transport)
	if n := testing.AllocsPerRun(200, func() {
		tr.selected = nil
		if err := tr.Send("", b); err != nil {
			t.Fatal(err)
		}
		<-heard
		<-heard
	}); n > 1 { // the x/sys call takes its argument by pointer
		t.Errorf("a multicast with a choice of interface makes %v allocations", n)
	}
}

func TestChangesOnLoopback(t *testing.T) {
	cfg := loopbackConfig(t)
	all, err := interfaces(false)
	if err != nil {
		t.Fatal(err)
	}
	lo := choose(all, cfg.Interfaces)
	if len(lo) != 1 {
		t.Skip("loopback is not ready")
	}
	var now []iface
	var listing error
	var came, went []string
	cfg.Changed = func(c, w []string) { came, went = c, w }
	now = lo
	tr, err := open(cfg, func(bool) ([]iface, error) { return now, listing })
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	heard := make(chan string, 10)
	r := &receiver{conn: tr.hear, deliver: func(_ string, b []byte) { heard <- string(b) }, fail: func(err error) { t.Error(err) }, tooLong: func() {}}
	var reading sync.WaitGroup
	reading.Go(r.run)
	defer reading.Wait()
	defer tr.Close()

	other := lo[0]
	other.Addrs = "127.0.0.5/8"
	ghost := lo[0]
	ghost.Index = 1 << 30
	for _, step := range []struct {
		name       string
		now        []iface
		listing    error
		came, went []string
		used       int
		failures   int
	}{
		{"nothing changed", lo, nil, nil, nil, 1, 0},
		{"other addresses", []iface{other}, nil, nil, nil, 1, 0},
		{"cannot be listed", nil, os.ErrPermission, nil, nil, 1, 1},
		{"still not", nil, os.ErrPermission, nil, nil, 1, 0},
		{"gone", nil, nil, nil, []string{lo[0].Name}, 0, 0},
		{"back", lo, nil, []string{lo[0].Name}, nil, 1, 0},
		{"made again, cannot be joined", []iface{ghost}, nil, nil, []string{lo[0].Name}, 0, 1},
		{"still not", []iface{ghost}, nil, nil, nil, 0, 0},
		{"and back", lo, nil, []string{lo[0].Name}, nil, 1, 0},
	} {
		came, went = nil, nil
		now, listing = step.now, step.listing
		failures := 0
		tr.look(func(error) { failures++ })
		if !slices.Equal(came, step.came) || !slices.Equal(went, step.went) {
			t.Errorf("%s: came %v, went %v; want %v, %v", step.name, came, went, step.came, step.went)
		}
		if failures != step.failures {
			t.Errorf("%s: %d failures told, want %d", step.name, failures, step.failures)
		}
		if got := tr.Interfaces(); len(got) != step.used {
			t.Errorf("%s: %v in use, want %d", step.name, got, step.used)
		}
		err := tr.Send("", []byte(step.name))
		if step.used == 0 {
			if !errors.Is(err, ErrNoInterface) {
				t.Errorf("%s: Send: %v, want ErrNoInterface", step.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: Send: %v", step.name, err)
		}
		if got := <-heard; got != step.name {
			t.Errorf("heard %q after %q", got, step.name)
		}
	}
}
