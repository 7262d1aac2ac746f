package lab

import (
	"fmt"
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// Wrong is a promise that was broken.
type Wrong struct {
	Promise string        // a stable name
	Text    string        // what happened
	At      time.Duration // virtual time
}

func (v *Wrong) Error() string { return fmt.Sprintf("%s, at %v: %s", v.Promise, v.At, v.Text) }

// wrong notes that a promise was broken. The first one counts.
func (w *world) wrong(promise, format string, args ...any) {
	if w.check.wrong != nil {
		return
	}
	w.check.wrong = &Wrong{Promise: promise, Text: fmt.Sprintf(format, args...), At: w.now}
	if w.rec != nil {
		w.rec.Emit(trace.Event{At: w.now, Kind: trace.KindWrong, Code: promise, Text: w.check.wrong.Text})
	}
}

// told is a turn that was written somewhere.
type told struct {
	signed *turn.Signed
	by     *process
	kept   uint64        // machines that have, or had, it on a disk
	has    uint64        // machines that have it on a disk, as far as a start has shown
	lost   bool          // none has: it may be gone
	at     time.Duration // when it was said
	forged bool          // its stamp is not possible: it is kept, and never shown
}

// typed is a line that was accepted.
type typed struct {
	id      turn.LineID
	who     int
	text    string
	turn    turn.ID // that carries it; zero: none yet
	said    bool    // it was told to be said
	maybe   bool    // nobody promises any more that it is spoken
	twice   bool    // its author's power was cut, and forgot that it had said it: see docs/LAB.md
	doubled bool    // it was said twice for that reason
}

// checks are the promises, and what must be known of a run to check them.
type checks struct {
	wrong *Wrong
	turns map[turn.ID]*told
	half  map[turn.ID]*told // turns that no replica took, and that may be on a disk all the same
	said  []*told           // of turns, in the order of saying
	lines map[turn.LineID]*typed
	typed []*typed                 // of lines, in the order of typing
	lost  bool                     // a turn may be gone
	ended map[uint64]time.Duration // when an incarnation was last there
	doubt *Wrong                   // a rule was broken, and no promise yet: see onFloor.enters
}

// accept notes a line.
func (c *checks) accept(l typed) {
	c.lines[l.id] = &l
	c.typed = append(c.typed, &l)
}

func newChecks() checks {
	return checks{ended: map[uint64]time.Duration{}, turns: map[turn.ID]*told{}, half: map[turn.ID]*told{}, lines: map[turn.LineID]*typed{}}
}

// seen is what is known of one run of a program.
type seen struct {
	mixed   bool      // the order was changed, or is that of arrival
	last    turn.Item // shown last, of those that are not late
	any     bool
	shown   map[turn.ID]bool
	hidden  map[turn.ID]bool // written, and not shown yet
	had     map[turn.ID]bool // at the start
	waiting []written        // for an fsync
	durable map[turn.ID]bool
	came    map[turn.ID]time.Duration // when it was written, on the machine's clock
	record  record
	mutex   onFloor
	waits   waits
}

// written is an append that is not durable yet in all replicas that took it.
type written struct {
	seq      uint64
	ids      []turn.ID
	replicas []error
}

// start looks at what a start found.
func (e *seen) start(p *process, r *store.Restored) {
	w, m := p.w, p.m
	e.shown, e.hidden, e.durable, e.had = map[turn.ID]bool{}, map[turn.ID]bool{}, map[turn.ID]bool{}, make(map[turn.ID]bool, len(r.New))
	e.came, e.record = map[turn.ID]time.Duration{}, newRecord()
	e.mixed = w.s.Arrival
	carried := map[turn.LineID]bool{}
	for _, t := range p.stored(r) {
		e.had[t.ID()] = true
		e.record.add(t)
		w.check.stored(w, m, t)
		for _, id := range t.Turn().LineIDs {
			carried[id] = true
		}
	}
	unsent := map[turn.LineID]bool{}
	for _, u := range r.Unsent {
		unsent[u.Line] = true
		if l := w.check.lines[u.Line]; l == nil || l.text != u.Text {
			w.wrong("lines", "%s finds a line in unsent.log that nobody typed: %.40q", m.label(), u.Text)
		}
	}
	w.check.restarted(m, e.had, unsent)
}

// stored checks a turn that a disk has.
func (c *checks) stored(w *world, m *machine, t *turn.Signed) {
	k := c.turns[t.ID()]
	if k == nil && c.half[t.ID()] != nil {
		k = c.half[t.ID()]
		c.say(w, m, k)
	}
	if k == nil {
		w.wrong("record", "%s has turn %s, which nobody said", m.label(), t.ID().Short())
		return
	}
	if string(k.signed.Bytes()) != string(t.Bytes()) {
		w.wrong("record", "turn %s has changed at %s", t.ID().Short(), m.label())
	}
	k.keep(m)
}

// keep notes that a machine has it on its disk.
func (k *told) keep(m *machine) {
	k.kept |= 1 << m.i
	k.has |= 1 << m.i
	k.lost = false
}

// appended checks turns that are written.
func (e *seen) appended(p *process, ts []*turn.Signed, r store.Result) {
	w, c := p.w, &p.w.check
	kept := r.Kept() > 0
	for _, t := range ts {
		k := c.turns[t.ID()]
		v := t.Turn()
		own := v.Author == turn.Key(p.m.private[32:])
		switch {
		case k != nil:
		case !own:
			w.wrong("append-first", "%s gets turn %s, which its author has in no replica", p.m.label(), t.ID().Short())
			return
		default:
			if c.half[t.ID()] == nil {
				e.record.named(p, t)
			}
			k = &told{signed: t, by: p}
			if kept {
				c.say(w, p.m, k)
			} else {
				c.half[t.ID()] = k
			}
		}
		if kept {
			k.keep(p.m)
		}
		for _, id := range v.Parents {
			if parent := c.turns[id]; parent != nil && !k.forged && parent.signed.Stamp() >= v.Stamp {
				w.wrong("stamps", "turn %s of %s has stamp %d, and its parent %s has %d", t.ID().Short(), v.Name, v.Stamp, id.Short(), parent.signed.Stamp())
			}
		}
	}
	if !kept {
		w.some(SomeNoReplica)
		return
	}
	a := written{seq: r.Seq, replicas: r.Replicas}
	for _, t := range ts {
		a.ids = append(a.ids, t.ID())
		e.record.add(t)
		e.came[t.ID()] = p.now().Boot
		if !e.shown[t.ID()] && !c.turns[t.ID()].forged {
			e.hidden[t.ID()] = true
		}
	}
	e.waiting = append(e.waiting, a)
}

// say notes a turn that a replica of its author has, and whose lines it carries.
func (c *checks) say(w *world, m *machine, k *told) {
	t := k.signed
	c.turns[t.ID()] = k
	c.said, k.at = append(c.said, k), w.now
	v := t.Turn()
	for i, id := range v.LineIDs {
		l := c.lines[id]
		switch {
		case l == nil:
			// It could not be noted in unsent.log, and is said all the same.
			c.accept(typed{id: id, who: m.who, text: v.Texts[i], turn: t.ID(), maybe: true})
		case l.text != v.Texts[i] || l.who != m.who:
			w.wrong("lines", "%s says %.40q, and the line was %.40q", m.label(), v.Texts[i], l.text)
		case l.turn != (turn.ID{}) && l.turn != t.ID() && !c.forgot(m, l) && !m.copied && !c.gone(l):
			w.wrong("once", "%.40q is said twice, in turns %s and %s", l.text, l.turn.Short(), t.ID().Short())
		default:
			l.turn = t.ID()
		}
	}
}

// forgot tells whether a member may say a line again: the power took the turn that
// carries it, and nobody has given that back yet. Then it is in the record twice.
func (c *checks) forgot(m *machine, l *typed) bool {
	k := c.turns[l.turn]
	if k != nil && has(k.has, m.i) {
		return false // it has heard of it meanwhile
	}
	l.doubled = l.doubled || l.twice
	return l.twice
}

// queued notes lines that were accepted.
func (e *seen) queued(p *process, ls []peer.QueuedLine) {
	for _, l := range ls {
		p.w.check.accept(typed{id: l.ID, who: p.m.who, text: l.Text, maybe: p.m.copied})
	}
}

func (e *seen) notQueued(p *process, ls []peer.QueuedLine) {
	p.w.some(SomeNotQueued)
	for _, l := range ls {
		p.w.check.accept(typed{id: l.ID, who: p.m.who, text: l.Text, maybe: true})
	}
}

// synced notes what an fsync made durable.
func (e *seen) synced(p *process, replica int, upto uint64) {
	rest := e.waiting[:0]
	for _, a := range e.waiting {
		if a.seq <= upto && replica < len(a.replicas) && a.replicas[replica] == nil {
			for _, id := range a.ids {
				e.durable[id] = true
			}
			continue // one is enough
		}
		rest = append(rest, a)
	}
	e.waiting = rest
}

// died notes that a program ended without a word.
func (c *checks) died(m *machine, power bool) {
	p := m.runs
	if p == nil {
		return
	}
	if p.core != nil {
		p.over()
		c.ended[p.core.Self().Incarnation] = m.w.now
	}
	m.trusts = trust{before: true, power: power, durable: p.seen.durable}
}

// trust is what a start may rely on.
type trust struct {
	before  bool // there was a run before
	power   bool // it ended with a cut of the power: only what is durable is certain
	durable map[turn.ID]bool
}

// restarted compares what a start found with what has to be there.
func (c *checks) restarted(m *machine, had map[turn.ID]bool, unsent map[turn.LineID]bool) {
	w, t := m.w, m.trusts
	if !t.before {
		return
	}
	for _, k := range c.said {
		id := k.signed.ID()
		if k.has>>m.i&1 == 0 || had[id] {
			continue
		}
		if !m.rotten && (!t.power || t.durable[id]) {
			w.wrong("lost", "%s has lost turn %s (%.40q), though its disk had it", m.label(), id.Short(), k.signed.Turn().Texts)
			return
		}
		if k.has &^= 1 << m.i; k.has == 0 {
			k.lost, c.lost = true, true // unless it is on its way to somebody
		}
	}
	for _, l := range c.typed {
		id := l.id
		if l.who == m.who && unsent[id] && l.turn != (turn.ID{}) && t.power && !had[l.turn] {
			l.twice = true
		}
		if l.who != m.who || unsent[id] || l.maybe {
			continue
		}
		k := c.turns[l.turn]
		switch {
		case k != nil && (had[l.turn] || !k.lost):
		case m.copied, m.rotten, t.power && !l.said, k != nil && k.lost && t.power:
			l.maybe = true
		default:
			w.wrong("lost", "%s has lost the line %.40q: it is neither said nor offered again", m.label(), l.text)
			return
		}
	}
}

// told looks at what a core told.
func (e *seen) told(p *process, events []peer.Event) {
	for _, event := range events {
		e.tell(p, event)
		if w := p.w; w.rec != nil {
			if l, ok := event.(peer.Line); ok && l.State == peer.LineQueued && l.Text == "" {
				l.Text = w.texts[l.N]
				event = l
			}
			w.rec.Told(w.now, p.m.label(), event)
		}
	}
}

// sends checks that a turn that is sent was written before.
func (c *checks) sends(p *process, d peer.Datagram) {
	kind := wire.Kind(d.Payload[0])
	p.seen.mutex.sends(p, d)
	if kind == wire.KindRecon {
		p.seen.waits.compares(p, d)
	}
	if kind != wire.KindTurns && kind != wire.KindRep {
		return
	}
	msg, err := wire.Decode(d.Payload)
	if err != nil {
		p.w.wrong("wire", "%s sends what is no message: %v", p.m.label(), err)
		return
	}
	if rep, ok := msg.(wire.Rep); ok {
		p.seen.mutex.grants(p, d, rep)
		return
	}
	m := msg.(wire.Turns)
	if m.Rep != nil {
		p.seen.mutex.grants(p, d, *m.Rep)
	}
	if m.Rep != nil && len(m.Rep.Grants) > 0 {
		p.w.some(SomeHandOver)
	}
	for _, b := range m.Turns {
		id, err := turn.Claimed(p.w.group, b)
		if k := c.turns[id]; err != nil || k == nil || k.kept>>p.m.i&1 == 0 {
			p.w.wrong("append-first", "%s sends turn %s, which it has in no replica", p.m.label(), id.Short())
		}
	}
}

// boundsEvery is after how many steps of all members the bounds of one are looked at.
const boundsEvery = 64

// step checks what must hold after every step of a member.
func (c *checks) step(p *process) {
	if p.w.steps%boundsEvery == 0 {
		c.bounds(p)
	}
	p.seen.record.check(p)
	p.seen.waits.check(p)
	p.seen.mutex.check(p)
	c.oneSpeaks(p)
}

// oneSpeaks checks that nobody else has the floor while a member has it.
func (c *checks) oneSpeaks(p *process) {
	if !p.speaks() {
		return
	}
	f := p.core.Floor()
	for _, m := range p.w.machines {
		o := m.runs
		if o == nil || o == p || o.core == nil || m.still && o.writing == nil || !o.speaks() {
			continue // who stands still does nothing, and looks at its clock when it goes on
		}
		for _, a := range f.HeldView().Members() {
			for _, b := range o.core.Floor().HeldView().Members() {
				if a == b || a.Key == b.Key && !p.w.isCopied(a.Key) {
					p.w.wrong("one-speaks", "%s and %s hold the floor at once, and %s was in the view of both when they entered", p.m.label(), m.label(), p.w.nameOf(a.Key))
					return
				}
			}
		}
	}
}

// copied notes that there are two programs with a machine's directory: what waits in one
// of them may stay there.
func (c *checks) copied(m *machine) {
	for _, l := range c.typed {
		if l.who == m.who {
			l.maybe = true
		}
	}
}

// bounds checks that no table of a member is larger than it may be.
func (c *checks) bounds(p *process) {
	for _, t := range p.core.Tables() {
		if t.Size > t.Most {
			p.w.wrong("bounds", "%s has %d of %s, and %d are the most", p.m.label(), t.Size, t.Name, t.Most)
		}
	}
}

func (w *world) isCopied(k turn.Key) bool {
	return slices.ContainsFunc(w.machines, func(m *machine) bool { return m.copied && turn.Key(m.private[32:]) == k })
}

func (w *world) nameOf(k turn.Key) string {
	for _, m := range w.machines {
		if turn.Key(m.private[32:]) == k {
			return m.name
		}
	}
	return k.Short()
}
