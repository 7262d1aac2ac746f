package record

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

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

	shared []string
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
	MoreNames   int      // beyond them
	Turns       int
	First, Last time.Time // of its turns, by its clock
}

// Sound tells that nothing is wrong in the file: all that is there holds. Turns can
// be missing.
func (r *Report) Sound() bool { return r.Header != nil && len(r.Faults) == 0 }

// Whole tells that the file is sound and that no turn names one that is missing.
func (r *Report) Whole() bool { return r.Sound() && r.Missing == 0 }

// Shared gives the names that several keys have signed with, sorted. Of names that
// nobody can tell apart by looking it gives the first.
func (r *Report) Shared() []string { return r.shared }

// authors counts turns by their keys, and keys by their names. Each turn can bring a
// new key and a new name, at most 1 KB together.
type authors struct {
	byKey map[turn.Key]*Author
	said  map[saidAs]struct{}
	names map[string]*sharedName // by how they look
}

// saidAs is a name that a key has signed with.
type saidAs struct {
	key  turn.Key
	name string
}

// sharedName is a name with the first key that signed with it.
type sharedName struct {
	name   string
	key    turn.Key
	others bool // so did other keys
}

func newAuthors() *authors {
	return &authors{byKey: map[turn.Key]*Author{}, said: map[saidAs]struct{}{}, names: map[string]*sharedName{}}
}

func (as *authors) add(s *turn.Signed) {
	t := s.Turn()
	at := time.UnixMilli(t.Time)
	a := as.byKey[t.Author]
	if a == nil {
		a = &Author{Key: t.Author, First: at, Last: at}
		as.byKey[t.Author] = a
	}
	a.Turns++
	if at.Before(a.First) {
		a.First = at
	}
	if at.After(a.Last) {
		a.Last = at
	}
	if _, known := as.said[saidAs{t.Author, t.Name}]; !known {
		as.said[saidAs{t.Author, t.Name}] = struct{}{}
		as.name(a, t.Name)
	}
}

// name takes a name that is new for its author.
func (as *authors) name(a *Author, name string) {
	if len(a.Names) < MaxNames {
		a.Names = append(a.Names, name)
	} else {
		a.MoreNames++
	}
	seen := looks(name)
	if n := as.names[seen]; n == nil {
		as.names[seen] = &sharedName{name: name, key: a.Key}
	} else if n.key != a.Key {
		n.others = true
	}
}

// looks gives the same for names that look the same: a letter with its accent or
// both apart, one space or another, with or without what is not to be seen.
func looks(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return r
	}, norm.NFKC.String(name))
}

func (as *authors) shared() []string {
	var shared []string
	for _, n := range as.names {
		if n.others {
			shared = append(shared, n.name)
		}
	}
	slices.Sort(shared)
	return shared
}

func (as *authors) sorted() []Author {
	out := make([]Author, 0, len(as.byKey))
	for _, a := range as.byKey {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b Author) int {
		return cmp.Or(cmp.Compare(b.Turns, a.Turns), bytes.Compare(a.Key[:], b.Key[:]))
	})
	return out
}
