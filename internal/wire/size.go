package wire

import "slices"

// TurnsSize returns how many bytes Append gives for m, so that a caller can
// fill a datagram with turns: the message fits one if it is at most
// MaxPayload.
func TurnsSize(m Turns) int {
	n := turnsFixed
	if m.Rep != nil {
		n += repSize(*m.Rep)
	}
	for _, t := range m.Turns {
		n += turnPrefix + len(t)
	}
	return n
}

// repSize is the size of a REP without its kind.
func repSize(m Rep) int {
	return repFixed + len(m.Heads)*headSize + len(m.Grants)*grantSize
}

// SplitGrants gives Reps that together carry the permissions of m, in its
// order, each with its view, clock and heads and each of at most MaxPayload
// bytes. One that fits comes back alone.
//
// Who is in a Rep reads its place in the queue from the order, and waits for
// the first. So each later part begins with the first two of the queue again:
// nobody in it takes itself for one of them. The heads are shared with m, which
// must have at most MaxRepHeads.
func SplitGrants(m Rep) []Rep {
	room := (MaxPayload - 1 - repFixed - len(m.Heads)*headSize) / grantSize
	if len(m.Grants) <= room || room <= splitLead {
		return []Rep{m}
	}
	lead, rest := m.Grants[:splitLead], m.Grants[splitLead:]
	var out []Rep
	for len(rest) > 0 {
		n := min(room-splitLead, len(rest))
		part := m
		part.Grants = slices.Concat(lead, rest[:n])
		out = append(out, part)
		rest = rest[n:]
	}
	return out
}

// splitLead is how many of the queue stand in every part: the one that is
// next, and the one after it, which alone keeps all its permissions fresh.
const splitLead = 2
