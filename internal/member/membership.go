package member

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// MaxMembers is how many members a view has at most.
const MaxMembers = 64

// Config says who this member is and how it keeps time. Zero durations and a
// zero MaxMembers mean what is said beside them.
type Config struct {
	Self    floor.Member
	Name    string        // goes into the hello
	Beat    time.Duration // the shortest time from heartbeat to heartbeat: 250 ms
	Suspect time.Duration // the least silence after which a member is dropped: 1 s
	// MaxMembers bounds the view: MaxMembers, and never more.
	MaxMembers int
	// Rand is used for jitter and to choose whom to ask through. If nil, one
	// seeded with the incarnation is used.
	Rand *rand.Rand
	// Without is what a simulation takes out of the rules.
	Without broken.Rules
}

// Out is a message to send.
type Out struct {
	To  uint64 // incarnation; 0: everybody
	Msg wire.Message
}

// Ready is what came of the inputs since the last one.
type Ready struct {
	// Send holds, of wire's messages, Hello, Beat, Ping and Pong. The caller
	// completes them: of a Hello the Signature; of a Beat all that speaks of
	// the floor or of turns (Activity, TS, Left, Heads, Settled).
	Send        []Out
	View        floor.View
	ViewChanged bool // since the last Ready
	Events      []Event
	Wake        time.Duration // Boot time at which Tick is to be called
}

// Stats counts what was dropped.
type Stats struct {
	TableFull uint64 // datagrams of unknown incarnations, while the table was full
	OtherKey  uint64 // hellos of a known incarnation with another key
}

// Membership is one member's knowledge of the others. Its invariant: the view
// always contains this member itself, at most Config.MaxMembers, and no key
// twice.
type Membership struct {
	cfg    Config
	self   floor.Member
	others table
	gone   goneList
	live   int           // how many of others are
	own    time.Duration // interval's latest answer, for a group of
	beatOf int           // so many
	pace   pacer
	sent   counterLog

	quiet   bool // as the caller says
	entered bool // it was not quiet once: it is no starter any more
	full    bool
	copied  bool // Copied was told

	view    floor.View
	leader  uint64 // incarnation of the view's lowest key
	changed bool
	stale   bool // the view has to be chosen again

	selfOut     time.Duration // in nobody's view since; never: in somebody's
	selfOutTold bool
	unheard     time.Duration // since when it hears others and none hears it; never: not so

	looked time.Duration // when that was looked at last

	next  time.Duration // when something falls due next, unless moved or stale
	moved bool          // an input has changed that, and perhaps not the view

	out    []Out
	events []Event
	stats  Stats
}

// New returns the membership of a member that has just started: quiet, alone
// in its view, with a hello and a heartbeat to send.
func New(cfg Config, now time.Duration) *Membership {
	if cfg.Beat <= 0 {
		cfg.Beat = 250 * time.Millisecond
	}
	cfg.Beat = min(cfg.Beat, MaxBeat)
	if cfg.Suspect <= 0 {
		cfg.Suspect = time.Second
	}
	if cfg.MaxMembers <= 0 || cfg.MaxMembers > MaxMembers {
		cfg.MaxMembers = MaxMembers
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.New(rand.NewPCG(cfg.Self.Incarnation, 0))
	}
	m := &Membership{
		cfg:    cfg,
		self:   cfg.Self,
		others: newTable(),
		quiet:  true,
		view:   floor.NewView(cfg.Self),
		leader: cfg.Self.Incarnation,
		// 1024 marks 10 ms apart span 10.24 s: two suspects of MaxBeat.
		sent:    counterLog{every: 10 * time.Millisecond, limit: 1024},
		pace:    pacer{last: never, regular: now, extra: never},
		selfOut: never,
		unheard: never,
	}
	m.sendHello(0, true)
	return m
}

// Sent tells that the datagram with this number of this incarnation leaves
// now. Numbers must rise.
func (m *Membership) Sent(now time.Duration, counter uint32) { m.sent.note(now, counter) }

// Heard takes a sign of life: any authentic datagram. It comes before the
// method of the message that the datagram carries. Incarnation 0 is nobody's.
func (m *Membership) Heard(now time.Duration, from uint64, counter uint32) {
	m.moved = true
	if from == 0 || from == m.self.Incarnation || m.gone.has(from, counter) {
		return
	}
	p := m.others.byID[from]
	if p == nil {
		if p = m.others.insert(from); p == nil {
			m.stats.TableFull++
			return
		}
		m.rehear(now, p)
	}
	p.heard.note(now, counter)
	p.direct = now
	m.signOfLife(now, p)
	if !p.known && p.askDue() <= now {
		m.askHello(now, p)
	}
}

// rehear enters a newcomer of the table where heartbeats have named it already.
func (m *Membership) rehear(now time.Duration, p *peer) {
	for _, o := range m.others.used() {
		if o == nil || !o.hasBeat {
			continue
		}
		for _, h := range o.says {
			if h.Incarnation == p.Incarnation && m.fresh(now, o, p, h.Counter) {
				o.hears.add(p.slot)
			}
		}
	}
}

func (m *Membership) signOfLife(now time.Duration, p *peer) {
	p.sign = now
	if !p.live {
		p.live, p.since = true, now
		m.live++
		m.stale = true
	}
	if p.suspected {
		p.suspected = false
		m.events = append(m.events, Recovered{p.info()})
	}
}

// Hello takes a hello whose signature is good. If it wants one, it is answered.
func (m *Membership) Hello(now time.Duration, from uint64, h wire.Hello) {
	p := m.others.byID[from]
	if p == nil {
		return
	}
	switch {
	case !p.known:
		p.Key, p.name, p.known = h.Key, h.Name, true
		p.twin = p.Key == m.self.Key
		m.others.index(p)
		m.stale = true
		if p.confirmed != never {
			m.join(p)
		}
	case p.Key != h.Key:
		m.stats.OtherKey++
		return
	}
	if h.Want && !within(now, p.answered, answerGap) {
		p.answered = now
		m.sendHello(from, false)
	}
}

const (
	// A hello is asked for every askGap, and every askGapLate when that has
	// not helped for askLate: a link that works one way only is not flooded.
	askGap     = 100 * time.Millisecond
	askGapLate = 250 * time.Millisecond
	askLate    = 2 * time.Second

	// answerGap is the shortest time between two answers to one member. It is
	// shorter than askGap, so that a question repeated in time is answered
	// even when it travelled faster than the one before.
	answerGap = 50 * time.Millisecond
)

// askDue returns when a live one whose hello did not come is to be asked for it.
func (p *peer) askDue() time.Duration {
	if p.asked >= p.since+askLate {
		return p.asked + askGapLate
	}
	return p.asked + askGap
}

func (m *Membership) askHello(now time.Duration, p *peer) {
	p.asked = now
	m.sendHello(p.Incarnation, true)
}

func (m *Membership) sendHello(to uint64, want bool) {
	m.send(to, wire.Hello{Key: turn.Key(m.self.Key), Name: m.cfg.Name, Want: want})
}

func (m *Membership) send(to uint64, msg wire.Message) { m.out = append(m.out, Out{to, msg}) }

// Bye takes a farewell: the incarnation is dropped at once, for good.
func (m *Membership) Bye(now time.Duration, from uint64, counter uint32) {
	m.moved = true
	if from == m.self.Incarnation || m.gone.has(from, counter) {
		return
	}
	if !m.cfg.Without.Has(broken.ByeFinal) {
		m.gone.add(from, counter)
	}
	if p := m.others.byID[from]; p != nil {
		m.drop(now, p, true)
		m.others.remove(p)
	}
}

// drop takes a member as gone.
func (m *Membership) drop(now time.Duration, p *peer, bye bool) {
	if !p.live {
		return
	}
	if p.joined {
		m.events = append(m.events, Left{p.info(), bye})
	}
	p.live, p.joined, p.suspected, p.hasBeat = false, false, false, false
	p.outTold, p.out = false, never
	p.dropped, p.confirmed = now, never
	m.live--
	m.stale = true
}

// BeatSoon asks for a heartbeat because somebody's view differs from this
// member's: at once, but at most one in 100 ms.
func (m *Membership) BeatSoon(now time.Duration) {
	m.moved = true
	m.pace.soon(now)
}

// SetQuiet says whether this member is quiet: it starts so. One that finds
// MaxMembers others there that are not stays quiet all the same, see Full.
func (m *Membership) SetQuiet(now time.Duration, quiet bool) {
	if quiet == m.quiet {
		return
	}
	m.quiet = quiet
	m.stale = true
	m.checkFull(now)
	m.pace.soon(now)
}

func (m *Membership) isQuiet() bool { return m.quiet || m.full }

// checkFull decides whether a starter may take part.
func (m *Membership) checkFull(now time.Duration) {
	if m.quiet || m.entered {
		return
	}
	n := 0
	for _, p := range m.others.byKey {
		if p.live && p.hasBeat && !p.quiet {
			n++
		}
	}
	full := n >= m.cfg.MaxMembers
	m.entered = !full
	if full != m.full {
		m.full = full
		m.stale = true
		m.pace.soon(now)
		m.events = append(m.events, Full{full})
	}
}

// Tick does what is due: it drops who was silent for too long, and asks those
// who are silent for a sign of life.
func (m *Membership) Tick(now time.Duration) {
	m.stale = true
	for _, p := range m.others.used() {
		if p == nil || !p.live {
			continue
		}
		if !m.hears(now, p) {
			m.drop(now, p, false)
			continue
		}
		if p.joined && !p.suspected && !within(now, p.sign, m.suspect(p)*3/4) {
			p.suspected = true
			m.events = append(m.events, Suspected{p.info()})
		}
		switch {
		case !p.known && p.askDue() <= now:
			m.askHello(now, p)
		case p.known && m.pingDue(p) <= now:
			m.probe(now, p)
		}
	}
}

// Ready returns what came of the inputs: the view is chosen here, once for all
// of them.
func (m *Membership) Ready(now time.Duration) Ready {
	beat := m.pace.due() <= now
	if m.stale || beat {
		m.moved = true
		m.choose(now)
		beat = m.pace.due() <= now
	}
	if beat {
		interval := m.interval()
		m.send(0, m.beat(now, interval))
		m.pace.sent(now, jitter(m.cfg.Rand, interval))
	}
	if m.moved || m.next <= now {
		m.next, m.moved = m.wake(now), false
	}
	r := Ready{Send: m.out, View: m.view, ViewChanged: m.changed, Events: m.events, Wake: m.next}
	m.out, m.events, m.changed = nil, nil, false
	return r
}

// wake returns when something falls due next.
func (m *Membership) wake(now time.Duration) time.Duration {
	next := m.pace.due()
	at := func(t time.Duration) {
		if t > now && t < next {
			next = t
		}
	}
	if m.selfOut != never && !m.selfOutTold {
		at(m.selfOut + m.leftOutAfter())
	}
	for _, p := range m.others.used() {
		if p == nil {
			continue
		}
		s := m.suspect(p)
		if !p.live {
			at(p.dropped + s/2)
			continue
		}
		// These two may have passed while the caller was busy: then they are
		// due now, and Tick moves them on.
		due := p.askDue()
		if p.known {
			due = m.pingDue(p)
		}
		next = min(next, max(now, m.hearsUntil(p)), max(now, due))
		at(p.sign + s*3/4)
		at(p.confirmed + s)
		if p.out != never && !p.outTold {
			at(p.out + s)
		}
	}
	return next
}

// View returns the view as the last Ready gave it.
func (m *Membership) View() floor.View { return m.view }

// Known tells whether an incarnation has said who it is.
func (m *Membership) Known(incarnation uint64) bool {
	p := m.others.byID[incarnation]
	return p != nil && p.known
}

// Lookup returns what is known of an incarnation that has said who it is. One
// that is silent is found until its place is needed; one that said BYE is not.
func (m *Membership) Lookup(incarnation uint64) (Info, bool) {
	if !m.Known(incarnation) {
		return Info{}, false
	}
	return m.others.byID[incarnation].info(), true
}

// Peers returns those who are there, by key: who joined and did not leave.
func (m *Membership) Peers() []Info {
	var infos []Info
	for _, p := range m.others.byKey {
		if p.joined {
			infos = append(infos, p.info())
		}
	}
	return infos
}

// Full tells whether this member stays quiet because the group is full.
func (m *Membership) Full() bool { return m.full }

// Settling tells that somebody is there who is not in the view and may be in a
// moment: this member has just ceased to be quiet, or a partition ends, or the
// leader was lost. Who waits while it is true, and no longer, does not speak
// past a group that is about to be one; it is true for at most one suspect
// after each change, and says nothing about safety.
func (m *Membership) Settling() bool {
	return slices.ContainsFunc(m.others.byKey, func(p *peer) bool { return p.out != never && !p.outTold })
}

// Unheard returns since when this member hears others that are not quiet, and
// none that it hears confirms that it hears this one. False: it is not so.
func (m *Membership) Unheard() (since time.Duration, ok bool) { return m.unheard, m.unheard != never }

// HeardAt returns when the newest datagram of this member was sent that an
// incarnation confirms; false: none.
func (m *Membership) HeardAt(incarnation uint64) (time.Duration, bool) {
	p := m.others.byID[incarnation]
	if p == nil || p.heardAt == 0 {
		return 0, false
	}
	return p.heardAt, true
}

// Stats returns what was counted so far.
func (m *Membership) Stats() Stats { return m.stats }
