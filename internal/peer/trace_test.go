package peer

import (
	"fmt"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/transport/memnet"
)

// The same seed gives the same events and the same datagrams.
func TestSameSeedSameTrace(t *testing.T) {
	for seed := range few(8, 1) {
		first := traceOf(t, seed)
		if len(first) < 1000 {
			t.Fatalf("seed %d: a trace of %d lines tests nothing", seed, len(first))
		}
		second := traceOf(t, seed)
		for i := range min(len(first), len(second)) {
			if first[i] != second[i] {
				t.Fatalf("seed %d: line %d of the trace is\n%s\nand then\n%s", seed, i, first[i], second[i])
			}
		}
		if len(first) != len(second) {
			t.Errorf("seed %d: traces of %d and %d lines", seed, len(first), len(second))
		}
	}
}

func traceOf(t *testing.T, seed uint64) (out []string) {
	g := newGroup(t, seed, "ana", "bia", "caio", "davi", "eva", "fabio")
	for _, m := range g.ms {
		m.core.SetVerbose(m.time(), 0, true)
	}
	tap := func() {
		for i := range g.ms {
			for _, e := range g.ms[i].events {
				out = append(out, fmt.Sprintf("%d %T %+v", i, e, e))
			}
			g.ms[i].events = nil
		}
		out = append(out, fmt.Sprintf("%v %d datagrams, %+v", g.now, g.sent, g.net.Stats()))
		for _, m := range g.ms {
			out = append(out, fmt.Sprintf("%d %v", m.core.counter, m.core.counts))
		}
	}
	faults := memnet.Faults{Loss: 0.2, Duplicate: 0.1, Reorder: 0.2, HoldBack: 30 * time.Millisecond, MaxDelay: 10 * time.Millisecond}
	g.links(func(int, int) memnet.Faults { return faults })
	g.pass(3 * time.Second)
	for i := range 60 {
		m := g.ms[g.rng.IntN(len(g.ms))]
		switch {
		case i%20 == 5:
			side := g.rng.IntN(1 << len(g.ms))
			g.links(func(from, to int) memnet.Faults {
				f := faults
				f.Cut = side>>from&1 != side>>to&1
				return f
			})
		case i%20 == 15:
			g.links(func(int, int) memnet.Faults { return faults })
		case i%15 == 0:
			m.input(func(c *Core, now Now) { c.Hold(now, 1, 2*time.Second) })
		case i%13 == 0:
			m.shift += time.Second
		default:
			m.say("%d", i)
			m.say("%d again", i)
		}
		g.pass(time.Duration(g.rng.Int64N(int64(300 * time.Millisecond))))
		tap()
	}
	g.links(func(int, int) memnet.Faults { return near })
	g.pass(10 * time.Second)
	tap()
	return out
}
