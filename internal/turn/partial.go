package turn

import (
	"errors"
	"fmt"
)

// start is what a partial history knows of the turns that it does not know.
type start struct {
	count  int         // of all turns that are stored
	top    uint64      // the stamp of the last that was within reach; all above it are known
	from   Item        // from here on all within reach are known
	behind map[ID]bool // what Restore is about to add: not stored yet, though the archive has it
}

// Restore gives a history of the turns that s sums up, and of those behind it: what
// the disk has besides, in any order, none of it among those that s sums up. It is
// partial until Adopt gives it the set of all, unless s sums up none.
//
// A partial history answers all that chatting asks. What it does not know by itself
// it asks the archive, which has all that s sums up. These are as if it were whole:
// Has, Get, Item, Shown, Gap, Gaps, Missing, Heads, Fingerprint, Count, MaxStamp,
// ParentsForNext; only that a turn which the archive cannot read now counts as not
// stored, so that there may seem to be more gaps than there are, never fewer. These
// answer for the turns that it knows, and are whole only from the first of s.Recent
// on: Len, At, Index, Sum, Before, After.
//
// Add must be given only what is not stored: see Undecided.
func Restore(archive Archive, s Summary, behind []*Signed) *History {
	h := empty(archive)
	if s.Count > 0 {
		h.restore(s)
		h.base.behind = make(map[ID]bool, len(behind))
		for _, t := range behind {
			h.base.behind[t.id] = true
		}
	}
	for _, t := range behind {
		h.Add(t)
	}
	if h.base != nil {
		h.base.behind = nil
	}
	return h
}

func (h *History) restore(s Summary) {
	h.base = &start{count: s.Count, top: s.Top.Stamp, from: s.Top}
	if s.Top.Stamp > 0 {
		h.set.add(s.Top)
	}
	for _, it := range s.Above {
		h.set.add(it)
	}
	for _, it := range s.Heads {
		h.set.add(it)
		h.heads[it.ID] = it.Stamp
	}
	for _, e := range s.Exceptions {
		h.set.add(e.Item)
		switch e.State {
		case Invalid, Newer:
			h.odd[e.Item.ID] = e.State
		case Pending:
			h.pending[e.Item.ID] = &pending{stamp: e.Item.Stamp, missing: append([]ID(nil), e.Missing...), top: e.Top, known: e.Known}
			for _, p := range e.Missing {
				h.want(p, e.Item.ID)
			}
		}
	}
	for _, t := range s.Recent {
		h.set.add(t.Item())
		h.bodies.use(t)
		if t.Item().Less(h.base.from) {
			h.base.from = t.Item()
		}
	}
}

// Partial tells whether it knows the set of its turns in part only.
func (h *History) Partial() bool { return h.base != nil }

// Undecided tells whether a turn with this stamp may be stored though Has says no:
// while it is partial, if it is not above all that was within reach. What was said
// since the start is above.
func (h *History) Undecided(stamp uint64) bool { return h.base != nil && stamp <= h.base.top }

// Whole tells whether it knows all turns within reach that come after it in the
// order, so that nothing can be missed from there on.
func (h *History) Whole(it Item) bool { return h.base == nil || !it.Less(h.base.from) }

// Adopt gives a partial history the set of all turns that s of Restore sums up; those
// that were added since may be in it too, and no others. It must not be used by others
// any more. resolved are the turns that have just got their final state, in the order:
// those that waited for a parent that turns out to be there. It costs O(log n) for
// each turn that was known, and for each that is missing. It does nothing to a history
// that is not partial.
//
// It refuses a set that, with what is known, does not have as many turns as there
// are, with ErrOtherSet: the history stays partial. To believe it would be to take
// turns for new that are there, and to tell them as heads.
func (h *History) Adopt(all *Set) (resolved []ID, err error) {
	if h.base == nil {
		return nil, nil
	}
	n := all.Len()
	h.set.index.each(func(it Item) {
		if !all.index.has(it) {
			n++
		}
	})
	if n != h.base.count {
		return nil, fmt.Errorf("%w: %d turns, not %d", ErrOtherSet, n, h.base.count)
	}
	known := h.set
	h.set, h.base, h.parents, h.last = all, nil, nil, Item{}
	known.index.each(func(it Item) { all.add(it) })
	var items []Item
	for id := range h.wanted {
		if stamp, ok := all.Stamp(id); ok {
			items = append(items, h.arrived(Item{Stamp: stamp, ID: id})...)
		}
	}
	return idsOf(items), nil
}

// ErrOtherSet is that a set of turns is not the one that the summary is of.
var ErrOtherSet = errors.New("turn: not the turns that the record was summed up from")

// learn looks for a turn that a partial history does not know. One above all that was
// within reach is none of those: it is on its way, or was not added.
func (h *History) learn(id ID) (stamp uint64, ok bool) {
	if h.base.behind[id] {
		return 0, false
	}
	s := h.bodies.get(id)
	if s == nil || !h.Undecided(s.Stamp()) {
		return 0, false
	}
	h.last = Item{}
	if h.set.add(s.Item()); h.wanted[id] != nil {
		h.arrived(s.Item()) // it could not be read when it was looked for first
	}
	return s.Stamp(), true
}
