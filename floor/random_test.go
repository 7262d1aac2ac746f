package floor

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/transport/memnet"
)

// More seeds than by default take a while, some 3 ms each:
//
//	go test ./floor -run TestRandom -v -seeds 30000
var seedsFlag = flag.Uint64("seeds", 400, "how many random schedules to run")

func TestRandomSchedules(t *testing.T) { randomSchedules(t, nil) }

func TestRandomDepartures(t *testing.T) { randomSchedules(t, departures) }

// departures adds what a program does besides: it writes down what it said
// before it sends the hand-over, lacks what others said, leaves for good, and
// reads its mail late.
func departures(f *faults, r *rand.Rand) {
	f.gap, f.bye, f.rude, f.heads = r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
}

func randomSchedules(t *testing.T, tune func(*faults, *rand.Rand)) {
	seeds := *seedsFlag
	if testing.Short() {
		seeds = min(seeds, 50)
	}
	entries, net := 0, memnet.Stats{}
	for seed := range seeds {
		s := checkSchedule(t, func() *schedule { return newSchedule(seed, broken.Rules{}, tune) })
		entries += s.entries
		of := s.net.Stats()
		net.Sent += of.Sent
		net.Delivered += of.Delivered
		net.Duplicated += of.Duplicated
		net.Lost += of.Lost
		net.Overflowed += of.Overflowed
	}
	if entries < int(seeds)*10 || net.Lost < seeds*10 || net.Duplicated < seeds*10 {
		t.Errorf("only %d holds, %d packets lost and %d repeated in %d runs: the schedules test nothing", entries, net.Lost, net.Duplicated, seeds)
	}
	t.Logf("%d runs, %d holds, packets %+v", seeds, entries, net)
}

// checkSchedule runs a schedule in which nothing may be violated. If something is,
// it runs it again to tell how that came about.
func checkSchedule(t testing.TB, schedule func() *schedule) *schedule {
	t.Helper()
	s := schedule()
	if bad := s.run(); bad != "" {
		s = schedule()
		s.keep = true
		s.run()
		t.Fatalf("seed %d, faults %+v: %s\n%s", s.seed, s.faults, bad, strings.Join(s.trace[max(0, len(s.trace)-200):], "\n"))
	}
	return s
}

// leaveSlowly takes time to write down what is said, and learns only later when
// it left.
func (s *schedule) leaveSlowly(n *node) {
	f := n.f
	rep := f.HandOver(n.local(s.now))
	d := s.upTo(time.Second)
	said := s.now + s.upTo(d)
	s.after(d, func() {
		s.step(n, func() {
			if n.f == f {
				s.post(n, nil, rep)
				f.Left(n.local(said))
			}
		})
	})
}

// depart makes n leave for good. Not everybody hears of it.
func (s *schedule) depart(n *node) {
	s.step(n, func() { n.f.Farewell(n.local(s.now)) })
	if n.paused > s.now {
		return
	}
	s.logf("%d says bye", n.i)
	s.post(n, nil, bye{})
	n.dead = true
	if s.chance(500) {
		s.start(n)
	}
}
