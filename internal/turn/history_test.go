package turn

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// unsigned makes a turn whose signature is zeros: what a History holds does not
// depend on it.
func unsigned(t testing.TB, stamp uint64, parents ...ID) *Signed {
	t.Helper()
	return unsignedKind(t, KindChat, stamp, 0, parents...)
}

func unsignedKind(t testing.TB, kind, stamp, salt uint64, parents ...ID) *Signed {
	t.Helper()
	parents = slices.Clone(parents)
	slices.SortFunc(parents, compareIDs)
	turn := plain()
	turn.Kind, turn.Stamp, turn.Parents = kind, stamp, slices.Compact(parents)
	turn.LineIDs, turn.Texts = turn.LineIDs[:1], []string{"x"}
	binary.LittleEndian.PutUint64(turn.LineIDs[0][:], salt)
	s, err := ParseTrusted(testGroup, append(marshal(t, turn), make([]byte, signatureSize)...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func compareIDs(a, b ID) int { return bytes.Compare(a[:], b[:]) }

// slowHistory answers everything by looking at all turns.
type slowHistory struct{ all []*Signed }

func (h *slowHistory) get(id ID) *Signed {
	for _, s := range h.all {
		if s.ID() == id {
			return s
		}
	}
	return nil
}

func (h *slowHistory) add(s *Signed) { h.all = append(h.all, s) }

// missing gives the parents that are named and not there, by id.
func (h *slowHistory) missing() []ID {
	out := []ID{}
	for _, s := range h.all {
		for _, p := range s.Turn().Parents {
			if h.get(p) == nil && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, compareIDs)
	return out
}

func (h *slowHistory) items() []Item {
	var out []Item
	for _, s := range h.all {
		out = append(out, Item{s.Turn().Stamp, s.ID()})
	}
	slices.SortFunc(out, func(a, b Item) int {
		if a.Less(b) {
			return -1
		}
		return 1
	})
	return out
}

func (h *slowHistory) heads() []ID {
	out := []ID{}
	for _, s := range h.all {
		named := false
		for _, other := range h.all {
			named = named || slices.Contains(other.Turn().Parents, s.ID())
		}
		if !named {
			out = append(out, s.ID())
		}
	}
	slices.SortFunc(out, compareIDs)
	return out
}

func (h *slowHistory) gap(id ID) []ID {
	var out []ID
	for _, p := range h.get(id).Turn().Parents {
		if h.get(p) == nil {
			out = append(out, p)
		}
	}
	return out
}

func (h *slowHistory) shown(id ID) State {
	s := h.get(id)
	if s == nil {
		return Absent
	}
	if len(h.gap(id)) > 0 {
		return Pending
	}
	var top uint64
	for _, p := range s.Turn().Parents {
		top = max(top, h.get(p).Turn().Stamp)
	}
	if s.Turn().Stamp <= top || s.Turn().Stamp-top > 1<<32 {
		return Invalid
	}
	if s.Turn().Version != 1 || s.Turn().Kind != 0 {
		return Newer
	}
	return Valid
}

// ancestors gives heads and what they descend from, by steps to lower stamps.
func (h *slowHistory) ancestors(heads []ID) map[ID]bool {
	out := map[ID]bool{}
	for _, id := range heads {
		out[id] = true
	}
	for grown := true; grown; {
		grown = false
		for _, s := range h.all {
			for _, p := range s.Turn().Parents {
				if parent := h.get(p); out[s.ID()] && parent != nil && !out[p] && parent.Stamp() < s.Stamp() {
					out[p], grown = true, true
				}
			}
		}
	}
	return out
}

// reach gives the items before the first jump.
func (h *slowHistory) reach() []Item {
	items, top := h.items(), uint64(0)
	for i, it := range items {
		if it.Stamp-top > 1<<32 {
			return items[:i]
		}
		top = it.Stamp
	}
	return items
}

// randomDAG makes turns of all states. Some of them are kept back for good.
func randomDAG(t *testing.T, rng *rand.Rand, n int) []*Signed {
	var all []*Signed
	for i := range n {
		var parents []ID
		top := uint64(0)
		for range rng.IntN(4) {
			if len(all) > 0 {
				p := all[len(all)-1-rng.IntN(min(len(all), 12))]
				parents = append(parents, p.ID())
				top = max(top, p.Stamp())
			}
		}
		stamp := top + 1 + rng.Uint64N(3)
		kind := uint64(KindChat)
		switch rng.IntN(20) {
		case 0:
			stamp = 1 + rng.Uint64N(top+1) // not above its parents
		case 1:
			stamp = top + MaxJump + rng.Uint64N(3) // just within or out of the jump
		case 2:
			kind = 7
		}
		if stamp > MaxStamp {
			stamp = MaxStamp
		}
		all = append(all, unsignedKind(t, kind, stamp, uint64(i), parents...))
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:len(all)-rng.IntN(4)]
}

func TestHistoryAgainstReference(t *testing.T) {
	reached := map[State]int{}
	extra := 0
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 2))
		h, slow := NewHistory(), &slowHistory{}
		for step, s := range randomDAG(t, rng, 60) {
			before := map[ID]State{s.ID(): Pending}
			for _, other := range slow.all {
				before[other.ID()] = slow.shown(other.ID())
			}
			added, resolved := h.Add(s)
			slow.add(s)
			if !added {
				t.Fatal("not added")
			}
			if added, again := h.Add(s); added || again != nil {
				t.Fatal("added twice")
			}
			var want []ID
			for _, it := range slow.items() {
				if before[it.ID] == Pending && slow.shown(it.ID) != Pending {
					want = append(want, it.ID)
				}
			}
			where := fmt.Sprintf("seed %d, step %d", seed, step)
			if !slices.Equal(resolved, want) {
				t.Fatalf("%s: resolved %v, want %v", where, resolved, want)
			}
			compareHistory(t, where, rng, h, slow)
		}
		for _, s := range slow.all {
			reached[h.Shown(s.ID())]++
		}
		if next := h.ParentsForNext(); len(next) > 0 {
			heads := h.Heads()
			if slices.ContainsFunc(next, func(id ID) bool { return !slices.Contains(heads, id) }) {
				extra++
			}
		}
	}
	for _, s := range []State{Pending, Valid, Invalid, Newer} {
		if reached[s] < 20 {
			t.Errorf("%v: %d turns, too few to tell anything", s, reached[s])
		}
	}
	if extra == 0 {
		t.Error("the last turn within reach was always a head")
	}
}

// missingOf lists what h lacks, by id.
func missingOf(h *History) []ID {
	out := []ID{}
	for id := range h.wanted {
		out = append(out, id)
	}
	slices.SortFunc(out, compareIDs)
	return out
}

// itemsOf lists all of h, in the order.
func itemsOf(h *History) []Item {
	items := make([]Item, h.Len())
	for i := range items {
		items[i] = h.At(i)
	}
	return items
}

// comparePartial compares what a partial history answers as if it were whole.
func comparePartial(t *testing.T, where string, h *History, slow *slowHistory) {
	t.Helper()
	equal := equalAt(t, where)
	items, heads := slow.items(), slow.heads()
	equal("Count", h.Count(), len(items))
	equal("Heads", h.Heads(), heads)
	equal("Fingerprint", h.Fingerprint(), sha256.Sum256(flatten(heads)))
	missing := slow.missing()
	equal("Missing", h.Missing(), len(missing))
	equal("what is missing", missingOf(h), missing)
	reach := slow.reach()
	next := []Item{}
	for _, it := range slices.Backward(reach) {
		if len(next) < 8 && (it == reach[len(reach)-1] || slices.Contains(heads, it.ID)) {
			next = append(next, it)
		}
	}
	var want []ID
	top := uint64(0)
	for _, it := range next {
		want, top = append(want, it.ID), max(top, it.Stamp)
	}
	slices.SortFunc(want, compareIDs)
	equal("ParentsForNext", h.ParentsForNext(), want)
	equal("MaxStamp", h.MaxStamp(), top)

	for _, it := range items { // each question may teach it a turn
		equal("Has", h.Has(it.ID), true)
		got, ok := h.Item(it.ID)
		equal("Item", got, it)
		equal("Item, whether", ok, true)
		equal("Shown", h.Shown(it.ID), slow.shown(it.ID))
		equal("Gap", h.Gap(it.ID), slow.gap(it.ID))
		equal("Get", h.Get(it.ID), slow.get(it.ID))
	}
	for _, id := range missing {
		equal("Has of a missing one", h.Has(id), false)
		equal("Shown of a missing one", h.Shown(id), Absent)
		equal("Get of a missing one", h.Get(id), (*Signed)(nil))
	}
}

// equalAt gives what fails the test where two things differ.
func equalAt(t *testing.T, where string) func(what string, got, want any) {
	return func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %s = %v, want %v", where, what, got, want)
		}
	}
}

func compareHistory(t *testing.T, where string, rng *rand.Rand, h *History, slow *slowHistory) {
	t.Helper()
	comparePartial(t, where, h, slow)
	equal := equalAt(t, where)
	items, missing := slow.items(), slow.missing()
	equal("Partial", h.Partial(), false)
	equal("Len", h.Len(), len(items))
	if got := itemsOf(h); !slices.Equal(got, items) {
		t.Fatalf("%s: items %v", where, got)
	}
	from, to := items[rng.IntN(len(items))], items[rng.IntN(len(items))]
	i, j := slices.Index(items, from), slices.Index(items, to)
	if i <= j {
		equal("Sum", h.Sum(i, j), slowSum(items[i:j]))
	}

	var before ID
	for i, it := range items {
		equal("At", h.At(i), it)
		equal("Index", h.Index(it), i)
		got, ok := h.Before(it.ID)
		equal("Before", got, before)
		equal("Before, whether", ok, before != ID{})
		if slow.shown(it.ID) != Invalid {
			before = it.ID
		}
	}
	var after ID
	for _, it := range slices.Backward(items) {
		got, ok := h.After(it.ID)
		equal("After", got, after)
		equal("After, whether", ok, after != ID{})
		if slow.shown(it.ID) != Invalid {
			after = it.ID
		}
	}

	// Heads as another member may report them, known and unknown.
	var reported, asked []ID
	for range rng.IntN(4) {
		reported = append(reported, items[rng.IntN(len(items))].ID)
	}
	reported = append(reported, missing[:min(1, len(missing))]...)
	for range rng.IntN(6) {
		asked = append(asked, items[rng.IntN(len(items))].ID)
	}
	asked = append(asked, missing[:min(2, len(missing))]...)
	known := slow.ancestors(reported)
	set, whole := h.Delivered(reported, asked, len(items))
	equal("Delivered whole", whole, true)
	cut, whole := h.Delivered(reported, asked, 1)
	for _, id := range asked {
		if cut[id] && !known[id] || whole && cut[id] != known[id] && h.bodies.archive == nil {
			t.Fatalf("%s: Delivered with a limit says too much, or that it says all", where)
		}
	}
	for _, id := range asked {
		if set[id] && !known[id] {
			t.Fatalf("%s: Delivered gives what is not", where)
		}
		if h.bodies.archive == nil { // else some may not be in memory
			equal("Delivered", set[id], known[id])
		}
	}
	for id := range set {
		if !slices.Contains(asked, id) {
			t.Fatalf("%s: Delivered gives what was not asked for", where)
		}
	}
}

func flatten(ids []ID) []byte {
	var b []byte
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	return b
}

// The same turns in any order end in the same history.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	all := randomDAG(t, rng, 500)
	var first *History
	for round := range 20 {
		h := NewHistory()
		for _, s := range all {
			h.Add(s)
		}
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if round == 0 {
			first = h
			continue
		}
		if h.Fingerprint() != first.Fingerprint() || h.Sum(0, h.Len()) != first.Sum(0, h.Len()) ||
			h.MaxStamp() != first.MaxStamp() || !slices.Equal(h.ParentsForNext(), first.ParentsForNext()) {
			t.Fatal("two orders of arrival, two histories")
		}
		for _, s := range all {
			if h.Shown(s.ID()) != first.Shown(s.ID()) {
				t.Fatalf("%v in one, %v in the other", h.Shown(s.ID()), first.Shown(s.ID()))
			}
		}
	}
}

func TestEmptyHistory(t *testing.T) {
	h := NewHistory()
	var id ID
	_, before := h.Before(id)
	_, after := h.After(id)
	if h.Len() != 0 || h.MaxStamp() != 0 || len(h.Heads()) != 0 || h.ParentsForNext() != nil ||
		h.Missing() != 0 || h.Count() != 0 || h.Gap(id) != nil || h.Get(id) != nil || h.Has(id) || before || after ||
		h.Shown(id) != Absent || h.Sum(0, 0) != [32]byte{} || h.Index(Item{Stamp: 9}) != 0 ||
		h.Fingerprint() != sha256.Sum256(nil) {
		t.Error("an empty history is not empty")
	}
}

// A stamp may lie MaxJump above the highest parent, and no more.
func TestJump(t *testing.T) {
	for _, c := range []struct {
		above uint64
		want  State
	}{{0, Invalid}, {1, Valid}, {MaxJump, Valid}, {MaxJump + 1, Invalid}} {
		h := NewHistory()
		low, high := unsigned(t, 3), unsigned(t, 9)
		child := unsigned(t, 9+c.above, low.ID(), high.ID())
		for _, s := range []*Signed{child, low, high} {
			h.Add(s)
		}
		if got := h.Shown(child.ID()); got != c.want {
			t.Errorf("%d above: %v", c.above, got)
		}
	}
	h := NewHistory()
	for stamp, want := range map[uint64]State{1: Valid, MaxJump: Valid, MaxJump + 1: Invalid} {
		s := unsigned(t, stamp)
		h.Add(s)
		if got := h.Shown(s.ID()); got != want {
			t.Errorf("stamp %d without parents: %v", stamp, got)
		}
	}
}

// Two turns of an insider must not bring the record to its last stamp: the first
// breaks the rule of stamps, or hides behind a parent that nobody has, and the
// second is Valid by the rule. Whoever speaks next does not follow them.
func TestNobodyCanEndTheRecord(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		h := NewHistory()
		honest := unsigned(t, 1)
		h.Add(honest)
		parent := honest.ID()
		if hidden {
			parent = ID{0xee}
		}
		bad := unsigned(t, MaxStamp-1, parent)
		worse := unsigned(t, MaxStamp, bad.ID(), honest.ID())
		h.Add(bad)
		h.Add(worse)
		if h.Shown(worse.ID()) != Valid {
			t.Fatal("not the attack that was meant")
		}
		for range 3 {
			next := unsigned(t, h.MaxStamp()+1, h.ParentsForNext()...)
			h.Add(next)
			if h.Shown(next.ID()) != Valid || next.Stamp() > 10 {
				t.Fatalf("hidden %t: the next turn has stamp %d and is %v", hidden, next.Stamp(), h.Shown(next.ID()))
			}
		}
	}
}

// History reads well as a log of what came, too.
func TestStateString(t *testing.T) {
	for s, want := range map[State]string{Absent: "absent", Pending: "pending", Valid: "valid", Invalid: "invalid", Newer: "newer", Newer + 1: "unknown", 99: "unknown"} {
		if s.String() != want {
			t.Errorf("%d: %s", s, s)
		}
	}
}

// chain makes n turns, each the parent of the next.
func chain(b *testing.B, n int) []*Signed {
	out := make([]*Signed, n)
	for i := range out {
		var parents []ID
		if i > 0 {
			parents = []ID{out[i-1].ID()}
		}
		out[i] = unsigned(b, uint64(i)+1, parents...)
	}
	return out
}

// One operation is to fill a history with so many turns, in the order or shuffled.
func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		turns := chain(b, n)
		for _, how := range []string{"sorted", "shuffled"} {
			if how == "shuffled" {
				rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
			}
			b.Run(fmt.Sprintf("%s/%d", how, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					h := NewHistory()
					for _, s := range turns {
						h.Add(s)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/turn")
			})
		}
	}
}

func BenchmarkSum(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		h := NewHistory()
		for _, s := range chain(b, n) {
			h.Add(s)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				h.Sum(n/3, 2*n/3)
			}
		})
	}
}
