package turn

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/papo-chat/papo/internal/broken"
)

// History is the set of all turns that a member has, in the order. It only grows.
// What it answers depends on which turns were added and, only where that is said,
// on the order of adding.
//
// Of each turn it keeps what order, validity, sets and repair need, 55 to 100 bytes.
// The turns themselves are in memory as far as they were used lately, and the
// Archive gives the others; without one, all are in memory.
//
// Invariants:
//
//  1. heads are the turns that no stored turn names as parent.
//  2. wanted has exactly the parents that are named and not stored, each with the
//     turns that name it; gaps is the sum of all.
//  3. A turn is Pending while one of its parents is wanted. All else that Shown
//     says is a function of the turn and its parents.
//
// A partial history, which Restore gives, knows the set in part until Adopt: see
// there for what it answers.
//
// Memory grows with the turns. One that is not Valid takes 100 bytes more, and a
// Pending one 200 for each of the parents that it waits for, of which it names
// MaxParents at most.
type History struct {
	set     *Set
	bodies  bodies
	heads   map[ID]uint64 // with their stamps
	sorted  []ID          // the heads by id; nil: to be made again
	pending map[ID]*pending
	odd     map[ID]State // those that are Invalid or Newer
	wanted  map[ID][]ID
	gaps    Sum    // of the hashes of what is wanted
	parents []ID   // for the next turn; nil: to be chosen again
	last    Item   // within reach; zero: to be looked for again
	base    *start // nil: it is not partial
	without broken.Rules
}

// pending is a turn that waits for parents.
type pending struct {
	stamp   uint64
	missing []ID   // by id
	top     uint64 // the highest stamp of the parents that are stored
	known   bool   // this version understands it
}

// NewHistory gives an empty history that keeps all turns in memory.
func NewHistory() *History { return empty(nil) }

// Without takes rules out, for what is added from now on: a simulation does.
func (h *History) Without(rules broken.Rules) { h.without = rules }

func empty(archive Archive) *History {
	h := &History{
		set:     &Set{},
		heads:   map[ID]uint64{},
		pending: map[ID]*pending{},
		odd:     map[ID]State{},
		wanted:  map[ID][]ID{},
	}
	h.bodies.init(archive)
	return h
}

// Add stores s, which must be of the same group as all others, and tells whether
// it is new. resolved are the turns that have just got their final state, in the
// order: s itself if none of its parents is missing, and those that waited for s
// alone. It costs O(log n) and as much as there are turns that wait for s. A
// partial history must be given only what is not stored: see Undecided.
func (h *History) Add(s *Signed) (added bool, resolved []ID) {
	if _, ok := h.set.Stamp(s.id); ok {
		return false, nil
	}
	t := pending{stamp: s.Stamp(), known: s.Known()}
	for _, p := range s.turn.Parents {
		h.unhead(p)
		if stamp, ok := h.stamp(p); ok {
			t.top = max(t.top, stamp)
		} else {
			t.missing = append(t.missing, p)
			h.want(p, s.id)
		}
	}
	h.set.add(s.Item())
	h.bodies.use(s)
	h.parents, h.last = nil, Item{}
	if h.base != nil {
		h.base.count++
	}
	items := make([]Item, 0, 1) // mostly it alone
	if len(t.missing) == 0 {
		items = append(items, h.judge(s.id, t))
	} else {
		waits := t // the only one that outlives this
		h.pending[s.id] = &waits
	}
	if _, wanted := h.wanted[s.id]; wanted {
		items = append(items, h.arrived(s.Item())...)
	} else {
		h.heads[s.id] = s.Stamp()
		if !h.without.Has(broken.HeadsRenewed) {
			h.sorted = nil
		}
	}
	return true, idsOf(items)
}

// want notes that child waits for a turn that is not stored.
func (h *History) want(id, child ID) {
	if _, known := h.wanted[id]; !known {
		h.gaps = h.gaps.Plus(gapOf(id))
	}
	h.wanted[id] = append(h.wanted[id], child)
}

// arrived ends the waiting for it, and gives the turns that waited for nothing else.
func (h *History) arrived(it Item) (resolved []Item) {
	children := h.wanted[it.ID]
	delete(h.wanted, it.ID)
	h.gaps = h.gaps.Minus(gapOf(it.ID))
	for _, c := range children {
		t := h.pending[c]
		t.top = max(t.top, it.Stamp)
		t.missing = slices.DeleteFunc(t.missing, func(p ID) bool { return p == it.ID })
		if len(t.missing) == 0 {
			delete(h.pending, c)
			resolved = append(resolved, h.judge(c, *t))
		}
	}
	return resolved
}

// judge gives a turn whose parents are all stored its state.
func (h *History) judge(id ID, t pending) Item {
	fits := t.stamp > t.top && t.stamp <= t.top+MaxJump || h.without.Has(broken.StampsChecked)
	switch {
	case !fits:
		h.odd[id] = Invalid
	case !t.known:
		h.odd[id] = Newer
	}
	return Item{Stamp: t.stamp, ID: id}
}

// idsOf gives the ids of items, in the order.
func idsOf(items []Item) []ID {
	if len(items) == 0 {
		return nil
	}
	slices.SortFunc(items, Item.Compare)
	ids := make([]ID, len(items))
	for i, it := range items {
		ids[i] = it.ID
	}
	return ids
}

func (h *History) unhead(id ID) {
	if _, head := h.heads[id]; head {
		delete(h.heads, id)
		h.sorted = nil
	}
}

// stamp gives the stamp of a stored turn.
func (h *History) stamp(id ID) (uint64, bool) {
	stamp, ok := h.set.Stamp(id)
	if !ok && h.base != nil {
		return h.learn(id)
	}
	return stamp, ok
}

// Has tells whether the turn is stored.
func (h *History) Has(id ID) bool {
	_, ok := h.stamp(id)
	return ok
}

// Item gives the place of a stored turn. False: it is not stored.
func (h *History) Item(id ID) (Item, bool) {
	stamp, ok := h.stamp(id)
	return Item{Stamp: stamp, ID: id}, ok
}

// Get gives a stored turn. Nil: it is not stored, or it is not in memory and cannot be
// read now.
func (h *History) Get(id ID) *Signed {
	if !h.Has(id) {
		return nil
	}
	return h.bodies.get(id)
}

// Len is the number of turns that At, Index and Sum know: all, unless it is partial.
func (h *History) Len() int { return h.set.Len() }

// Count is the number of all turns that are stored.
func (h *History) Count() int {
	if h.base != nil {
		return h.base.count
	}
	return h.Len()
}

// Shown gives the state of a turn.
func (h *History) Shown(id ID) State {
	if _, ok := h.pending[id]; ok {
		return Pending
	}
	if state, ok := h.odd[id]; ok {
		return state
	}
	if h.Has(id) {
		return Valid
	}
	return Absent
}

// Heads gives the turns that no stored turn names as parent, by id: a new slice.
// A turn whose child came first never is one.
func (h *History) Heads() []ID { return slices.Clone(h.sortedHeads()) }

func (h *History) sortedHeads() []ID {
	if h.sorted == nil {
		h.sorted = make([]ID, 0, len(h.heads))
		for id := range h.heads {
			h.sorted = append(h.sorted, id)
		}
		slices.SortFunc(h.sorted, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	}
	return h.sorted
}

// Fingerprint is the SHA-256 of the heads by id. Of two histories with nothing
// Missing, equal fingerprints mean equal records; with gaps they mean nothing.
func (h *History) Fingerprint() [32]byte {
	d := sha256.New()
	for _, id := range h.sortedHeads() {
		d.Write(id[:])
	}
	return [32]byte(d.Sum(nil))
}

// Missing is the number of parents that stored turns name and that are not stored.
func (h *History) Missing() int { return len(h.wanted) }

// Gap gives the missing parents of a stored turn, by id.
func (h *History) Gap(id ID) []ID {
	if t, ok := h.pending[id]; ok {
		return slices.Clone(t.missing)
	}
	return nil
}

// At gives item i of the order, 0 <= i < Len(). As with a slice, another i panics.
func (h *History) At(i int) Item { return h.set.At(i) }

// Index is the number of items before it, whether or not it is stored.
func (h *History) Index(it Item) int { return h.set.Index(it) }

// Sum adds the ids of the items [from, to), as Set does.
func (h *History) Sum(from, to int) [32]byte { return h.set.Sum(from, to) }

// Before gives the turn that comes before a stored one in the order, Invalid ones
// left out. False: there is none.
func (h *History) Before(id ID) (ID, bool) { return h.beside(id, -1) }

// After gives the turn that comes after a stored one in the order, Invalid ones
// left out. False: there is none.
func (h *History) After(id ID) (ID, bool) { return h.beside(id, 1) }

func (h *History) beside(id ID, step int) (ID, bool) {
	it, ok := h.Item(id)
	if !ok {
		return ID{}, false
	}
	for i := h.Index(it) + step; i >= 0 && i < h.Len(); i += step {
		if other := h.At(i).ID; h.odd[other] != Invalid {
			return other, true
		}
	}
	return ID{}, false
}
