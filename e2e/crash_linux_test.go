package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

var killsFlag = flag.Int("kills", 3, "how often TestE2EKilledOverAndOver kills a member")

// speakAgain is how soon after a holder's death the others must speak.
const speakAgain = 3 * time.Second

// stallMost is the longest that a machine may keep this test from running for
// a time measured meanwhile to say something about papo.
const stallMost = 300 * time.Millisecond

// stalls watches how long the machine keeps a thread waiting, until the
// returned function is called, which tells the longest.
func stalls() func() time.Duration {
	stop, longest := make(chan struct{}), make(chan time.Duration)
	go func() {
		var most time.Duration
		const step = 10 * time.Millisecond
		last := bootNow()
		for tick := time.NewTicker(step); ; {
			select {
			case <-tick.C:
				now := bootNow()
				most = max(most, time.Duration(now-last)-step)
				last = now
			case <-stop:
				tick.Stop()
				longest <- most
				return
			}
		}
	}()
	return func() time.Duration { close(stop); return <-longest }
}

// silence waits until each of these processes has dropped the dead member and
// said a line since, and returns the longest that one of them said nothing from
// the moment at on.
func (l *lab) silence(at int64, dead *process, procs ...*process) time.Duration {
	l.t.Helper()
	longest := make([]int64, len(procs))
	l.wait(patience, "the others have dropped "+dead.name+" and speak again", func() bool {
		for i, p := range procs {
			var again bool
			if longest[i], again = p.pause(at, dead.name); !again {
				return false
			}
		}
		return true
	})
	return time.Duration(slices.Max(longest))
}

// pause is the longest time between two lines that the process said, from the
// moment at to the first after it dropped the dead member; again: there is one. lab.mu is held.
func (p *process) pause(at int64, dead string) (longest int64, again bool) {
	begin, _ := slices.BinarySearchFunc(p.events, at, func(e event, at int64) int { return cmp.Compare(e.BootNS, at) })
	dropped := false
	for _, e := range p.events[begin:] {
		switch {
		case e.is("peer", "left") && e.Name == dead:
			dropped = true
		case e.is("line", "sent"):
			longest, at = max(longest, e.BootNS-at), e.BootNS
			if dropped {
				return longest, true
			}
		}
	}
	return longest, false
}

// lastFloor is the latest change of the process's own state on the floor.
// lab.mu is held.
func (p *process) lastFloor() string {
	for i := len(p.events) - 1; i >= 0; i-- {
		if e := p.events[i]; e.Type == "floor" {
			switch e.State {
			case "granted", "held", "renewed", "released", "requested":
				return e.State
			}
		}
	}
	return ""
}

// checkRestart checks that a restarted process has read back all that its
// former run had shown, waits until it takes part, and until it has said what was left.
func (p *process) checkRestart(former *process) {
	l := p.lab
	l.t.Helper()
	l.wait(patience, p.name+" takes part again", func() bool { return p.ready != nil })
	l.mu.Lock()
	had, back := former.restored.Turns+len(former.shown), p.restored.Turns
	l.mu.Unlock()
	if back < had {
		l.t.Errorf("%s had shown %d turns before it was killed, and restored %d", p.name, had, back)
	}
	own := map[string]bool{}
	for _, e := range l.record(p.name) {
		own[e.ID] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, e := range former.shown {
		if !own[id] {
			l.t.Errorf("%s had shown a turn that its record lacks: %s", p.name, e.raw)
		}
	}
}

// dies kills a process in the middle of its talk, and restarts it when the others
// have spoken again, after having been silent for so long.
func (l *lab) dies(p *process, k *talk, others ...*process) (again *process, silent time.Duration) {
	l.t.Helper()
	at := p.kill()
	k.stop()
	silent = l.silence(at, p, others...)
	again = p.restart()
	again.checkRestart(p)
	return again, silent
}

// attempt measures with f how long the others are silent after a holder's death. A measure
// while the machine stood still does not count, and is made again.
func (l *lab) attempt(f func() time.Duration) {
	l.t.Helper()
	for range 3 {
		longest := stalls()
		took := f()
		stalled := longest()
		l.t.Logf("the others spoke again after %v", took.Round(time.Millisecond))
		switch {
		case took <= speakAgain:
			return
		case stalled <= stallMost:
			l.t.Errorf("the others were silent for %v, over %v", took, speakAgain)
			return
		}
		l.t.Logf("that does not count: this machine stood still for %v", stalled)
	}
	l.t.Errorf("the others were silent for over %v each time", speakAgain)
}

func TestE2EHolderIsKilledInHold(t *testing.T) {
	net := newBridge(t, 3, 0)
	l := newLab(t)
	procs := l.gather(net.hosts, "ana", "bia", "caio")
	ana, bia, caio := procs[0], procs[1], procs[2]
	var talks []*talk
	for _, p := range procs[1:] {
		talks = append(talks, p.talk(1, 5*time.Millisecond, endless(p.name)))
	}
	run := 0
	l.attempt(func() (took time.Duration) {
		run++
		ana.hold()
		talk := ana.talk(1, 5*time.Millisecond, endless(fmt.Sprintf("ana-%d", run)))
		begun := bootNow()
		l.wait(patience, "ana talks for over a lease, the others wait", func() bool {
			return ana.sent > 50 && bootNow()-begun > int64(2*time.Second) && bia.lastFloor() == "requested" && caio.lastFloor() == "requested"
		})
		ana, took = l.dies(ana, talk, bia, caio)
		return took
	})
	for _, k := range talks {
		k.stop()
	}
	l.finish(ana, bia, caio)
}

func TestE2ETalkerIsKilled(t *testing.T) {
	net := newBridge(t, 3, 0)
	l := newLab(t)
	procs := l.gather(net.hosts, "ana", "bia", "caio")
	ana, bia, caio := procs[0], procs[1], procs[2]
	var talks []*talk
	for _, p := range procs[1:] {
		talks = append(talks, p.talk(1, 20*time.Millisecond, endless(p.name)))
	}
	run := 0
	for range 3 {
		l.attempt(func() (took time.Duration) {
			run++
			talk := ana.talk(3, 0, endless(fmt.Sprintf("ana-%d", run)))
			l.wait(patience, "ana talks, and has just entered", func() bool { return ana.sent > 100 && ana.lastFloor() == "granted" })
			ana, took = l.dies(ana, talk, bia, caio)
			return took
		})
	}
	for _, k := range talks {
		k.stop()
	}
	l.finish(ana, bia, caio)
}

// finish waits until all have the same record, has them leave, and checks the
// floor, the record and what was shown.
func (l *lab) finish(procs ...*process) []event {
	l.t.Helper()
	l.converge(procs...)
	var names []string
	for _, p := range procs {
		names = append(names, p.name)
		p.quit()
	}
	held := l.checkFloor()
	record := l.checkRecords(names...)
	l.checkShown(record, procs...)
	must, may := l.lines()
	l.t.Logf("%d lines, %d turns, %d holds, one order; of %d more it is not known whether they were read",
		len(must), len(record), held, len(may))
	if held == 0 || len(record) == 0 {
		l.t.Errorf("%d holds and %d turns prove nothing", held, len(record))
	}
	return record
}

func TestE2EWhatWasShownIsKept(t *testing.T) {
	net := newBridge(t, 3, 0)
	l := newLab(t)
	procs := l.gather(net.hosts, "ana", "bia", "caio")

	// All are killed in the middle of it, while lines wait.
	var talks []*talk
	for _, p := range procs {
		talks = append(talks, p.talk(2, 0, endless(p.name)))
	}
	l.wait(patience, "all talk", func() bool {
		return !slices.ContainsFunc(procs, func(p *process) bool { return p.sent < 200 })
	})
	procs[0].hold()
	for _, p := range procs[1:] {
		p.say(p.name + "-waits 0")
		l.wait(patience, p.name+" has a line that waits", func() bool { return p.queued[len(p.typed)] })
	}
	var dying sync.WaitGroup
	for _, p := range procs {
		dying.Go(func() { p.kill() })
	}
	dying.Wait()
	for _, k := range talks {
		k.stop()
	}
	again := make([]*process, len(procs))
	for i, p := range procs {
		again[i] = p.restart()
	}
	for i, p := range again {
		p.checkRestart(procs[i])
	}
	l.meet(again...)
	for _, p := range again[1:] {
		if p.old == 0 {
			t.Errorf("%s was killed with a line that waited, and found none", p.name)
		}
	}

	// All leave well, and come back.
	for _, p := range again {
		p.say(p.name+"-again 0", p.name+"-again 1")
	}
	record := l.finish(again...)
	third := again[0].restart()
	l.wait(patience, "ana is back", func() bool { return third.ready != nil })
	if third.restored.Turns != len(record) {
		t.Errorf("after a clean exit ana restored %d turns of %d", third.restored.Turns, len(record))
	}
	third.quit()
}

// keepLeft is after how many kills the logs are looked at as they were left: reading
// a long record after each of hundreds would take longer than all the rest.
const keepLeft = 5

// TestE2EKilledOverAndOver kills one of three members at random moments while all
// talk, and starts it again, over and over.
func TestE2EKilledOverAndOver(t *testing.T) {
	net := newBridge(t, 3, 0)
	l := newLab(t)
	procs := l.gather(net.hosts, "ana", "bia", "caio")
	ana := procs[0]
	var talks []*talk
	for _, p := range procs[1:] {
		talks = append(talks, p.talk(1, 100*time.Millisecond, endless(p.name)))
	}
	for n := range *killsFlag {
		talk := ana.talk(2, 0, endless(fmt.Sprintf("ana-%d", n)))
		more := 1 + rand.IntN(20)
		l.wait(patience, "ana talks", func() bool { return ana.sent >= more })
		// Lines leave every few milliseconds: so the kill is anywhere in an append.
		time.Sleep(time.Duration(rand.Int64N(int64(10 * time.Millisecond))))
		ana.kill()
		talk.stop()
		if n >= keepLeft {
			l.mu.Lock()
			ana.left = nil
			l.mu.Unlock()
		}
		again := ana.restart()
		again.checkRestart(ana)
		ana = again
	}
	for _, k := range talks {
		k.stop()
	}
	l.meet(ana, procs[1], procs[2])
	l.finish(ana, procs[1], procs[2])
}
