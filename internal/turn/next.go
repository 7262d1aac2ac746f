package turn

import (
	"bytes"
	"slices"

	"github.com/papo-chat/papo/internal/broken"
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
	top, _ := h.top()
	return top.Stamp
}

// top is the last item within reach. False: there is none. It is looked for once
// after each Add.
func (h *History) top() (Item, bool) {
	if h.last.Stamp == 0 {
		n := h.reach()
		if n == 0 {
			return Item{}, false
		}
		h.last = h.At(n - 1)
	}
	return h.last, true
}

// reach is the number of items before the first step of more than MaxJump. Each
// round but the last goes on by MaxJump or, with the round after it, by more.
func (h *History) reach() int {
	n, top := 0, uint64(0)
	if h.base != nil {
		top = h.base.top // steps below it are not known; it is within reach
	}
	for {
		m := h.Index(Item{Stamp: top + MaxJump + 1})
		if m == n {
			return n
		}
		n, top = m, h.At(m-1).Stamp
	}
}

// ParentsForNext gives the parents for the next turn, by id: the last MaxParents
// heads of the order that are within reach (see MaxStamp). A turn with the highest
// stamp within reach is always one of them, even if it is no head because a turn
// that breaks the rules names it. It looks at all heads, once after each Add. The
// caller must not change what it gives.
func (h *History) ParentsForNext() []ID {
	if h.parents == nil {
		h.parents = h.chooseParents()
	}
	return h.parents
}

func (h *History) chooseParents() []ID {
	top, ok := h.top()
	if !ok {
		return nil
	}
	if h.without.Has(broken.AllHeads) {
		return []ID{top.ID}
	}
	items := make([]Item, 1, MaxParents+1) // the last in the order, that first
	items[0] = top
	for id, stamp := range h.heads {
		it := Item{Stamp: stamp, ID: id}
		if !it.Less(items[0]) || len(items) == MaxParents && it.Less(items[MaxParents-1]) {
			continue
		}
		i, _ := slices.BinarySearchFunc(items, it, func(a, b Item) int { return b.Compare(a) })
		items = slices.Insert(items, i, it)
		items = items[:min(len(items), MaxParents)]
	}
	out := make([]ID, len(items))
	for i, it := range items {
		out[i] = it.ID
	}
	slices.SortFunc(out, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return out
}
