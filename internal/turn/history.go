package turn

import (
	"bytes"
	"crypto/sha256"
	"slices"
)

// History is the set of all turns that a member has, in the order. It only grows.
// What it answers depends on which turns were added and, only where that is said,
// on the order of adding.
//
// Invariants:
//
//  1. index has exactly the items of turns.
//  2. heads are the turns that no stored turn names as parent.
//  3. wanted has exactly the parents that are named and not stored, each with the
//     turns that name it; missing has each of them once, gaps the sum of all.
//  4. A turn is Pending while one of its parents is wanted. All else that Shown
//     says is a function of the turn and its parents.
//
// Memory grows with the turns: about 1 KB for one of one line, and at most
// MaxParents wanted ids for each.
type History struct {
	turns   map[ID]stored
	index   index // apart from the turns, which need not stay in memory for it
	heads   map[ID]struct{}
	sorted  []ID // the heads by id; nil: to be made again
	wanted  map[ID][]ID
	missing []ID // in the order of becoming so; those no longer wanted go later
	gaps    Sum  // of the hashes of what is wanted
	parents []ID // for the next turn; nil: to be chosen again
}

// stored is a turn and what is known of it.
type stored struct {
	body  *Signed
	gaps  uint8 // parents that are missing
	state State
}

// NewHistory gives an empty history.
func NewHistory() *History {
	return &History{
		turns:  map[ID]stored{},
		heads:  map[ID]struct{}{},
		wanted: map[ID][]ID{},
	}
}

// Add stores s, which must be of the same group as all others, and tells whether
// it is new. resolved are the turns that have just got their final state, in the
// order: s itself if none of its parents is missing, and those that waited for s
// alone. It costs O(log n) and as much as there are turns that wait for s.
func (h *History) Add(s *Signed) (added bool, resolved []ID) {
	if h.Has(s.id) {
		return false, nil
	}
	t := stored{body: s, state: Pending}
	for _, p := range s.turn.Parents {
		h.unhead(p)
		if h.Has(p) {
			continue
		}
		t.gaps++
		if _, known := h.wanted[p]; !known {
			h.missing = append(h.missing, p)
			h.gaps = h.gaps.Plus(gapOf(p))
		}
		h.wanted[p] = append(h.wanted[p], s.id)
	}
	if t.gaps == 0 {
		t.state = h.judge(s)
		resolved = append(resolved, s.id)
	}
	h.turns[s.id] = t
	h.index.insert(s.Item())
	h.parents = nil

	children, wanted := h.wanted[s.id]
	if !wanted {
		h.heads[s.id] = struct{}{}
		h.sorted = nil
		return true, resolved
	}
	delete(h.wanted, s.id)
	h.gaps = h.gaps.Minus(gapOf(s.id))
	h.forget()
	for _, c := range children {
		child := h.turns[c]
		if child.gaps--; child.gaps == 0 {
			child.state = h.judge(child.body)
			resolved = append(resolved, c)
		}
		h.turns[c] = child
	}
	slices.SortFunc(resolved, h.compare)
	return true, resolved
}

// judge gives the state of a turn whose parents are all stored.
func (h *History) judge(s *Signed) State {
	var top uint64
	for _, p := range s.turn.Parents {
		top = max(top, h.turns[p].body.Stamp())
	}
	switch {
	case s.Stamp() <= top || s.Stamp() > top+MaxJump:
		return Invalid
	case !s.Known():
		return Newer
	default:
		return Valid
	}
}

func (h *History) unhead(id ID) {
	if _, head := h.heads[id]; head {
		delete(h.heads, id)
		h.sorted = nil
	}
}

// forget drops ids that are no longer wanted from the front of missing, and all of
// them once they are half of it, so that it costs O(1) for each on average.
func (h *History) forget() {
	gone := func(id ID) bool { _, wanted := h.wanted[id]; return !wanted }
	for len(h.missing) > 0 && gone(h.missing[0]) {
		h.missing = h.missing[1:]
	}
	if len(h.missing) > 2*len(h.wanted) {
		h.missing = slices.DeleteFunc(h.missing, gone)
	}
}

// compare orders two stored turns.
func (h *History) compare(a, b ID) int {
	return h.turns[a].body.Item().Compare(h.turns[b].body.Item())
}

// Has tells whether the turn is stored.
func (h *History) Has(id ID) bool {
	_, ok := h.turns[id]
	return ok
}

// Get gives a stored turn, nil if it is not.
func (h *History) Get(id ID) *Signed { return h.turns[id].body }

// Len is the number of turns.
func (h *History) Len() int { return h.index.len() }

// Shown gives the state of a turn.
func (h *History) Shown(id ID) State { return h.turns[id].state }

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

// Missing gives the parents that stored turns name and that are not stored, at
// most limit of them, in the order in which they became missing.
func (h *History) Missing(limit int) []ID {
	limit = min(limit, len(h.wanted))
	if limit <= 0 {
		return nil
	}
	out := make([]ID, 0, limit)
	for _, id := range h.missing {
		if _, wanted := h.wanted[id]; wanted {
			if out = append(out, id); len(out) == limit {
				break
			}
		}
	}
	return out
}

// Gap gives the missing parents of a stored turn, by id.
func (h *History) Gap(id ID) []ID {
	t := h.turns[id]
	if t.gaps == 0 {
		return nil
	}
	out := make([]ID, 0, t.gaps)
	for _, p := range t.body.turn.Parents {
		if !h.Has(p) {
			out = append(out, p)
		}
	}
	return out
}

// At gives item i of the order, 0 <= i < Len(). As with a slice, another i panics.
func (h *History) At(i int) Item {
	if i < 0 || i >= h.Len() {
		panic("turn: History.At out of range")
	}
	return h.index.at(i)
}

// Index is the number of items before it, whether or not it is stored.
func (h *History) Index(it Item) int { return h.index.rank(it) }

// Sum adds the ids of the items [from, to), 0 <= from <= to <= Len(), as
// little-endian integers mod 2^256. As with a slice, other bounds panic.
func (h *History) Sum(from, to int) [32]byte {
	if from < 0 || from > to || to > h.Len() {
		panic("turn: History.Sum out of range")
	}
	return h.index.sumBefore(to).Minus(h.index.sumBefore(from)).Bytes()
}

// Before gives the turn that comes before a stored one in the order, Invalid ones
// left out. False: there is none.
func (h *History) Before(id ID) (ID, bool) { return h.beside(id, -1) }

// After gives the turn that comes after a stored one in the order, Invalid ones
// left out. False: there is none.
func (h *History) After(id ID) (ID, bool) { return h.beside(id, 1) }

func (h *History) beside(id ID, step int) (ID, bool) {
	if !h.Has(id) {
		return ID{}, false
	}
	for i := h.Index(h.turns[id].body.Item()) + step; i >= 0 && i < h.Len(); i += step {
		if other := h.At(i).ID; h.Shown(other) != Invalid {
			return other, true
		}
	}
	return ID{}, false
}
