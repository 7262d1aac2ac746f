package turn

import (
	"encoding/binary"
	"math/bits"
)

// Sum is a sum of ids, which are read as little-endian integers, mod 2^256: its
// words, the least significant first (Negentropy Protocol V1, "Fingerprint
// Algorithm").
type Sum [4]uint64

// SumOf is the sum of one id.
func SumOf(id ID) Sum {
	var s Sum
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(id[8*i:])
	}
	return s
}

// Plus adds o.
func (s Sum) Plus(o Sum) Sum {
	var carry uint64
	for i := range s {
		s[i], carry = bits.Add64(s[i], o[i], carry)
	}
	return s
}

// Minus takes o away.
func (s Sum) Minus(o Sum) Sum {
	var borrow uint64
	for i := range s {
		s[i], borrow = bits.Sub64(s[i], o[i], borrow)
	}
	return s
}

// Bytes writes the integer little-endian, as an id.
func (s Sum) Bytes() [32]byte {
	var b [32]byte
	for i, w := range s {
		binary.LittleEndian.PutUint64(b[8*i:], w)
	}
	return b
}
