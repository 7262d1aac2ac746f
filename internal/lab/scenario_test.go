package lab_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/lab"
	"github.com/papo-chat/papo/internal/trace"
)

// run gives the events of a scenario's run, and how it ended.
func run(sc *lab.Scenario, without ...broken.Rule) (events, lab.Result) {
	var es events
	r := lab.Run(&sc.Schedule, lab.Options{Without: broken.Of(without...), Trace: func(e trace.Event) { es = append(es, e) }})
	return es, r
}

type events []trace.Event

// find gives the place of the first event from a place on that is as is says; len(es):
// there is none.
func (es events) find(from int, is func(e *trace.Event) bool) int {
	for i := from; i < len(es); i++ {
		if is(&es[i]) {
			return i
		}
	}
	return len(es)
}

// follow tells whether there is an event for each, one after the other.
func (es events) follow(each ...func(e *trace.Event) bool) bool {
	at := 0
	for _, is := range each {
		if at = es.find(at, is) + 1; at > len(es) {
			return false
		}
	}
	return true
}

type is = func(e *trace.Event) bool

func floorIs(who, state, why string) is {
	return func(e *trace.Event) bool {
		return e.Kind == trace.KindFloor && e.Member == who && e.State == state && (why == "" || e.Why == why)
	}
}

func tells(who string, code string) is {
	return func(e *trace.Event) bool { return e.Kind == trace.KindTell && e.Member == who && e.Code == code }
}

func kind(k trace.Kind, who, why string) is {
	return func(e *trace.Event) bool { return e.Kind == k && e.Member == who && (why == "" || e.Why == why) }
}

func shows(who, text string) is {
	return func(e *trace.Event) bool { return e.Kind == trace.KindShow && e.Member == who && e.Text == text }
}

func view(who string, members int) is {
	return func(e *trace.Event) bool {
		return e.Kind == trace.KindView && e.Member == who && len(e.Members) == members
	}
}

// points are what each scenario has to show: all of these, in this order.
var points = map[string][]is{
	"two-ask-at-once": {
		floorIs("Rafael", "requested", ""), floorIs("Brenda", "requested", ""), floorIs("Rafael", "deferred", "asking"),
		floorIs("Rafael", "granted", ""), floorIs("Rafael", "grant", ""), floorIs("Brenda", "granted", ""),
	},
	"two-want-to-stay": {
		floorIs("Rafael", "deferred", "asking"), floorIs("Rafael", "granted", ""), kind(trace.KindReceive, "Brenda", "holding"),
		floorIs("Rafael", "released", ""), floorIs("Brenda", "granted", ""),
	},
	"permission-kept": {
		floorIs("Ana", "granted", ""), func(e *trace.Event) bool { return floorIs("Ana", "granted", "")(e) && e.Kept },
		floorIs("Brenda", "requested", ""), floorIs("Ana", "grant", ""), floorIs("Brenda", "granted", ""),
	},
	"clock-and-order": {
		shows("Rafael", "What is 6 times 7?"), shows("Rafael", "I think it is 42."), shows("Brenda", "So do I."),
	},
	"waits-for-one": {
		floorIs("Brenda", "requested", ""), floorIs("Ana", "requested", ""), floorIs("Brenda", "deferred", "asking"),
		view("Brenda", 3), floorIs("Brenda", "granted", ""), floorIs("Ana", "granted", ""),
	},
	"lost-request": {
		func(e *trace.Event) bool { return e.Kind == trace.KindLose && e.Msg == "REQ" && e.Peer == "Brenda" },
		floorIs("Ana", "deferred", "holding"), func(e *trace.Event) bool { return e.Kind == trace.KindReceive && e.Msg == "WAIT" },
		floorIs("Brenda", "granted", ""),
	},
	"taken-back": {
		floorIs("Ana", "deferred", "holding"), floorIs("Brenda", "cancelled", ""),
		func(e *trace.Event) bool {
			return e.Kind == trace.KindReceive && e.Member == "Ana" && e.Msg == "RELEASE"
		},
		func(e *trace.Event) bool { return floorIs("Ana", "released", "")(e) && len(e.Queue) == 0 },
		shows("Ana", "On second thought, yes."),
	},
	"late-permission": {
		floorIs("Brenda", "released", ""), floorIs("Ana", "granted", ""), floorIs("Brenda", "requested", ""),
		func(e *trace.Event) bool { // of the first request, while Ana is inside
			return e.Kind == trace.KindReceive && e.Member == "Brenda" && e.Msg == "REP" && len(e.Grants) > 0 && e.Grants[0].TS == 1
		},
		floorIs("Ana", "released", ""), floorIs("Brenda", "granted", ""),
	},
	"slow-permission": {
		floorIs("Ana", "grant", ""), floorIs("Brenda", "granted", ""), view("Ana", 1), floorIs("Brenda", "released", ""), floorIs("Ana", "granted", ""),
	},
	"out-of-order": {
		shows("Ana", "I have it."), func(e *trace.Event) bool { return shows("Ana", "Who has the key?")(e) && e.Late },
	},
	"late-joiner":    {kind(trace.KindStart, "Caio", ""), tells("Caio", "caught-up"), shows("Caio", "Shall we begin?"), view("Ana", 3), shows("Ana", "Sorry, I am late.")},
	"holder-crashes": {floorIs("Brenda", "held", ""), kind(trace.KindStop, "Brenda", "kill"), view("Rafael", 2), floorIs("Ana", "deferred", "grant"), floorIs("Rafael", "granted", ""), kind(trace.KindStart, "Brenda", "")},
	"stalled-holder": {
		floorIs("Ana", "held", ""), kind(trace.KindPause, "Ana", "stopped"), floorIs("Brenda", "granted", ""), kind(trace.KindResume, "Ana", ""),
		floorIs("Ana", "released", ""), shows("Brenda", "Chapter two."),
	},
	"sleeping-holder": {
		floorIs("Ana", "held", ""), kind(trace.KindPause, "Ana", "asleep"), floorIs("Brenda", "granted", ""), kind(trace.KindResume, "Ana", ""), floorIs("Ana", "released", ""),
	},
	"cut-off-holder":        {view("Ana", 2), floorIs("Ana", "deferred", "grant"), floorIs("Brenda", "released", ""), floorIs("Ana", "grant", ""), floorIs("Rafael", "granted", "")},
	"newcomer-waits":        {kind(trace.KindStart, "Rafael", ""), floorIs("Ana", "deferred", "grant"), floorIs("Brenda", "released", ""), floorIs("Rafael", "granted", "")},
	"forgetful-restart":     {floorIs("Brenda", "granted", ""), kind(trace.KindStart, "Ana", ""), floorIs("Brenda", "released", ""), floorIs("Ana", "granted", "")},
	"view-change-in-a-hold": {floorIs("Brenda", "held", ""), view("Brenda", 2), floorIs("Brenda", "released", ""), tells("Brenda", "hold-view"), floorIs("Brenda", "requested", "")},
	"partition-heals": {
		view("Ana", 2), shows("Brenda", "Where is Rafael?"), shows("Rafael", "Where is Brenda?"),
		func(e *trace.Event) bool { return shows("Rafael", "Where is Rafael?")(e) && e.Late }, view("Ana", 4),
	},
	"bridge":                {tells("Ana", "left-out"), shows("Ana", "I hear both of you."), shows("Caio", "Hello from the left.")},
	"crash-loses-nothing":   {kind(trace.KindStop, "Ana", "kill"), tells("Ana", "unsent"), shows("Brenda", "Noted, and not said yet.")},
	"crash-repeats-nothing": {shows("Brenda", twoLines), kind(trace.KindStop, "Ana", "power"), tells("Ana", "unsent"), shows("Ana", twoLines)},
	"full-disk":             {tells("Ana", "disk-full"), floorIs("Ana", "released", ""), shows("Brenda", "Does this still fit?")},
	"damaged-replica": {
		func(e *trace.Event) bool { return e.Kind == trace.KindFault && e.Code == "rot" && e.State == "begin" },
		func(e *trace.Event) bool { return e.Kind == trace.KindFault && e.Code == "rot" && e.State == "end" },
	},
	"two-copies": {kind(trace.KindStart, "Ana-copy2", ""), tells("Ana-copy2", "copied"), kind(trace.KindStop, "Ana-copy2", "exit")},
}

const twoLines = "Said, and not crossed out yet.\nThe second half of it."

func TestScenarios(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	if len(points) != len(lab.Scenarios) {
		t.Errorf("%d scenarios, and the points of %d", len(lab.Scenarios), len(points))
	}
	for i := range lab.Scenarios {
		sc := &lab.Scenarios[i]
		t.Run(sc.Name, func(t *testing.T) {
			s := &sc.Schedule
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			if !name.MatchString(sc.Name) || lab.LookupScenario(sc.Name) != sc || s.Members > 4 || sc.From >= sc.To {
				t.Error("its name, its size or its part will not do")
			}
			es, r := run(sc)
			if r.Wrong != nil {
				t.Fatal(r.Wrong)
			}
			if again, _ := run(sc); !slices.EqualFunc(es, again, same) {
				t.Error("the second run is another one")
			}
			if point := points[sc.Name]; len(point) == 0 || !es.follow(point...) {
				for i := range point {
					if !es.follow(point[:i+1]...) {
						t.Fatalf("it does not show point %d of %d", i+1, len(point))
					}
				}
				t.Error("it has no point")
			}
		})
	}
}

func same(a, b trace.Event) bool {
	x, _ := json.Marshal(a) //nolint:errcheck // it has nothing that cannot be written
	y, _ := json.Marshal(b) //nolint:errcheck // the same
	return string(x) == string(y)
}

// What a scenario says of order and time, beside its point.
func TestScenarioDetails(t *testing.T) {
	es, _ := run(lab.LookupScenario("permission-kept"))
	first := es.find(0, floorIs("Ana", "granted", ""))
	second := es.find(first+1, floorIs("Ana", "granted", ""))
	if i := es.find(first, func(e *trace.Event) bool { return e.Member == "Ana" && e.Kind == trace.KindSend && e.Msg == "REQ" }); i < second {
		t.Error("Ana asks for her second turn")
	}
	es, _ = run(lab.LookupScenario("clock-and-order"))
	stamp := uint64(0)
	for i := range es {
		if e := &es[i]; e.Kind == trace.KindShow && e.Member == "Ana" {
			if e.Stamp <= stamp {
				t.Errorf("%q has stamp %d after %d", e.Text, e.Stamp, stamp)
			}
			stamp = e.Stamp
		}
	}
	es, _ = run(lab.LookupScenario("crash-repeats-nothing"))
	if at := es.find(es.find(0, shows("Brenda", twoLines))+1, func(e *trace.Event) bool { return e.Kind == trace.KindShow && e.Member == "Brenda" }); at < len(es) {
		t.Error("Brenda sees more than one turn")
	}
	es, _ = run(lab.LookupScenario("two-want-to-stay"))
	if d := es[es.find(0, floorIs("Brenda", "granted", ""))].At - es[es.find(0, floorIs("Rafael", "released", ""))].At; d != 8*time.Millisecond {
		t.Errorf("the floor is handed over in %v, and one datagram takes 8 ms", d)
	}
}

// Without a rule that a scenario says to show, a promise is broken in it.
func TestScenariosMissTheirRules(t *testing.T) {
	seen := map[broken.Rule]bool{}
	for i := range lab.Scenarios {
		sc := &lab.Scenarios[i]
		for _, rule := range sc.Breaks {
			if seen[rule] || lab.ScenarioOf(rule) != sc {
				t.Errorf("%s: another scenario shows %s", sc.Name, rule)
			}
			seen[rule] = true
			if _, r := run(sc, rule); r.Wrong == nil {
				t.Errorf("%s: nothing goes wrong without %s%s", sc.Name, rule, seedFor(sc, rule))
			}
		}
	}
	for _, rule := range []broken.Rule{ // those that a class understands
		broken.StaleHold, broken.F2Lease, broken.F2Tag, broken.F2SetOfReplies, broken.F2AllReplies, broken.F2WaitIsNoReply, broken.F3OwnGrants, broken.F4Quiet,
		broken.F6ViewHash, broken.F6ClockRaise, broken.F7DeferWhileHolding, broken.F7DeferWhileLower, broken.F7TieByID, broken.F7RequestTime,
		broken.F8OutsideGrants, broken.WriteFirst, broken.LineIDLookup, broken.UnsentWritten,
	} {
		if !seen[rule] {
			t.Errorf("no scenario shows what %s is for", rule)
		}
	}
}

// seedFor looks for a seed with which a scenario shows a rule again, since a change of the
// program changes what chance does.
func seedFor(sc *lab.Scenario, rule broken.Rule) string {
	other := *sc
	for _, n := range []int{0, 1, 2, 3, -1, -2} {
		other.Schedule.Ops = slices.Clone(sc.Schedule.Ops)
		for i := range other.Schedule.Ops {
			if op := &other.Schedule.Ops[i]; op.Do == lab.DoPower {
				op.N += n
			}
		}
		for other.Schedule.Seed = range uint64(50) {
			if _, r := run(&other, rule); r.Wrong == nil {
				continue
			}
			if _, r := run(&other); r.Wrong == nil {
				b, _ := json.Marshal(other.Schedule) //nolint:errcheck // it has nothing that cannot be written
				return "; with this it does: " + string(b)
			}
		}
	}
	return ", with any seed"
}
