package e2e

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// kind is a kind of trouble.
type kind string

const (
	losing     kind = "loses"
	bursting   kind = "loses in bursts"
	repeating  kind = "repeats"
	delaying   kind = "delays"
	reordering kind = "reorders"
	corrupting kind = "corrupts"
	damaging   kind = "damages"
	oneWay     kind = "cut one way"
	apart      kind = "cut both ways"
	parted     kind = "partition"
	deaf       kind = "deaf"
	killing    kind = "kill -9"
	stopping   kind = "SIGSTOP"
	filling    kind = "full disk"
	holding    kind = "/hold"
)

var (
	ofTheNetwork = []kind{losing, bursting, repeating, delaying, reordering, corrupting, damaging, oneWay, apart, parted, deaf}
	ofMembers    = []kind{killing, stopping, filling, holding}
)

const (
	// The schedules of usualRuns seeds from usualSeed on have all kinds of trouble between them.
	usualRuns, usualSeed = 2, 467

	// troubleTime is for how long there is trouble in a run; after it all is healed.
	troubleTime = 10 * time.Second

	// lease is papo's; a member that is stopped for longer wakes up without the floor.
	lease = 1500 * time.Millisecond

	mostOnTheirWay = 3 // lines of a member, so no turn has more

	disksOfEach = 3 // one for each replica
)

// trouble is one fault that begins and ends. One of the network concerns links, one of
// members a member.
type trouble struct {
	kind     kind
	from, to time.Duration // since the beginning of the run
	links    [][2]int      // from and to which host
	faults   faults        // what they do
	member   int
	held     bool // killing, stopping: while the member is on the floor by /hold
	disks    int  // filling: how many of the member's disks
}

// schedule is all that a run does, but for the chance of each frame: the seed
// decides it alone.
type schedule struct {
	seed     uint64
	members  int
	window   []int           // for each member how many of its lines may be on their way
	pause    []time.Duration // and how long it thinks before each
	kinds    []kind
	troubles []trouble // in the order in which they begin
}

// memberNames are those of the members; there may be fewer.
var memberNames = []string{"ana", "bia", "caio", "davi", "eva"}

// newSchedule makes a schedule of a random part of all kinds of trouble: two
// or more of the network, and one or more of members. Where all faults meet, some hide
// others.
func newSchedule(seed uint64) schedule {
	r := rand.New(rand.NewPCG(seed, 0x6d69786564))
	s := schedule{seed: seed, members: 3 + r.IntN(len(memberNames)-2)}
	for range s.members {
		s.window = append(s.window, 1+r.IntN(mostOnTheirWay))
		s.pause = append(s.pause, between(r, 5*time.Millisecond, 40*time.Millisecond))
	}
	s.kinds = append(some(r, ofTheNetwork, 2), some(r, ofMembers, 1)...)
	for _, k := range s.kinds {
		for range 1 + r.IntN(3) {
			if t := s.trouble(r, k); !slices.ContainsFunc(s.troubles, t.disturbs) {
				s.troubles = append(s.troubles, t)
			}
		}
	}
	slices.SortStableFunc(s.troubles, func(a, b trouble) int { return cmp.Compare(a.from, b.from) })
	return s
}

// some gives each of these with a chance of one half, but no fewer than least.
func some(r *rand.Rand, all []kind, least int) []kind {
	for {
		var in []kind
		for _, k := range all {
			if r.IntN(2) == 0 {
				in = append(in, k)
			}
		}
		if len(in) >= least {
			return in
		}
	}
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return (least + time.Duration(r.Int64N(int64(most-least+1)))).Truncate(time.Millisecond)
}

// trouble makes one trouble of a kind.
func (s schedule) trouble(r *rand.Rand, k kind) trouble {
	t := trouble{kind: k, member: r.IntN(s.members), faults: faults{cut: true}}
	lasts := between(r, 500*time.Millisecond, 4*time.Second)
	other := (t.member + 1 + r.IntN(s.members-1)) % s.members
	part := 1 + r.IntN(1<<s.members-2) // neither none nor all
	share := func(least, most float64) float64 { return least + (most-least)*r.Float64() }
	switch k {
	case losing:
		t.faults = faults{loss: share(0.05, 0.4)}
	case bursting:
		t.faults = faults{burst: share(0.005, 0.02)}
	case repeating:
		t.faults = faults{repeat: share(0.1, 0.9)}
	case delaying:
		t.faults = faults{delay: between(r, time.Millisecond, 100*time.Millisecond)}
	case reordering:
		t.faults = faults{reorder: share(0.1, 0.6), most: between(r, 5*time.Millisecond, 300*time.Millisecond)}
	case corrupting:
		t.faults = faults{corrupt: share(0.05, 0.4)}
	case damaging:
		t.faults = faults{damage: share(0.05, 0.4)}
	case killing:
		lasts = between(r, 0, 3*time.Second) // until it is started again
		t.held = r.IntN(2) == 0
	case holding:
		lasts = between(r, 500*time.Millisecond, 2*time.Second) // nobody else speaks meanwhile
	case stopping:
		lasts = between(r, lease+200*time.Millisecond, 3*lease)
		t.held = r.IntN(2) == 0
	case filling:
		t.disks = 1 + r.IntN(disksOfEach)
	}
	t.from = between(r, 0, troubleTime-lasts)
	t.to = t.from + lasts
	whole := r.IntN(4)
	for i := range s.members {
		for j := range s.members {
			var in bool
			switch k {
			case killing, stopping, filling, holding:
			case oneWay:
				in = i == t.member && j == other
			case apart:
				in = i == t.member && j == other || j == t.member && i == other
			case parted:
				in = part>>i&1 != part>>j&1
			case deaf:
				in = j == t.member
			default:
				in = whole < 2 || whole == 2 && i == t.member || whole == 3 && j == t.member
			}
			if in && i != j {
				t.links = append(t.links, [2]int{i, j})
			}
		}
	}
	return t
}

// breather is the least between two troubles of a member that must not meet.
const breather = 100 * time.Millisecond

// disturbs tells whether a member cannot have both troubles at a time. It may be killed,
// stopped and started again on full disks.
func (t trouble) disturbs(u trouble) bool {
	together := t.from < u.to+breather && u.from < t.to+breather && t.member == u.member
	process := func(k kind) bool { return k == killing || k == stopping || k == holding }
	return together && (process(t.kind) && process(u.kind) || t.kind == filling && u.kind == filling)
}

func (t trouble) String() string {
	var what string
	switch t.kind {
	case losing:
		what = fmt.Sprintf("%.0f %%", 100*t.faults.loss)
	case bursting:
		what = fmt.Sprintf("%.1f %% of frames begin one", 100*t.faults.burst)
	case repeating:
		what = fmt.Sprintf("%.0f %%", 100*t.faults.repeat)
	case delaying:
		what = fmt.Sprint(t.faults.delay)
	case reordering:
		what = fmt.Sprintf("%.0f %% wait up to %v", 100*t.faults.reorder, t.faults.most)
	case corrupting:
		what = fmt.Sprintf("%.0f %%", 100*t.faults.corrupt)
	case damaging:
		what = fmt.Sprintf("%.0f %%", 100*t.faults.damage)
	case filling:
		what = fmt.Sprintf("%s, %d of %d", memberNames[t.member], t.disks, disksOfEach)
	case killing, stopping, holding:
		what = memberNames[t.member]
		if t.held {
			what += " in /hold"
		}
	}
	if len(t.links) > 0 {
		var links []string
		for _, l := range t.links {
			links = append(links, memberNames[l[0]]+">"+memberNames[l[1]])
		}
		what += " " + strings.Join(links, " ")
	}
	return fmt.Sprintf("%6.3f s to %6.3f s  %s: %s", t.from.Seconds(), t.to.Seconds(), t.kind, strings.TrimSpace(what))
}

func (s schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d members\n", s.seed, s.members)
	for i := range s.members {
		fmt.Fprintf(&b, "  %s has %d lines on their way and thinks for %v\n", memberNames[i], s.window[i], s.pause[i])
	}
	for _, t := range s.troubles {
		fmt.Fprintf(&b, "  %s\n", t)
	}
	return b.String()
}

// step is one moment of a schedule: a trouble begins or ends.
type step struct {
	at      time.Duration
	trouble int
	begins  bool
}

// steps gives the moments of a schedule in their order.
func (s schedule) steps() (all []step) {
	for i, t := range s.troubles {
		all = append(all, step{t.from, i, true}, step{t.to, i, false})
	}
	slices.SortStableFunc(all, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return all
}
