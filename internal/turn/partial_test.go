package turn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// shelf is an archive. It gives nothing when it fails.
type shelf struct {
	turns map[ID]*Signed
	fails func() bool
	wrong *Signed // given for everything, if it is set
	given int
}

func newShelf() *shelf { return &shelf{turns: map[ID]*Signed{}} }

func (s *shelf) get(id ID) *Signed {
	if s.fails != nil && s.fails() {
		return nil
	}
	if s.wrong != nil {
		return s.wrong
	}
	if s.turns[id] != nil {
		s.given++
	}
	return s.turns[id]
}

func (s *shelf) put(turns ...*Signed) {
	for _, t := range turns {
		s.turns[t.ID()] = t
	}
}

// summaryOf sums up h, which is whole, without Recent.
func summaryOf(h *History) Summary {
	s := Summary{Count: h.Len()}
	for _, id := range h.sortedHeads() {
		s.Heads = append(s.Heads, Item{Stamp: h.heads[id], ID: id})
	}
	n := h.reach()
	if n > 0 {
		s.Top = h.At(n - 1)
	}
	for ; n < h.Len(); n++ {
		s.Above = append(s.Above, h.At(n))
	}
	for id, state := range h.odd {
		it, _ := h.Item(id)
		s.Exceptions = append(s.Exceptions, Exception{Item: it, State: state})
	}
	for id, t := range h.pending {
		s.Exceptions = append(s.Exceptions, Exception{
			Item: Item{Stamp: t.stamp, ID: id}, State: Pending,
			Missing: slices.Clone(t.missing), Top: t.top, Known: t.known,
		})
	}
	slices.SortFunc(s.Exceptions, func(a, b Exception) int { return a.Item.Compare(b.Item) })
	return s
}

// checkpoint gives what a start finds of h, which is whole, with some recent turns.
func checkpoint(h *History, recent int) (Summary, []Item) {
	s := summaryOf(h)
	for i := h.reach() - 1; i >= 0 && len(s.Recent) < recent; i-- {
		s.Recent = append(s.Recent, h.Get(h.At(i).ID))
	}
	rand.New(rand.NewPCG(1, uint64(recent))).Shuffle(len(s.Recent), func(i, j int) { s.Recent[i], s.Recent[j] = s.Recent[j], s.Recent[i] })
	return s, itemsOf(h)
}

// A history that starts with a summary, and with some turns behind it, and that gets
// the set of its turns at some later time, answers all as one that had everything
// from the start; until then, what a partial one is to answer, if its archive can be
// read; and if it cannot, it knows of more gaps, and of no turn too many. The archive
// has each turn some time before it is added, and what is Undecided is not added.
func TestPartialAgainstReference(t *testing.T) {
	var late, waited, learned, beyond, exceptions, ahead, undecided int
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 9))
		all := randomDAG(t, rng, 60)
		slow, full, disk := &slowHistory{}, NewHistory(), newShelf()
		old := rng.IntN(len(all))
		todo := slices.Clone(all[old:])
		behind := todo[:rng.IntN(min(20, len(todo)))]
		todo = todo[len(behind):]
		disk.put(all[:old]...)
		disk.put(behind...)
		for _, s := range all[:old] {
			full.Add(s)
			slow.add(s)
		}
		sum, items := checkpoint(full, rng.IntN(12))
		beyond += len(sum.Above)
		exceptions += len(sum.Exceptions)
		failing := seed%2 == 1 && old > 0
		if failing {
			disk.fails = func() bool { return rng.IntN(8) > 0 }
		}
		h := Restore(disk.get, sum, behind)
		learned += disk.given
		for _, s := range behind {
			slow.add(s)
		}
		h.bodies.most = 4000
		if h.Partial() != (old > 0) {
			t.Fatalf("seed %d: partial = %t with %d turns", seed, h.Partial(), old)
		}
		since := slices.Clone(behind)
		var postponed []*Signed
		adoptAt := rng.IntN(min(25, len(todo)))
		for step := 0; len(todo)+len(postponed) > 0; step++ {
			where := fmt.Sprintf("seed %d, %d old, %d behind, step %d", seed, old, len(behind), step)
			if step >= adoptAt && h.Partial() {
				disk.fails = nil
				before := waiting(h)
				waited += len(before)
				resolved, err := h.Adopt(setWith(t, rng, items, since))
				if err != nil {
					t.Fatalf("%s: %v", where, err)
				}
				checkResolved(t, where, resolved, before, slow)
				late += len(resolved)
				todo, postponed = append(postponed, todo...), nil
			}
			for _, s := range todo[:min(len(todo), 1+rng.IntN(4))] {
				if !h.Undecided(s.Stamp()) {
					disk.put(s)
				}
			}
			if len(todo) == 0 {
				continue
			}
			s := todo[0]
			todo = todo[1:]
			if h.Undecided(s.Stamp()) {
				undecided++
				postponed = append(postponed, s)
				continue
			}
			for _, p := range s.Turn().Parents {
				if slow.get(p) == nil && disk.turns[p] != nil {
					ahead++
				}
			}
			before := waiting(h)
			before[s.ID()] = true
			given := disk.given
			added, resolved := h.Add(s)
			slow.add(s)
			since = append(since, s)
			if !added {
				t.Fatalf("%s: not added", where)
			}
			if again, _ := h.Add(s); again {
				t.Fatalf("%s: added twice", where)
			}
			learned += disk.given - given
			if !h.Partial() || !failing {
				checkResolved(t, where, resolved, before, slow)
			}
			if h.Partial() && rng.IntN(8) > 0 {
				continue // each question teaches it something
			}
			switch {
			case h.Partial() && failing:
				compareUnread(t, where, h, slow)
			case h.Partial():
				compareRecent(t, where, h, slow)
				comparePartial(t, where, h, slow)
			default:
				compareHistory(t, where, rng, h, slow)
			}
		}
		for _, s := range all[old:] {
			full.Add(s)
		}
		if a, b := summaryOf(full), summaryOf(h); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d: the summary is\n%+v, want\n%+v", seed, b, a)
		}
	}
	for what, n := range map[string]int{
		"turns settled by adopting": late, "turns pending then": waited, "parents looked up": learned,
		"turns out of reach": beyond, "exceptions": exceptions, "parents that the archive has too early": ahead,
		"turns that had to wait": undecided,
	} {
		if n < 20 {
			t.Errorf("%s: %d, too few to tell anything", what, n)
		}
	}
}

// waiting gives those that are Pending, without a question that could teach h anything.
func waiting(h *History) map[ID]bool {
	out := map[ID]bool{}
	for id := range h.pending {
		out[id] = true
	}
	return out
}

// checkResolved: resolved are those that were Pending and are no longer, in the order.
func checkResolved(t *testing.T, where string, resolved []ID, before map[ID]bool, slow *slowHistory) {
	t.Helper()
	var want []ID
	for _, it := range slow.items() {
		if before[it.ID] && slow.shown(it.ID) != Pending {
			want = append(want, it.ID)
		}
	}
	if !slices.Equal(resolved, want) {
		t.Fatalf("%s: resolved %v, want %v", where, resolved, want)
	}
}

// setWith is the set of the items, in the order or not, and of some that came since.
func setWith(t *testing.T, rng *rand.Rand, items []Item, since []*Signed) *Set {
	t.Helper()
	items = slices.Clone(items)
	for _, s := range since {
		if rng.IntN(4) == 0 {
			items = append(items, s.Item())
		}
	}
	if rng.IntN(2) == 0 {
		slices.SortFunc(items, Item.Compare)
	}
	set, err := NewSet(items)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// compareRecent: from the first of the recent turns on, and as far as turns are
// within reach, a partial history walks as a whole one.
func compareRecent(t *testing.T, where string, h *History, slow *slowHistory) {
	t.Helper()
	equal := equalAt(t, where)
	var want []Item
	for _, it := range slow.items() {
		if h.Whole(it) {
			want = append(want, it)
		}
	}
	from := 0
	for from < h.Len() && !h.Whole(h.At(from)) {
		from++
	}
	equal("the last turns", itemsOf(h)[from:], want)
	var before ID
	for _, it := range want {
		if before != (ID{}) {
			got, _ := h.Before(it.ID)
			equal("Before", got, before)
		}
		if slow.shown(it.ID) != Invalid {
			before = it.ID
		}
	}
}

// compareUnread: whatever an archive that fails now and then does not give, no head
// is wrong, no gap is hidden, no turn is there that is not, and none is shown
// otherwise than as it is, or as waiting.
func compareUnread(t *testing.T, where string, h *History, slow *slowHistory) {
	t.Helper()
	equal := equalAt(t, where)
	equal("Heads", h.Heads(), slow.heads())
	equal("Count", h.Count(), len(slow.all))
	gaps := missingOf(h)
	for _, id := range slow.missing() {
		if !slices.Contains(gaps, id) || h.Has(id) {
			t.Fatalf("%s: a gap is hidden", where)
		}
	}
	for _, s := range slow.all {
		if got, want := h.Shown(s.ID()), slow.shown(s.ID()); got != want && got != Pending && got != Absent {
			t.Fatalf("%s: shown as %v, is %v", where, got, want)
		}
		if got := h.Get(s.ID()); got != nil && got != s {
			t.Fatalf("%s: got another turn", where)
		}
	}
}

// What is above the last turn within reach at the start is surely new.
func TestUndecided(t *testing.T) {
	full := NewHistory()
	first, before, second := unsigned(t, 5), unsigned(t, 7), unsigned(t, 9)
	far := unsigned(t, 9+MaxJump+1, second.ID())
	further := unsigned(t, far.Stamp()+1, far.ID()) // Valid
	last := unsigned(t, far.Stamp()+2, further.ID())
	for _, s := range []*Signed{first, before, second, far, further, last} {
		full.Add(s)
	}
	sum, items := checkpoint(full, 2)
	h := Restore(newShelf().get, sum, nil)
	if got, _ := h.Before(last.ID()); got != further.ID() {
		t.Errorf("before the last comes %v", got)
	}
	for stamp, want := range map[uint64]bool{1: true, 9: true, 10: false, far.Stamp(): false} {
		if h.Undecided(stamp) != want {
			t.Errorf("stamp %d: %t", stamp, !want)
		}
	}
	if !h.Has(far.ID()) || h.Shown(far.ID()) != Invalid {
		t.Error("what is out of reach is not known")
	}
	if h.Whole(first.Item()) || !h.Whole(before.Item()) || !h.Whole(second.Item()) {
		t.Error("not whole from the recent turn on")
	}
	set, err := NewSet(items)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Adopt(set); err != nil {
		t.Fatal(err)
	}
	if h.Undecided(1) || !h.Whole(first.Item()) || h.Partial() || h.Len() != 6 {
		t.Error("it is still partial")
	}
	if resolved, err := h.Adopt(&Set{}); resolved != nil || err != nil || h.Len() != 6 {
		t.Error("adopted twice")
	}
}

// A set that is not of the turns that were summed up is refused, and the right one
// is taken after it.
func TestAdoptRefuses(t *testing.T) {
	full, disk := NewHistory(), newShelf()
	var parent []ID
	for i := range uint64(50) {
		s := unsigned(t, 1+i, parent...)
		full.Add(s)
		disk.put(s)
		parent = []ID{s.ID()}
	}
	sum, items := checkpoint(full, 5)
	h := Restore(disk.get, sum, nil)
	since := unsigned(t, 90, parent...)
	h.Add(since)
	for what, wrong := range map[string][]Item{
		"none": nil, "one too few": append(slices.Clone(items[:20]), items[21:]...),
		"one too many":  append(slices.Clone(items), Item{Stamp: 3, ID: ID{1}}),
		"another stamp": append([]Item{{Stamp: 2, ID: sum.Recent[0].ID()}}, items...),
	} {
		set, err := NewSet(wrong)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Adopt(set); !errors.Is(err, ErrOtherSet) || !h.Partial() || h.Count() != 51 || !h.Has(items[30].ID) {
			t.Errorf("%s: %v", what, err)
		}
	}
	set, err := NewSet(append(items[:45], since.Item())) // the last are known
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Adopt(set); err != nil || h.Len() != 51 || h.Partial() {
		t.Errorf("%d turns: %v", h.Len(), err)
	}
}

// What was within reach stays so, though the steps that lead there are not known.
func TestReachOfAPartialHistory(t *testing.T) {
	full := NewHistory()
	var last *Signed
	for i := range uint64(4) {
		var parents []ID
		if last != nil {
			parents = []ID{last.ID()}
		}
		last = unsigned(t, 1+i*MaxJump, parents...)
		full.Add(last)
	}
	sum, _ := checkpoint(full, 0)
	h := Restore(newShelf().get, sum, nil)
	if h.MaxStamp() != last.Stamp() || !slices.Equal(h.ParentsForNext(), []ID{last.ID()}) {
		t.Errorf("the next turn comes after stamp %d", h.MaxStamp())
	}
}

// A parent that the archive cannot read at first is no gap once it can.
func TestLearnedLater(t *testing.T) {
	full, disk := NewHistory(), newShelf()
	parent := unsigned(t, 3)
	top := unsigned(t, 9, parent.ID())
	for _, s := range []*Signed{parent, top} {
		full.Add(s)
		disk.turns[s.ID()] = s
	}
	sum, _ := checkpoint(full, 1)
	h := Restore(disk.get, sum, nil)
	disk.fails = func() bool { return true }
	child := unsigned(t, 12, parent.ID(), top.ID())
	if _, resolved := h.Add(child); resolved != nil || h.Gaps() == 0 || h.Shown(child.ID()) != Pending {
		t.Error("the child of a turn that cannot be read does not wait")
	}
	disk.fails = nil
	if !h.Has(parent.ID()) || h.Gaps() != 0 || h.Shown(child.ID()) != Valid || h.Missing() != 0 {
		t.Error("the child still waits")
	}
}

// A bounded part of the turns is kept in memory, that which was used last; all can be
// read as long as the archive can.
func TestBodies(t *testing.T) {
	disk := newShelf()
	h := Restore(disk.get, Summary{}, nil)
	h.bodies.most = 20 * sizeOf(unsigned(t, 1000))
	var all []*Signed
	for i := range uint64(200) {
		s := unsignedKind(t, KindChat, 1000+i, i)
		all = append(all, s)
		disk.put(s)
		h.Add(s)
	}
	if h.bodies.list.Len() != 20 || len(h.bodies.used) != 20 || h.bodies.inMemory(all[199].ID()) == nil || h.bodies.inMemory(all[179].ID()) != nil {
		t.Errorf("%d turns are in memory", h.bodies.list.Len())
	}
	for range 2 {
		for _, s := range all {
			if h.Get(s.ID()) != s {
				t.Fatal("a turn cannot be read")
			}
		}
	}
	if h.bodies.size > h.bodies.most || h.bodies.size != 20*sizeOf(all[0]) {
		t.Errorf("%d bytes in memory, the most is %d", h.bodies.size, h.bodies.most)
	}
	// The one used last stays, the one longest unused goes.
	h.Get(all[0].ID())
	for _, s := range all[1:20] {
		h.Get(s.ID())
	}
	h.Get(all[0].ID())
	h.Get(all[30].ID())
	disk.fails = func() bool { return true }
	if h.Get(all[0].ID()) == nil || h.Get(all[30].ID()) == nil || h.Get(all[1].ID()) != nil {
		t.Error("the wrong ones stay in memory")
	}
	if !h.Has(all[1].ID()) || h.Shown(all[1].ID()) != Valid {
		t.Error("what cannot be read now is no longer in the record")
	}
	disk.fails, disk.wrong = nil, all[7]
	if h.Get(all[1].ID()) != nil {
		t.Error("another turn was taken for the one asked for")
	}
	if h.Get(ID{1}) != nil {
		t.Error("the archive was asked for what is not in the record")
	}
}

// Without an archive all turns stay in memory.
func TestBodiesWithoutArchive(t *testing.T) {
	h := NewHistory()
	for i := range uint64(12_000) {
		h.Add(unsigned(t, 1+i))
	}
	if h.bodies.size <= bodiesMost {
		t.Fatalf("%d bytes: the test tests nothing", h.bodies.size)
	}
	for i := range h.Len() {
		if h.Get(h.At(i).ID) == nil {
			t.Fatal("a turn is lost")
		}
	}
}

// What a turn is reckoned with in memory, and how much that may be.
func TestBodiesAreReckoned(t *testing.T) {
	s := unsigned(t, 1)
	if n := sizeOf(s); n != 512+2*len(s.Bytes()) {
		t.Errorf("a turn of %d bytes is reckoned with %d", len(s.Bytes()), n)
	}
	if most := empty(newShelf().get).bodies.most; most != 8<<20 {
		t.Errorf("with an archive %d bytes are kept in memory", most)
	}
}

// A summary of nothing makes no partial history. One of turns out of reach only has
// no last one within reach.
func TestRestoreOfLittle(t *testing.T) {
	if h := Restore(newShelf().get, Summary{}, nil); h.Partial() || h.Len() != 0 {
		t.Errorf("of nothing: partial %v, %d turns", h.Partial(), h.Len())
	}
	near, far := unsigned(t, 7), unsigned(t, MaxJump+1)
	for _, c := range []struct {
		name    string
		summary Summary
		top     uint64
	}{
		{"one turn", Summary{Count: 1, Top: near.Item(), Heads: []Item{near.Item()}}, 7},
		{"behind a head", Summary{Count: 2, Top: near.Item()}, 7},
		{"one out of reach", Summary{Count: 1, Heads: []Item{far.Item()}, Above: []Item{far.Item()}}, 0},
	} {
		h := Restore(newShelf().get, c.summary, nil)
		if !h.Partial() || h.Len() != 1 || h.Count() != c.summary.Count || h.MaxStamp() != c.top {
			t.Errorf("%s: %d of %d turns, up to %d", c.name, h.Len(), h.Count(), h.MaxStamp())
		}
	}
}
