package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestE2ELateJoinerGetsTenThousandTurns(t *testing.T) {
	const turns = 10_000
	net := newBridge(t, 3, 0)
	l := newLab(t)
	procs := l.gather(net.hosts, "ana", "bia")
	ana, bia := procs[0], procs[1]
	for _, p := range procs {
		p.talk(1, 0, numbered(p.name+"-before", turns/2))
	}
	begun := time.Now()
	l.wait(talkTime, fmt.Sprintf("%d turns are said", turns), func() bool {
		return len(ana.shown) >= turns && len(bia.shown) >= turns
	})
	t.Logf("two members said %d turns in %v", turns, time.Since(begun).Round(time.Millisecond))

	// They go on talking, alone first, then while the newcomer fetches all that.
	talks := []*talk{
		ana.talk(1, 20*time.Millisecond, endless(ana.name)),
		bia.talk(1, 20*time.Millisecond, endless(bia.name)),
	}
	spoke := func(p *process, n int) bool { return p.sent >= turns/2+n }
	alone := bootNow()
	l.wait(patience, "they talk alone", func() bool { return spoke(ana, 100) && spoke(bia, 100) })
	joins := bootNow()
	caio := l.start(net.hosts[2], "caio")
	l.wait(talkTime, fmt.Sprintf("the newcomer shows %d turns", turns), func() bool { return len(caio.shown) >= turns })
	has := bootNow()
	l.mu.Lock()
	said := ana.sent + bia.sent
	before := slices.Concat(ana.delays(alone, joins), bia.delays(alone, joins))
	during := slices.Concat(ana.delays(joins, has), bia.delays(joins, has))
	late := 0
	for _, e := range caio.shown {
		if e.Late {
			late++
		}
	}
	l.mu.Unlock()
	t.Logf("the newcomer shows %d turns %v after its start, %d of them late", turns, time.Duration(has-joins).Round(time.Millisecond), late)
	t.Logf("a line of the others took %s before, %s meanwhile: %.1f times the median", spread(before), spread(during),
		float64(percentile(during, 0.5))/float64(percentile(before, 0.5)))
	if len(during) == 0 || said == turns {
		t.Errorf("the others said nothing meanwhile")
	}
	for _, k := range talks {
		k.stop()
	}
	caio.say("caio has arrived")
	record := l.finish(ana, bia, caio)
	if len(record) < turns {
		t.Errorf("the record has %d turns, not over %d", len(record), turns)
	}
}
