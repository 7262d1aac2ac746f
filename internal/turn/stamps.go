package turn

import (
	"encoding/binary"
	"math/bits"
)

// stampBits is how many bits a stamp takes: see MaxStamp.
const stampBits = 53

// stamps finds the stamp of an id: a hash table with linear probing. It keeps no
// ids. A slot holds the stamp and, above it, eleven bits of the id; whether the
// item is really there, the index tells. So a turn costs 11 to 16 bytes, and who
// makes ids that collide, which is what two thousand or a million hashes each buy,
// costs a look more and never a wrong answer.
type stamps struct {
	slots []uint64 // 0: free. At most three of four are taken
	n     int
}

// slotOf is what stands for it. Its stamp is within 1 to MaxStamp, so it is not 0.
func slotOf(it Item) uint64 {
	return uint64(binary.LittleEndian.Uint16(it.ID[8:]))<<stampBits | it.Stamp
}

// home is where the search for an id begins.
func (t *stamps) home(id ID) int {
	hi, _ := bits.Mul64(binary.BigEndian.Uint64(id[:]), uint64(len(t.slots)))
	return int(hi)
}

// find gives the stamp of an id that x holds. False: x does not.
func (t *stamps) find(id ID, x *index) (uint64, bool) {
	if t.n == 0 {
		return 0, false
	}
	tag := slotOf(Item{ID: id})
	for i := t.home(id); t.slots[i] != 0; i = t.next(i) {
		stamp := t.slots[i] & MaxStamp
		if t.slots[i]&^MaxStamp == tag && x.has(Item{Stamp: stamp, ID: id}) {
			return stamp, true
		}
	}
	return 0, false
}

func (t *stamps) next(i int) int {
	if i++; i == len(t.slots) {
		return 0
	}
	return i
}

// added takes what x has just got. When the table is full it is made anew from all
// of x, twice as large.
func (t *stamps) added(it Item, x *index) {
	if 4*(t.n+1) > 3*len(t.slots) {
		t.fill(x, max(16, 2*x.len()))
		return
	}
	t.put(it)
}

// fill makes the table anew from all of x, with so many slots.
func (t *stamps) fill(x *index, slots int) {
	t.slots, t.n = make([]uint64, slots), 0
	x.each(t.put)
}

func (t *stamps) put(it Item) {
	i := t.home(it.ID)
	for t.slots[i] != 0 {
		i = t.next(i)
	}
	t.slots[i] = slotOf(it)
	t.n++
}
