package record

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

// Report is what Verify found.
type Report struct {
	Header *Header // what the file says of itself; nil: it has no header, or none that can be read

	Faults     []Fault // by line; of the turns' lines MaxFaults at most
	MoreFaults int     // beyond them

	Turns int // with a good signature, each once
	Newer int // of them, those that need a newer papo to be read

	Missing int   // turns that are named as parents and not there
	Gaps    []Gap // of them the first by line, MaxFaults at most

	Broken int      // turns that break the rule of stamps: kept by all, shown by none
	Breaks []Broken // of them the first by line, MaxFaults at most

	Fingerprint [32]byte  // of the turns that are there
	Heads       int       // turns that no other names as parent
	First, Last time.Time // by their authors' clocks; zero if there is no turn
	Authors     []Author  // those with most turns first
}

// Gap is a turn that is not there.
type Gap struct {
	ID   turn.ID
	Line int // of the first turn that names it
}

// Broken is a turn that breaks the rule of stamps.
type Broken struct {
	Line   int
	ID     turn.ID
	Author turn.Key
}

// MaxNames bounds the names of one author that are told.
const MaxNames = 8

// Author is one key that signed turns of a file.
type Author struct {
	Key         turn.Key
	Names       []string // different ones, as they came; MaxNames at most
	Turns       int
	First, Last time.Time // of its turns, by its clock
}

// Sound tells that nothing is wrong in the file: all that is there holds. Turns can
// be missing.
func (r *Report) Sound() bool { return r.Header != nil && len(r.Faults) == 0 }

// Whole tells that the file is sound and that no turn names one that is missing.
func (r *Report) Whole() bool { return r.Sound() && r.Missing == 0 }

// Shared gives the names that several keys have signed with, sorted.
func (r *Report) Shared() []string {
	keys := map[string]int{}
	for _, a := range r.Authors {
		for _, n := range a.Names {
			keys[n]++
		}
	}
	var shared []string
	for n, k := range keys {
		if k > 1 {
			shared = append(shared, n)
		}
	}
	slices.Sort(shared)
	return shared
}

// authors counts turns by their keys.
type authors map[turn.Key]*Author

func (as authors) add(s *turn.Signed) {
	t := s.Turn()
	at := time.UnixMilli(t.Time)
	a := as[t.Author]
	if a == nil {
		a = &Author{Key: t.Author, First: at, Last: at}
		as[t.Author] = a
	}
	a.Turns++
	if at.Before(a.First) {
		a.First = at
	}
	if at.After(a.Last) {
		a.Last = at
	}
	if len(a.Names) < MaxNames && !slices.Contains(a.Names, t.Name) {
		a.Names = append(a.Names, t.Name)
	}
}

func (as authors) sorted() []Author {
	out := make([]Author, 0, len(as))
	for _, a := range as {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b Author) int {
		return cmp.Or(cmp.Compare(b.Turns, a.Turns), bytes.Compare(a.Key[:], b.Key[:]))
	})
	return out
}
