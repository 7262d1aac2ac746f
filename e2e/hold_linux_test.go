package e2e

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"github.com/papo-chat/papo/floor"
)

// hold is one stay on the floor, as its holder told it: [from, to) in boot time.
type hold struct {
	who      string
	from, to int64
	view     string // hash of the view at entry
}

// holds reads the holds out of what one process told: each from granted to
// released, or to the end of its latest lease if that comes first. A process that was
// killed may have left without a word: without /hold, its last hold counts only as far as it told
// anything while in it.
func holds(who string, events []event, killed bool) ([]hold, error) {
	var all []hold
	var open *hold
	var until int64
	var kept bool // by /hold
	for _, e := range events {
		if e.Type != "floor" {
			continue
		}
		switch e.State {
		case "granted":
			if open != nil {
				return nil, fmt.Errorf("%s entered twice without leaving: %s", who, e.raw)
			}
			open = &hold{who: who, from: e.BootNS, view: e.viewHash()}
			until, kept = e.UntilNS, false
		case "renewed", "held":
			until = max(until, e.UntilNS)
			kept = kept || e.State == "held"
		case "released":
			if open == nil {
				return nil, fmt.Errorf("%s left without having entered: %s", who, e.raw)
			}
			open.to = min(e.BootNS, until)
			all = append(all, *open)
			open = nil
		}
	}
	if open != nil {
		open.to = until
		if killed && !kept {
			open.to = min(until, events[len(events)-1].BootNS)
		}
		all = append(all, *open)
	}
	return all, nil
}

// overlap finds two holds of different members at once whose views share a
// member.
func overlap(all []hold, shares func(a, b string) bool) (a, b hold, found bool) {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b hold) int { return int(a.from - b.from) })
	for i, a := range sorted {
		for _, b := range sorted[i+1:] {
			if b.from >= a.to {
				break
			}
			if b.to > b.from && a.who != b.who && shares(a.view, b.view) {
				return a, b, true
			}
		}
	}
	return hold{}, hold{}, false
}

// viewBook knows views by their hashes.
type viewBook map[string]floor.View

// mostListed bounds the members of whom all possible views are listed.
const mostListed = 12

// newViewBook lists all views that these members can form.
func newViewBook(members []floor.Member) viewBook {
	book := viewBook{}
	if len(members) > mostListed {
		return book // shares takes unknown views to share a member
	}
	for set := 1; set < 1<<len(members); set++ {
		var in []floor.Member
		for i, m := range members {
			if set>>i&1 == 1 {
				in = append(in, m)
			}
		}
		v := floor.NewView(in...)
		h := v.Hash()
		book[hex.EncodeToString(h[:])] = v
	}
	return book
}

// shares tells whether two views share a member. Of a view that is not in the
// book it is assumed.
func (b viewBook) shares(x, y string) bool {
	v, known := b[x]
	w, alsoKnown := b[y]
	if x == y || !known || !alsoKnown {
		return true
	}
	return slices.ContainsFunc(v.Members(), w.Has)
}

// checkFloor checks that no two held the floor at once, and returns how many
// holds there were.
func (l *lab) checkFloor() int {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []hold
	var members []floor.Member
	for _, p := range l.procs {
		h, err := holds(p.name, p.events, p.killed)
		if err != nil {
			l.t.Error(err)
		}
		all = append(all, h...)
		for _, e := range p.events {
			if e.Type == "ready" {
				members = append(members, e.floorMember(l.t))
			}
		}
	}
	if a, b, found := overlap(all, newViewBook(members).shares); found {
		l.t.Errorf("two held the floor at once:\n  %s [%d, %d) view %s\n  %s [%d, %d) view %s", a.who, a.from, a.to, a.view, b.who, b.from, b.to, b.view)
	}
	return len(all)
}

// floorMember is who told a ready event.
func (e event) floorMember(t *testing.T) (m floor.Member) {
	t.Helper()
	key, err := hex.DecodeString(e.Member)
	if err != nil || copy(m.Key[:], key) != len(m.Key) {
		t.Fatalf("no key: %s", e.raw)
	}
	inc, err := hex.DecodeString(e.Incarnation)
	if err != nil || len(inc) != 8 {
		t.Fatalf("no incarnation: %s", e.raw)
	}
	m.Incarnation = binary.BigEndian.Uint64(inc)
	return m
}
