package fuzzloop

import (
	"encoding/binary"
	"math/rand/v2"
)

// mutator makes inputs of inputs.
type mutator struct {
	rng  *rand.Rand
	pool [][]byte // never empty
	most int      // bytes of an input
	buf  []byte
}

// newMutator gives one that makes the same of the same.
func newMutator(seed uint64, pool [][]byte, most int) mutator {
	return mutator{rng: rand.New(rand.NewPCG(seed, 0)), pool: pool, most: most}
}

// next gives a mutant, until the next call: one of the pool, changed in one place or
// in a few.
func (m *mutator) next() []byte {
	m.buf = append(m.buf[:0], m.any()...)
	for {
		m.change()
		if m.rng.Uint32()&3 == 0 {
			break
		}
	}
	if len(m.buf) > m.most {
		m.buf = m.buf[:m.most]
	}
	return m.buf
}

func (m *mutator) any() []byte { return m.pool[m.rng.IntN(len(m.pool))] }

// telling are values at which decoders turn: the ends of the integers, of one byte up
// to eight.
var telling = []uint64{0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 1 << 16, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<53 - 1, 1 << 53, 1<<63 - 1, 1 << 63, 1<<64 - 1}

// change changes one place.
func (m *mutator) change() {
	n := len(m.buf)
	if n == 0 {
		m.insert(0, m.piece(m.any()))
		return
	}
	at := m.rng.IntN(n)
	switch m.rng.IntN(12) {
	case 0:
		m.buf[at] ^= 1 << m.rng.IntN(8)
	case 1:
		m.buf[at] = byte(m.rng.Uint32())
	case 2:
		m.buf[at] += byte(m.rng.IntN(33)) - 16
	case 3:
		m.number(at, func(uint64) uint64 { return telling[m.rng.IntN(len(telling))] })
	case 4:
		m.number(at, func(v uint64) uint64 { return v + m.rng.Uint64N(33) - 16 })
	case 5: // cut off
		if m.rng.Uint32()&1 == 0 {
			m.buf = m.buf[:at]
		} else {
			m.buf = append(m.buf[:0], m.buf[at:]...)
		}
	case 6: // leave out
		m.buf = append(m.buf[:at], m.buf[at+m.length(n-at):]...)
	case 7: // say twice, here or elsewhere
		m.insert(at, m.piece(m.buf))
	case 8: // from another
		m.insert(at, m.piece(m.any()))
	case 9:
		copy(m.buf[at:], m.piece(m.any()))
	case 10: // go on as another does
		other := m.any()
		if len(other) > 0 {
			m.buf = append(m.buf[:at], other[m.rng.IntN(len(other)):]...)
		}
	case 11:
		var random [8]byte
		binary.BigEndian.PutUint64(random[:], m.rng.Uint64())
		m.insert(at, random[:1+m.rng.IntN(8)])
	}
}

// number changes a big-endian number of one, two, four or eight bytes, if it has room.
func (m *mutator) number(at int, change func(uint64) uint64) {
	b := m.buf[at:]
	switch size := 1 << m.rng.IntN(4); {
	case len(b) < size:
	case size == 1:
		b[0] = byte(change(uint64(b[0])))
	case size == 2:
		binary.BigEndian.PutUint16(b, uint16(change(uint64(binary.BigEndian.Uint16(b)))))
	case size == 4:
		binary.BigEndian.PutUint32(b, uint32(change(uint64(binary.BigEndian.Uint32(b)))))
	default:
		binary.BigEndian.PutUint64(b, change(binary.BigEndian.Uint64(b)))
	}
}

// piece gives a part of b, mostly a short one.
func (m *mutator) piece(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	at := m.rng.IntN(len(b))
	return b[at : at+m.length(len(b)-at)]
}

// length is 1 to n, mostly little.
func (m *mutator) length(n int) int {
	limit := [...]int{4, 16, 64, n}[m.rng.IntN(4)]
	return 1 + m.rng.IntN(min(n, limit))
}

// insert puts p, which may be a part of the input, before byte at.
func (m *mutator) insert(at int, p []byte) {
	var own [256]byte // a piece of the input itself moves while it is put in
	p = own[:copy(own[:], p)]
	n := len(m.buf)
	m.buf = append(m.buf, p...)
	copy(m.buf[at+len(p):], m.buf[at:n])
	copy(m.buf[at:], p)
}
