package turn

import (
	"encoding/binary"
	"math/bits"
)

// sum is an integer mod 2^256, the least significant word first. Ids are read as
// little-endian integers (Negentropy Protocol V1, "Fingerprint Algorithm").
type sum [4]uint64

func sumOf(id ID) sum {
	var s sum
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(id[8*i:])
	}
	return s
}

func (s sum) plus(o sum) sum {
	var carry uint64
	for i := range s {
		s[i], carry = bits.Add64(s[i], o[i], carry)
	}
	return s
}

func (s sum) minus(o sum) sum {
	var borrow uint64
	for i := range s {
		s[i], borrow = bits.Sub64(s[i], o[i], borrow)
	}
	return s
}

func (s sum) bytes() [32]byte {
	var b [32]byte
	for i, w := range s {
		binary.LittleEndian.PutUint64(b[8*i:], w)
	}
	return b
}
