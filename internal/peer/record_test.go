package peer

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// saved is the checkpoint of a member, and the archive that its store is.
type saved struct {
	covers int // so many of the disk's turns are in the checkpoint
	met    []Met
	turns  map[turn.ID]*turn.Signed // of the disk, as far as they were looked for
	read   int
	within time.Duration // how long after a start all is read, at most; below 0: it is not
	chance *rand.Rand
	fails  func() bool // tells that a turn cannot be read now; nil: each can
	unread int
}

// get gives any turn that the disk has.
func (s *saved) get(d *memDisk, id turn.ID) *turn.Signed {
	if s.fails != nil && s.fails() {
		s.unread++
		return nil
	}
	if s.turns == nil {
		s.turns = map[turn.ID]*turn.Signed{}
	}
	for ; s.read < len(d.turns); s.read++ {
		s.turns[d.turns[s.read].ID()] = d.turns[s.read]
	}
	return s.turns[id]
}

// save makes a checkpoint of a member that runs.
func (s *saved) save(m *mem) { s.covers, s.met = len(m.disk.turns), slices.Clone(m.core.Met()) }

// items are the places of the turns of the checkpoint.
func (s *saved) items(m *mem) []turn.Item {
	items := make([]turn.Item, 0, s.covers)
	for _, t := range m.disk.turns[:s.covers] {
		items = append(items, t.Item())
	}
	return items
}

// start is how a member starts from its checkpoint. All of it is read later.
func (s *saved) start(m *mem, cfg *Config) {
	cfg.Archive = func(id turn.ID) *turn.Signed { return s.get(m.disk, id) }
	cfg.Summary, cfg.Met = summaryOf(m.disk.turns[:s.covers]), s.met
	cfg.Turns = slices.Clone(m.disk.turns[s.covers:])
	stored := map[turn.LineID]bool{}
	for _, t := range m.disk.turns {
		for _, id := range t.Turn().LineIDs {
			stored[id] = true
		}
	}
	recent := map[turn.LineID]bool{} // what the core has to look for itself
	for _, t := range slices.Concat(cfg.Summary.Recent, cfg.Turns) {
		for _, id := range t.Turn().LineIDs {
			recent[id] = true
		}
	}
	m.disk.queued = slices.DeleteFunc(m.disk.queued, func(l QueuedLine) bool { return stored[l.ID] && !recent[l.ID] })
	cfg.Unsent = slices.Clone(m.disk.queued)
	if s.within < 0 {
		return
	}
	items, after := s.items(m), time.Duration(s.chance.Int64N(int64(s.within)+1))
	m.g.at(m.g.now+after, func() {
		if !m.dead && m.core.History().Partial() {
			s.load(m, items)
		}
	})
}

func (s *saved) load(m *mem, items []turn.Item) {
	set, err := turn.NewSet(items)
	if err != nil {
		m.g.t.Fatal(err)
	}
	m.input(func(c *Core, now Now) { c.Loaded(now, set) })
}

// summaryOf sums up the turns.
func summaryOf(turns []*turn.Signed) turn.Summary {
	h := turn.NewHistory()
	for _, t := range turns {
		h.Add(t)
	}
	s := turn.Summary{Count: h.Len()}
	for _, id := range h.Heads() {
		it, _ := h.Item(id)
		s.Heads = append(s.Heads, it)
	}
	for i := range h.Len() {
		it := h.At(i)
		if it.Stamp <= h.MaxStamp() {
			s.Top = it
		} else {
			s.Above = append(s.Above, it)
		}
		if h.Shown(it.ID) == turn.Valid {
			continue
		}
		t := h.Get(it.ID)
		e := turn.Exception{Item: it, State: h.Shown(it.ID), Missing: h.Gap(it.ID)}
		if e.State == turn.Pending {
			e.Known = t.Known()
			for _, p := range t.Turn().Parents {
				parent, _ := h.Item(p)
				e.Top = max(e.Top, parent.Stamp)
			}
		}
		s.Exceptions = append(s.Exceptions, e)
	}
	for i := h.Len() - len(s.Above) - 1; i >= 0 && len(s.Recent) < recentShown; i-- {
		s.Recent = append(s.Recent, h.Get(h.At(i).ID))
	}
	return s
}

// record makes turns that the members said to each other, each after the one before.
func (g *group) record(n int) []*turn.Signed {
	var out []*turn.Signed
	for i := range n {
		m := g.ms[i%len(g.ms)]
		text := turn.Turn{
			Name: m.name, Stamp: uint64(3*i + 1), Time: g.wall.Add(-time.Hour).UnixMilli(),
			LineIDs: []turn.LineID{{byte(i), byte(i >> 8)}}, Texts: []string{fmt.Sprintf("old %d", i)},
		}
		for _, p := range out[max(0, i-1):] {
			text.Parents = append(text.Parents, p.ID())
		}
		s, err := turn.Sign(turn.GroupID{9}, text, m.key())
		if err != nil {
			g.t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// stored gives a member turns that are in its checkpoint.
func (m *mem) stored(turns []*turn.Signed) {
	m.disk.turns = turns
	m.saved = &saved{covers: len(turns), chance: rand.New(rand.NewPCG(1, 1))}
}

// without leaves out some turns.
func without(turns []*turn.Signed, each, from int) []*turn.Signed {
	var out []*turn.Signed
	for i, t := range turns {
		if i%each != from || i == 0 || i == len(turns)-1 {
			out = append(out, t)
		}
	}
	return out
}

// A member that starts from a checkpoint of 5000 turns, and reads all of it much
// later, speaks and shows meanwhile, claims nothing that it cannot know, and in the
// end all have the same record: what each of them lacked, what a newcomer needs, and
// what was said meanwhile. Under loss; and one turn in five cannot be read at first.
func TestStartsBeforeAllIsRead(t *testing.T) {
	const old = 5000
	g := newGroup(t, 1, "ana", "bia", "caio", "davi")
	ana, bia, caio, davi := g.ms[0], g.ms[1], g.ms[2], g.ms[3]
	turns := g.record(old)
	for _, m := range g.ms {
		m.dead, m.events = true, nil
	}
	ana.stored(without(turns, 500, 7))
	fail := rand.New(rand.NewPCG(2, 2))
	ana.saved.fails = func() bool { return fail.IntN(5) == 0 }
	bia.disk.turns = without(turns, 400, 9)
	caio.disk.turns = without(turns, 300, 11)
	g.links(func(int, int) memnet.Faults {
		return memnet.Faults{Loss: 0.15, Duplicate: 0.05, Reorder: 0.1, HoldBack: 20 * time.Millisecond, MaxDelay: 10 * time.Millisecond}
	})
	loaded := false
	var beats, answers int
	g.tap = func(from string, b []byte) {
		msg, err := wire.Decode(b[12:])
		if from != ana.name || loaded || err != nil {
			return
		}
		switch m := msg.(type) {
		case wire.Beat:
			if beats++; m.SettledStamp != 0 {
				t.Errorf("a beat tells what is settled before all is read")
			}
			if len(m.Heads) == 0 {
				t.Errorf("a beat tells no heads")
			}
		case wire.Recon:
			if answers++; !m.Response || len(m.Data) > 0 {
				t.Errorf("it reconciles before all is read")
			}
		}
	}
	load := ana.partly()
	bia.start()
	caio.start()
	g.pass(500 * time.Millisecond)
	for _, e := range ana.events {
		if r, ok := e.(Restored); ok && (r.Turns != ana.saved.covers || len(r.Recent) != recentShown || r.Recent[0].Lines[0] != fmt.Sprintf("old %d", old-recentShown)) {
			t.Errorf("restored: %d turns, %d recent", r.Turns, len(r.Recent))
		}
	}
	g.pass(4 * time.Second)
	for _, m := range []*mem{ana, bia} {
		m.input(func(c *Core, now Now) { c.Reconcile(now, 3) })
	}
	ana.core.sync.every = 0 // it is time for a comparison, too
	g.pass(time.Second)
	davi.start()
	for i := range 20 {
		for _, m := range g.ms[:3] {
			m.say("new %s %d", m.name, i)
		}
		g.pass(100 * time.Millisecond)
	}
	g.pass(3 * time.Second)
	if !ana.core.History().Partial() || beats < 20 || answers == 0 {
		t.Fatalf("%d beats, %d answers: the test tests nothing", beats, answers)
	}
	for _, m := range []*mem{ana, bia} {
		for i := range 20 {
			for _, by := range []string{"ana", "bia", "caio"} {
				if text := fmt.Sprintf("new %s %d", by, i); !slices.Contains(m.shown(), text) {
					t.Errorf("%s has not been shown %q", m.name, text)
				}
			}
		}
	}
	if n := ana.notices(CodeGap); n > 0 {
		t.Errorf("ana was told of %d gaps", n)
	}
	for _, e := range ana.events {
		if r, ok := e.(Reconciled); ok {
			t.Errorf("a /sync ended before all was read: %+v", r)
		}
	}
	if ana.saved.unread == 0 {
		t.Error("each turn could be read: the test tests nothing")
	}
	loaded = true
	load()
	if ana.core.History().Partial() {
		t.Fatal("it is still partial")
	}
	ana.saved.fails = nil
	const lines = old + 60
	differs := func() string {
		for _, m := range g.ms {
			h := m.core.History()
			if h.Fingerprint() != bia.core.History().Fingerprint() || h.Gaps() != 0 || len(m.texts()) != lines {
				return fmt.Sprintf("%s has %d lines and %d gaps, want %d", m.name, len(m.texts()), h.Missing(), lines)
			}
		}
		return ""
	}
	for end := g.now + 90*time.Second; g.now < end && differs() != ""; {
		g.pass(500 * time.Millisecond)
	}
	if text := differs(); text != "" {
		t.Error(text)
	}
	for end := g.now + 30*time.Second; g.now < end && !slices.ContainsFunc(ana.events, func(e Event) bool { _, ok := e.(Reconciled); return ok }); {
		g.pass(500 * time.Millisecond)
	}
	if !slices.ContainsFunc(ana.events, func(e Event) bool { r, ok := e.(Reconciled); return ok && r.Turns >= old }) {
		t.Error("the /sync that was asked for meanwhile never ended")
	}
	for _, m := range []*mem{ana, bia, caio} {
		seen := map[string]bool{}
		for _, text := range m.shown() {
			if seen[text] {
				t.Errorf("%s was shown %q twice", m.name, text)
			}
			seen[text] = true
		}
	}
	for _, text := range ana.shown() {
		var i int
		if n, _ := fmt.Sscanf(text, "old %d", &i); n == 1 && i%500 != 7 {
			t.Errorf("ana was shown %q, which she had", text)
		}
	}
}

// partly starts a member from its checkpoint, and gives what makes it know all.
func (m *mem) partly() (load func()) {
	items := m.saved.items(m)
	m.saved.within = -1
	m.start()
	return func() { m.saved.load(m, items) }
}

// What cannot be read now is left out, told to nobody, and ends nothing: turns that
// are asked for, the last turns, the turn that a late one is shown before.
func TestTurnsThatCannotBeRead(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	ana.dead, bia.dead = true, true
	turns := g.record(300)
	ana.stored(without(turns, 1000, 150))
	ana.start()
	g.pass(4 * time.Second)
	h := ana.core.History()
	if h.Partial() || h.Len() != 299 || h.Missing() != 1 {
		t.Fatalf("%d turns, %d missing", h.Len(), h.Missing())
	}
	last := func() []TurnShown {
		ana.input(func(c *Core, now Now) { c.ShowHistory(now, 1, 200) })
		return ana.events[len(ana.events)-1].(Result).Turns
	}
	ana.saved.fails = func() bool { return true }
	if got := last(); len(got) != recentShown {
		t.Errorf("/history gave %d turns, those that are in memory are %d", len(got), recentShown)
	}
	// A late turn, shown before one that cannot be read.
	late := turns[150]
	bia.disk.turns = []*turn.Signed{late}
	bia.start()
	g.pass(4 * time.Second)
	i := slices.IndexFunc(ana.events, func(e Event) bool { s, ok := e.(TurnShown); return ok && s.ID == late.ID() })
	if i < 0 {
		t.Fatal("the late turn was not shown")
	}
	if e := ana.events[i].(TurnShown); !e.Late || e.Before != (Mark{}) || e.After != turns[149].ID() {
		t.Errorf("shown as %+v", e)
	}
	if got := bia.core.History().Len(); got < 1 || got >= 280 {
		t.Errorf("bia has %d turns: the test tests nothing", got)
	}
	odd := 0
	ana.saved.fails = func() bool { odd++; return odd%3 == 0 }
	for end := g.now + 60*time.Second; g.now < end && bia.core.History().Len() < 300; {
		g.pass(100 * time.Millisecond)
	}
	if a, b := h, bia.core.History(); b.Len() != 300 || a.Fingerprint() != b.Fingerprint() {
		t.Errorf("bia has %d turns, ana %d", b.Len(), a.Len())
	}
	ana.saved.fails = nil
	if got := last(); len(got) != 200 || got[0].Lines[0] != "old 100" {
		t.Errorf("/history gave %d turns", len(got))
	}
}

// Before all is read, what may be in the record already is neither written nor shown
// again, though it cannot be read; the history told has no holes; and what was wanted
// in vain is not wanted any more, once it turns out to be there.
func TestTurnsThatMayBeThere(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	turns := g.record(301)
	ana.dead, ana.events = true, nil
	ana.stored(without(turns[:300], 1000, 150)) // one is missing, so one is Pending
	ana.saved.fails = func() bool { return true }
	load := ana.partly()
	g.pass(6 * time.Second)
	g.links(func(int, int) memnet.Faults { return memnet.Faults{Cut: true} })
	child, err := turn.Sign(turn.GroupID{9}, turn.Turn{
		Name: "bia", Stamp: turns[299].Stamp() + 7, Parents: []turn.ID{turns[5].ID()}, LineIDs: []turn.LineID{{1}}, Texts: []string{"child"},
	}, bia.key())
	if err != nil {
		t.Fatal(err)
	}
	counter := uint32(1_000_000)
	for _, s := range []*turn.Signed{turns[5], turns[298], turns[300], child} {
		counter++
		ana.tell(bia, counter, wire.Turns{Turns: [][]byte{s.Bytes()}})
	}
	if got := ana.disk.turns[ana.saved.covers:]; !slices.Equal(ids(got), ids([]*turn.Signed{turns[300], child})) {
		t.Errorf("%d turns were written", len(got))
	}
	g.pass(200 * time.Millisecond)
	if r := ana.core.repair; r.busy() || !r.maybe[turns[5].ID()] || ana.core.History().Missing() != 2 {
		t.Errorf("%d turns are wanted, %d postponed, %d missing", len(r.order), len(r.postponed), ana.core.History().Missing())
	}
	ana.saved.fails = nil
	ana.input(func(c *Core, now Now) { c.ShowHistory(now, 1, 200) })
	if got := ana.events[len(ana.events)-1].(Result).Turns; len(got) != recentShown+2 || got[0].Lines[0] != "old 280" {
		t.Errorf("/history gave %d turns", len(got))
	}
	load()
	if h := ana.core.History(); len(ana.core.repair.order) != 0 || h.Missing() != 1 || h.Shown(child.ID()) != turn.Valid || h.Len() != 301 {
		t.Errorf("%d turns are wanted, %d missing, the child is %v, %d turns", len(ana.core.repair.order), h.Missing(), h.Shown(child.ID()), h.Len())
	}
	if got := ana.shown(); !slices.Equal(got, []string{"old 300", "child"}) {
		t.Errorf("shown %q", got)
	}
	counter++
	ana.tell(bia, counter, wire.Turns{Turns: [][]byte{turns[150].Bytes()}})
	if h := ana.core.History(); h.Missing() != 0 || h.Gaps() != 0 || h.Len() != 302 {
		t.Errorf("%d turns, %d missing", h.Len(), h.Missing())
	}
}

func ids(turns []*turn.Signed) (out []turn.ID) {
	for _, s := range turns {
		out = append(out, s.ID())
	}
	return out
}

// A turn that comes before all is read, and that may be there, is asked for when all is
// read and it is not: no comparison is needed for that. It is asked for once, and
// nobody else is asked for it meanwhile.
func TestTurnsThatCameTooEarly(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	turns := g.record(300)
	ana.dead, ana.events = true, nil
	ana.stored(without(turns, 1000, 150)) // one is missing, so one is Pending
	lone, err := turn.Sign(turn.GroupID{9}, turn.Turn{
		Name: "bia", Stamp: 400, LineIDs: []turn.LineID{{1}}, Texts: []string{"lone"}, // of the other side of a partition
	}, bia.key())
	if err != nil {
		t.Fatal(err)
	}
	load := ana.partly()
	g.pass(6 * time.Second)
	wants := 0
	g.tap = func(from string, b []byte) {
		if msg, err := wire.Decode(b[12:]); err == nil && from == ana.name {
			if w, ok := msg.(wire.Want); ok {
				wants += len(w.IDs)
			}
		}
	}
	bia.disk.turns = append(turns, lone)
	bia.start() // its heartbeats name lone as a head
	g.pass(6 * time.Second)
	if !ana.core.repair.maybe[lone.ID()] || ana.core.repair.busy() || wants != 1 {
		t.Fatalf("%d were postponed, %d asked for", len(ana.core.repair.postponed), wants)
	}
	if h := ana.core.History(); h.Has(lone.ID()) || !h.Partial() {
		t.Fatal("the test tests nothing")
	}
	ana.core.sync.every = ana.time().Boot // else it begins a comparison at once
	load()
	if ana.core.repair.wants[lone.ID()] == nil {
		t.Error("it is not asked for before a heartbeat names it again")
	}
	g.pass(100 * time.Millisecond)
	if h := ana.core.History(); !h.Has(lone.ID()) || wants != 2 || len(ana.core.repair.maybe) != 0 {
		t.Errorf("it was asked for %d times, and is there: %t", wants, h.Has(lone.ID()))
	}
	if !slices.Contains(ana.shown(), "lone") {
		t.Error("it is not shown")
	}
	g.pass(5 * time.Second)
	if h := ana.core.History(); h.Fingerprint() != bia.core.History().Fingerprint() || h.Missing() != 0 {
		t.Error("the records differ")
	}
}

// What is postponed is bounded, and what is beyond comes by reconciliation.
func TestMoreCameTooEarlyThanFits(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	turns := g.record(300)
	ana.dead, ana.events = true, nil
	ana.stored(turns[299:]) // and so all else is missing
	load := ana.partly()
	g.pass(3 * time.Second)
	for i := range maxBacklog - 2 {
		ana.core.postpone(turn.ID{1, byte(i), byte(i >> 8)}, 1)
	}
	for i, s := range turns[:5] {
		ana.tell(bia, uint32(1_000_000+i), wire.Turns{Turns: [][]byte{s.Bytes()}})
	}
	if n := len(ana.core.repair.postponed); n != maxBacklog || len(ana.core.repair.maybe) != n {
		t.Errorf("%d turns are postponed", n)
	}
	ana.core.repair.postponed, ana.core.repair.maybe = nil, map[turn.ID]bool{} // nobody has them
	load()
	bia.disk.turns = turns
	bia.start()
	g.pass(20 * time.Second)
	if n := ana.core.History().Len(); n != 300 {
		t.Errorf("%d turns", n)
	}
}

// A start from a checkpoint, after a crash, with turns behind the checkpoint.
func TestCheckpointAndRestart(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	ana.saved = &saved{chance: rand.New(rand.NewPCG(1, 1))}
	ana.start()
	if ana.core.History().Partial() {
		t.Error("a checkpoint of nothing has to be read")
	}
	g.pass(3 * time.Second)
	for i := range 50 {
		g.ms[i%2].say("line %d", i)
		g.pass(20 * time.Millisecond)
		if i == 40 {
			ana.saved.save(ana)
		}
	}
	g.pass(time.Second)
	if n := len(ana.disk.turns) - ana.saved.covers; n == 0 || n >= 30 {
		t.Fatalf("%d turns after the checkpoint: the test tests nothing", n)
	}
	biaKey := turn.Key(bia.key().Public().(ed25519.PublicKey))
	if !slices.Equal(ana.saved.met, []Met{{"bia", biaKey}}) {
		t.Errorf("met %v", ana.saved.met)
	}
	ana.dead = true
	for _, part := range [][]*turn.Signed{ana.disk.turns[:ana.saved.covers], ana.disk.turns[ana.saved.covers:]} {
		i := slices.IndexFunc(part[max(0, len(part)-10):], func(s *turn.Signed) bool { return s.Turn().Author == ana.core.key })
		said := part[max(0, len(part)-10)+i].Turn()
		ana.disk.queued = append(ana.disk.queued, QueuedLine{ID: said.LineIDs[0], Text: said.Texts[0]})
	}
	ana.saved.met = []Met{{"eva", turn.Key{5}}, {"bia", biaKey}}
	load := ana.partly()
	if h := ana.core.History(); !h.Partial() || h.Count() != 50 || h.Gaps() != 0 {
		t.Errorf("partial %t, %d turns, gaps %x", h.Partial(), h.Count(), h.Gaps())
	}
	if !slices.Equal(ana.core.Met(), ana.saved.met) {
		t.Errorf("met %v", ana.core.Met())
	}
	if len(ana.disk.queued) != 0 || ana.core.Unsent() != 0 {
		t.Error("a line that is in a recent turn is queued again")
	}
	if c := ana.core.cfg; c.Turns != nil || c.Summary.Recent != nil || c.Met != nil || c.Unsent != nil {
		t.Error("what the start needed is kept for good")
	}
	g.pass(3 * time.Second)
	ana.say("before")
	g.pass(time.Second)
	load()
	ana.say("after")
	g.pass(3 * time.Second)
	for _, m := range g.ms {
		if got := m.texts(); len(got) != 52 || got[50] != "before" || got[51] != "after" {
			t.Errorf("%s has %q", m.name, got)
		}
		if m.core.History().Fingerprint() != ana.core.History().Fingerprint() {
			t.Error("the records differ")
		}
	}
	if got := ana.core.names.shown("bia", biaKey); got != "bia" {
		t.Errorf("bia is shown as %s", got)
	}
}

// The first holder of a name keeps it over a restart, whoever comes first then.
func TestMetOverARestart(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana := g.ms[0]
	first := turn.Key{7}
	ana.saved = &saved{within: -1, met: []Met{{"eva", turn.Key{5}}, {"bia", first}}}
	ana.start()
	g.pass(3 * time.Second)
	biaKey := turn.Key(g.ms[1].key().Public().(ed25519.PublicKey))
	if got := ana.core.names.shown("bia", biaKey); got != "bia#"+biaKey.Short() || ana.notices(CodeOtherKey) == 0 {
		t.Errorf("another bia is shown as %s", got)
	}
	met := ana.core.Met()
	if !slices.Equal(met, ana.saved.met) {
		t.Errorf("met %v", met)
	}
	ana.core.names.meet("caio", turn.Key{9})
	if _ = append(met, Met{"davi", turn.Key{1}}); !slices.Equal(ana.core.Met(), append(slices.Clone(met), Met{"caio", turn.Key{9}})) {
		t.Errorf("met %v", ana.core.Met())
	}
}
