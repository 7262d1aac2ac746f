package e2e

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestE2ERefusals runs papo where it cannot work: it must say why in one
// sentence, on standard error alone, with the right exit code.
func TestE2ERefusals(t *testing.T) {
	host := newNamespace(t)
	taken := newNamespace(t)
	bare := newNamespace(t)
	bare.command("ip link set lo down")
	l := newLab(t)

	var other net.PacketConn
	var err error
	taken.do(func() { other, err = net.ListenPacket("udp4", "0.0.0.0:5007") })
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	file := filepath.Join(l.dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(l.dir, 0o755); err != nil { // so that nobody can read it, but not write
		t.Fatal(err)
	}
	running := l.start(host, "ana")
	l.meet(running)

	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	for _, c := range []struct {
		what  string
		where *namespace
		as    *syscall.Credential
		args  []string
		code  int
		word  string // in what it says
	}{
		{"a second papo of the same name", host, nil, []string{"ana", "--data", l.data("ana")}, 1, l.data("ana")},
		{"a bad flag", host, nil, []string{"bia", "--data", l.data("bia"), "--loud"}, 2, "--loud"},
		{"a bad value of a flag", host, nil, []string{"bia", "--data", l.data("bia"), "--replicas", "many"}, 2, "--replicas"},
		{"a bad name", host, nil, []string{"a/b", "--data", l.data("bia")}, 2, "a/b"},
		{"no name", host, nil, nil, 2, ""},
		{"an unknown interface", host, nil, []string{"bia", "--data", l.data("bia"), "--interface", "wire9"}, 3, "wire9"},
		{"no usable interface", bare, nil, []string{"bia", "--data", l.data("bia")}, 3, ""},
		{"a port that another program has", taken, nil, []string{"bia", "--data", l.data("bia")}, 3, "5007"},
		{"a file where the directory should be", host, nil, []string{"bia", "--data", file}, 1, file},
		{"a directory that may not be written", host, nobody, []string{"bia", "--data", filepath.Join(l.dir, "bia")}, 1, filepath.Join(l.dir, "bia")},
	} {
		cmd := exec.Command(papo, c.args...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+l.dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: c.as}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		var err error
		c.where.do(func() { err = cmd.Start() })
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		alarm := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // its verdict stays in ProcessState
		alarm.Stop()
		if got := cmd.ProcessState.ExitCode(); got != c.code {
			t.Errorf("%s: exit code %d, want %d", c.what, got, c.code)
		}
		said, _, _ := strings.Cut(errs.String(), "\n")
		if !strings.HasPrefix(said, "papo: ") || !strings.Contains(said, c.word) || out.Len() > 0 {
			t.Errorf("%s: standard error %q, want a sentence with %q; standard output %q", c.what, errs.String(), c.word, out.String())
		}
		t.Logf("%s: %s", c.what, said)
	}
	running.quit()
}

// TestE2EWaysOut ends papo in each way that there is.
func TestE2EWaysOut(t *testing.T) {
	for _, c := range []struct {
		what string
		end  func(p *process)
		code int
		args []string
	}{
		{"quit", func(p *process) { p.order("/quit") }, 0, nil},
		{"the end of its input", func(p *process) { p.stdin.Close() }, 0, []string{"--linger", "100ms"}},
		{"SIGTERM", func(p *process) { p.signal(syscall.SIGTERM) }, 0, nil},
		{"SIGINT", func(p *process) { p.signal(syscall.SIGINT) }, 130, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			host := newNamespace(t)
			l := newLab(t)
			p := l.start(host, "ana", c.args...)
			l.meet(p)
			p.say("one", "two", "three")
			l.saidAll(p)
			c.end(p)
			p.leaves(c.code)
			l.checkShown(l.checkRecords("ana"), p)
		})
	}
}

// TestE2EStandardOutputCloses takes away the program that reads what papo tells.
func TestE2EStandardOutputCloses(t *testing.T) {
	host := newNamespace(t)
	l := newLab(t)
	p := l.start(host, "ana")
	l.meet(p)
	p.say("one", "two", "three")
	l.saidAll(p)
	p.stdout.Close()
	p.order("/peers") // so that it has something to tell
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("ana still runs after %v", patience)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != 1 {
		t.Errorf("exit code %d, want 1", got)
	}
	l.checkRecords("ana")
}

// TestE2ELinesThatAreNotSaidAreKept ends the input of a member while another
// keeps the floor: it gives up after its time, says so, and the lines are said
// at its next start, once.
func TestE2ELinesThatAreNotSaidAreKept(t *testing.T) {
	net := newBridge(t, 2, 0)
	l := newLab(t)
	ana, bia := l.start(net.hosts[0], "ana"), l.start(net.hosts[1], "bia", "--linger", "0s")
	l.meet(ana, bia)
	ana.hold()
	bia.say("bia 0", "bia 1")
	bia.stdin.Close()
	bia.leaves(1)
	if bia.exit.Unsent != 2 || bia.sent != 0 {
		t.Errorf("it left with %d lines unsent, %d sent: %s", bia.exit.Unsent, bia.sent, bia.exit.raw)
	}
	again := bia.restart()
	if r := ana.answer("/release"); !r.OK {
		t.Fatalf("/release: %s", r.raw)
	}
	l.wait(patience, "bia has two old lines", func() bool { return again.ready != nil && again.old == 2 })
	l.finish(ana, again)
}
