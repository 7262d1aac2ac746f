package peer

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

// saved is the checkpoint of a member, and the archive that its store is.
type saved struct {
	covers int // so many of the disk's turns are in the checkpoint
	met    []Met
	turns  map[turn.ID]*turn.Signed // of the disk, as far as they were looked for
	read   int
	starts int
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
	s.starts++
	start, items := s.starts, s.items(m)
	m.g.at(m.g.now+time.Duration(s.chance.Int64N(int64(s.within)+1)), func() {
		m.input(func(c *Core, now Now) {
			if s.starts == start && c.History().Partial() {
				s.load(c, m, now, items)
			}
		})
	})
}

func (s *saved) load(c *Core, m *mem, now Now, items []turn.Item) {
	set, err := turn.NewSet(items)
	if err != nil {
		m.g.t.Fatal(err)
	}
	if err := c.Loaded(now, set); err != nil {
		m.g.t.Error(err)
	}
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
	m.disk.turns = slices.Clone(turns)
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

// partly starts a member from its checkpoint, and gives what makes it know all.
func (m *mem) partly() (load func()) {
	items := m.saved.items(m)
	m.saved.within = -1
	m.start()
	return func() { m.input(func(c *Core, now Now) { m.saved.load(c, m, now, items) }) }
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
