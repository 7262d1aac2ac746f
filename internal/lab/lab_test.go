package lab

import (
	"flag"
	"testing"
)

var seedsFlag = flag.Uint64("seeds", 300, "how many seeds TestSeeds runs")
var fromFlag = flag.Uint64("from", 0, "the first seed of TestSeeds")

func TestSeeds(t *testing.T) {
	some := Counts{}
	bad := 0
	for seed := *fromFlag; seed < *fromFlag+*seedsFlag; seed++ {
		s := Generate(seed, Plan{})
		if err := s.Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		r := Run(s, Options{})
		some.Add(r.Some)
		if r.Wrong != nil {
			t.Errorf("seed %d: %v", seed, r.Wrong)
			if bad++; bad > 20 {
				break
			}
		}
	}
	t.Logf("never: %v", some.Never())
}
