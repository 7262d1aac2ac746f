package turn

// Delivered tells of each of the turns whether it is one of these heads, or an ancestor
// of one of them that is stored here: whether a member has it that reports the heads,
// and that has no gap below them. It is one walk, from the heads to parents, and only
// through turns whose stamp is above the lowest of the turns asked for. After limit
// turns it ends, and whole is false: others may be delivered too.
//
// It goes from a turn to a parent only where the stamp falls, as it does to every
// parent of a turn that is not Invalid, and only through turns that are in memory:
// each heartbeat asks, and must not read a disk for it. So behind an Invalid turn,
// behind a gap in this history, or where thousands have been added since, it can miss
// an ancestor.
func (h *History) Delivered(heads, of []ID, limit int) (out map[ID]bool, whole bool) {
	out = make(map[ID]bool, len(of)) // false: asked for, and not reached yet
	low := uint64(MaxStamp)
	for _, id := range of {
		out[id] = false
		if stamp, ok := h.set.Stamp(id); ok {
			low = min(low, stamp)
		}
	}
	left := len(out)
	seen := map[ID]bool{}
	var walk []ID
	reach := func(id ID, below uint64) {
		stamp, stored := h.set.Stamp(id)
		if below != 0 && (!stored || stamp >= below) {
			return
		}
		if reached, asked := out[id]; asked && !reached {
			out[id] = true
			left--
		}
		if stored && stamp > low && !seen[id] {
			seen[id] = true
			walk = append(walk, id)
		}
	}
	for _, id := range heads {
		reach(id, 0)
	}
	for len(walk) > 0 && left > 0 {
		if limit--; limit < 0 {
			return out, false
		}
		s := h.bodies.inMemory(walk[len(walk)-1])
		walk = walk[:len(walk)-1]
		if s == nil {
			continue
		}
		for _, p := range s.turn.Parents {
			reach(p, s.Stamp())
		}
	}
	return out, true
}
