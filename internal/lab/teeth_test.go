package lab

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/broken"
)

var (
	measureFlag = flag.Uint64("measure", 0, "from so many places TestTeeth looks how many seeds it takes")
	onlyFlag    = flag.String("only", "", "of TestTeeth's table: these names, with commas between them")
	planSeeds   = flag.Uint64("plan-seeds", 6, "how many seeds of each plan TestPlans runs, from -from on")
	updateFlag  = flag.Bool("update-teeth", false, "write the table of docs/TEETH.md")
)

// tooth is something that is wrong on purpose, and where it shows.
type tooth struct {
	name    string // of a rule that is taken out, or of a fault that no rule can mend
	plan    string // of plans
	promise string // that breaks
	most    uint64 // seeds that it took, from the worst of some places: see docs/TEETH.md
}

// within is how many seeds it may take.
func (b tooth) within() uint64 { return max(8, 4*b.most) }

var teeth = []tooth{
	{"f1-void-replies", "cut", "one-speaks", 6},
	{"stale-hold", "views", "one-speaks", 6},
	{"f2-lease", "between", "one-speaks", 21},
	{"f2-lease-from-sending", "far", "one-speaks", 6},
	{"f2-not-idle", "crossing", "one-speaks", 2},
	{"f2-not-idle-hand-over", "crossing", "permission", 6},
	{"f2-tag", "crossing", "one-speaks", 6},
	{"f2-set-of-replies", "talk", "one-speaks", 2},
	{"f2-all-replies", "views", "one-speaks", 3},
	{"f2-wait-is-no-reply", "talk", "one-speaks", 4},
	{"f3-own-grants", "between", "one-speaks", 2},
	{"f4-quiet", "restarts", "one-speaks", 5},
	{"f6-membership", "half", "permission", 1},
	{"f6-view-hash", "cut", "one-speaks", 25},
	{"f6-clock-raise", "talk", "stamps", 1},
	{"f7-defer-while-holding", "late", "one-speaks", 5},
	{"f7-defer-while-lower", "talk", "one-speaks", 1},
	{"f7-tie-by-id", "talk", "one-speaks", 1},
	{"f7-request-time", "talk", "one-speaks", 5},
	{"f7-all-deferred", "talk", "hand-over", 5},
	{"f7-queue-order", "talk", "hand-over", 5},
	{"f8-outside-grants", "between", "one-speaks", 64},
	{"f9-permission-gone", "talk", "one-speaks", 1},
	{"f9-newest-request", "late", "released", 2},
	{"f9-addressee", "stray", "one-speaks", 14},
	{"f10-forget-on-release", "crossing", "permission", 1},
	{"f10-drop-on-release", "late", "released", 5},

	{"confirmation", "steady", "waits", 6},
	{"fresh-confirmation", "ghost", "gone", 19},
	{"quiet-uncounted", "gone", "quiet", 1},
	{"suspicion", "gone", "waits", 1},
	{"follow-lowest", "gone", "waits", 1},
	{"follow-own-view", "steady", "waits", 4},
	{"mutual-hearing", "steady", "waits", 4},
	{"bye-final", "bye", "bye", 7},
	{"copy-exits", "copies", "liveness", 1},

	{"write-first", "kills", "append-first", 1},
	{"written-or-unsaid", "disk", "append-first", 2},
	{"not-after", "slow", "lease", 1},
	{"unsent-written", "kills", "lost", 1},
	{"line-id-lookup", "power", "once", 22},
	{"back-to-queue", "disk", "lost", 2},
	{"safe-before-said", "kills", "said", 1},
	{"whole-past", "parts", "delivered", 1},
	{"leave-contended", "busy", "hand-over", 1},
	{"hold-limit", "hold", "hold", 1},
	{"own-stamp", "talk", "stamps", 1},
	{"clock-restored", "restarts", "stamps", 1},
	{"sleep-noticed", "asleep", "one-speaks", 6},
	{"new-incarnation", "kills", "quiet", 5},

	{"kept-in-heads", "disk", "append-first", 1},
	{"want-parents", "lossy", "gaps", 4},
	{"answer-wants", "lossy", "gaps", 1},
	{"parents-first", "parts", "parents-first", 1},
	{"late-marked", "parts", "order", 1},
	{"tie-late", "parts", "order", 2},
	{"shown-once", "disk", "shown", 1},
	{"settled-compared", "parts", "liveness", 6},
	{"settled-same", "held", "needless", 1},
	{"reconciliation", "parts", "liveness", 9},
	{"all-found", "parts", "liveness", 27},
	{"every-window", "old", "liveness", 1},

	{"stamps-checked", "forge", "shown", 1},
	{"heads-renewed", "forge", "heads", 2},
	{"all-heads", "forge", "heads", 1},

	{"frozen-clock", "frozen", "one-speaks", 6},
	{"drift-30", "drift", "one-speaks", 14},
	{"lying-disk", "lies", "lost", 1},
}

// faults that no rule can mend: a promise breaks, and has to.
var faults = map[string]string{
	"frozen-clock": "A machine's clocks stop while it sleeps, that of the day too.",
	"drift-30":     "A clock is 30 % too fast, three times the bound.",
	"lying-disk":   "A disk says that it has fsynced, and has not.",
}

// unseen are rules that a whole group cannot show, and why.
var unseen = map[string]string{
	"f9-answer-time": "Between the two halves of leaving the floor today's program takes nothing in, so nobody is answered as of a moment ago. `floor`'s own random schedules take something in there, and find it.",
}

// plans are the kinds of schedules, by name.
var plans = map[string]func(seed uint64) *Schedule{
	"talk": planTalk, "views": planViews, "late": planLate, "restarts": planRestarts, "steady": planSteady, "gone": planGone,
	"lossy": planLossy, "disk": planDisk, "kills": planKills, "power": planPower, "copies": planCopies, "parts": planParts,
	"forge": planForge, "old": planOld, "half": planHalf, "held": planHeld, "ghost": planGhost, "lies": planLies,
	"frozen": planFrozen, "asleep": planAsleep, "drift": planDrift, "slow": planSlow, "hold": planHold, "crossing": planCrossing,
	"between": planBetween, "cut": planCut, "far": planFar, "stray": planStray, "bye": planBye, "busy": planBusy,
}

// bite runs seeds until the promise breaks, and tells how many it took. False: it did not.
func (b tooth) bite(t *testing.T, from, within uint64) (took uint64, found bool) {
	var without broken.Rules
	if r, ok := broken.Lookup(b.name); ok {
		without = broken.Of(r)
	}
	for took = 1; took <= within; took++ {
		s := plans[b.plan](from + took - 1)
		if err := s.Check(); err != nil {
			t.Fatalf("plan %s, seed %d: %v", b.plan, from+took-1, err)
		}
		if r := Run(s, Options{ParentsFirst: true, Without: without}); r.Wrong != nil && r.Wrong.Promise == b.promise {
			return took, true
		}
	}
	return within, false
}

// Each rule that is taken out, and each fault that none can mend, breaks its promise.
func TestTeeth(t *testing.T) {
	for i, b := range teeth {
		if *onlyFlag != "" && !slices.Contains(strings.Split(*onlyFlag, ","), b.name) || testing.Short() && i%8 != 0 {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			if *measureFlag == 0 {
				if took, found := b.bite(t, 0, b.within()); !found {
					t.Errorf("plan %s: %q did not break in %d seeds", b.plan, b.promise, took)
				}
				return
			}
			most, sum := uint64(0), uint64(0)
			for place := range *measureFlag {
				took, found := b.bite(t, 10_000*place, 400)
				if !found {
					t.Errorf("plan %s: %q did not break in %d seeds from %d on", b.plan, b.promise, took, 10_000*place)
				}
				most, sum = max(most, took), sum+took
			}
			fmt.Printf("%-24s most %d, mean %d; in the table: %d\n", b.name, most, sum / *measureFlag, b.most)
		})
	}
}

// With all rules in place no plan breaks a promise, but for the faults that none can mend.
func TestPlans(t *testing.T) {
	n := *planSeeds
	if testing.Short() {
		n = 1
	}
	for name, plan := range plans {
		if slices.Contains([]string{"frozen", "drift", "lies"}, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := *fromFlag; seed < *fromFlag+n; seed++ {
				if r := Run(plan(seed), Options{ParentsFirst: true}); r.Wrong != nil {
					t.Errorf("seed %d: %v", seed, r.Wrong)
				}
			}
		})
	}
}

// A good-bye counts also where its sender was not known yet: what came late of it brought
// it back, for a second.
func TestByeOfAStranger(t *testing.T) {
	if r := Run(planBye(3021), Options{ParentsFirst: true}); r.Wrong != nil {
		t.Error(r.Wrong)
	}
}

const teethDoc = "../../docs/TEETH.md"

// The table of docs/TEETH.md is this one, and all rules are in it.
func TestTeethAreWrittenDown(t *testing.T) {
	without := map[string]string{}
	for _, e := range broken.All() {
		without[e.Name] = e.Without
		if !slices.ContainsFunc(teeth, func(b tooth) bool { return b.name == e.Name }) && unseen[e.Name] == "" {
			t.Errorf("%s is not in the table", e.Name)
		}
	}
	var table strings.Builder
	table.WriteString("| rule | what is taken out, or wrong | plan | promise that breaks | seeds it took at most | seeds it may take |\n|---|---|---|---|---|---|\n")
	for _, b := range teeth {
		what := without[b.name]
		if what == "" {
			what = faults[b.name]
		}
		if what == "" || plans[b.plan] == nil {
			t.Errorf("%s is no rule and no fault, or %s no plan", b.name, b.plan)
		}
		fmt.Fprintf(&table, "| `%s` | %s | `%s` | `%s` | %d | %d |\n", b.name, what, b.plan, b.promise, b.most, b.within())
	}
	for _, e := range broken.All() {
		if why := unseen[e.Name]; why != "" {
			fmt.Fprintf(&table, "| `%s` | %s | none: %s | | | |\n", e.Name, e.Without, why)
		}
	}
	b, err := os.ReadFile(teethDoc)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- table -->\n", "<!-- end of table -->\n"
	head, rest, ok := strings.Cut(string(b), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table", teethDoc)
	}
	want := head + begin + table.String() + end + tail
	if want == string(b) {
		return
	}
	if !*updateFlag {
		t.Errorf("the table of %s is another one: go test ./internal/lab -run TestTeethAreWrittenDown -update-teeth", teethDoc)
	} else if err := os.WriteFile(teethDoc, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
