package report

import (
	"slices"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
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
}

// Choice tells which turns are wanted: a Filter made ready to ask often.
type Choice struct {
	filter Filter
	names  []wantedName
	text   string
}

// Choice makes it ready.
func (f Filter) Choice() Choice {
	c := Choice{filter: f, text: Fold(f.Text)}
	for _, n := range f.Names {
		name, key, _ := strings.Cut(n, "#")
		c.names = append(c.names, wantedName{Fold(name), strings.ToLower(key)})
	}
	return c
}

// Wants tells whether a turn is wanted.
func (c *Choice) Wants(t *peer.TurnShown) bool {
	name, _, _ := strings.Cut(t.Name, "#") // no name has # in it
	f := &c.filter
	switch {
	case !f.Since.IsZero() && t.Time.Before(f.Since),
		!f.Until.IsZero() && !t.Time.Before(f.Until),
		!c.WantsPeer(name, t.Author),
		f.Text != "" && !slices.ContainsFunc(t.Lines, func(l string) bool { return strings.Contains(Fold(l), c.text) }):
		return false
	}
	return true
}

// WantsPeer tells whether what one of this name, without its key, says can be wanted.
func (c *Choice) WantsPeer(name string, key turn.Key) bool {
	return len(c.names) == 0 || slices.ContainsFunc(c.names, func(n wantedName) bool { return n.is(name, key) })
}

// wantedName is a name, folded, and the first digits of a key. Each can be empty.
type wantedName struct {
	name, key string
}

func (n wantedName) is(name string, key turn.Key) bool {
	return (n.name == "" || n.name == Fold(name)) && strings.HasPrefix(key.String(), n.key)
}
