package e2e

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	mixedRuns = flag.Int("mixedruns", usualRuns, "how many runs TestE2EMixedFaults makes, with as many seeds")
	mixedSeed = flag.Uint64("mixedseed", usualSeed, "the seed of the first run of TestE2EMixedFaults; each further one has the next")
)

const (
	// diskSize is what a disk has for the log of a run, some hundred KB; the rest is filled
	// when it shall be full.
	diskSize = "4m"

	// A run with fewer holds or turns than these proves too little, and fails; so does one
	// with fewer holds between the beginning and the end of its troubles.
	leastHolds    = 150
	leastTurns    = 150
	leastTroubled = 40

	// toHold bounds the waiting for the floor that a member shall lose.
	toHold = time.Second

	manyRuns = 30 // among so many, every kind of trouble must have done something
)

// mixedRun is one run of a schedule: real members on a network of their own, each with
// small disks for its replicas.
type mixedRun struct {
	*lab
	schedule
	net   *tapSwitch
	disks [][]string // of each member

	members []*process // the latest run of each
	talks   []*talk
	open    []bool // which troubles are on
	had     tally
	began   int64 // boot time of the troubles' beginning and end
	ended   int64
}

// tally counts what happened.
type tally map[kind]int

// TestE2EMixedFaults lets real members talk over a network with faults of all kinds, while some
// are killed, stopped for longer than a lease, on full disks, or on the floor by /hold, all by a seed. Then
// all is healed, all lines must be said, and the history is judged.
func TestE2EMixedFaults(t *testing.T) {
	var mu sync.Mutex
	total := tally{}
	t.Run("runs", func(t *testing.T) { // returns when all of them have
		for i := range *mixedRuns {
			seed := *mixedSeed + uint64(i)
			t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
				t.Parallel()
				had := runMixed(t, seed)
				mu.Lock()
				defer mu.Unlock()
				for k, n := range had {
					total[k] += n
				}
			})
		}
	})
	t.Logf("in %d runs: %v", *mixedRuns, total)
	if *mixedRuns < manyRuns || t.Failed() {
		return
	}
	for _, k := range slices.Concat(ofTheNetwork, ofMembers, []kind{forged, heldWhenStopped, heldWhenKilled, lapsedHold, noRoom}) {
		if total[k] == 0 {
			t.Errorf("in %d runs this did not happen once: %s", *mixedRuns, k)
		}
	}
}

// What a tally counts beside the troubles themselves.
const (
	forged          kind = "harmed datagrams that reached papo"
	heldWhenStopped kind = "stopped on the floor"
	heldWhenKilled  kind = "killed on the floor"
	lapsedHold      kind = "holds that their leases ended"
	noRoom          kind = "turns heard without room for them"
)

func runMixed(t *testing.T, seed uint64) tally {
	s := newSchedule(seed)
	t.Logf("%s\nrepeat it: PAPO_E2E=must go test -count=1 -v -run '^TestE2EMixedFaults$' ./e2e -mixedruns 1 -mixedseed %d", s, seed)
	m := &mixedRun{schedule: s, net: newTapSwitch(t, s.members, seed, faults{}), open: make([]bool, len(s.troubles)), had: tally{}}
	m.lab = newLab(t)
	t.Cleanup(func() { // before the processes and their disks go
		if t.Failed() {
			m.bringHome()
		}
	})
	for i, name := range memberNames[:s.members] {
		var names []string
		for j := range disksOfEach {
			names = append(names, fmt.Sprintf("disk-%s-%d", name, j))
		}
		m.disks = append(m.disks, m.net.hosts[i].smallDisks(m.dir, diskSize, names...))
		m.members = append(m.members, m.start(m.net.hosts[i], name, m.args(i)...))
	}
	m.meet(m.members...)
	for i, p := range m.members {
		m.talks = append(m.talks, m.speak(i, p))
	}
	m.trouble()
	m.wait(talkTime, "enough is said", func() bool { return m.sent() >= mostOnTheirWay*max(leastHolds, leastTurns) })
	for _, k := range m.talks {
		k.stop()
	}
	m.meet(m.members...)
	for _, p := range m.members {
		p.say(p.name + "-last 0")
	}
	m.judge()
	return m.had
}

// sent is how many lines all processes have sent. lab.mu is held.
func (m *mixedRun) sent() (n int) {
	for _, p := range m.procs {
		n += p.sent
	}
	return n
}

// args gives the disks of member i to papo.
func (m *mixedRun) args(i int) (args []string) {
	for _, d := range m.disks[i] {
		args = append(args, "--replica-dir", d)
	}
	return args
}

// speak has a process of member i talk.
func (m *mixedRun) speak(i int, p *process) *talk {
	return p.talk(m.window[i], m.pause[i], endless(fmt.Sprintf("%s-%d", p.name, len(m.procs))))
}

// trouble plays the schedule. At its end nothing is left of any trouble.
func (m *mixedRun) trouble() {
	m.t.Helper()
	begun := time.Now()
	m.began = bootNow()
	for _, s := range m.steps() {
		time.Sleep(time.Until(begun.Add(s.at)))
		m.open[s.trouble] = s.begins
		t := m.troubles[s.trouble]
		switch p := m.members[t.member]; {
		case slices.Contains(ofTheNetwork, t.kind):
			m.setLinks()
			m.countCut(t, s.begins)
		case s.begins:
			m.begin(t, p)
		default:
			m.end(t, p)
		}
	}
	m.ended = bootNow()
}

// setLinks gives each link the faults of all troubles that are on.
func (m *mixedRun) setLinks() {
	m.net.set(func(from, to int) (all faults) {
		for i, t := range m.troubles {
			if m.open[i] && slices.Contains(t.links, [2]int{from, to}) {
				all = all.and(t.faults)
			}
		}
		return all
	})
}

// countCut counts the frames that a trouble has cut off, from its beginning to its end.
func (m *mixedRun) countCut(t trouble, begins bool) {
	if !t.faults.cut {
		return
	}
	for _, l := range t.links {
		n := m.net.links[l[0]][l[1]].did().cut
		if begins {
			n = -n
		}
		m.had[t.kind] += n
	}
}

// begin begins a trouble of a member.
func (m *mixedRun) begin(t trouble, p *process) {
	m.t.Helper()
	m.had[t.kind]++
	if t.held {
		p.order("/hold")
		m.mu.Lock()
		m.until(toHold, func() bool { return p.lastFloor() == "held" }) // it may not get there
		m.mu.Unlock()
	}
	switch t.kind {
	case killing:
		p.end()
		m.talks[t.member].stop()
		m.keepLeft(t.member)
		m.countHeld(heldWhenKilled, p)
	case stopping:
		p.signal(syscall.SIGSTOP)
		m.countHeld(heldWhenStopped, p)
	case filling:
		for _, d := range m.disks[t.member][:t.disks] {
			fill(m.t, d)
		}
	case holding:
		p.order("/hold")
	}
}

// end ends it.
func (m *mixedRun) end(t trouble, p *process) {
	m.t.Helper()
	switch t.kind {
	case killing:
		p = p.restart(m.args(t.member)...)
		m.members[t.member] = p
		m.talks[t.member] = m.speak(t.member, p)
	case stopping:
		p.signal(syscall.SIGCONT)
		if t.held {
			p.order("/release")
		}
	case filling:
		for _, d := range m.disks[t.member][:t.disks] {
			if err := os.Remove(filepath.Join(d, ballastName)); err != nil {
				m.t.Error(err)
			}
		}
	case holding:
		p.order("/release")
	}
}

// countHeld counts that a process was on the floor, as far as it has told.
func (m *mixedRun) countHeld(k kind, p *process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch p.lastFloor() {
	case "granted", "renewed", "held":
		m.had[k]++
	}
}

// keepLeft keeps what the disks of a member have, without torn lines.
func (m *mixedRun) keepLeft(i int) {
	m.t.Helper()
	p := m.members[i]
	left := p.small(m.disks[i])
	for j := range left {
		left[j] = left[j].whole()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p.left = left
}

// bringHome puts what the small disks have where other replicas are, to be judged
// as those are, and to be kept.
func (m *mixedRun) bringHome() {
	m.t.Helper()
	for i, name := range memberNames[:len(m.disks)] {
		home := filepath.Join(m.data(name), "replicas")
		if err := os.MkdirAll(home, 0o700); err != nil {
			m.t.Fatal(err)
		}
		for _, d := range m.disks[i] {
			logs, err := filepath.Glob(filepath.Join(d, "*.log"))
			if err != nil {
				m.t.Error(err)
			}
			for _, path := range logs {
				text, err := os.ReadFile(path)
				if err == nil {
					err = os.WriteFile(filepath.Join(home, filepath.Base(path)), text, 0o600)
				}
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					m.t.Error(err)
				}
			}
		}
	}
}

// String tells a tally in the order of the kinds' names.
func (t tally) String() string {
	var all []string
	for k, n := range t {
		all = append(all, fmt.Sprintf("%s %d", k, n))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
