package lab

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/broken"
)

var tryRules = flag.String("try", "", "rules")
var tryPlans = flag.String("plans", "", "plans")
var tryN = flag.Uint64("n", 40, "")
var trySecs = flag.Float64("secs", 15, "")
var tryHits = flag.Int("hits", 4, "")

var plans = map[string]func(uint64) *Schedule{
	"talk": planTalk, "views": planViews, "late": planLate, "restarts": planRestarts, "stalls": planStalls, "steady": planSteady,
	"gone": planGone, "lossy": planLossy, "disk": planDisk, "kills": planKills, "power": planPower, "copies": planCopies, "parts": planParts,
	"forge": planForge, "long": planLong, "mixed": planMixed, "quiet": planQuiet, "lies": planLies, "frozen": planFrozen, "asleep": planAsleep,
	"drift": planDrift, "slow": planSlow, "hold": planHold, "cut": planCut, "far": planFar, "return": planReturn, "stray": planStray, "bye": planBye, "busy": planBusy,
}

func TestTry(t *testing.T) {
	for _, plan := range strings.Split(*tryPlans, ",") {
		for _, name := range strings.Split(*tryRules, ",") {
			var without broken.Rules
			if r, ok := broken.Lookup(name); ok {
				without = broken.Of(r)
			} else if name != "none" {
				t.Fatal(name)
			}
			var hits []string
			start := time.Now()
			n := *fromFlag
			for ; n < *fromFlag+*tryN && len(hits) < *tryHits && time.Since(start).Seconds() < *trySecs; n++ {
				s := plans[plan](n)
				if err := s.Check(); err != nil {
					t.Fatal(err)
				}
				if r := Run(s, Options{Without: without}); r.Wrong != nil {
					hits = append(hits, fmt.Sprintf("%d:%s", n, r.Wrong.Promise))
					if name == "none" {
						fmt.Println(plan, n, r.Wrong)
					}
				}
			}
			fmt.Printf("%-10s %-24s %4d seeds %6.2f s/seed %v\n", plan, name, n-*fromFlag, time.Since(start).Seconds()/float64(n-*fromFlag), hits)
		}
	}
}
