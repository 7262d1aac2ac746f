package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	idleFor     = 10 * time.Second
	clockTicks  = 100 // a second, in /proc: the same on every Linux that Go runs on
	mostIdleKiB = 30 << 10
)

// TestE2EIdleMember measures what a member costs that has nothing to do, in a
// group of three: resident memory, which has a bound, and processor time, which
// is told.
func TestE2EIdleMember(t *testing.T) {
	host := newNamespace(t)
	l := newLab(t)
	procs := l.gather([]*namespace{host, host, host}, "ana", "bia", "caio")
	before, began := make([]int, len(procs)), time.Now()
	for i, p := range procs {
		before[i] = ticks(t, p.cmd.Process.Pid)
	}
	time.Sleep(idleFor) // this is what is measured, not a wait for something
	for i, p := range procs {
		pid := p.cmd.Process.Pid
		used := float64(ticks(t, pid)-before[i]) / clockTicks / time.Since(began).Seconds()
		kib := resident(t, pid)
		t.Logf("%s: %.1f MiB resident, %.2f %% of a core", p.name, float64(kib)/1024, 100*used)
		if kib > mostIdleKiB {
			t.Errorf("%s: %d KiB resident with nothing to do, over %d", p.name, kib, mostIdleKiB)
		}
	}
	for _, p := range procs {
		p.quit()
		p.leaves(0)
	}
}

// ticks is the processor time that a process has used (proc(5), stat, fields
// 14 and 15).
func ticks(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest) // from field 3 on
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("/proc/%d/stat: %s", pid, b)
	}
	return user + system
}

// resident is the memory of a process in KiB (proc(5), status, VmRSS).
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatalf("/proc/%d/status has no VmRSS", pid)
	return 0
}
