package udp

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These tests run in network namespaces of their own: nothing leaves them.
// The test binary starts itself again inside one; there it makes a switch (a
// bridge) and starts itself as hosts, each in a further namespace.
const (
	insideEnv = "PAPO_UDP_TEST_INSIDE" // the name of the test that runs inside
	hostEnv   = "PAPO_UDP_TEST_HOST"   // set in a host

	patience = 20 * time.Second // how long a test waits for what must come
)

func TestMain(m *testing.M) {
	if os.Getenv(hostEnv) != "" {
		runHost(os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// inside reports whether the test runs in its own namespace. If it does not
// yet, inside runs it there and takes over its verdict.
func inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) == t.Name() {
		for _, tool := range []string{"link set lo up", "link add probe type bridge", "link del probe"} {
			if out, err := ip(tool); err != nil {
				t.Skipf("ip %s: %v %s", tool, err, out)
			}
		}
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideEnv+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skipf("no network namespace can be made here: %v", err)
	}
	err := cmd.Wait()
	switch verdict := out.String(); {
	case err != nil:
		t.Errorf("%v in its namespace:\n%s", err, verdict)
	case strings.Contains(verdict, "--- SKIP"):
		t.Skip(verdict)
	case !strings.Contains(verdict, "--- PASS: "+t.Name()):
		t.Errorf("it did not run in its namespace:\n%s", verdict)
	}
	return false
}

func ip(args string) (string, error) {
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustIP(t *testing.T, args string) {
	t.Helper()
	if out, err := ip(args); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// host is a process with a network of its own, which does what it is told.
type host struct {
	t     *testing.T
	name  string
	pid   int
	in    io.Writer
	lines chan string // what it answers and reports
	kept  []string    // of those, what was read and not asked for yet
}

func newHost(t *testing.T, name string) *host {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), hostEnv+"=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, name: name, pid: cmd.Process.Pid, in: in, lines: make(chan string, 10000)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(out); s.Scan(); {
			h.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		in.Close()
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("host %s: %v", name, err)
		}
	})
	h.do("ip link set lo up")
	return h
}

// plug connects the host's interface to the bridge.
func (h *host) plug(iface, bridge string, addrs ...string) {
	h.t.Helper()
	port := h.name + "-" + iface
	mustIP(h.t, fmt.Sprintf("link add %s type veth peer name %s netns %d", port, iface, h.pid))
	mustIP(h.t, fmt.Sprintf("link set %s master %s up", port, bridge))
	h.do("ip link set " + iface + " addrgenmode none up")
	for _, a := range addrs {
		h.do("ip addr add " + a + " dev " + iface)
	}
}

func (h *host) tell(command string) {
	h.t.Helper()
	if _, err := fmt.Fprintln(h.in, command); err != nil {
		h.t.Fatalf("host %s: %v", h.name, err)
	}
}

// do tells the host something and waits until it is done.
func (h *host) do(command string) {
	h.t.Helper()
	h.tell(command)
	if got := h.expect("ok", "error"); got != "ok" {
		h.t.Fatalf("host %s: %s: %s", h.name, command, got)
	}
}

// expect waits for a line that begins in one of these ways; others are kept.
func (h *host) expect(prefixes ...string) string {
	h.t.Helper()
	got, ok := h.wait(patience, prefixes...)
	if !ok {
		h.t.Fatalf("host %s: no %q within %v, but %q", h.name, prefixes, patience, h.kept)
	}
	return got
}

func (h *host) wait(d time.Duration, prefixes ...string) (string, bool) {
	wanted := func(line string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(line, p) })
	}
	if i := slices.IndexFunc(h.kept, wanted); i >= 0 {
		line := h.kept[i]
		h.kept = slices.Delete(h.kept, i, i+1)
		return line, true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case line := <-h.lines:
			if wanted(line) {
				return line, true
			}
			h.kept = append(h.kept, line)
		case <-timer.C:
			return "", false
		}
	}
}

// reaches sends until the other host hears it, and gives the sender's address.
func (h *host) reaches(other *host, to, text string) (from string) {
	h.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		h.do(strings.TrimSpace("send " + text + " " + to))
		if line, ok := other.wait(50*time.Millisecond, "heard "+text+" "); ok {
			return strings.Fields(line)[2]
		}
	}
	h.t.Fatalf("%s does not hear %s: %q", other.name, h.name, text)
	return ""
}

// runHost is the other side of host.
func runHost(in io.Reader, out io.Writer) {
	lines := make(chan string)
	said := make(chan struct{})
	go func() {
		defer close(said)
		for line := range lines {
			fmt.Fprintln(out, line)
		}
	}()
	var tr *Transport
	for s := bufio.NewScanner(in); s.Scan(); {
		command, args, _ := strings.Cut(s.Text(), " ")
		f := strings.Fields(args)
		answer := "ok"
		var err error
		switch command {
		case "ip":
			var said string
			if said, err = ip(args); err != nil {
				err = fmt.Errorf("%w: %s", err, said)
			}
		case "tc":
			err = exec.Command("tc", f...).Run()
		case "open": // GROUP [INTERFACE...]
			cfg := Config{Group: netip.MustParseAddrPort(f[0]), Interfaces: f[1:], Poll: 20 * time.Millisecond}
			cfg.Changed = func(came, went []string) { lines <- fmt.Sprintf("changed +%v -%v", came, went) }
			if tr, err = Open(cfg); err == nil {
				tr.Start(func(from string, b []byte) { lines <- "heard " + string(b) + " " + from },
					func(err error) { lines <- "fail " + err.Error() })
			}
		case "interfaces":
			answer = "ok " + strings.Join(tr.Interfaces(), " ")
		case "send": // TEXT [ADDRESS]
			err = tr.Send(strings.Join(f[1:], ""), []byte(f[0]))
		case "flood": // sends until an error comes
			for b := make([]byte, MaxDatagram-100); err == nil; {
				err = tr.Send("", b)
			}
		}
		if err != nil {
			answer = "error " + err.Error()
		}
		lines <- answer
	}
	if tr != nil {
		if err := tr.Close(); err != nil {
			lines <- "error " + err.Error()
		}
	}
	close(lines)
	<-said
}

func bridge(t *testing.T, name string) {
	t.Helper()
	mustIP(t, "link add "+name+" type bridge mcast_snooping 0")
	mustIP(t, "link set "+name+" up")
}

// meet tries all ways between two hosts on one network, where the addresses of
// a begin so.
func meet(t *testing.T, a, b *host, begins string) {
	t.Helper()
	fromA := a.reaches(b, "", "multicast")
	if !strings.HasPrefix(fromA, begins) {
		t.Errorf("a is %s to b", fromA)
	}
	fromB := b.reaches(a, fromA, "answer")
	a.reaches(b, fromB, "and-back")
	if from := a.reaches(a, "", "to-my-own-host"); from != fromA {
		t.Errorf("a is %s to itself, and %s to b", from, fromA)
	}
}

// plugSecond gives two hosts that have met a second network. What a says then
// is heard once on each, on the first from an address that begins so.
func plugSecond(t *testing.T, a, b *host, addrA, addrB, begins string) {
	t.Helper()
	bridge(t, "br1")
	a.plug("eth1", "br1", addrA)
	b.plug("eth1", "br1", addrB)
	a.expect("changed +[eth1] -[]")
	b.expect("changed +[eth1] -[]")
	a.do("send both-ways")
	one, two := b.expect("heard both-ways "), b.expect("heard both-ways ")
	if strings.Contains(one, begins) == strings.Contains(two, begins) {
		t.Errorf("not heard once on each network: %q, %q", one, two)
	}
}

// replug takes away the only interface of a: it falls back to loopback for as
// long as there is nothing else. The two hosts hear each other afterwards.
func replug(t *testing.T, a, b *host, addr string) {
	t.Helper()
	a.do("ip link del eth0")
	a.expect("changed +[lo] -[eth0]")
	a.plug("eth0", "br0", addr)
	a.expect("changed +[eth0] -[lo]")
	b.reaches(a, "", "again")
	a.reaches(b, "", "again-back")
}

// Two hosts, and everything that can happen to an interface.
func TestHosts(t *testing.T) {
	if !inside(t) {
		return
	}
	bridge(t, "br0")
	a, b := newHost(t, "a"), newHost(t, "b")
	a.plug("eth0", "br0", "10.9.0.1/24")
	b.plug("eth0", "br0", "10.9.0.2/24")
	a.do("open 224.1.1.1:5007")
	b.do("open 224.1.1.1:5007")
	meet(t, a, b, "10.9.0.1:")

	t.Log("the address changes")
	a.do("ip addr add 10.9.0.101/24 dev eth0")
	a.do("ip addr del 10.9.0.1/24 dev eth0")
	a.do("ip addr replace 10.9.0.101/24 dev eth0")
	fromA := a.reaches(b, "", "moved")
	if !strings.HasPrefix(fromA, "10.9.0.101:") {
		t.Errorf("a is %s to b after it moved", fromA)
	}
	b.reaches(a, fromA, "moved-answer")
	b.reaches(a, "", "moved-multicast")

	t.Log("the interface is removed and made again")
	replug(t, a, b, "10.9.0.1/24")

	t.Log("removed and made again at once")
	a.do("ip link del eth0")
	a.plug("eth0", "br0", "10.9.0.1/24")
	b.reaches(a, "", "twice")

	t.Log("a second network")
	plugSecond(t, a, b, "10.8.0.1/24", "10.8.0.2/24", "10.9.0.1:")

	t.Log("the first network goes: the second carries on")
	a.do("ip link set eth0 down")
	a.expect("changed +[] -[eth0]")
	if from := a.reaches(b, "", "by-the-second"); !strings.HasPrefix(from, "10.8.0.1:") {
		t.Errorf("a is %s to b on the second network", from)
	}
	b.reaches(a, "", "and-heard-there")
	a.do("ip link set eth0 up")
	a.expect("changed +[eth0] -[]")

	t.Log("unplugged at the switch")
	mustIP(t, "link set a-eth1 down")
	a.expect("changed +[] -[eth1]")
	mustIP(t, "link set a-eth1 up")
	a.expect("changed +[eth1] -[]")
	b.reaches(a, "", "plugged")
}

// Two interfaces in use, one asked for.
func TestHostUsesOnlyWhatIsAsked(t *testing.T) {
	if !inside(t) {
		return
	}
	bridge(t, "br0")
	bridge(t, "br1")
	a, b := newHost(t, "a"), newHost(t, "b")
	for _, h := range []*host{a, b} {
		n := map[*host]int{a: 1, b: 2}[h]
		h.plug("eth0", "br0", fmt.Sprintf("10.9.0.%d/24", n))
		h.plug("eth1", "br1", fmt.Sprintf("10.8.0.%d/24", n))
	}
	a.do("open 224.1.1.1:5007 eth1")
	b.do("open 224.1.1.1:5007")
	if from := a.reaches(b, "", "asked"); !strings.HasPrefix(from, "10.8.0.1:") {
		t.Errorf("a is %s to b, on the wrong network", from)
	}
	a.do("ip link set eth1 down")
	a.expect("changed +[] -[eth1]") // and not +[lo] or +[eth0]
	a.tell("send x")
	if got := a.expect("ok", "error"); !strings.Contains(got, "eth1: not up") {
		t.Errorf("sending with the only interface down: %s", got)
	}
	a.do("ip link set eth1 up")
	a.expect("changed +[eth1] -[]")
	b.reaches(a, "", "up-again")
}

// A group that nobody can leave by: Send gives up in time.
func TestHostSendDoesNotBlock(t *testing.T) {
	if !inside(t) {
		return
	}
	bridge(t, "br0")
	a := newHost(t, "a")
	a.plug("eth0", "br0", "10.9.0.1/24")
	a.tell("tc qdisc add dev eth0 root tbf rate 8kbit burst 2k limit 50m")
	if got := a.expect("ok", "error"); got != "ok" {
		t.Skip("no token bucket here: ", got)
	}
	a.do("open 224.1.1.1:5007")
	a.tell("flood")
	if got := a.expect("ok", "error"); !strings.Contains(got, "took nothing for 200ms") {
		t.Errorf("flooding a slow link: %s", got)
	}
	a.expect("fail udp: sending to 224.1.1.1:5007 on eth0: the network took nothing")
}

func TestHostsIPv6(t *testing.T) {
	if !inside(t) {
		return
	}
	bridge(t, "br0")
	a, b := newHost(t, "a"), newHost(t, "b")
	a.plug("eth0", "br0", "fe80::1/64 nodad")
	b.plug("eth0", "br0", "fe80::2/64 nodad")
	a.do("open [ff02::7061]:5007")
	b.do("open [ff02::7061]:5007")
	meet(t, a, b, "[fe80::1%eth0]:")
	plugSecond(t, a, b, "fe80::a1/64 nodad", "fe80::b1/64 nodad", "[fe80::1%eth0]:")
	a.do("ip link del eth1")
	a.expect("changed +[] -[eth1]")
	replug(t, a, b, "fe80::1/64 nodad")
}

// The suite with IPv6 on loopback, which on Linux takes a route.
func TestHostConformanceIPv6(t *testing.T) {
	if !inside(t) {
		return
	}
	mustIP(t, "-6 route add local ff00::/8 dev lo table local")
	t.Run("suite", TestConformanceIPv6)
}

// With only loopback, and nothing asked for, loopback is used.
func TestHostAlone(t *testing.T) {
	if !inside(t) {
		return
	}
	a := newHost(t, "a")
	a.do("open 224.1.1.1:5007")
	a.tell("interfaces")
	if got := a.expect("ok", "error"); got != "ok lo" {
		t.Errorf("interfaces: %s", got)
	}
	if from := a.reaches(a, "", "to-myself"); !strings.HasPrefix(from, "127.0.0.1:") {
		t.Errorf("from %s", from)
	}
	a.do("ip link set lo down")
	a.expect("changed +[] -[lo]")
	a.do("ip link set lo up")
	a.expect("changed +[lo] -[]")
	a.reaches(a, "", "up-again")
}
