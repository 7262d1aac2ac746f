package wire

import "slices"

// Bounds of an Outbox. At each the oldest message is forgotten; who still
// misses pieces of it gives up and gets what was in it by other ways.
const (
	MaxKept      = 16
	MaxKeptBytes = 1 << 20
)

// Outbox keeps the pieces of the messages fragmented last, to answer FRAGWANT.
// The zero Outbox is empty and ready to use.
type Outbox struct {
	kept  []kept // oldest first
	bytes int
}

type kept struct {
	number uint32
	frags  [][]byte
	size   int
}

// Keep remembers the pieces, as Fragment gave them, of message number. It
// takes over frags. A number that is kept already is replaced.
func (o *Outbox) Keep(number uint32, frags [][]byte) {
	if i := o.index(number); i >= 0 {
		o.forget(i)
	}
	k := kept{number: number, frags: frags}
	for _, f := range frags {
		k.size += len(f)
	}
	o.kept = append(o.kept, k)
	o.bytes += k.size
	for len(o.kept) > MaxKept || o.bytes > MaxKeptBytes {
		o.forget(0)
	}
}

// Drop forgets message number, if it is kept.
func (o *Outbox) Drop(number uint32) {
	if i := o.index(number); i >= 0 {
		o.forget(i)
	}
}

// Get returns the pieces of message number whose bits are set in missing, in
// order, ready to be sent again; nil if the message is not kept. Bits beyond
// its last piece are ignored. The pieces must not be changed.
func (o *Outbox) Get(number uint32, missing uint64) [][]byte {
	i := o.index(number)
	if i < 0 {
		return nil
	}
	var frags [][]byte
	for n, f := range o.kept[i].frags {
		if missing>>n&1 != 0 {
			frags = append(frags, f)
		}
	}
	return frags
}

func (o *Outbox) index(number uint32) int {
	return slices.IndexFunc(o.kept, func(k kept) bool { return k.number == number })
}

func (o *Outbox) forget(i int) {
	o.bytes -= o.kept[i].size
	o.kept = slices.Delete(o.kept, i, i+1)
}

// Size tells how many messages are kept, and their bytes.
func (o *Outbox) Size() (messages, bytes int) { return len(o.kept), o.bytes }
