package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cut is what is left out of a generated schedule, so that a seed and some flags repeat
// a schedule that was made small. The zero value leaves out nothing.
type Cut struct {
	Ops     []int         // those that stay, by their place; nil: all
	Members int           // that stay, the first ones; 0: all
	Until   time.Duration // when the faults end; 0: as generated
	Plain   []string      // parts of the surroundings without faults: names of plains
	Lines   bool          // each operation says one short line at most
}

// plains are the parts of a schedule's surroundings that can be made plain.
var plains = []struct {
	name string
	make func(s *Schedule)
}{
	{"loss", func(s *Schedule) { s.Net.Loss = 0 }},
	{"burst", func(s *Schedule) { s.Net.Burst = 0 }},
	{"repeat", func(s *Schedule) { s.Net.Repeat = 0 }},
	{"reorder", func(s *Schedule) { s.Net.Reorder, s.Net.HoldBack = 0, 0 }},
	{"delay", func(s *Schedule) { s.Net.MinDelay, s.Net.MaxDelay = near.MinDelay, near.MaxDelay }},
	{"flip", func(s *Schedule) { s.Net.Flip, s.Net.Truncate = 0, 0 }},
	{"stale", func(s *Schedule) { s.Net.Stale, s.Net.Stray = 0, 0 }},
	{"mtu", func(s *Schedule) { s.Net.MTU = 0 }},
	{"buffer", func(s *Schedule) { s.Net.Buffer = 0 }},
	{"drift", func(s *Schedule) { s.Drift = nil }},
	{"late", func(s *Schedule) { s.Late = nil }},
	{"arrival", func(s *Schedule) { s.Arrival = false }},
	{"saved", func(s *Schedule) { s.Saved = false }},
	{"signed", func(s *Schedule) { s.Signed = false }},
	{"replicas", func(s *Schedule) { s.Replicas = 1 }},
	{"sleep-clock", func(s *Schedule) { s.StopsAsleep, s.Frozen = false, false }},
}

// Plains are the names that Cut.Plain may have.
func Plains() []string {
	var out []string
	for _, p := range plains {
		out = append(out, p.name)
	}
	return out
}

// Apply gives the schedule without what is cut. It shares nothing with s.
func (c Cut) Apply(s *Schedule) *Schedule {
	out := *s
	out.Drift, out.Late, out.Ops = slices.Clone(s.Drift), slices.Clone(s.Late), nil
	if c.Members > 0 && c.Members < s.Members {
		out.Members = c.Members
		out.Names = out.Names[:min(len(out.Names), c.Members)]
		out.Drift, out.Late = out.Drift[:min(len(out.Drift), c.Members)], out.Late[:min(len(out.Late), c.Members)]
	}
	if c.Until > 0 && c.Until < s.Until {
		out.Until = c.Until
		for i, at := range out.Late {
			out.Late[i] = min(at, out.Until)
		}
	}
	for i, op := range s.Ops {
		if c.Ops != nil && !slices.Contains(c.Ops, i) || op.M >= out.Members || op.At > out.Until {
			continue
		}
		if c.Lines && op.Do == DoSay {
			op.N, op.Size, op.Text = 1, 0, ""
		}
		out.Ops = append(out.Ops, op)
	}
	for _, p := range plains {
		if slices.Contains(c.Plain, p.name) {
			p.make(&out)
		}
	}
	return &out
}

// String is the cut as flags of papo lab run.
func (c Cut) String() string {
	var out []string
	if c.Members > 0 {
		out = append(out, fmt.Sprintf("--members %d", c.Members))
	}
	if c.Ops != nil {
		out = append(out, "--ops "+Places(c.Ops))
	}
	if c.Until > 0 {
		out = append(out, "--until "+c.Until.String())
	}
	if len(c.Plain) > 0 {
		out = append(out, "--plain "+strings.Join(c.Plain, ","))
	}
	if c.Lines {
		out = append(out, "--short-lines")
	}
	return strings.Join(out, " ")
}

// Places writes places as ranges: 3,7-9; "none" if there are none.
func Places(places []int) string {
	if len(places) == 0 {
		return "none"
	}
	var out []string
	for i := 0; i < len(places); {
		j := i
		for j+1 < len(places) && places[j+1] == places[j]+1 {
			j++
		}
		if s := strconv.Itoa(places[i]); j > i {
			out = append(out, s+"-"+strconv.Itoa(places[j]))
		} else {
			out = append(out, s)
		}
		i = j + 1
	}
	return strings.Join(out, ",")
}

// ParsePlaces reads what Places writes.
func ParsePlaces(text string) ([]int, error) {
	out := []int{}
	if text == "none" {
		return out, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && ranged {
			to, err = strconv.Atoi(last)
		}
		if err != nil || from < 0 || to < from || to >= MaxOps {
			return nil, fmt.Errorf("%q is no place of an operation, nor a range of them: 3,7-9", part)
		}
		for i := from; i <= to; i++ {
			out = append(out, i)
		}
	}
	return out, nil
}
