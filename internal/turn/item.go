package turn

import (
	"bytes"
	"cmp"
)

// Item is a turn's place in the order.
type Item struct {
	Stamp uint64
	ID    ID
}

// Less tells whether it comes before other in the order: by stamp, then by id.
func (it Item) Less(other Item) bool {
	if it.Stamp != other.Stamp {
		return it.Stamp < other.Stamp
	}
	return bytes.Compare(it.ID[:], other.ID[:]) < 0
}

// Compare gives -1, 0 or 1, for sorting: see Less.
func (it Item) Compare(other Item) int {
	if c := cmp.Compare(it.Stamp, other.Stamp); c != 0 {
		return c
	}
	return bytes.Compare(it.ID[:], other.ID[:])
}
