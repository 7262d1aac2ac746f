package lab

import (
	"flag"
	"testing"

	"github.com/papo-chat/papo/internal/broken"
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

// A schedule that breaks a promise because a rule was taken out is made so small that
// people see why.
func TestShrink(t *testing.T) {
	o := Options{Without: broken.Of(broken.F7DeferWhileHolding)}
	for seed := range uint64(200) {
		s := Generate(seed, Plan{})
		if r := Run(s, o); r.Wrong == nil || r.Wrong.Promise != "one-speaks" {
			continue
		}
		c, r := Shrink(s, o, nil)
		small := c.Apply(s)
		if r.Wrong == nil || r.Wrong.Promise != "one-speaks" || len(small.Ops) > 6 || small.Members > 3 {
			t.Errorf("seed %d, %s: %v\n%v", seed, c, r.Wrong, small)
		}
		if again := Run(c.Apply(Generate(seed, Plan{})), o); again.Wrong == nil || *again.Wrong != *r.Wrong {
			t.Errorf("the cut gives %v, and it gave %v", again.Wrong, r.Wrong)
		}
		return
	}
	t.Error("the rule was not missed in 200 seeds")
}

func TestPlaces(t *testing.T) {
	for _, text := range []string{"none", "0", "3,7-9", "1-2,4,6-8"} {
		places, err := ParsePlaces(text)
		if err != nil || Places(places) != text {
			t.Errorf("%s gives %v, %v", text, places, err)
		}
	}
	for _, text := range []string{"", "a", "3-", "-1", "4-2", "1,,2", "99999"} {
		if places, err := ParsePlaces(text); err == nil {
			t.Errorf("%q gives %v", text, places)
		}
	}
}
