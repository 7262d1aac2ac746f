package reconcile

import (
	"crypto/sha256"

	"github.com/papo-chat/papo/internal/turn"
)

// Set is what one side reconciles: items without doubles, sorted by (stamp, id).
// Ranges are half-open, by index. No item has the stamp 2^64-1, which the
// protocol reserves for infinity.
//
// A set may change between two calls of this package, but not during one.
type Set interface {
	// Len is the number of items.
	Len() int
	// At gives item i, 0 <= i < Len().
	At(i int) turn.Item
	// Index is the number of items before it, whether or not it is in the set.
	Index(it turn.Item) int
	// Sum adds the ids of the items [from, to), 0 <= from <= to <= Len(), as
	// little-endian integers mod 2^256.
	Sum(from, to int) [32]byte
}

// Fingerprint digests the items [from, to) of s as the protocol does: the
// first 16 bytes of the SHA-256 of their sum and their number (Negentropy
// Protocol V1, "Fingerprint Algorithm"). It costs one Sum and one hash.
func Fingerprint(s Set, from, to int) [16]byte {
	var buf [32 + 10]byte // the longest varint has 10
	sum := s.Sum(from, to)
	h := sha256.Sum256(appendVarint(append(buf[:0], sum[:]...), uint64(to-from)))
	return [16]byte(h[:16])
}
