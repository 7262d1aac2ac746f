package e2e

import (
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// namespace is a network of its own. It lives as long as one thread, in which
// everything that happens in it begins: a process started there stays in it,
// and dies with the thread.
type namespace struct {
	t    *testing.T
	tid  int
	card string // the interface that papo is told to use
	work chan func()
}

// newNamespace makes a namespace with nothing but its loopback, which is up.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	need(t)
	ns := &namespace{t: t, card: "lo", work: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this function
		err := unix.Unshare(unix.CLONE_NEWNET)
		ns.tid = unix.Gettid()
		made <- err
		for f := range ns.work {
			f()
		}
	}()
	if err := <-made; err != nil {
		t.Fatalf("no network namespace can be made: %v", err)
	}
	t.Cleanup(func() { close(ns.work) })
	ns.command("ip link set lo up")
	return ns
}

// do runs f in the namespace.
func (ns *namespace) do(f func()) {
	done := make(chan struct{})
	ns.work <- func() { defer close(done); f() }
	<-done
}

// command runs a program with its arguments, split at spaces.
func (ns *namespace) command(line string) {
	ns.t.Helper()
	ns.feed(line, "")
}

// feed runs a program with a standard input, and returns what it printed.
func (ns *namespace) feed(line, stdin string) string {
	ns.t.Helper()
	words := strings.Fields(line)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	var out []byte
	var err error
	ns.do(func() { out, err = cmd.CombinedOutput() })
	if err != nil {
		ns.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// address gives the namespace's eth0 its place on the network of host number i.
func (ns *namespace) address(i int) {
	ns.t.Helper()
	ns.card = "eth0"
	ns.command("ip link set eth0 addrgenmode none")
	ns.command(fmt.Sprintf("ip link set eth0 address %s", hardware(i)))
	ns.command(fmt.Sprintf("ip addr add 10.99.0.%d/24 dev eth0", i+1))
	ns.command("ip link set eth0 up")
	ns.command("ip route add 224.0.0.0/4 dev eth0")
}

// hardware is the hardware address of host number i; its last byte is i.
func hardware(i int) string { return fmt.Sprintf("02:00:00:00:00:%02x", i) }
