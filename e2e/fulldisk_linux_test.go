package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/papo-chat/papo/internal/turn"
)

// smallDisks mounts a tmpfs for each name, in the namespace's thread alone, which
// takes them with it, and gives the paths under which every process finds them.
func (ns *namespace) smallDisks(under, size string, names ...string) (dirs []string) {
	ns.t.Helper()
	var err error
	ns.do(func() {
		if err = unix.Unshare(unix.CLONE_NEWNS); err == nil {
			err = unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		for _, name := range names {
			dir := filepath.Join(under, name)
			if err == nil {
				err = os.Mkdir(dir, 0o700)
			}
			if err == nil {
				err = unix.Mount("none", dir, "tmpfs", 0, "size="+size)
			}
			dirs = append(dirs, fmt.Sprintf("/proc/%d/task/%d/root%s", os.Getpid(), ns.tid, dir))
		}
	})
	if err != nil {
		ns.t.Fatalf("small disks: %v", err)
	}
	return dirs
}

const ballastName = "ballast"

// fill takes all the room on a disk.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, ballastName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// localReplicas has the process compare its replicas, and gives whether all are
// well now, and how many turns each lacked.
func (p *process) localReplicas() (well bool, missing []int) {
	l := p.lab
	l.t.Helper()
	l.mu.Lock()
	before := p.comparisons
	l.mu.Unlock()
	p.answer("/sync")
	l.wait(patience, p.name+" has compared its replicas", func() bool { return p.comparisons > before })
	l.mu.Lock()
	defer l.mu.Unlock()
	var told struct {
		Consistent bool
		Replicas   []struct{ Missing int }
	}
	if err := json.Unmarshal(p.compared["local"].raw, &told); err != nil {
		l.t.Fatal(err)
	}
	for _, r := range told.Replicas {
		missing = append(missing, r.Missing)
	}
	return told.Consistent, missing
}

// TestE2EDisksFillUp fills the disks of a member's replicas one after the other
// while it chats. It goes on while one takes turns; when none does, it says nothing more
// and marks what it hears, and goes on when there is room again.
func TestE2EDisksFillUp(t *testing.T) {
	net := newBridge(t, 2, 0)
	l := newLab(t)
	disks := net.hosts[0].smallDisks(l.dir, "2m", "disk-0", "disk-1", "disk-2")
	ana := l.start(net.hosts[0], "ana", "--replica-dir", disks[0], "--replica-dir", disks[1], "--replica-dir", disks[2])
	bia := l.start(net.hosts[1], "bia")
	l.meet(ana, bia)
	said := 0
	speak := func() {
		t.Helper()
		const lines = 20 // their turns take more than what is left of a page
		for _, p := range []*process{ana, bia} {
			p.talk(1, 0, func(i int) string {
				if i == lines {
					return ""
				}
				return fmt.Sprintf("%s-%d %d %s", p.name, said, i, strings.Repeat("x", 300))
			}).done.Wait()
		}
		said += lines
		l.saidAll(ana, bia)
		l.allShow(2*said, ana, bia)
	}
	speak()
	if well, missing := ana.localReplicas(); !well || slices.Max(missing) > 0 {
		t.Fatalf("there is room, and the replicas lack %v", missing)
	}
	for n := range 2 {
		fill(t, disks[n])
		speak()
		well, missing := ana.localReplicas()
		if well || missing[n] == 0 || missing[2] > 0 {
			t.Errorf("with %d full disks it told that all is well: %v, and that the replicas lack %v", n+1, well, missing)
		}
	}

	fill(t, disks[2])
	k := ana.talk(1, 0, func(i int) string { return fmt.Sprintf("ana-full %d", i) })
	l.wait(patience, "ana has no room", func() bool { return ana.notices["disk-full"] > 0 })
	k.stop()
	l.mu.Lock()
	sent := ana.sent
	l.mu.Unlock()
	bia.say("bia-full 0 " + strings.Repeat("y", 1000))
	unkept := func() (id string, n int) {
		for _, e := range ana.events {
			if e.Type == "turn" && e.Unkept {
				id, n = e.ID, n+1
			}
		}
		return id, n
	}
	l.wait(patience, "ana shows a turn as not kept", func() bool { _, n := unkept(); return n > 0 })
	l.mu.Lock()
	if ana.sent != sent || ana.sent == len(ana.typed) {
		t.Errorf("on full disks ana has sent %d of %d lines, and had %d", ana.sent, len(ana.typed), sent)
	}
	id, _ := unkept()
	l.mu.Unlock()
	r := logReader{turns: map[string]*turn.Signed{}}
	for _, f := range ana.small(disks) {
		turns, err := r.read(f.whole())
		if _, has := byID(turns)[id]; has || err != nil {
			t.Errorf("%s has the turn that was told not to be kept, or is damaged: %v", f.path, err)
		}
	}

	for _, d := range disks {
		if err := os.Remove(filepath.Join(d, ballastName)); err != nil {
			t.Error(err)
		}
	}
	l.converge(ana, bia)
	if well, missing := ana.localReplicas(); !well || slices.Max(missing) > 0 {
		t.Errorf("there is room again, and the replicas lack %v", missing)
	}
	if n := ana.notices["kept"]; n == 0 {
		t.Error("it never told that what it marked is kept now")
	}
	ana.quit()
	bia.quit()
	// From here on they are judged as any other logs.
	home := filepath.Join(l.data("ana"), "replicas")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range ana.small(disks) {
		if err := os.WriteFile(filepath.Join(home, filepath.Base(f.path)), f.text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.checkFloor()
	record := l.checkRecords("ana", "bia")
	turns := byID(record)
	if _, kept := turns[id]; !kept {
		t.Error("what was not kept is not in the record, though there is room")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range []*process{ana, bia} {
		l.checkTold(p)
		l.checkTimes(p, turns) // a turn that is not kept has no place
		for id := range p.shown {
			if _, ok := turns[id]; !ok {
				t.Errorf("%s showed a turn that is not in the record: %s", p.name, id)
			}
		}
		if len(p.shown) != len(record) {
			t.Errorf("%s showed %d turns of %d", p.name, len(p.shown), len(record))
		}
	}
}

// small reads the replica logs of a member whose directories these are.
func (p *process) small(disks []string) (logs []logFile) {
	p.lab.t.Helper()
	for i, d := range disks {
		path := filepath.Join(d, fmt.Sprintf("replica_%s_%d.log", p.name, i))
		text, err := os.ReadFile(path)
		if err != nil {
			p.lab.t.Fatal(err)
		}
		logs = append(logs, logFile{path, text})
	}
	return logs
}
