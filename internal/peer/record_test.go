package peer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

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

// A line of the last run that another member turns out to have, in a turn that this one
// has lost, is not said again, however long it takes until all is read.
func TestALostTurnOfOnesOwn(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	turns := g.record(300)
	ana.dead, ana.events = true, nil
	lost, err := turn.Sign(turn.GroupID{9}, turn.Turn{
		Name: "ana", Stamp: 400, LineIDs: []turn.LineID{{1, 2}}, Texts: []string{"lost"},
	}, ana.key())
	if err != nil {
		t.Fatal(err)
	}
	ana.stored(turns)
	ana.disk.queued = []QueuedLine{{ID: turn.LineID{1, 2}, Text: "lost"}}
	load := ana.partly()
	bia.disk.turns = append(slices.Clone(turns), lost)
	bia.start()
	g.pass(12 * time.Second) // the first catch-up is over
	if ana.core.Unsent() != 1 || ana.core.screen.catching {
		t.Errorf("%d lines wait", ana.core.Unsent())
	}
	load()
	g.pass(5 * time.Second)
	for _, m := range g.ms {
		if got := m.texts(); len(got) != 301 || len(ana.disk.queued) != 0 {
			t.Errorf("%s has %d lines, %d are queued", m.name, len(got), len(ana.disk.queued))
		}
	}
}

// An entry waits for no turn that is postponed.
func TestEntryDoesNotAwaitWhatIsPostponed(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	turns := g.record(300)
	ana.dead, ana.events = true, nil
	ana.stored(turns[:250])
	lone, err := turn.Sign(turn.GroupID{9}, turn.Turn{
		Name: "bia", Stamp: 400, LineIDs: []turn.LineID{{1}}, Texts: []string{"lone"},
	}, bia.key())
	if err != nil {
		t.Fatal(err)
	}
	bia.disk.turns = append(slices.Clone(turns[:250]), lone)
	ana.partly()
	bia.start()
	g.pass(8 * time.Second)
	if !ana.core.repair.maybe[lone.ID()] {
		t.Fatal("the test tests nothing")
	}
	ana.say("now")
	for asked := g.now; ana.said() == 0; g.pass(time.Millisecond) {
		if len(ana.core.repair.awaited) > 0 || g.now > asked+time.Second {
			t.Fatalf("%d turns are awaited", len(ana.core.repair.awaited))
		}
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

// The archive has what was appended before the record has it: of two turns that come in
// one datagram, the child first, the parent is not taken for stored too early.
func TestArchiveIsAheadOfTheRecord(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia")
	ana, bia := g.ms[0], g.ms[1]
	turns := g.record(303)
	ana.dead, ana.events = true, nil
	ana.stored(turns[:300])
	load := ana.partly()
	g.pass(6 * time.Second)
	ana.tell(bia, 1_000_000, wire.Turns{Turns: [][]byte{turns[302].Bytes(), turns[301].Bytes(), turns[300].Bytes()}})
	check := func() {
		t.Helper()
		h := ana.core.History()
		if h.Count() != 303 || h.Missing() != 0 || !slices.Equal(h.Heads(), []turn.ID{turns[302].ID()}) || h.Shown(turns[301].ID()) != turn.Valid {
			t.Errorf("%d turns, %d missing, heads %v", h.Count(), h.Missing(), h.Heads())
		}
	}
	check()
	g.pass(time.Second)
	load()
	check()
	if got := ana.shown(); !slices.Equal(got, []string{"old 300", "old 301", "old 302"}) {
		t.Errorf("shown %q", got)
	}
}

// A /sync that waits for a record that cannot be read is answered, and the next one waits
// again.
func TestSyncOfARecordThatCannotBeRead(t *testing.T) {
	g := newGroup(t, 9, "ana", "bia")
	turns := g.record(50)
	for _, m := range g.ms {
		m.stored(turns)
	}
	g.pass(3 * time.Second)
	ana := g.ms[0]
	load := ana.partly()
	g.pass(3 * time.Second)
	answers := func(n int) (codes []Code) {
		for _, e := range ana.events {
			if r, ok := e.(Result); ok && r.Command == "sync" && r.N == n {
				codes = append(codes, r.Code)
			}
		}
		return codes
	}
	ana.input(func(c *Core, now Now) { c.Reconcile(now, 1) })
	g.pass(time.Second)
	if got := answers(1); len(got) != 0 {
		t.Fatalf("answered with %q before all is read", got)
	}
	ana.input(func(c *Core, now Now) { c.Unread(now) })
	ana.input(func(c *Core, now Now) { c.Reconcile(now, 2) })
	g.pass(time.Second)
	load()
	g.pass(5 * time.Second)
	if got := answers(1); !slices.Equal(got, []Code{CodeCheckpointLost}) {
		t.Errorf("the first is answered with %q", got)
	}
	if got := answers(2); !slices.Equal(got, []Code{""}) {
		t.Errorf("the second is answered with %q", got)
	}
	ana.input(func(c *Core, now Now) { c.Unread(now) })
	if got := answers(2); len(got) != 1 {
		t.Errorf("answered again: %q", got)
	}
}
