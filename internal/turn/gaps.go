package turn

import (
	"crypto/sha256"
	"encoding/binary"
)

// Gaps is a fingerprint of what is Missing: 0 if nothing is. If another history
// has the same heads and the same Gaps as this one, it has the same turns: from
// the heads down, both end at the same places. And one with no gaps, or with the
// same, has all that is stored here before any head that it names. It costs O(1).
//
// Gaps that nobody can fill would else leave all in doubt for ever: anybody can
// sign a turn with a parent that never was.
func (h *History) Gaps() uint64 {
	if len(h.wanted) == 0 {
		return 0
	}
	b := h.gaps.Bytes()
	d := sha256.Sum256(b[:])
	return max(1, binary.BigEndian.Uint64(d[:]))
}

// gapOf is what one missing turn adds. It is a hash because whoever names a parent
// chooses the bytes of its id, and could choose some that add up to those of others.
func gapOf(id ID) Sum { return SumOf(ID(sha256.Sum256(id[:]))) }
