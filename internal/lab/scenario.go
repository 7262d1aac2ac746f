package lab

import (
	"time"

	"github.com/papo-chat/papo/internal/broken"
)

// Scenario is a small schedule with one clear point, for people to look at. What it
// shows is in the catalogue of words, under "scenario." and its name.
type Scenario struct {
	Name     string // lower case, with hyphens
	Schedule Schedule
	// From and To are the part that shows the point. What is before it is the start of
	// the group, which is the same everywhere.
	From, To time.Duration
	// Breaks are rules that are missed here: without one of them, a promise is broken.
	Breaks []broken.Rule
}

// LookupScenario returns the scenario of this name; nil: there is none.
func LookupScenario(name string) *Scenario {
	for i := range Scenarios {
		if Scenarios[i].Name == name {
			return &Scenarios[i]
		}
	}
	return nil
}

// ScenarioOf returns the scenario that shows what a rule is for; nil: there is none.
func ScenarioOf(r broken.Rule) *Scenario {
	for i := range Scenarios {
		for _, b := range Scenarios[i].Breaks {
			if b == r {
				return &Scenarios[i]
			}
		}
	}
	return nil
}

const (
	ms = time.Millisecond
	// ready is when those who started first may speak.
	ready = 2500 * ms
)

// slow is a network on which every datagram takes so long that people see what crosses
// what, and just as long as every other.
var slow = Net{MinDelay: 8 * ms, MaxDelay: 8 * ms}

// The members of scenarios, by their places.
const (
	ana = iota
	brenda
	rafael
	caio
)

var people = []string{"Ana", "Brenda", "Rafael", "Caio"}

// small is a schedule of the first so many people.
func small(members int, until time.Duration, ops ...Op) Schedule {
	return Schedule{Members: members, Names: people[:members], Replicas: 2, Net: slow, Ops: ops, Until: until}
}

// seeded has chance do something else than with seed 0.
func seeded(seed uint64, s Schedule) Schedule {
	s.Seed = seed
	return s
}

func say(at time.Duration, m int, text string) Op { return Op{At: at, Do: DoSay, M: m, Text: text} }

// Scenarios are all of them, in an order in which they can be taught.
var Scenarios = []Scenario{
	{
		Name: "two-ask-at-once",
		Schedule: Schedule{
			Members: 3, Names: people[:3], Replicas: 2, Until: 4 * time.Second,
			Net: Net{MinDelay: 6 * ms, MaxDelay: 6 * ms}, // nothing is asked twice
			Ops: []Op{say(ready, rafael, "Bom dia!"), say(ready+3*ms, brenda, "Good morning!")},
		},
		From: ready, To: 3 * time.Second,
		Breaks: []broken.Rule{broken.OwnStamp},
	},
	{
		Name: "two-want-to-stay",
		Schedule: small(3, 6*time.Second,
			Op{At: ready, Do: DoHold, M: rafael, For: time.Second},
			Op{At: ready + 3*ms, Do: DoHold, M: brenda, For: time.Second},
			say(ready+300*ms, rafael, "I have two things to say."),
			say(ready+1500*ms, brenda, "And I have one."),
		),
		From: ready, To: 5 * time.Second,
		Breaks: []broken.Rule{broken.F7DeferWhileHolding, broken.F7DeferWhileLower, broken.F7TieByID, broken.F2WaitIsNoReply, broken.F2SetOfReplies},
	},
	{
		Name: "permission-kept",
		Schedule: small(3, 5*time.Second,
			say(ready, ana, "First, about the exam."),
			say(ready+600*ms, ana, "It is on Friday."),
			say(ready+1200*ms, brenda, "Which room?"),
		),
		From: ready, To: 4500 * ms,
	},
	{
		Name: "clock-and-order",
		Schedule: Schedule{
			Members: 3, Names: people[:3], Replicas: 2, Net: slow, Until: 5 * time.Second,
			Late: []time.Duration{100 * ms, 100 * ms, 100 * ms},
			Ops: []Op{
				{Do: DoClock, M: rafael, For: -9 * time.Minute},
				say(ready, brenda, "What is 6 times 7?"),
				say(ready+500*ms, ana, "I think it is 42."),
				say(ready+1000*ms, rafael, "So do I."),
			},
		},
		From: ready, To: 4500 * ms,
		Breaks: []broken.Rule{broken.F6ClockRaise},
	},
	{
		Name: "waits-for-one",
		Schedule: small(4, 8*time.Second,
			Op{At: ready, Do: DoSleep, M: caio, For: 2500 * ms},
			Op{At: ready + 10*ms, Do: DoHold, M: brenda, For: 1500 * ms},
			Op{At: ready + 700*ms, Do: DoHold, M: ana, For: 1500 * ms},
		),
		From: ready, To: 8 * time.Second,
		Breaks: []broken.Rule{broken.F7RequestTime, broken.F2AllReplies},
	},
	{
		Name: "lost-request",
		Schedule: small(2, 6*time.Second,
			Op{At: ready, Do: DoHold, M: ana, For: 2 * time.Second},
			Op{At: ready + 300*ms, Do: DoOneWay, M: brenda, N: ana, For: 150 * ms},
			say(ready+350*ms, brenda, "May I?"),
		),
		From: ready, To: 5500 * ms,
	},
	{
		Name: "taken-back",
		Schedule: small(2, 6*time.Second,
			Op{At: ready, Do: DoHold, M: ana, For: 1500 * ms},
			say(ready+300*ms, brenda, "I disagree!"),
			Op{At: ready + 900*ms, Do: DoCancel, M: brenda},
			say(ready+2*time.Second, brenda, "On second thought, yes."),
		),
		From: ready, To: 5 * time.Second,
	},
	{
		Name: "late-permission",
		Schedule: small(2, 6*time.Second,
			Op{At: ready - ms, Do: DoSlow, M: ana, N: brenda, Size: 400, For: 60 * ms},
			Op{At: ready, Do: DoHold, M: brenda, For: time.Second},
			Op{At: ready + 100*ms, Do: DoRelease, M: brenda},
			Op{At: ready + 150*ms, Do: DoHold, M: ana, For: 1500 * ms},
			Op{At: ready + 420*ms, Do: DoHold, M: brenda, For: time.Second},
		),
		From: ready - ms, To: 6 * time.Second,
		Breaks: []broken.Rule{broken.F2Tag},
	},
	{
		Name: "slow-permission",
		Schedule: small(2, 8*time.Second,
			Op{At: ready - ms, Do: DoSlow, M: ana, N: brenda, Size: 600, For: 30 * ms},
			Op{At: ready, Do: DoHold, M: brenda, For: 4 * time.Second},
			Op{At: ready + ms, Do: DoOneWay, M: brenda, N: ana, For: 3 * time.Second},
			Op{At: ready + 500*ms, Do: DoHold, M: ana, For: time.Second},
		),
		From: ready - ms, To: 8 * time.Second,
		Breaks: []broken.Rule{broken.F2LeaseFromSending, broken.F2Lease, broken.F3OwnGrants},
	},
	{
		Name: "out-of-order",
		Schedule: seeded(1, small(3, 8*time.Second,
			Op{At: 2 * time.Second, Do: DoOrder, M: ana, N: 1},
			Op{At: 2 * time.Second, Do: DoDelay, M: ana, For: 2 * time.Second},
			say(ready, rafael, "Who has the key?"),
			say(ready+300*ms, brenda, "I have it."),
			say(ready+600*ms, rafael, "Thank you!"),
		)),
		From: 2 * time.Second, To: 8 * time.Second,
		Breaks: []broken.Rule{broken.WholePast},
	},
	{
		Name: "late-joiner",
		Schedule: Schedule{
			Members: 3, Names: []string{"Ana", "Brenda", "Caio"}, Replicas: 2, Net: slow, Until: 9 * time.Second,
			Late: []time.Duration{0, 0, 4 * time.Second},
			Ops: []Op{
				say(ready, ana, "Shall we begin?"),
				say(ready+500*ms, brenda, "Yes, page 12."),
				say(7*time.Second, 2, "Sorry, I am late."),
			},
		},
		From: ready, To: 8 * time.Second,
		Breaks: []broken.Rule{broken.AnswerWants},
	},
	{
		Name: "holder-crashes",
		Schedule: small(3, 10*time.Second,
			Op{At: ready, Do: DoHold, M: brenda, For: 5 * time.Second},
			say(ready+500*ms, brenda, "Now listen:"),
			say(ready+800*ms, rafael, "A question."),
			Op{At: ready + 1100*ms, Do: DoKill, M: brenda, For: 4 * time.Second},
		),
		From: ready, To: 9 * time.Second,
		Breaks: []broken.Rule{broken.Suspicion},
	},
	{
		Name: "stalled-holder",
		Schedule: small(3, 9*time.Second,
			Op{At: ready, Do: DoHold, M: ana, For: 5 * time.Second},
			say(ready+300*ms, ana, "Chapter one."),
			Op{At: ready + 600*ms, Do: DoPause, M: ana, For: 4 * time.Second},
			say(ready+1000*ms, brenda, "Ana is frozen."),
			say(ready+4800*ms, ana, "Chapter two."),
		),
		From: ready, To: 8 * time.Second,
	},
	{
		Name: "sleeping-holder",
		Schedule: small(2, 9*time.Second,
			Op{At: ready, Do: DoHold, M: ana, For: 5 * time.Second},
			Op{At: ready + 600*ms, Do: DoSleep, M: ana, For: 4 * time.Second},
			say(ready+1000*ms, brenda, "She closed her laptop."),
			say(ready+4800*ms, ana, "Good morning again."),
		),
		From: ready, To: 8 * time.Second,
	},
	{
		Name: "cut-off-holder",
		Schedule: small(3, 9*time.Second,
			Op{At: ready, Do: DoHold, M: brenda, For: 4 * time.Second},
			Op{At: ready + 900*ms, Do: DoPart, Set: 1 << brenda, For: 3 * time.Second},
			Op{At: ready + 1000*ms, Do: DoHold, M: rafael, For: time.Second},
		),
		From: ready, To: 8 * time.Second,
	},
	{
		Name: "newcomer-waits",
		Schedule: Schedule{
			Members: 3, Names: people[:3], Replicas: 2, Net: slow, Until: 9 * time.Second,
			Late: []time.Duration{0, 0, 2400 * ms},
			Ops: []Op{
				{At: ready, Do: DoHold, M: brenda, For: 4 * time.Second},
				{At: ready + 800*ms, Do: DoPart, Set: 1 << brenda, For: 3 * time.Second},
				{At: ready + 1500*ms, Do: DoHold, M: rafael, For: time.Second},
			},
		},
		From: ready, To: 8 * time.Second,
		Breaks: []broken.Rule{broken.F8OutsideGrants},
	},
	{
		Name: "forgetful-restart",
		Schedule: small(2, 9*time.Second,
			Op{At: ready, Do: DoHold, M: brenda, For: 3 * time.Second},
			Op{At: ready + 800*ms, Do: DoPart, Set: 1 << ana, For: 3 * time.Second},
			Op{At: ready + 900*ms, Do: DoKill, M: ana, For: 100 * ms},
			Op{At: ready + 1050*ms, Do: DoHold, M: ana, For: time.Second},
		),
		From: ready, To: 8 * time.Second,
		Breaks: []broken.Rule{broken.F4Quiet},
	},
	{
		Name: "view-change-in-a-hold",
		Schedule: small(3, 9*time.Second,
			Op{At: ready, Do: DoHold, M: brenda, For: 4 * time.Second},
			Op{At: ready + 100*ms, Do: DoPart, Set: 1 << ana, For: 2200 * ms},
			Op{At: ready + 2400*ms, Do: DoHold, M: ana, For: time.Second},
		),
		From: ready, To: 9 * time.Second,
		Breaks: []broken.Rule{broken.StaleHold},
	},
	{
		Name: "partition-heals",
		Schedule: small(4, 9*time.Second,
			say(ready, ana, "Hello!"),
			Op{At: 3 * time.Second, Do: DoPart, Set: 1<<ana | 1<<brenda, For: 3500 * ms},
			say(5*time.Second, brenda, "Where is Rafael?"),
			say(5*time.Second+100*ms, rafael, "Where is Brenda?"),
		),
		From: ready, To: 8 * time.Second,
		Breaks: []broken.Rule{broken.LateMarked, broken.TieLate},
	},
	{
		Name: "bridge",
		Schedule: Schedule{
			Members: 3, Names: []string{"Ana", "Brenda", "Caio"}, Replicas: 2, Net: slow, Until: 9 * time.Second,
			Ops: []Op{
				{At: ready, Do: DoBridge, M: brenda},
				{At: 3820 * ms, Do: DoHold, M: ana, For: time.Second},
				{At: 3820 * ms, Do: DoHold, M: 2, For: time.Second},
				say(6*time.Second, brenda, "I hear both of you."),
				say(6500*ms, ana, "Hello from the left."),
				say(7*time.Second, 2, "Hello from the right."),
			},
		},
		From: ready, To: 9 * time.Second,
		Breaks: []broken.Rule{broken.F6ViewHash, broken.F6Membership, broken.FollowLowest},
	},
	{
		Name: "crash-loses-nothing",
		Schedule: small(2, 7*time.Second,
			Op{At: ready, Do: DoHold, M: brenda, For: time.Second},
			say(ready+300*ms, ana, "Noted, and not said yet."),
			Op{At: ready + 600*ms, Do: DoKill, M: ana, For: 500 * ms},
		),
		From: ready, To: 7 * time.Second,
		Breaks: []broken.Rule{broken.UnsentWritten, broken.WriteFirst, broken.SafeBeforeSaid},
	},
	{
		Name: "crash-repeats-nothing",
		// With this seed the power cut leaves the line in unsent.log and takes its turn from
		// both replicas, when Brenda has the turn already.
		Schedule: seeded(3, small(2, 7*time.Second,
			Op{At: ready, Do: DoHold, M: brenda, For: time.Second},
			say(ready+300*ms, ana, "Said, and not crossed out yet."),
			Op{At: ready + 500*ms, Do: DoPower, M: ana, N: 11, For: 500 * ms},
			say(ready+800*ms, ana, "The second half of it."),
		)),
		From: ready, To: 7 * time.Second,
		Breaks: []broken.Rule{broken.LineIDLookup},
	},
	{
		Name: "full-disk",
		Schedule: small(2, 7*time.Second,
			Op{At: ready, Do: DoHold, M: brenda, For: 1200 * ms},
			say(ready+300*ms, ana, "Does this still fit?"),
			Op{At: ready + 600*ms, Do: DoFull, M: ana, For: 2 * time.Second},
		),
		From: ready, To: 9 * time.Second,
		Breaks: []broken.Rule{broken.WrittenOrUnsaid, broken.BackToQueue},
	},
	{
		Name: "damaged-replica",
		Schedule: small(2, 6*time.Second,
			say(ready, ana, "This is written twice."),
			Op{At: 3 * time.Second, Do: DoRot, M: brenda, N: 1},
			Op{At: 4 * time.Second, Do: DoSync, M: brenda},
		),
		From: ready, To: 5 * time.Second,
	},
	{
		Name: "two-copies",
		Schedule: small(2, 6*time.Second,
			say(ready, ana, "This laptop is old."),
			Op{At: 3 * time.Second, Do: DoCopy, M: ana},
			say(5500*ms, brenda, "Which Ana are you?"),
		),
		From: ready, To: 6 * time.Second,
	},
}
