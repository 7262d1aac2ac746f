package e2e

import (
	"fmt"
	"slices"
	"time"
)

// delays are how long lines took from queued to sent, of those queued in [from, to).
// lab.mu is held.
func (p *process) delays(from, to int64) (all []time.Duration) {
	queued := map[int]int64{}
	for _, e := range p.events {
		switch {
		case e.is("line", "queued"):
			queued[e.N] = e.BootNS
		case e.is("line", "sent") && queued[e.N] >= from && queued[e.N] < to:
			all = append(all, time.Duration(e.BootNS-queued[e.N]))
		}
	}
	return all
}

// percentile is the value that a share of all is not above.
func percentile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[int(share*float64(len(all)-1))]
}

// spread says how delays are distributed.
func spread(all []time.Duration) string {
	at := func(share float64) time.Duration { return percentile(all, share).Round(10 * time.Microsecond) }
	return fmt.Sprintf("%v (median; 99 %%: %v; longest: %v)", at(0.5), at(0.99), at(1))
}

// showing tells for each turn how long it took from being sent to being shown
// by each other process that was there at the time.
func (l *lab) showing() (all []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sent := map[string]int64{}
	for _, p := range l.procs {
		for _, e := range p.events {
			if e.is("line", "sent") {
				sent[e.Turn] = e.BootNS
			}
		}
	}
	for _, p := range l.procs {
		for id, e := range p.shown {
			if at := sent[id]; !e.Own && p.ready != nil && at >= p.ready.BootNS {
				all = append(all, time.Duration(e.BootNS-at))
			}
		}
	}
	return all
}
