package report

import (
	"slices"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/peer"
)

// Filter says which turns of a record are wanted: those that all of its conditions
// let through. The zero value wants all.
type Filter struct {
	Since time.Time // said at this time or later; zero: any
	Until time.Time // said before this time; zero: any

	// Names are those that may have spoken; none: all. Each is a name, with or
	// without the first digits of the key (brenda, brenda#3f9a, #3f9a), compared
	// after Fold.
	Names []string

	Text string // a text has this in it, both after Fold
	Last int    // the last so many of those that are left; 0: all
}

// Choose gives the turns that are wanted, in the order in which they come.
func (f *Filter) Choose(turns []peer.TurnShown) []peer.TurnShown {
	var names []wantedName
	for _, n := range f.Names {
		name, key, _ := strings.Cut(n, "#")
		names = append(names, wantedName{Fold(name), strings.ToLower(key)})
	}
	text := Fold(f.Text)
	var out []peer.TurnShown
	for i := range turns {
		t := &turns[i]
		switch {
		case !f.Since.IsZero() && t.Time.Before(f.Since):
		case !f.Until.IsZero() && !t.Time.Before(f.Until):
		case len(names) > 0 && !slices.ContainsFunc(names, func(n wantedName) bool { return n.is(t) }):
		case f.Text != "" && !slices.ContainsFunc(t.Lines, func(l string) bool { return strings.Contains(Fold(l), text) }):
		default:
			out = append(out, *t)
		}
	}
	if f.Last > 0 && len(out) > f.Last {
		out = out[len(out)-f.Last:]
	}
	return out
}

// wantedName is a name, folded, and the first digits of a key. Each can be empty.
type wantedName struct {
	name, key string
}

func (n wantedName) is(t *peer.TurnShown) bool {
	name, _, _ := strings.Cut(t.Name, "#") // no name has # in it
	return (n.name == "" || n.name == Fold(name)) && strings.HasPrefix(t.Author.String(), n.key)
}
