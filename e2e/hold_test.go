package e2e

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/papo-chat/papo/floor"
)

// hold is one stay on the floor, as its holder told it: [from, to) in boot time.
type hold struct {
	who      string
	from, to int64
	latest   int64    // of a process that was killed: it may have held until then; else to
	view     string   // hash of the view at entry
	clock    uint64   // Lamport clock at entry
	turns    []saying // that were said in it
	lapsed   bool     // its leases ended before it left
}

// saying is one turn of a hold.
type saying struct {
	id   string
	told int64 // when its lines were told to be sent: it was said by then
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
		switch {
		case e.is("floor", "granted"):
			if open != nil {
				return nil, fmt.Errorf("%s entered twice without leaving: %s", who, e.raw)
			}
			open = &hold{who: who, from: e.BootNS, view: e.viewHash(), clock: e.Stamp}
			until, kept = e.UntilNS, false
		case e.is("floor", "renewed"), e.is("floor", "held"):
			until = max(until, e.UntilNS)
			kept = kept || e.State == "held"
		case e.is("floor", "released"):
			if open == nil {
				return nil, fmt.Errorf("%s left without having entered: %s", who, e.raw)
			}
			open.to = min(e.BootNS, until)
			open.latest, open.lapsed = open.to, e.BootNS > until
			all = append(all, *open)
			open = nil
		case e.is("line", "sent"):
			h := open
			if h == nil && len(all) > 0 {
				h = &all[len(all)-1]
			}
			if h == nil {
				return nil, fmt.Errorf("%s spoke before it entered for the first time: %s", who, e.raw)
			}
			if n := len(h.turns); n == 0 || h.turns[n-1].id != e.Turn {
				h.turns = append(h.turns, saying{e.Turn, e.BootNS})
			}
		}
	}
	if open != nil {
		open.to, open.latest, open.lapsed = until, until, !killed
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

// mostListed bounds the views that are listed.
const mostListed = 1 << 17

// newViewBook lists all views that these members can form: each of a key's
// incarnations, or none, with each of the others'. If they are too many it lists none.
func newViewBook(members []floor.Member) viewBook {
	byKey := map[[32]byte][]floor.Member{}
	number := 1
	for _, m := range members {
		byKey[m.Key] = append(byKey[m.Key], m)
	}
	for _, incarnations := range byKey {
		if number *= len(incarnations) + 1; number > mostListed {
			return viewBook{} // shares takes unknown views to share a member
		}
	}
	views := [][]floor.Member{nil}
	for _, incarnations := range byKey {
		for _, v := range slices.Clone(views) {
			for _, m := range incarnations {
				views = append(views, append(slices.Clone(v), m))
			}
		}
	}
	book := viewBook{}
	for _, in := range views[1:] {
		v := floor.NewView(in...)
		h := v.Hash()
		book[hex.EncodeToString(h[:])] = v
	}
	return book
}

// keys gives the members of a view, whatever their incarnations.
func (b viewBook) keys(view string) (keys []string, known bool) {
	v, known := b[view]
	for _, m := range v.Members() {
		keys = append(keys, hex.EncodeToString(m.Key[:]))
	}
	return keys, known
}

// shares tells whether two views share a member. Of a view that is not in the
// book it is assumed.
func (b viewBook) shares(x, y string) bool {
	v, known := b.keys(x)
	w, alsoKnown := b.keys(y)
	if x == y || !known || !alsoKnown {
		return true
	}
	return slices.ContainsFunc(v, func(key string) bool { return slices.Contains(w, key) })
}
