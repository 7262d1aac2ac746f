package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is one running papo with --format jsonl.
type process struct {
	lab    *lab
	ns     *namespace
	name   string
	data   string
	cmd    *exec.Cmd
	stdin  *os.File
	stdout *os.File
	ended  chan struct{} // closed when it ended and all that it told was read

	// All that follows is guarded by lab.mu.
	typed    []string // lines that the test typed
	commands int      // that the test typed
	killed   bool
	left     []logFile // its replica logs when it was killed, without torn lines
	events   []event
	partial  []byte // what it told last, cut off by its end
	ready    *event
	restored *event
	exit     *event
	shown    map[string]event // turn events, by id
	texts    int              // lines in them
	queued   map[int]bool     // own lines, by number, that were told to be queued
	sent     int              // own lines of this run
	said     int
	old      int // lines left over from an earlier run, and of those
	oldSaid  int
	compared map[string]event // the latest reconciled event, by scope

	comparisons int // of the replicas, so far
	refused     []event
	notices     map[string]int // how many, by code
	results     map[int]event
	broken      []string // what must not be told like that
}

// start runs papo NAME in the namespace, on the member's data directory. It
// listens on after the end of its input, unless args say something else.
func (l *lab) start(ns *namespace, name string, args ...string) *process {
	l.t.Helper()
	all := append([]string{name, "--interface", ns.card, "--format", "jsonl", "--data", l.data(name), "--linger", "forever"}, args...)
	in, stdin, err := os.Pipe()
	if err != nil {
		l.t.Fatal(err)
	}
	stdout, out, err := os.Pipe()
	if err != nil {
		l.t.Fatal(err)
	}
	errs, err := os.Create(filepath.Join(l.dir, fmt.Sprintf("stderr-%02d-%s.txt", len(l.procs), name)))
	if err != nil {
		l.t.Fatal(err)
	}
	p := &process{
		lab: l, ns: ns, name: name, data: l.data(name), stdin: stdin, stdout: stdout, ended: make(chan struct{}),
		shown: map[string]event{}, queued: map[int]bool{}, notices: map[string]int{}, results: map[int]event{},
		compared: map[string]event{},
	}
	p.cmd = exec.Command(papo, all...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, out, errs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ns.do(func() { err = p.cmd.Start() })
	in.Close()
	out.Close()
	errs.Close()
	if err != nil {
		l.t.Fatalf("starting papo %s: %v", strings.Join(all, " "), err)
	}
	l.mu.Lock()
	l.procs = append(l.procs, p)
	l.mu.Unlock()
	go p.listen()
	return p
}

// restart runs the member of a process that has ended again.
func (p *process) restart(args ...string) *process {
	p.lab.t.Helper()
	return p.lab.start(p.ns, p.name, args...)
}

// listen takes in all that the process tells.
func (p *process) listen() {
	defer close(p.ended)
	defer p.stdout.Close()
	for r := bufio.NewReaderSize(p.stdout, 1<<16); ; {
		raw, err := r.ReadBytes('\n')
		p.lab.mu.Lock()
		if err == nil {
			p.hear(raw)
		} else {
			p.partial = raw
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				p.broken = append(p.broken, err.Error())
			}
		}
		p.lab.changed.Broadcast()
		p.lab.mu.Unlock()
		if err != nil {
			break
		}
	}
	_ = p.cmd.Wait() // its verdict stays in ProcessState
}

func (p *process) hear(raw []byte) {
	e, err := parseEvent(raw)
	if err != nil {
		p.broken = append(p.broken, err.Error())
		return
	}
	if p.exit != nil {
		p.broken = append(p.broken, fmt.Sprintf("an event after exit: %s", raw))
	}
	p.events = append(p.events, e)
	switch e.Type {
	case "ready":
		p.ready = &e
	case "restored":
		if len(p.events) > 1 {
			p.broken = append(p.broken, fmt.Sprintf("restored is not the first event: %s", raw))
		}
		p.restored = &e
	case "exit":
		p.exit = &e
	case "turn":
		if _, twice := p.shown[e.ID]; twice {
			p.broken = append(p.broken, fmt.Sprintf("a turn shown twice: %s", raw))
		}
		p.shown[e.ID] = e
		p.texts += len(e.Lines)
	case "notice", "error":
		p.notices[e.code()]++
	case "reconciled":
		p.compared[e.Scope] = e
		if e.Scope == "local" {
			p.comparisons++
		}
	case "result":
		p.results[e.N] = e
	case "line":
		switch e.State {
		case "queued":
			p.queued[e.N] = true
			if e.N == 0 {
				p.old++
			}
		case "sent":
			if e.N > 0 {
				p.sent++
			}
		case "said":
			if e.N > 0 {
				p.said++
			} else {
				p.oldSaid++
			}
		case "error", "cancelled":
			p.refused = append(p.refused, e)
		}
	}
}

// say types lines that are to be said.
func (p *process) say(lines ...string) {
	p.lab.mu.Lock()
	p.typed = append(p.typed, lines...)
	p.lab.mu.Unlock()
	p.write(strings.Join(lines, "\n") + "\n")
}

// order types a command and returns its number, by which its result is known.
func (p *process) order(command string) int {
	p.lab.mu.Lock()
	p.commands++
	n := p.commands
	p.lab.mu.Unlock()
	p.write(command + "\n")
	return n
}

func (p *process) write(text string) {
	// A process that does not read is as stuck as one that does not tell.
	err := p.stdin.SetWriteDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = p.stdin.WriteString(text)
	}
	if err == nil {
		return
	}
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	if !p.killed {
		p.broken = append(p.broken, "writing to it: "+err.Error())
	}
}

// answer orders a command and waits for its result.
func (p *process) answer(command string) event {
	p.lab.t.Helper()
	n := p.order(command)
	p.lab.wait(patience, p.name+" answers "+command, func() bool { _, ok := p.results[n]; return ok })
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	return p.results[n]
}

// hold has the process hold the floor by /hold.
func (p *process) hold() {
	p.lab.t.Helper()
	if r := p.answer("/hold"); !r.OK {
		p.lab.t.Fatalf("/hold: %s", r.raw)
	}
	p.lab.wait(patience, p.name+" has the floor by /hold", func() bool { s := p.lastFloor(); return s == "held" || s == "renewed" })
}

// kill ends the process with SIGKILL, keeps what its replica logs have then, and
// returns when all that it told was read. at is the moment before.
func (p *process) kill() (at int64) {
	p.lab.t.Helper()
	at = bootNow()
	p.end()
	left := p.lab.logs(p.name)
	for i := range left {
		left[i] = left[i].whole()
	}
	p.lab.mu.Lock()
	p.left = left
	p.lab.mu.Unlock()
	return at
}

// end sends SIGKILL and waits for the end.
func (p *process) end() {
	p.lab.mu.Lock()
	p.killed = true
	p.lab.mu.Unlock()
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.ended
	p.stdin.Close()
}

// signal sends it a signal.
func (p *process) signal(s os.Signal) {
	p.lab.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.lab.t.Errorf("%s: %v", p.name, err)
	}
}

// quit has the process leave, and checks that it leaves well.
func (p *process) quit() {
	p.lab.t.Helper()
	p.order("/quit")
	p.leaves(0)
}

// leaves waits until the process has ended, and checks its exit code and that
// it told the same code last.
func (p *process) leaves(code int) {
	p.lab.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.lab.t.Fatalf("%s still runs after %v", p.name, patience)
	}
	p.stdin.Close()
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.lab.t.Errorf("%s: exit code %d (%s), want %d", p.name, got, p.cmd.ProcessState, code)
	}
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	if p.exit == nil || p.exit.Code != float64(code) {
		p.lab.t.Errorf("%s: told %+v as its exit, want code %d", p.name, p.exit, code)
	}
}

// gather starts a member on each host, in this order, and has them meet.
func (l *lab) gather(hosts []*namespace, names ...string) []*process {
	l.t.Helper()
	var procs []*process
	for i, name := range names {
		procs = append(procs, l.start(hosts[i], name))
	}
	l.meet(procs...)
	return procs
}

// meet waits until each of the processes takes part and has all of them, and
// nobody else, in its view.
func (l *lab) meet(procs ...*process) {
	l.t.Helper()
	l.wait(patience, "all are ready", func() bool {
		for _, p := range procs {
			if p.ready == nil {
				return false
			}
		}
		return true
	})
	l.views(procs...)
}

// views waits until these processes have each other, and nobody else, in their views.
func (l *lab) views(procs ...*process) {
	l.t.Helper()
	// A member may take a new incarnation meanwhile.
	present := func() map[string]bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		incarnations := map[string]bool{}
		for _, p := range procs {
			incarnations[p.ready.Incarnation] = true
		}
		return incarnations
	}
	deadline := time.Now().Add(patience)
	for _, p := range procs {
		for !p.views(l.t, present()) {
			if time.Now().After(deadline) {
				l.t.Fatalf("%s: after %v its view is not that of %d members; it answers %s", p.name, patience, len(procs), p.answer("/peers").raw)
			}
		}
	}
}

// views asks the process whether these incarnations are its view. What it
// answers changes with the next heartbeat at the earliest, so one is waited for.
func (p *process) views(t *testing.T, incarnations map[string]bool) bool {
	t.Helper()
	var members []struct {
		Incarnation string
		InView      bool `json:"in_view"`
	}
	if err := json.Unmarshal(p.answer("/peers").Data, &members); err != nil {
		t.Fatalf("%s: the answer to /peers: %v", p.name, err)
	}
	in := 0
	for _, m := range members {
		if m.InView {
			if !incarnations[m.Incarnation] {
				in = -1
				break
			}
			in++
		}
	}
	if in == len(incarnations) {
		return true
	}
	time.Sleep(100 * time.Millisecond)
	return false
}
