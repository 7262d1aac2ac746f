package e2e

import (
	"slices"
	"testing"
)

func TestE2EPartitionHeals(t *testing.T) {
	net := newTapSwitch(t, 4, 7, faults{})
	l := newLab(t)
	procs := l.gather(net.hosts, "ana", "bia", "caio", "davi")
	begin := l.sayEach("together", 5, procs...)
	l.allShow(begin, procs...)

	net.split(0, 0, 1, 1)
	l.views(procs[:2]...)
	l.views(procs[2:]...)
	l.sayEach("apart", 20, procs...)
	for _, p := range procs {
		l.wait(patience, p.name+" shows what its side said, and nothing more", func() bool { return p.texts == begin+2*20 })
	}

	net.split(0, 0, 0, 0)
	l.views(procs...)
	l.wait(patience, "all are told that both sides spoke", func() bool {
		return !slices.ContainsFunc(procs, func(p *process) bool { return p.notices["merged"] == 0 })
	})
	l.sayEach("again", 5, procs...)
	l.finish(procs...)
	if did := net.total(); did.cut == 0 {
		t.Errorf("the partition cut nothing off: %+v", did)
	}
}

// sayEach has each process say count lines, one a turn, and returns how many
// that are in all.
func (l *lab) sayEach(what string, count int, procs ...*process) int {
	l.t.Helper()
	for _, p := range procs {
		p.talk(1, 0, numbered(p.name+"-"+what, count)).done.Wait()
	}
	l.saidAll(procs...)
	return count * len(procs)
}
