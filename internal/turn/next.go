package turn

import (
	"bytes"
	"slices"
)

// MaxStamp is the stamp that the next turn has to exceed, by at most MaxJump: the
// highest of the record, 0 if it is empty. A turn with a stamp in that range and
// ParentsForNext as its parents is Valid.
//
// Turns out of reach do not count. In the order, everything is out of reach that
// comes after a step of more than MaxJump from one stamp to the next, or from 0
// to the first. No such step comes from members that follow the protocol. But the
// rule of stamps looks at direct parents only: with two turns, the first of which
// breaks the rule or names a parent that nobody has, a member could bring the
// record to MaxStamp, after which nobody can speak. So nobody follows there.
func (h *History) MaxStamp() uint64 {
	n := h.reach()
	if n == 0 {
		return 0
	}
	return h.At(n - 1).Stamp
}

// reach is the number of items before the first step of more than MaxJump. Each
// round but the last goes on by MaxJump or, with the round after it, by more.
func (h *History) reach() int {
	n, top := 0, uint64(0)
	for {
		m := h.index.rank(Item{Stamp: top + MaxJump + 1})
		if m == n {
			return n
		}
		n, top = m, h.At(m-1).Stamp
	}
}

// ParentsForNext gives the parents for the next turn, by id: the last MaxParents
// heads of the order that are within reach (see MaxStamp). A turn with the highest
// stamp within reach is always one of them, even if it is no head because a turn
// that breaks the rules names it.
func (h *History) ParentsForNext() []ID {
	n := h.reach()
	if n == 0 {
		return nil
	}
	last := h.At(n - 1)
	items := []Item{last}
	for id := range h.heads {
		it := h.turns[id].body.Item()
		if it.Less(last) {
			items = append(items, it)
		}
	}
	slices.SortFunc(items, func(a, b Item) int { return b.Compare(a) })
	out := make([]ID, 0, MaxParents)
	for _, it := range items[:min(len(items), MaxParents)] {
		out = append(out, it.ID)
	}
	slices.SortFunc(out, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return out
}
