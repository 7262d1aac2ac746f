package store

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// graph knows the ends of a record: what no turn of it names as parent, and
// what is named and not there.
type graph struct {
	heads   map[turn.ID]uint64 // with their stamps
	missing map[turn.ID]struct{}
}

func newGraph() graph {
	return graph{heads: map[turn.ID]uint64{}, missing: map[turn.ID]struct{}{}}
}

// add takes a turn in that is not in yet. has tells which are.
func (g graph) add(s *turn.Signed, has func(turn.ID) bool) {
	for _, p := range s.Turn().Parents {
		delete(g.heads, p)
		if !has(p) {
			g.missing[p] = struct{}{}
		}
	}
	id := s.ID()
	if _, named := g.missing[id]; named {
		delete(g.missing, id)
		return
	}
	g.heads[id] = s.Stamp()
}

// sortedIDs gives a set's ids in their order.
func sortedIDs[V any](set map[turn.ID]V) []turn.ID {
	return slices.SortedFunc(maps.Keys(set), func(a, b turn.ID) int { return bytes.Compare(a[:], b[:]) })
}

// fingerprint is the SHA-256 of the heads by id, as turn.History.Fingerprint
// has it.
func (g graph) fingerprint() [32]byte {
	h := sha256.New()
	for _, id := range sortedIDs(g.heads) {
		h.Write(id[:])
	}
	return [32]byte(h.Sum(nil))
}

// items gives the heads in the order.
func (g graph) items() []turn.Item {
	items := make([]turn.Item, 0, len(g.heads))
	for id, stamp := range g.heads {
		items = append(items, turn.Item{Stamp: stamp, ID: id})
	}
	slices.SortFunc(items, turn.Item.Compare)
	return items
}
