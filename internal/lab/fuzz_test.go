package lab

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/papo-chat/papo/internal/fuzzloop"
)

// FuzzSchedule lets the fuzzer choose a schedule, as FromBytes reads it. Whatever it
// chooses, all promises are kept.
func FuzzSchedule(f *testing.F) {
	fuzzloop.Schedule(f, func(t testing.TB, b []byte) {
		s := FromBytes(b)
		if err := s.Check(); err != nil {
			t.Fatalf("%v in:\n%v", err, s)
		}
		if r := Run(s, Options{}); r.Wrong != nil {
			t.Fatalf("%v in:\n%v", r.Wrong, s)
		}
	})
}

var update = flag.Bool("update", false, "write the seeds of FuzzSchedule anew")

// seedBytes makes a seed of the corpus: random surroundings, some without faults, lines,
// and a share of all kinds of operations.
func seedBytes(i int) []byte {
	rng := rand.New(rand.NewPCG(uint64(i), 0))
	b := make([]byte, headBytes+16*opBytes)
	for j := range b {
		if j >= headBytes || rng.IntN(2) == 0 {
			b[j] = byte(rng.Uint32())
		}
	}
	b[2], b[3] = byte(i), byte(i/2) // members and replicas
	switch b[4] &= 0x7f; i {        // real signatures and checkpoints in one each
	case 0:
		b[4] = 0xff
	case 1:
		b[4] = 0xf6
	}
	for j := range 16 {
		op := b[headBytes+j*opBytes:]
		op[0] /= 2 // up to 4 s
		if op[1] = 0; j%2 == 1 {
			op[1] = byte(2*((i*8+j/2)%len(bytesDos)) + 1)
		}
	}
	return b
}

// fuzzSeeds is how many schedules the corpus has at least.
const fuzzSeeds = 12

// The corpus has every operation and every fault of the surroundings.
func TestFuzzCorpus(t *testing.T) {
	if *update {
		fuzzloop.WriteSeed(t, "FuzzSchedule", "nothing", nil)
		for i := range fuzzSeeds {
			fuzzloop.WriteSeed(t, "FuzzSchedule", fmt.Sprintf("mixed-%02d", i), seedBytes(i))
		}
	}
	seeds := fuzzloop.Seeds(t, "FuzzSchedule")
	if len(seeds) < fuzzSeeds {
		t.Errorf("%d seeds", len(seeds))
	}
	met := map[Do]bool{}
	around := map[string]bool{}
	for _, b := range seeds {
		s := FromBytes(b)
		for _, op := range s.Ops {
			met[op.Do] = true
		}
		for _, p := range plains {
			plain := Cut{Plain: []string{p.name}}.Apply(s)
			around[p.name] = around[p.name] || !same(t, plain, s)
		}
	}
	for _, do := range bytesDos {
		if !met[do] {
			t.Errorf("no seed has %q", do)
		}
	}
	for _, p := range plains {
		if !around[p.name] && p.name != "sleep-clock" {
			t.Errorf("no seed has %q", p.name)
		}
	}
}

func same(t *testing.T, a, b *Schedule) bool {
	t.Helper()
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return string(x) == string(y)
}
