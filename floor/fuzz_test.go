package floor

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/fuzzloop"
	"github.com/papo-chat/papo/internal/transport/memnet"
)

// FuzzSchedule lets the fuzzer choose the seed of a schedule (the first eight
// bytes) and each of its faults (a byte for each). Whatever it chooses, no two
// members may hold the floor at once, and none may wait for ever.
func FuzzSchedule(f *testing.F) {
	fuzzloop.Schedule(f, func(t testing.TB, choice []byte) {
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

// The seeds have each fault in at least one schedule.
func TestFuzzCorpus(t *testing.T) {
	met := map[string]bool{}
	for _, b := range fuzzloop.Seeds(t, "FuzzSchedule") {
		f := chosenSchedule(b).faults
		for fault, is := range map[string]bool{
			"loss": f.net.Loss > 0, "repetition": f.net.Duplicate > 0, "reordering": f.net.Reorder > 0, "misdirection": f.misdirect > 0,
			"views": f.views, "crash": f.crash, "pause": f.pause, "cancel": f.cancel, "one way": f.oneWay, "long holds": f.longHolds, "at once": f.atOnce,
			"drift": f.drift > 0, "gap": f.gap, "bye": f.bye, "rude": f.rude, "heads": f.heads,
		} {
			met[fault] = met[fault] || is
		}
	}
	if len(met) == 0 {
		t.Error("there are no seeds")
	}
	for fault, is := range met {
		if !is {
			t.Errorf("no seed has %s", fault)
		}
	}
}
