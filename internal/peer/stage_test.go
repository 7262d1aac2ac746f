package peer

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// A stage is a few members and the network between them, for the transcripts.
// Time passes only when a command says so, a datagram is on its way for one
// millisecond, and what is watched is written down.
type stage struct {
	now, zero time.Duration
	actors    []*actor
	mail      []*parcel // by due, then as sent
	losses    []*loss
	words     map[string]string // what stands for hex digits in texts
	turns     int               // labels given
	watched   map[string]bool
	log       []string
}

const onTheWay = time.Millisecond

// actor is a member and its surroundings. A ghost has no core: what it sends is
// forged by commands.
type actor struct {
	name    string
	key     ed25519.PrivateKey
	shown   string // its name in the chat
	lives   int    // starts
	numbers int    // incarnations named
	core    *Core
	disk    *stageDisk
	dead    bool
	wake    time.Duration
	busy    time.Duration // the disk works until then
	shift   time.Duration // of its wall clock
	ready   Ready         // what waits for the disk
	syncs   []fsync
	counter uint32 // of a ghost
	ghost   uint64 // its incarnation
	lines   int    // typed so far
}

// fsync is one under way.
type fsync struct {
	at  time.Duration
	seq uint64
}

// stageDisk is memDisk with a time that an append takes.
type stageDisk struct {
	memDisk
	slow time.Duration
}

// parcel is a datagram on its way to one member.
type parcel struct {
	from        *actor
	to          *actor
	incarnation uint64
	counter     uint32
	payload     []byte
	due         time.Duration
}

// loss is a rule that loses datagrams.
type loss struct {
	kinds    []string // none: all
	from, to string   // empty: any
	piece    int      // of a fragmented message; -1: any
	left     int      // how many more are lost; -1: all
}

func newStage() *stage {
	return &stage{now: time.Hour, zero: time.Hour, words: map[string]string{}}
}

func (s *stage) sayf(format string, args ...any) {
	at := strconv.FormatFloat(float64((s.now-s.zero).Round(10*time.Microsecond))/1e6, 'f', -1, 64)
	s.log = append(s.log, fmt.Sprintf("%-9s", at+"ms")+" "+s.plain(fmt.Sprintf(format, args...)))
}

var hexWord = regexp.MustCompile(`\b[0-9a-f]{7,64}\b`)

// plain puts names in the place of hex digits.
func (s *stage) plain(text string) string {
	return hexWord.ReplaceAllStringFunc(text, func(w string) string { return cmp.Or(s.words[w], w) })
}

func (s *stage) actor(name string) *actor {
	for _, a := range s.actors {
		if a.name == name {
			return a
		}
	}
	panic(fmt.Sprintf("there is no %q", name))
}

// cast adds somebody with an own key, or another's.
func (s *stage) cast(name string, like *actor) *actor {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	a := &actor{name: name, shown: name, key: ed25519.NewKeyFromSeed(seed), disk: &stageDisk{}}
	if like != nil {
		a.key, a.shown = like.key, like.shown
		a.disk.turns = slices.Clone(like.disk.turns)
	}
	s.actors = append(s.actors, a)
	return a
}

func (a *actor) now(s *stage) Now {
	wall := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	return Now{Boot: s.now, Wall: wall.Add(s.now - time.Hour + a.shift)}
}

// start begins with what the disk has.
func (s *stage) start(a *actor) {
	a.lives++
	a.dead, a.wake, a.busy, a.ready, a.syncs = false, 0, 0, Ready{}, nil
	a.core = New(Config{
		Name: a.shown, Private: a.key, Group: turn.GroupID{9}, Address: "224.1.1.1:5007", Room: "papo",
		Interfaces: []string{"mem"}, ReconcileEvery: 2 * time.Minute,
		Rand:  rand.New(rand.NewPCG(uint64(len(s.actors))<<8|uint64(a.lives), uint64(slices.Index(s.actors, a)))),
		Turns: slices.Clone(a.disk.turns), Unsent: slices.Clone(a.disk.queued),
	}, a.now(s))
	s.perform(a)
}

// know gives names to what a member's datagrams and events will name.
func (s *stage) know(a *actor) {
	if a.core == nil {
		return
	}
	inc := strconv.FormatUint(a.core.self.Incarnation, 16)
	if s.words[inc] == "" {
		s.words[inc] = a.name + strings.Repeat("'", a.numbers)
		a.numbers++
	}
	v := a.core.floor.View()
	var names []string
	for _, m := range v.Members() {
		names = append(names, cmp.Or(s.words[strconv.FormatUint(m.Incarnation, 16)], "?"))
	}
	s.words[v.Hash().String()] = strings.Join(names, "+")
}

// label names a turn by its number.
func (s *stage) label(t *turn.Signed) string {
	id := t.ID()
	if s.words[id.Short()] == "" {
		s.turns++
		s.words[id.Short()] = fmt.Sprintf("t%d", s.turns)
		s.words[id.String()] = s.words[id.Short()]
	}
	return s.words[id.Short()]
}

// input gives a member one input and does what it wants then. While its disk is
// busy the loop stands, and so does the input.
func (s *stage) input(a *actor, in func(c *Core, now Now)) {
	in(a.core, a.now(s))
	s.perform(a)
}

func (s *stage) perform(a *actor) {
	for a.busy == 0 {
		s.know(a)
		r, ok := a.core.Ready(a.now(s))
		if !ok {
			break
		}
		if len(r.Append) > 0 && a.disk.slow > 0 {
			a.ready, a.busy = r, s.now+a.disk.slow
			return
		}
		s.done(a, r)
	}
	if a.busy == 0 {
		a.wake = a.core.Wake()
	}
}

// done performs a Ready and tells what became of it.
func (s *stage) done(a *actor, r Ready) {
	for _, t := range r.Append {
		label := s.label(t)
		outcome := ""
		if a.disk.fail {
			outcome = ": no replica takes it"
		}
		s.note("append", "%s appends %s of %s, stamp %d%s", a.name, label, t.Turn().Name, t.Stamp(), outcome)
	}
	s.know(a)
	for _, e := range r.Events {
		s.event(a, e)
	}
	res := Perform(r, a.disk, stageNet{s, a}, func() time.Duration { return s.now })
	for i, sent := range res.Sent {
		if !sent {
			s.note("unsent", "%s does not send %s", a.name, s.message(r.Send[i].Payload))
		}
	}
	if res.kept() {
		a.syncs = append(a.syncs, fsync{s.now + 5*time.Millisecond, res.Seq})
	}
	a.core.Done(a.now(s), res)
}

// stageNet is the network as one member sees it.
type stageNet struct {
	s *stage
	a *actor
}

func (n stageNet) Send(d Datagram) error {
	n.s.send(n.a, d.To, d.Incarnation, d.Counter, d.Payload)
	return nil
}

func (s *stage) send(a *actor, to string, incarnation uint64, counter uint32, payload []byte) {
	var lost []string
	for _, o := range s.actors {
		if o == a || o.core == nil || to != "" && to != o.name {
			continue
		}
		if s.loses(a, o, payload) {
			lost = append(lost, o.name)
			continue
		}
		s.mail = append(s.mail, &parcel{a, o, incarnation, counter, payload, s.now + onTheWay})
	}
	text := fmt.Sprintf("%s -> %s: %s", a.name, cmp.Or(to, "all"), s.message(payload))
	if lost != nil {
		text += ", lost on the way to " + strings.Join(lost, " ")
	}
	s.note(kindOf(payload), "%s", text)
}

func kindOf(payload []byte) string { return wire.Kind(payload[0]).String() }

func (s *stage) loses(from, to *actor, payload []byte) bool {
	for _, l := range s.losses {
		if l.left == 0 || l.from != "" && l.from != from.name || l.to != "" && l.to != to.name ||
			len(l.kinds) > 0 && !slices.Contains(l.kinds, kindOf(payload)) {
			continue
		}
		if m, err := wire.Decode(payload); l.piece >= 0 {
			if f, ok := m.(wire.Frag); err != nil || !ok || int(f.Index) != l.piece {
				continue
			}
		}
		l.left--
		return true
	}
	return false
}

// message is a payload as text.
func (s *stage) message(payload []byte) string {
	m, err := wire.Decode(payload)
	if err != nil {
		return "what is no message"
	}
	text := m.String()
	if turns, ok := m.(wire.Turns); ok {
		for _, b := range turns.Turns {
			t, err := turn.Parse(turn.GroupID{9}, b)
			if err != nil {
				text += " <invalid>"
				continue
			}
			text += " <" + s.label(t) + ">"
		}
	}
	return text
}

// note writes down what is watched.
func (s *stage) note(kind, format string, args ...any) {
	if s.watched[kind] {
		s.sayf(format, args...)
	}
}

// run lets time pass until to.
func (s *stage) run(to time.Duration) {
	for range 1_000_000 {
		s.deliverDue()
		at, next := to+1, func() {}
		earliest := func(t time.Duration, do func()) {
			if t < at {
				at, next = t, do
			}
		}
		for _, a := range s.actors {
			if a.core == nil || a.dead || a.core.Exited() {
				continue
			}
			if a.busy != 0 {
				earliest(a.busy, func() { s.diskDone(a) })
				continue
			}
			if a.wake != 0 {
				earliest(a.wake, func() { s.input(a, func(c *Core, now Now) { c.Tick(now) }) })
			}
			if len(a.syncs) > 0 {
				earliest(a.syncs[0].at, func() {
					seq := a.syncs[0].seq
					a.syncs = a.syncs[1:]
					s.input(a, func(c *Core, now Now) { c.Synced(now, 0, seq) })
				})
			}
		}
		if i := s.nextMail(); i >= 0 {
			earliest(max(s.mail[i].due, s.now), func() { s.deliver(i) })
		}
		if at > to {
			s.now = to
			return
		}
		s.now = max(s.now, at)
		next()
	}
	panic("time does not pass: a member is woken again and again")
}

// deliverDue forgets what is addressed to those who are not there.
func (s *stage) deliverDue() {
	s.mail = slices.DeleteFunc(s.mail, func(p *parcel) bool { return p.to.dead || p.to.core.Exited() })
}

// nextMail is the parcel that comes next to somebody whose loop runs.
func (s *stage) nextMail() int {
	best := -1
	for i, p := range s.mail {
		if p.to.busy == 0 && (best < 0 || p.due < s.mail[best].due) {
			best = i
		}
	}
	return best
}

func (s *stage) deliver(i int) {
	p := s.mail[i]
	s.mail = slices.Delete(s.mail, i, i+1)
	s.input(p.to, func(c *Core, now Now) {
		c.Receive(now, Packet{From: p.from.name, Incarnation: p.incarnation, Counter: p.counter, Payload: bytes.Clone(p.payload)})
	})
}

func (s *stage) diskDone(a *actor) {
	r := a.ready
	a.busy, a.ready = 0, Ready{}
	s.done(a, r)
	s.perform(a)
}

// event is an event as text.
func (s *stage) event(a *actor, e Event) {
	name := "   " + a.name + " "
	switch e := e.(type) {
	case Started:
		s.note("started", name+"takes part with %s", strings.Join(e.View, " "))
	case Line:
		text := fmt.Sprintf("line %d %s", e.N, e.State)
		if e.Turn != (turn.ID{}) {
			text += " in " + e.Turn.Short()
		}
		if e.Code != "" {
			text += ": " + string(e.Code)
		}
		s.note("line", name+"%s", text)
	case TurnShown:
		s.note("turn", name+"%s", s.shownText(e))
	case Floor:
		s.note("floor", name+"%s", s.floorText(e))
	case Peer:
		s.note("peer", name+"%s %s, view %s", e.State, e.Name, strings.Join(e.View, " "))
	case Delivered:
		s.note("delivered", name+"%s delivered to %d of %d", e.ID.Short(), e.To, e.Of)
	case Notice:
		text := fmt.Sprintf("notice %s", e.Code)
		if len(e.Names) > 0 {
			text += " " + strings.Join(e.Names, " ")
		}
		if e.Count > 0 {
			text += fmt.Sprintf(" %d", e.Count)
		}
		s.note("notice", name+"%s", text)
	case Error:
		s.note("error", name+"error %s", e.Code)
	case Result:
		s.note("result", name+"result %s ok=%v %s%s", e.Command, e.OK, e.Code, resultText(e))
	case Reconciled:
		s.note("reconciled", name+"reconciled, consistent=%v %v", e.Consistent, e.Members)
	case Exit:
		s.note("exit", name+"exit %d, unsent %d", e.Code, e.Unsent)
	}
}

// resultText is what /delay and /order answer.
func resultText(e Result) string {
	switch {
	case !e.OK:
	case e.Command == "delay":
		return fmt.Sprintf("%v, %d held", e.Delay, e.Held)
	case e.Command == "order":
		text := string(e.Order)
		for _, t := range e.Turns {
			text += " [" + strings.Join(t.Lines, " / ") + "]"
		}
		return text
	}
	return ""
}

func (s *stage) shownText(e TurnShown) string {
	text := fmt.Sprintf("turn %s of %s: %s", e.ID.Short(), e.Name, shorten(strings.Join(e.Lines, " / ")))
	if e.Late {
		text += fmt.Sprintf(" (late, before %s's)", e.Before.Name)
	}
	if e.Batch {
		text += " (catch-up)"
	}
	if e.Unkept {
		text += " (not kept)"
	}
	return text
}

func shorten(text string) string {
	if len(text) > 60 {
		return text[:40] + fmt.Sprintf("… (%d bytes)", len(text))
	}
	return text
}

func (s *stage) floorText(e Floor) string {
	text := string(e.State)
	switch e.State {
	case FloorDeferred:
		return fmt.Sprintf("%s %s ts=%d: %s", text, e.Who, e.WhoTS, e.Why)
	case FloorGrant:
		return fmt.Sprintf("%s to %s ts=%d", text, e.Who, e.WhoTS)
	case FloorRequested:
		text += fmt.Sprintf(" ts=%d, waits for %s", e.TS, strings.Join(e.WaitingFor, " "))
	default:
		text += fmt.Sprintf(" ts=%d", e.TS)
	}
	if e.Kept {
		text += " on kept permissions"
	}
	if len(e.Queue) > 0 {
		text += ", queue " + strings.Join(e.Queue, " ")
	}
	return text
}
