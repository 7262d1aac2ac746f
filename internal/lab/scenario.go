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

func say(at time.Duration, m int, text string) Op { return Op{At: at, Do: DoSay, M: m, Text: text} }

// Scenarios are all of them, in an order in which they can be taught.
var Scenarios = []Scenario{
	{
		Name: "two-ask-at-once",
		Schedule: small(3, 4*time.Second,
			say(ready, rafael, "Bom dia!"),
			say(ready+3*ms, brenda, "Good morning!"),
		),
		From: ready, To: 3 * time.Second,
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
		Schedule: small(3, 5*time.Second,
			Op{At: 2 * time.Second, Do: DoClock, M: rafael, For: -9 * time.Minute},
			say(ready, brenda, "What is 6 times 7?"),
			say(ready+500*ms, ana, "I think it is 42."),
			say(ready+1000*ms, rafael, "So do I."),
		),
		From: 2 * time.Second, To: 4500 * ms,
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
		Name: "out-of-order",
		Schedule: small(3, 8*time.Second,
			Op{At: 2 * time.Second, Do: DoOrder, M: ana, N: 1},
			Op{At: 2 * time.Second, Do: DoDelay, M: ana, For: 2 * time.Second},
			say(ready, rafael, "Who has the key?"),
			say(ready+300*ms, brenda, "I have it."),
			say(ready+600*ms, rafael, "Thank you!"),
		),
		From: 2 * time.Second, To: 8 * time.Second,
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
		Name: "view-change-in-a-hold",
		Schedule: small(3, 9*time.Second,
			Op{At: ready, Do: DoHold, M: ana, For: 4 * time.Second},
			Op{At: ready + 200*ms, Do: DoKill, M: rafael, For: 4 * time.Second},
			say(ready+2000*ms, brenda, "Me too."),
		),
		From: ready, To: 8 * time.Second,
	},
	{
		Name: "partition-heals",
		Schedule: small(4, 9*time.Second,
			say(ready, ana, "Can all hear me?"),
			Op{At: 3 * time.Second, Do: DoPart, Set: 1<<ana | 1<<brenda, For: 3500 * ms},
			say(5*time.Second, brenda, "Where is Rafael?"),
			say(5*time.Second+100*ms, rafael, "Where is Brenda?"),
		),
		From: ready, To: 9 * time.Second,
	},
	{
		Name: "bridge",
		Schedule: Schedule{
			Members: 3, Names: []string{"Ana", "Brenda", "Caio"}, Replicas: 2, Net: slow, Until: 9 * time.Second,
			Ops: []Op{
				{At: ready, Do: DoBridge, M: brenda},
				say(5*time.Second, ana, "Hello from the left."),
				say(5500*ms, brenda, "I hear both of you."),
				say(6*time.Second, 2, "Hello from the right."),
			},
		},
		From: ready, To: 9 * time.Second,
	},
	{
		Name: "crash-loses-nothing",
		Schedule: small(2, 9*time.Second,
			say(ready, ana, "Safe and sound."),
			Op{At: 3 * time.Second, Do: DoKill, M: ana, N: 3, For: 1500 * ms},
			say(3100*ms, ana, "And this line?"),
		),
		From: ready, To: 9 * time.Second,
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
		Name: "two-copies",
		Schedule: small(2, 6*time.Second,
			say(ready, ana, "This laptop is old."),
			Op{At: 3 * time.Second, Do: DoCopy, M: ana},
			say(5500*ms, brenda, "Which Ana are you?"),
		),
		From: ready, To: 6 * time.Second,
	},
	{
		Name: "full-disk",
		Schedule: small(2, 7*time.Second,
			say(ready, ana, "The disk is nearly full."),
			Op{At: 3 * time.Second, Do: DoFull, M: ana, For: 2 * time.Second},
			say(3500*ms, ana, "Does this still fit?"),
		),
		From: ready, To: 7 * time.Second,
	},
}
