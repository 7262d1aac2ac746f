package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

// The bounds of a schedule. One that is beyond them is refused.
const (
	MaxMembers = 64
	MaxOps     = 10_000
	MaxUntil   = 10 * time.Minute
)

// Schedule is all that happens to a group from outside. The zero value of a field is
// the absence of a fault, so that a schedule can be made smaller field by field.
type Schedule struct {
	Seed        uint64          `json:"seed"`                   // of what is drawn while it runs
	Members     int             `json:"members"`                // 1 to MaxMembers
	Names       []string        `json:"names,omitempty"`        // of the first members; the others have names of their own
	Replicas    int             `json:"replicas"`               // of each member
	Saved       bool            `json:"saved,omitempty"`        // with checkpoints, which are real SQLite files
	Signed      bool            `json:"signed,omitempty"`       // with real signatures, and datagrams that are really sealed
	Arrival     bool            `json:"arrival,omitempty"`      // members show turns in the order of arrival
	Net         Net             `json:"net"`                    // what all links do, until Until
	Drift       []int           `json:"drift,omitempty"`        // of each member's clock, in percent
	Late        []time.Duration `json:"late,omitempty"`         // when each member starts first
	StopsAsleep bool            `json:"stops_asleep,omitempty"` // Boot stops while a machine sleeps, and Wall goes on: papo sees that
	Frozen      bool            `json:"frozen,omitempty"`       // both stop: no papo can bear that
	Steady      time.Duration   `json:"steady,omitempty"`       // from then on links do not change, whoever runs goes on, and nobody need wait for long; 0: never
	Ops         []Op            `json:"ops"`                    // in the order of At
	Until       time.Duration   `json:"until"`                  // then all faults end, and who is away comes back
}

// Net is what a link does to datagrams. Shares are in thousandths.
type Net struct {
	Loss     int           `json:"loss,omitempty"`
	Burst    int           `json:"burst,omitempty"`   // how often a burst of losses begins: up to 30 datagrams of a link
	Repeat   int           `json:"repeat,omitempty"`  // how often a datagram comes twice
	Reorder  int           `json:"reorder,omitempty"` // how often one is held back, by up to HoldBack
	HoldBack time.Duration `json:"hold_back,omitempty"`
	MinDelay time.Duration `json:"min_delay,omitempty"`
	MaxDelay time.Duration `json:"max_delay,omitempty"`
	Flip     int           `json:"flip,omitempty"`     // how often a bit is flipped
	Truncate int           `json:"truncate,omitempty"` // how often the end is cut off
	Stale    int           `json:"stale,omitempty"`    // how often an old datagram comes again, to anybody
	Stray    int           `json:"stray,omitempty"`    // how often one comes also to a member that it is not for
	MTU      int           `json:"mtu,omitempty"`      // longer payloads are lost, in bytes; 0: none is
	Buffer   int           `json:"buffer,omitempty"`   // how many datagrams wait for who does not read; 0: defaultBuffer
}

// Do says what an Op does.
type Do string

// What can be done. M is a member, For how long it lasts (0: until the faults end), N a
// number, and Set members as bits.
const (
	DoSay      Do = "say"       // M says N lines, of Size bytes each, or the one line Text
	DoHold     Do = "hold"      // M holds the floor for For
	DoRelease  Do = "release"   // M gives it back
	DoCancel   Do = "cancel"    // M takes its lines back
	DoAdvance  Do = "advance"   // M makes its checkpoint cover its record, if there are checkpoints
	DoPeers    Do = "peers"     // M lists who is there
	DoSync     Do = "sync"      // M compares its replicas, and its record with the others
	DoDelay    Do = "delay"     // M holds incoming turns for up to For
	DoOrder    Do = "order"     // M shows turns in the order of arrival from now on, or no longer
	DoQuit     Do = "quit"      // M leaves, and is started again after For
	DoKill     Do = "kill"      // M is killed at its N-th action from now, and is started again after For
	DoPower    Do = "power"     // M's power is cut, at its N-th action from now, and comes back after For
	DoWipe     Do = "wipe"      // as power, and its disk is lost
	DoPause    Do = "pause"     // M stands still for For
	DoSleep    Do = "sleep"     // M's machine sleeps for For
	DoClock    Do = "clock"     // M's wall clock is set by For
	DoPart     Do = "part"      // Set and the rest hear nothing of each other for For
	DoDeaf     Do = "deaf"      // M hears nobody for For
	DoMute     Do = "mute"      // nobody hears M for For
	DoOneWay   Do = "one-way"   // N does not hear M for For
	DoSlow     Do = "slow"      // what M sends to N in the next For takes Size milliseconds longer
	DoBridge   Do = "bridge"    // nobody but M hears the others, and they hear M alone, for For
	DoFull     Do = "full"      // M's disk is full for For
	DoIO       Do = "io"        // N of 1000 operations of M's disk fail, for For
	DoFsync    Do = "fsync"     // N of 1000 fsyncs of M's disk fail, for For
	DoRot      Do = "rot"       // a bit of M's replica N flips
	DoSlowDisk Do = "slow-disk" // a write of turns takes M's disk up to For from now on
	DoLie      Do = "lie"       // M's disk says that it has fsynced, and has not, for For
	DoForge    Do = "forge"     // M signs a turn with the stamp of the one that it follows
	DoCopy     Do = "copy"      // a second program starts with a copy of M's data directory, for For
)

// Op is one thing that happens.
type Op struct {
	At   time.Duration `json:"at"`
	Do   Do            `json:"do"`
	M    int           `json:"m"`
	N    int           `json:"n,omitempty"`
	Size int           `json:"size,omitempty"`
	Text string        `json:"text,omitempty"` // at most maxText bytes, and another in each operation
	Set  uint64        `json:"set,omitempty"`
	For  time.Duration `json:"for,omitempty"`
}

var dos = []Do{
	DoSay, DoHold, DoRelease, DoCancel, DoPeers, DoAdvance, DoSync, DoDelay, DoOrder, DoQuit, DoKill, DoPower, DoWipe, DoPause, DoSleep, DoClock,
	DoPart, DoDeaf, DoMute, DoOneWay, DoSlow, DoBridge, DoFull, DoIO, DoFsync, DoRot, DoSlowDisk, DoLie, DoForge, DoCopy,
}

// names of members. Their keys are in another order.
var names = []string{"ana", "bia", "caio", "davi", "eva", "fabio", "gil", "hugo", "iris"}

// maxText bounds a line that an operation names.
const maxText = 200

// Name is the name of a member of a simulated group that was given none.
func Name(i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("m%d", i)
}

// Name is the name of a member.
func (s *Schedule) Name(i int) string {
	if i < len(s.Names) {
		return s.Names[i]
	}
	return Name(i)
}

// Check tells what is wrong with a schedule that did not come from Generate.
func (s *Schedule) Check() error {
	switch {
	case s.Members < 1 || s.Members > MaxMembers:
		return fmt.Errorf("a schedule of %d members: there can be 1 to %d", s.Members, MaxMembers)
	case s.Replicas < 1 || s.Replicas > 9:
		return fmt.Errorf("%d replicas: there can be 1 to 9", s.Replicas)
	case len(s.Ops) > MaxOps:
		return fmt.Errorf("%d operations: %d are the most", len(s.Ops), MaxOps)
	case s.Until < 0 || s.Until > MaxUntil || s.Steady < 0:
		return fmt.Errorf("faults for %v: %v is the most", s.Until, MaxUntil)
	case len(s.Drift) > s.Members || len(s.Late) > s.Members || len(s.Names) > s.Members:
		return fmt.Errorf("the schedule has clocks, starts or names of more than its %d members", s.Members)
	}
	said := map[string]bool{}
	for i := range s.Members {
		name := s.Name(i)
		if plain, err := turn.CheckName("name", name); err != nil || plain != name || said[turn.FoldName(name)] {
			return fmt.Errorf("member %d cannot have the name %q: it is another's, or no name", i, name)
		}
		said[turn.FoldName(name)] = true
	}
	clear(said)
	for _, d := range s.Drift {
		if d < -50 || d > 50 {
			return fmt.Errorf("a clock that is off by %d %%", d)
		}
	}
	for _, d := range s.Late {
		if d < 0 || d > s.Until {
			return fmt.Errorf("a start at %v, while the faults end at %v", d, s.Until)
		}
	}
	last := time.Duration(0)
	for i, op := range s.Ops {
		if !slices.Contains(dos, op.Do) || op.At < last || op.At > s.Until || op.M < 0 || op.M >= s.Members || op.For < -MaxUntil || op.For > MaxUntil || op.N < 0 || op.N > 1000 || op.Size < 0 || op.Size > 8192 {
			return fmt.Errorf("operation %d of the schedule is not possible: %v", i, op)
		}
		if op.Text != "" {
			if op.Do != DoSay || len(op.Text) > maxText || said[op.Text] {
				return fmt.Errorf("operation %d of the schedule cannot say %q: it is too long, or said before", i, op.Text)
			}
			said[op.Text] = true
		}
		last = op.At
	}
	return nil
}

// String is one line for people, with the names of members that were given none.
func (o Op) String() string { return o.line(Name) }

func (o Op) line(name func(int) string) string {
	s := fmt.Sprintf("%8.3f s  %-8s %s", o.At.Seconds(), o.Do, name(o.M))
	if o.Text != "" {
		s += fmt.Sprintf(" %q", o.Text)
	}
	if o.N != 0 {
		s += fmt.Sprintf(" n=%d", o.N)
	}
	if o.Size != 0 {
		s += fmt.Sprintf(" size=%d", o.Size)
	}
	if o.Set != 0 {
		var in []string
		for i := range MaxMembers {
			if o.Set>>i&1 != 0 {
				in = append(in, name(i))
			}
		}
		s += " {" + strings.Join(in, " ") + "}"
	}
	if o.For != 0 {
		s += fmt.Sprintf(" for %v", o.For)
	}
	return s
}

// String is the schedule for people, an operation a line.
func (s *Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d members, %d replicas, faults until %v\n", s.Seed, s.Members, s.Replicas, s.Until)
	fmt.Fprintf(&b, "network %+v\n", s.Net)
	if len(s.Drift) > 0 {
		fmt.Fprintf(&b, "clocks are off by %v %%\n", s.Drift)
	}
	if len(s.Late) > 0 {
		fmt.Fprintf(&b, "first starts at %v\n", s.Late)
	}
	for i, op := range s.Ops {
		fmt.Fprintf(&b, "%4d  %s\n", i, op.line(s.Name))
	}
	return b.String()
}
