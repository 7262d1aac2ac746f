package turn

import (
	"strings"
	"testing"
)

// TestDelivered: which of some turns are heads or ancestors of heads.
func TestDelivered(t *testing.T) {
	turns := map[string]*Signed{}
	h := NewHistory()
	add := func(name string, stamp uint64, parents ...string) {
		var ids []ID
		for _, p := range parents {
			ids = append(ids, turns[p].ID())
		}
		turns[name] = unsignedKind(t, KindChat, stamp, uint64(len(turns)), ids...)
		if name != "lost" {
			h.Add(turns[name])
		}
	}
	// A chain of six; beside it one that nobody builds on, two that are Invalid
	// because their stamps do not rise, and one with a parent that is not here.
	add("1", 1)
	add("2", 2, "1")
	add("3", 3, "2")
	add("4", 4, "3")
	add("5", 5, "4")
	add("6", 6, "5")
	add("side", 4, "2")
	add("falls", 3, "5")
	add("same", 5, "5")
	add("lost", 7, "1")
	add("gap", 8, "lost", "2")

	for _, c := range []struct {
		heads, of string
		limit     int
		want      string
		whole     bool
	}{
		{"6", "6", 0, "6", true},
		{"6", "", 0, "", true},
		{"", "6", 0, "", true},
		{"6", "3 5", 100, "3 5", true},
		{"4", "3 5 6", 100, "3", true},
		{"6", "side 3", 100, "3", true},
		{"6 side", "side 1", 100, "side 1", true},
		{"falls", "5", 100, "", true},
		{"same", "5 1", 100, "", true},
		{"lost", "lost 1", 100, "lost", true},
		{"gap", "lost 1", 100, "1", true},

		{"6", "5", 1, "5", true}, // as many turns are walked through as need be,
		{"6 side", "6 side", 0, "6 side", true},
		{"6", "1", 5, "1", true}, // and not one more than the limit
		{"6", "1", 4, "", false},
		{"6", "side 3", 3, "3", true}, // none below what is asked for
		{"6", "side 3", 2, "", false},
		{"6 5 4", "side 1", 5, "1", true}, // each once
		{"6 6", "side 3", 3, "3", true},
	} {
		out, whole := h.Delivered(named(turns, c.heads), named(turns, c.of), c.limit)
		want := named(turns, c.want)
		ok := reached(out) == len(want) && whole == c.whole
		for _, id := range want {
			ok = ok && out[id]
		}
		if !ok {
			t.Errorf("of %q, below %q within %d: %d, %v; want %q, %v", c.of, c.heads, c.limit, reached(out), whole, c.want, c.whole)
		}
	}
}

// reached counts those that are delivered.
func reached(out map[ID]bool) (n int) {
	for _, yes := range out {
		if yes {
			n++
		}
	}
	return n
}

// named gives the ids of turns by name.
func named(turns map[string]*Signed, names string) (ids []ID) {
	for _, name := range strings.Fields(names) {
		ids = append(ids, turns[name].ID())
	}
	return ids
}

// TestDeliveredReadsNoDisk: a turn that is no longer in memory ends the walk.
func TestDeliveredReadsNoDisk(t *testing.T) {
	s := newShelf()
	h := empty(s.get)
	var ids []ID
	for stamp := range uint64(5) {
		turn := unsigned(t, stamp+1, ids[max(0, len(ids)-1):]...)
		s.put(turn)
		h.Add(turn)
		ids = append(ids, turn.ID())
	}
	if out, whole := h.Delivered(ids[4:], ids[:1], 100); !whole || reached(out) != 1 {
		t.Errorf("all in memory: %v, %v", out, whole)
	}
	h.bodies.list.Remove(h.bodies.used[ids[2]])
	delete(h.bodies.used, ids[2])
	if out, whole := h.Delivered(ids[4:], ids[:1], 100); !whole || reached(out) != 0 {
		t.Errorf("behind one that is not in memory: %v, %v", out, whole)
	}
}
