package reconcile

import (
	"math"

	"github.com/papo-chat/papo/internal/turn"
)

// infinity is the stamp of the bound that ends everything.
const infinity = math.MaxUint64

// bound is the exclusive end of a range. Of item.ID only the first prefix bytes
// travel; the others are 0.
type bound struct {
	item   turn.Item
	prefix int
}

// end bounds the range that goes on for ever.
var end = bound{item: turn.Item{Stamp: infinity}}

// boundAt is the bound that begins with it, in full.
func boundAt(it turn.Item) bound {
	return bound{item: it, prefix: len(it.ID)}
}

// boundBetween is the shortest bound that a, and all before it, are below, and
// b is not (Negentropy Protocol V1, "Bound"). It needs a < b.
func boundBetween(a, b turn.Item) bound {
	out := bound{item: turn.Item{Stamp: b.Stamp}}
	if a.Stamp != b.Stamp {
		return out
	}
	for a.ID[out.prefix] == b.ID[out.prefix] {
		out.prefix++
	}
	out.prefix++ // the first byte that differs
	copy(out.item.ID[:out.prefix], b.ID[:])
	return out
}
