package peer

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/reconcile"
	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
)

// few is how many seeds a test takes: less in short runs, which are those with
// the race detector, under which a group takes ten times as long.
func few(seeds, short uint64) uint64 {
	if testing.Short() {
		return min(seeds, short)
	}
	return seeds
}

var groupSeeds = flag.Uint64("groupseeds", 60, "how many random groups to run")

// TestRandomGroups runs whole groups through loss, repetition, partitions,
// one-way links, crashes, restarts, stalls and full disks. After every step no
// two members with one view hold the floor; ten seconds after the faults end
// all have the same record, and every line that was accepted is in it once.
func TestRandomGroups(t *testing.T) {
	turns, seeds := 0, few(*groupSeeds, 8)
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { turns += randomGroup(t, seed, nil) })
	}
	if turns < int(seeds)*20 {
		t.Errorf("only %d turns in %d groups: they test nothing", turns, seeds)
	}
}

// TestRandomGroupsWithCheckpoints is TestRandomGroups with members that make
// checkpoints now and then, start from them, and know all of their record only some
// seconds later; half of the time, a turn cannot be read.
func TestRandomGroupsWithCheckpoints(t *testing.T) {
	partial, seeds := 0, few(*groupSeeds/2, 4)
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 11))
			randomGroup(t, seed, func(g *group) {
				for _, m := range g.ms {
					if m.saved == nil {
						m.saved = &saved{within: time.Duration(chance.Int64N(int64(8 * time.Second))), chance: chance}
						m.saved.fails = func() bool { return chance.IntN(2) == 0 }
						m.start()
					}
					if m.core.History().Partial() {
						partial++
					}
				}
				if m := g.ms[chance.IntN(len(g.ms))]; chance.IntN(4) == 0 && !m.dead && m.paused <= g.now {
					m.saved.save(m)
				}
			})
		})
	}
	if partial < int(seeds)*5 {
		t.Errorf("members knew their record in part at %d steps of %d groups: they test nothing", partial, seeds)
	}
}

// randomGroup runs one group. also, if it is there, changes something now and then.
func randomGroup(t *testing.T, seed uint64, also func(g *group)) int {
	names := []string{"ana", "bia", "caio", "davi", "eva", "fabio"}
	g := newGroup(t, seed, names[:2+seed%5]...)
	pick := func(ns ...int) int { return ns[g.rng.IntN(len(ns))] }
	faults := memnet.Faults{
		Loss: float64(pick(0, 10, 30)) / 100, Duplicate: float64(pick(0, 10)) / 100, Reorder: float64(pick(0, 20)) / 100,
		HoldBack: time.Duration(pick(10, 100)) * time.Millisecond, MaxDelay: time.Duration(pick(1, 10, 50)) * time.Millisecond,
	}
	cut := func(cut func(from, to int) bool) {
		g.links(func(from, to int) memnet.Faults {
			f := faults
			f.Cut = cut(from, to)
			return f
		})
	}
	cut(func(int, int) bool { return false })
	said := map[string]bool{}
	g.pass(2500 * time.Millisecond)
	n := 0
	for end := g.now + 25*time.Second; g.now < end; g.pass(time.Duration(g.rng.Int64N(int64(200 * time.Millisecond)))) {
		if also != nil {
			also(g)
		}
		g.checkPrints()
		m := g.ms[g.rng.IntN(len(g.ms))]
		switch g.rng.IntN(14) {
		case 0:
			if g.rng.IntN(4) == 0 {
				m.dead = true // kill -9; the disk stays
			}
		case 1:
			if m.dead {
				m.start()
			}
		case 2:
			side := g.rng.IntN(1 << len(g.ms)) // a partition, or its end
			cut(func(from, to int) bool { return side>>from&1 != side>>to&1 })
		case 3:
			if deaf := g.rng.IntN(len(g.ms)); g.rng.IntN(2) == 0 { // one-way links
				cut(func(from, to int) bool { return to == deaf })
			} else { // a bridge: only one hears and is heard by all
				cut(func(from, to int) bool { return from != deaf && to != deaf })
			}
		case 4:
			if g.rng.IntN(4) == 0 {
				m.paused = g.now + time.Duration(g.rng.Int64N(int64(4*time.Second)))
			}
		case 5:
			m.disk.fail = g.rng.IntN(4) == 0
		case 6:
			m.input(func(c *Core, now Now) { c.Hold(now, 1, time.Duration(1+g.rng.IntN(20))*time.Second) })
		case 7:
			m.input(func(c *Core, now Now) { c.Release(now, 1) })
		case 8:
			if g.rng.IntN(8) == 0 { // it slept, or its clock was set
				m.shift += time.Second
			}
		default:
			if m.dead || m.paused > g.now {
				continue
			}
			for range 1 + g.rng.IntN(5) {
				n++
				text := fmt.Sprintf("%s %d", m.name, n)
				m.say("%s", text)
				said[text] = true
			}
		}
	}
	g.links(func(int, int) memnet.Faults { return near })
	for _, m := range g.ms {
		m.disk.fail = false
		if m.saved != nil {
			m.saved.fails = nil
		}
		if m.dead {
			m.start()
		}
		m.input(func(c *Core, now Now) { c.Release(now, 1) })
	}
	for end := g.now + 20*time.Second; g.now < end && !g.same(len(said)); {
		g.pass(100 * time.Millisecond)
	}
	for _, m := range g.ms {
		got := m.texts()
		sorted := slices.Sorted(slices.Values(got))
		if u := slices.Compact(slices.Clone(sorted)); len(u) != len(sorted) {
			t.Errorf("%s: a line was said twice", m.name)
		}
		for text := range said {
			if _, ok := slices.BinarySearch(sorted, text); !ok {
				t.Errorf("%s lacks %q", m.name, text)
			}
		}
		if m.core.History().Fingerprint() != g.ms[0].core.History().Fingerprint() {
			t.Errorf("%s and %s have different records", m.name, g.ms[0].name)
		}
		if n := len(m.disk.turns) - m.core.History().Len(); n != 0 {
			t.Errorf("%s wrote %d turns twice, or counts them wrong", m.name, n)
		}
		if len(m.disk.queued) != 0 {
			t.Errorf("%s: unsent.log still has %v", m.name, m.disk.queued)
		}
	}
	g.checkStamps()
	if t.Failed() {
		for _, m := range g.ms {
			t.Logf("%s: view %v, %d lines, unsent %d, missing %d, wants %d, backlog %d, session %v, counts %+v", m.name, m.core.View(), len(m.texts()), m.core.Unsent(),
				m.core.History().Missing(), len(m.core.repair.order), len(m.core.repair.backlog), m.core.sync.session != nil, m.core.counts)
		}
	}
	return g.ms[0].core.History().Len()
}

func (g *group) same(lines int) bool {
	for _, m := range g.ms {
		if len(m.texts()) != lines || len(m.disk.queued) != 0 || m.core.History().Fingerprint() != g.ms[0].core.History().Fingerprint() {
			return false
		}
	}
	return true
}

// checkPrints: the fingerprint that was kept is still that of what was settled.
func (g *group) checkPrints() {
	for _, m := range g.ms {
		s, h := m.core.settled.stamp, m.core.History()
		if got, want := m.core.settledPrint(s), reconcile.Fingerprint(h, 0, h.Index(turn.Item{Stamp: s + 1})); got != want {
			g.t.Fatalf("%v: %s tells %x of its turns up to %d, which are %x", g.now, m.name, got, s, want)
		}
	}
}

// checkStamps: a turn's stamp is higher than that of each of its parents.
func (g *group) checkStamps() {
	h := g.ms[0].core.History()
	for i := range h.Len() {
		s := h.Get(h.At(i).ID)
		for _, p := range s.Turn().Parents {
			if ps := h.Get(p); ps == nil || ps.Stamp() >= s.Stamp() {
				g.t.Errorf("turn %v does not follow its parent", s.ID().Short())
			}
		}
		if h.Shown(s.ID()) != turn.Valid {
			g.t.Errorf("turn %v of %q is not valid", s.ID().Short(), strings.Join(s.Turn().Texts, " "))
		}
	}
}
