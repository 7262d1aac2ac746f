package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	switchEnv = "PAPO_E2E"

	// patience bounds the waiting for one thing that takes a moment, talkTime for
	// a long talk. They are no measure: they end a test that hangs, on the slowest machine.
	patience = 60 * time.Second
	talkTime = 4 * time.Minute

	tailEvents = 200_000 // kept of each process when a test fails
)

// papo is the program under test; TestMain builds it.
var papo string

func TestMain(m *testing.M) {
	if os.Getenv(switchEnv) == "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "papo-e2e-program-")
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // a test runs it as another user
		panic(err)
	}
	papo = filepath.Join(dir, "papo")
	build := exec.Command("go", "build", "-o", papo, "../cmd/papo")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// need skips the test where the machine cannot run it, or fails it if it must.
func need(t *testing.T, tools ...string) {
	t.Helper()
	mode := os.Getenv(switchEnv)
	if mode == "" {
		t.Skipf("set %s=1", switchEnv)
	}
	miss := func(why string) {
		t.Helper()
		if mode == "must" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	if os.Geteuid() != 0 {
		miss("needs root, for network namespaces")
	}
	for _, tool := range append(tools, "ip") {
		if _, err := exec.LookPath(tool); err != nil {
			miss("needs the program " + tool)
		}
	}
	made := make(chan error)
	go func() { // its thread is not used again
		runtime.LockOSThread()
		made <- unix.Unshare(unix.CLONE_NEWNET)
	}()
	if err := <-made; err != nil {
		miss("needs network namespaces: " + err.Error())
	}
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		miss("needs TAP devices: " + err.Error())
	} else {
		f.Close()
	}
}

// lab runs processes, hears all that they tell, and ends them with the test.
// When the test fails, what they told and their data directories are kept.
type lab struct {
	t   *testing.T
	dir string

	mu      sync.Mutex // guards what the processes told
	changed sync.Cond
	procs   []*process
}

// newLab makes a lab. The network comes first, so that it goes last.
func newLab(t *testing.T) *lab {
	t.Helper()
	dir, err := os.MkdirTemp("", "papo-e2e-"+strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())+"-")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, dir: dir}
	l.changed.L = &l.mu
	t.Cleanup(l.close)
	return l
}

func (l *lab) close() {
	for _, p := range l.procs {
		p.end()
	}
	if !l.t.Failed() {
		os.RemoveAll(l.dir)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range l.procs {
		var tail bytes.Buffer
		for _, e := range p.events[max(0, len(p.events)-tailEvents):] {
			tail.Write(e.raw)
		}
		tail.Write(p.partial)
		path := filepath.Join(l.dir, fmt.Sprintf("events-%02d-%s.jsonl", i, p.name))
		if err := os.WriteFile(path, tail.Bytes(), 0o666); err != nil {
			l.t.Error(err)
		}
	}
	l.t.Logf("the events of all processes, what they said on standard error, and their data directories are in %s", l.dir)
}

// data is the data directory of a member.
func (l *lab) data(name string) string { return filepath.Join(l.dir, "data-"+name) }

// wait returns when cond holds; it looks at every event. The test fails if
// that is not so within limit.
func (l *lab) wait(limit time.Duration, what string, cond func() bool) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.until(limit, cond) {
		l.t.Fatalf("%v passed without this: %s\n%s", limit, what, l.summary())
	}
}

// until waits for cond, at most for limit, and tells whether it holds. l.mu is
// held, but while it waits.
func (l *lab) until(limit time.Duration, cond func() bool) bool {
	deadline := time.Now().Add(limit)
	alarm := time.AfterFunc(limit, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.changed.Broadcast()
	})
	defer alarm.Stop()
	for !cond() {
		if !time.Now().Before(deadline) {
			return false
		}
		l.changed.Wait()
	}
	return true
}

// summary says in a line of each process how far it came. l.mu is held.
func (l *lab) summary() string {
	var s strings.Builder
	for _, p := range l.procs {
		fmt.Fprintf(&s, "  %s: pid %d, %d events, %d of %d lines sent, %d said, %d texts in %d turns shown",
			p.name, p.cmd.Process.Pid, len(p.events), p.sent, len(p.typed), p.said, p.texts, len(p.shown))
		if n := len(p.events); n > 0 {
			fmt.Fprintf(&s, ", last event %.1f s ago: %.300s", float64(bootNow()-p.events[n-1].BootNS)/1e9, p.events[n-1].raw)
		} else {
			s.WriteByte('\n')
		}
	}
	return s.String()
}

// bootNow is the clock that boot_ns counts by.
func bootNow() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(err)
	}
	return ts.Nano()
}
