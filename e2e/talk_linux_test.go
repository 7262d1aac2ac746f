package e2e

import (
	"fmt"
	"sync"
	"time"
)

// talk types the lines of one process, one after the other.
type talk struct {
	p       *process
	stopped bool // guarded by lab.mu
	done    sync.WaitGroup
}

// talk begins to type line(0), line(1) and so on, until one is empty, the talk
// is stopped or the process ends. window is how many lines may be on their way:
// the next one is typed when fewer than that are not sent. So a window of 1 gives
// each line a turn of its own. pause is a break before each line, for a
// talk that is not without pause.
func (p *process) talk(window int, pause time.Duration, line func(i int) string) *talk {
	l := p.lab
	k := &talk{p: p}
	l.mu.Lock()
	before := len(p.typed)
	l.mu.Unlock()
	k.done.Go(func() {
		for i := 0; line(i) != ""; i++ {
			time.Sleep(pause)
			l.mu.Lock()
			l.until(talkTime, func() bool { return k.over() || before+i-p.sent < window })
			over := k.over() || before+i-p.sent >= window
			l.mu.Unlock()
			if over {
				return
			}
			p.say(line(i))
		}
	})
	return k
}

// over tells whether nothing is to be typed any more. lab.mu is held.
func (k *talk) over() bool {
	select {
	case <-k.p.ended:
		return true
	default:
		return k.stopped || k.p.killed
	}
}

// stop ends the talk; the line that is being typed is still typed.
func (k *talk) stop() {
	k.p.lab.mu.Lock()
	k.stopped = true
	k.p.lab.changed.Broadcast()
	k.p.lab.mu.Unlock()
	k.done.Wait()
}

// numbered gives count lines that nobody else says.
func numbered(who string, count int) func(int) string {
	return func(i int) string {
		if i >= count {
			return ""
		}
		return fmt.Sprintf("%s %d", who, i)
	}
}

// endless gives such lines without end.
func endless(who string) func(int) string {
	return func(i int) string { return fmt.Sprintf("%s %d", who, i) }
}

// saidAll waits until each process has said all that was typed, and what an
// earlier run left over.
func (l *lab) saidAll(procs ...*process) {
	l.t.Helper()
	l.wait(talkTime, "all lines are said", func() bool {
		for _, p := range procs {
			if p.said < len(p.typed) || p.oldSaid < p.old {
				return false
			}
		}
		return true
	})
}

// converge waits until each process has said all its lines, finds by /sync that its replicas
// and the members are equal, with the same fingerprint as all others, and shows all turns.
func (l *lab) converge(procs ...*process) {
	l.t.Helper()
	l.saidAll(procs...)
	for deadline := time.Now().Add(talkTime); ; {
		different := l.different(procs)
		if len(different) == 0 {
			break
		}
		if time.Now().After(deadline) {
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, p := range procs {
				l.t.Errorf("%s: %s%s", p.name, p.compared["local"].raw, p.compared["group"].raw)
			}
			l.t.Fatalf("%v passed and the records are not the same", talkTime)
		}
		for _, p := range different {
			p.answer("/sync")
		}
	}
	l.wait(patience, "all turns are shown", func() bool {
		for _, p := range procs {
			if p.restored.Turns+len(p.shown) < p.compared["group"].Turns {
				return false
			}
		}
		return true
	})
}

// different gives those processes that, by their latest /sync, have not the
// record of the one with the most turns or did not find it with the others.
func (l *lab) different(procs []*process) (different []*process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := procs[0].compared["group"]
	for _, p := range procs {
		if g := p.compared["group"]; g.Turns > full.Turns {
			full = g
		}
	}
	for _, p := range procs {
		local, group := p.compared["local"], p.compared["group"]
		if !local.Consistent || !group.Consistent || local.Turns != full.Turns || group.Fingerprint != full.Fingerprint {
			different = append(different, p)
		}
	}
	return different
}

// lines gives the lines of all processes so far: those that must be said, and
// those that a process that was killed may not have read.
func (l *lab) lines() (must, may []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.procs {
		for i, line := range p.typed {
			if p.killed && !p.queued[i+1] {
				may = append(may, line)
			} else {
				must = append(must, line)
			}
		}
	}
	return must, may
}
