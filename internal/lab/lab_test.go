package lab

import (
	"flag"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/broken"
)

var (
	seedsFlag = flag.Uint64("seeds", 300, "how many seeds TestSeeds runs; with -short no more than 20")
	fromFlag  = flag.Uint64("from", 0, "the first of them")
)

// shortSeeds is how many seeds are run with -short, and so with -race.
const shortSeeds = 20

// wrongMost is how many seeds that break a promise are told.
const wrongMost = 20

// Groups keep all promises, whatever happens to them. What a few seeds do not reach
// papo lab run asks of many.
func TestSeeds(t *testing.T) {
	n := *seedsFlag
	if testing.Short() {
		n = min(n, shortSeeds)
	}
	some, wrong := Counts{}, 0
	done := Many(t.Context(), *fromFlag, n, Plan{}, Options{}, func(o Outcome) bool {
		some.Add(o.Some)
		if o.Wrong != nil {
			t.Errorf("papo lab run --seed %d: %v", o.Seed, o.Wrong)
			wrong++
		}
		return wrong < wrongMost
	})
	if wrong == 0 && done != n {
		t.Errorf("%d of %d seeds", done, n)
	}
	t.Logf("never reached: %v", some.Never())
}

// What Generate makes from a seed is possible, whatever the plan.
func TestGenerate(t *testing.T) {
	for seed := range uint64(2000) {
		for _, p := range []Plan{{}, {Members: MaxMembers, Ops: 10}, {Members: 1}, {Calm: true}, {Only: Faults}, {Only: []Fault{FaultLate}, Ops: 1}, {Lasts: time.Second}} {
			s := Generate(seed, p)
			if err := s.Check(); err != nil {
				t.Fatalf("seed %d, %+v: %v", seed, p, err)
			}
			if p.Members > 0 && s.Members != p.Members || p.Ops > len(s.Ops) || p.Lasts > 0 && s.Until != p.Lasts {
				t.Fatalf("seed %d, %+v: %d members, %d operations until %v", seed, p, s.Members, len(s.Ops), s.Until)
			}
		}
	}
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
