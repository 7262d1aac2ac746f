package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// chat has all processes say count lines each at once, waits until all show
// all, and finishes.
func (l *lab) chat(window, count int, procs ...*process) {
	l.t.Helper()
	begun := time.Now()
	var talks []*talk
	for _, p := range procs {
		talks = append(talks, p.talk(window, 0, numbered(p.name, count)))
	}
	lines := count * len(procs)
	l.allShow(lines, procs...)
	took := time.Since(begun)
	for _, k := range talks {
		k.stop()
	}
	record := l.finish(procs...)
	l.t.Logf("all showed all after %v; from sent to shown elsewhere %s", took.Round(time.Millisecond), spread(l.showing()))
	if len(record) < count/window {
		l.t.Errorf("%d turns are too few to prove anything", len(record))
	}
}

// allShow waits until each process has shown so many lines.
func (l *lab) allShow(lines int, procs ...*process) {
	l.t.Helper()
	l.wait(talkTime, fmt.Sprintf("all show %d lines", lines), func() bool {
		return !slices.ContainsFunc(procs, func(p *process) bool { return p.texts < lines })
	})
}

func TestE2EThreeTalkWhileTheKernelLoses(t *testing.T) {
	const percent = 20
	net := newBridge(t, 3, percent)
	l := newLab(t)
	procs := l.gather(net.hosts, "ana", "bia", "caio")
	l.chat(1, 100, procs...)

	all, lost := net.frames()
	t.Logf("the kernel lost %d of %d frames", lost, all)
	if all == 0 || lost < all*percent/200 {
		t.Errorf("the kernel lost %d of %d frames, not about %d %%", lost, all, percent)
	}
}

func TestE2EFiveTypeAtOnceOverAllFaults(t *testing.T) {
	net := newTapSwitch(t, 5, 1981, faults{loss: 0.2, repeat: 0.1, reorder: 0.25, most: 20 * time.Millisecond})
	l := newLab(t)
	procs := l.gather(net.hosts, "ana", "bia", "caio", "davi", "eva")
	l.chat(2, 100, procs...)

	did := net.total()
	t.Logf("the switch carried %d frames, lost %d, repeated %d, delayed %d", did.frames, did.lost, did.repeated, did.delayed)
	if did.lost < did.frames/10 || did.repeated < did.frames/20 || did.delayed < did.frames/10 {
		t.Errorf("the switch did not do what it should: %+v", did)
	}
}

func TestE2ETwentyOnOneLoopback(t *testing.T) {
	host := newNamespace(t)
	l := newLab(t)
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("member%02d", i))
	}
	l.chat(1, 10, l.gather(slices.Repeat([]*namespace{host}, len(names)), names...)...)
}
