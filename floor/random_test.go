package floor

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"os"
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
func checkSchedule(t *testing.T, schedule func() *schedule) *schedule {
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

// FuzzSchedule lets the fuzzer choose the seed of a schedule (the first eight
// bytes) and each of its faults (a byte for each). Whatever it chooses, no two
// members may hold the floor at once, and none may wait for ever.
func FuzzSchedule(f *testing.F) {
	f.Fuzz(func(t *testing.T, choice []byte) {
		checkSchedule(t, func() *schedule { return chosenSchedule(choice) })
	})
}

// chosenSchedule takes missing bytes as 0 and ignores what is too much.
func chosenSchedule(choice []byte) *schedule {
	var b [24]byte
	copy(b[:], choice)
	next := b[8:]
	take := func(n int) int { // 0 to n-1
		c := int(next[0]) % n
		next = next[1:]
		return c
	}
	perCent := func(n int) float64 { return float64(take(n)) / 100 }
	yes := func() bool { return take(2) == 1 }
	return newSchedule(binary.LittleEndian.Uint64(b[:8]), broken.Rules{}, func(f *faults, _ *rand.Rand) {
		*f = faults{size: 2 + take(5)}
		f.net = memnet.Faults{Loss: perCent(45), Duplicate: perCent(50), Reorder: perCent(30), MinDelay: leastDelay}
		f.misdirect = 10 * take(30)
		f.net.MaxDelay = time.Duration(1+take(60)) * time.Millisecond
		f.views, f.crash, f.pause, f.cancel, f.oneWay, f.longHolds, f.atOnce = yes(), yes(), yes(), yes(), yes(), yes(), yes()
		f.drift = take(DriftPercent + 1)
		flags := take(16)
		f.gap, f.bye, f.rude, f.heads = flags&1 != 0, flags&2 != 0, flags&4 != 0, flags&8 != 0
		f.net.HoldBack = longAgo >> take(10)
	})
}

// TestFuzzCorpus asserts that there is a corpus: without one, FuzzSchedule tests
// nothing unless it is run with -fuzz.
func TestFuzzCorpus(t *testing.T) {
	files, err := os.ReadDir("testdata/fuzz/FuzzSchedule")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d seeds in the corpus (%v)", len(files), err)
	}
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
