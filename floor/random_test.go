package floor

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
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
	entries := 0
	for seed := range seeds {
		s := newSchedule(seed, 0, tune)
		if bad := s.run(); bad != "" {
			t.Fatalf("seed %d, faults %+v: %s", seed, s.faults, bad)
		}
		entries += s.entries
	}
	if entries < int(seeds)*10 {
		t.Fatalf("only %d holds in %d runs: the schedules test nothing", entries, seeds)
	}
	t.Logf("%d runs, %d holds", seeds, entries)
}

// FuzzSchedule lets the fuzzer choose the seed of a schedule (the first eight
// bytes) and each of its faults (a byte for each). Whatever it chooses, no two
// members may hold the floor at once, and none may wait for ever.
func FuzzSchedule(f *testing.F) {
	f.Fuzz(func(t *testing.T, choice []byte) {
		s := chosenSchedule(choice)
		if bad := s.run(); bad != "" {
			t.Fatalf("faults %+v: %s", s.faults, bad)
		}
	})
}

// chosenSchedule takes missing bytes as 0 and ignores what is too much.
func chosenSchedule(choice []byte) *schedule {
	var b [25]byte
	copy(b[:], choice)
	next := b[8:]
	take := func(n int) int { // 0 to n-1
		c := int(next[0]) % n
		next = next[1:]
		return c
	}
	yes := func() bool { return take(2) == 1 }
	return newSchedule(binary.LittleEndian.Uint64(b[:8]), 0, func(f *faults, _ *rand.Rand) {
		*f = faults{
			size: 2 + take(5),
			loss: 10 * take(45), repeat: 10 * take(50), late: 10 * take(30), misdirect: 10 * take(30),
			delay: time.Duration(1+take(60)) * time.Millisecond,
			views: yes(), crash: yes(), pause: yes(), cancel: yes(), oneWay: yes(), longHolds: yes(), atOnce: yes(),
			drift: take(DriftPercent + 1),
		}
		flags := take(16)
		f.gap, f.bye, f.rude, f.heads = flags&1 != 0, flags&2 != 0, flags&4 != 0, flags&8 != 0
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
				s.carry(n, Send{Msg: rep})
				f.Left(n.local(said))
			}
		})
	})
}

// depart makes n leave for good. Not everybody hears of it, nor at once.
func (s *schedule) depart(n *node) {
	s.step(n, func() { n.f.Farewell(n.local(s.now)) })
	if n.paused > s.now {
		return
	}
	s.logf("%d says bye", n.i)
	gone := n.f.self
	n.dead = true
	for _, o := range s.nodes {
		if o != n && !s.chance(s.faults.loss) {
			s.after(s.upTo(s.faults.delay), func() {
				s.step(o, func() {
					o.f.Bye(o.local(s.now), gone)
					if s.chance(700) {
						o.f.SetView(o.local(s.now), NewView(slices.DeleteFunc(slices.Clone(o.f.view.members), func(m Member) bool { return m == gone })...))
					}
				})
			})
		}
	}
	if s.chance(500) {
		s.start(n)
	}
}
