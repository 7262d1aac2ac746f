package peer

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/member"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// The constants of a member that are not the floor's own.
const (
	Beat     = 250 * time.Millisecond
	Suspect  = time.Second
	Holdback = 500 * time.Millisecond
	// MaxMembers is for how many members papo holds the floor.
	MaxMembers = 64

	settleAfter  = 2 * time.Second // a beat tells what was settled so long ago
	waitingAfter = time.Second     // when people are told whom a line waits for
	waitingAgain = 10 * time.Second
	aloneAfter   = 5 * time.Second
	viewWithin   = 600 * time.Millisecond
	catchUpLimit = 5 * time.Second
	aheadLimit   = 1 << 31 // how far a told time may be ahead of the record
)

// Packet is a datagram that was opened.
type Packet struct {
	From        string // where an answer goes
	Incarnation uint64
	Counter     uint32
	Payload     []byte
}

// counts are the core's own drops since the start.
type counts struct {
	Undecodable uint64 // not a message
	Unknown     uint64 // of an incarnation that has not said who it is
	BadHello    uint64 // a signature that does not fit
	BadTurn     uint64 // a turn that is not valid by itself
	Ahead       uint64 // a Lamport time too far ahead of the record
	WantDropped uint64 // a wanted turn that nobody gave
	TooMany     uint64 // more wanted at once than fits
}

// Core is one member. See the package comment.
type Core struct {
	cfg      Config
	key      turn.Key
	self     floor.Member
	born     time.Duration // of this incarnation
	start    time.Duration
	clocks   Now // of the latest input
	counter  uint32
	fragment uint32

	floor   *floor.Floor
	members *member.Membership
	history *turn.History

	contacts   contacts
	outbox     wire.Outbox
	fragments  *wire.Reassembler
	speaker    speaker
	screen     screen
	repair     repair
	delay      delay
	sync       reconciler
	progress   progress
	verified   map[turn.ID]*turn.Signed // by Verify, at last
	names      names
	ending     ending
	doubt      doubt
	counts     counts
	earlier    member.Stats // of this run's earlier incarnations
	marks      []mark       // clock readings, for what is settled
	toldAlone  bool
	joined     time.Duration         // quiet is over since; 0: not yet, or told
	started    bool                  // Started was told, by this incarnation
	met        map[floor.Member]bool // those told as being here, or (false) as having left, but in the view; as many as the membership knows
	told       []floor.Member        // the view as it was told last
	heardOther bool
	verbose    bool

	settled settledPrint
	encoded []byte // room for the next message that is sent, at most wire.MaxMessage

	out  Ready
	wake time.Duration // the earliest of the floor's and the members' wishes
}

// New returns a member that starts now, with what the disk has. It is quiet
// first, see floor.Quiet.
func New(cfg Config, now Now) *Core {
	if cfg.Signatures == nil {
		cfg.Signatures = Ed25519{}
	}
	c := &Core{
		cfg: cfg, start: now.Boot, clocks: now, history: turn.Restore(cfg.Archive, cfg.Summary, cfg.Turns),
		fragments: wire.NewReassembler(), verbose: cfg.Verbose,
		verified: map[turn.ID]*turn.Signed{},
	}
	c.history.Without(cfg.Without)
	copy(c.key[:], cfg.Private.Public().(ed25519.PublicKey))
	c.contacts.init()
	c.names.init(cfg.Name, c.key)
	c.screen.init()
	c.screen.without = cfg.Without
	c.repair.init()
	c.delay.init(cfg.Delay)
	c.screen.arrival = cfg.Order == OrderArrival
	c.sync.init()
	for _, m := range cfg.Met {
		c.names.meet(m.Name, m.Key)
	}
	for _, s := range cfg.Turns {
		c.names.meet(s.Turn().Name, s.Turn().Author)
	}
	c.screen.restored(c, now)
	c.be(now, c.history.MaxStamp())
	for _, l := range cfg.Unsent {
		c.speaker.queue = append(c.speaker.queue, line{id: l.ID, text: l.Text})
	}
	waits := make(map[turn.LineID]bool, len(cfg.Unsent))
	for _, l := range cfg.Unsent {
		waits[l.ID] = true
	}
	for _, s := range slices.Concat(cfg.Summary.Recent, cfg.Turns) {
		if slices.ContainsFunc(s.Turn().LineIDs, func(id turn.LineID) bool { return waits[id] }) {
			c.dropSaid(now, s)
		}
	}
	if n := len(c.speaker.queue); n > 0 {
		c.event(Notice{At: At(now.Boot), Code: CodeOldLine, Count: n})
	}
	for _, l := range c.speaker.queue {
		c.event(Line{At: At(now.Boot), State: LineQueued, Line: l.id, Text: l.text})
	}
	c.event(Notice{At: At(now.Boot), Code: CodeJoining, Left: floor.Quiet})
	if cfg.Open {
		c.event(Notice{At: At(now.Boot), Code: CodeOpenRoom})
	}
	if len(c.speaker.queue) > 0 {
		c.ask(now)
	}
	c.settle(now)
	c.cfg.Turns, c.cfg.Summary, c.cfg.Unsent, c.cfg.Met = nil, turn.Summary{}, nil, nil // as large as a record
	return c
}

// be takes a new incarnation.
func (c *Core) be(now Now, clock uint64) {
	c.self = floor.Member{Key: c.key, Incarnation: c.cfg.Rand.Uint64() | 1}
	if c.cfg.Without.Has(broken.NewIncarnation) {
		c.self.Incarnation = binary.BigEndian.Uint64(c.key[:]) | 1
	}
	if c.cfg.Without.Has(broken.ClockRestored) {
		clock = 0
	}
	c.born, c.counter, c.doubt.misused = now.Boot, 0, false
	c.met = map[floor.Member]bool{}
	if c.members != nil {
		s := c.members.Stats()
		c.earlier.OtherKey += s.OtherKey
		c.earlier.TableFull += s.TableFull
	}
	c.floor = floor.New(floor.Config{Self: c.self, Clock: clock, Without: c.cfg.Without}, now.Boot)
	c.members = member.New(member.Config{
		Self: c.self, Name: c.cfg.Name, Beat: Beat, Suspect: Suspect, MaxMembers: MaxMembers, Rand: c.cfg.Rand,
		Without: c.cfg.Without,
	}, now.Boot)
}

// Self returns the present incarnation.
func (c *Core) Self() floor.Member { return c.self }

// History returns the record. The caller must not change it.
func (c *Core) History() *turn.History { return c.history }

// Floor returns the core's part in the mutex, to look at. The caller must not
// change it.
func (c *Core) Floor() *floor.Floor { return c.floor }

// View returns the names of the members of the present view, in order of key.
func (c *Core) View() []string { return c.namesOf(c.floor.View().Members()) }

// Receive takes a datagram.
func (c *Core) Receive(now Now, p Packet) {
	if p.Incarnation == c.self.Incarnation {
		return // one's own, by multicast
	}
	c.clock(now)
	msg, err := wire.Decode(p.Payload)
	if err != nil {
		c.counts.Undecodable++
		return
	}
	c.contacts.heard(p)
	c.members.Heard(now.Boot, p.Incarnation, p.Counter)
	c.handle(now, p.Incarnation, p.Counter, msg)
	c.settle(now)
}

func (c *Core) handle(now Now, from uint64, counter uint32, msg wire.Message) {
	info, known := c.members.Lookup(from)
	switch m := msg.(type) {
	case wire.Hello:
		if !c.cfg.Signatures.VerifyHello(m.Key, c.cfg.Group, from, m.Name, m.Signature) {
			c.counts.BadHello++
			return
		}
		if name, err := turn.CheckName("name", m.Name); err != nil || name != m.Name {
			c.counts.BadHello++
			return
		}
		c.members.Hello(now.Boot, from, m)
		c.greet(now, m)
		return
	case wire.Frag:
		if whole, ok := c.fragments.Add(now.Boot, from, m); ok {
			inner, err := wire.Decode(whole)
			if _, nested := inner.(wire.Frag); err != nil || nested {
				c.counts.Undecodable++
				return
			}
			c.handle(now, from, counter, inner)
		}
		return
	case wire.Turns:
		c.receiveTurns(now, from, counter, info, known, m)
		return
	}
	if !known {
		if _, bye := msg.(wire.Bye); bye {
			c.members.Bye(now.Boot, from, counter) // or what comes late of it would bring it back
		}
		c.counts.Unknown++
		return
	}
	switch m := msg.(type) {
	case wire.Beat:
		c.receiveBeat(now, from, counter, info, m)
	case wire.Req:
		if c.sane(m.TS) {
			c.heardMsg(now, "REQ", info, m.TS, m.K, 0, 0)
			c.floor.Receive(now.Boot, info.Member, counter, floor.Req(m))
		}
	case wire.Rep:
		c.receiveRep(now, info, counter, m, m.HandOver || len(m.Grants) > 1)
	case wire.Wait:
		c.heardMsg(now, "WAIT", info, m.TS, 0, m.Why, int(m.Place))
		c.floor.Receive(now.Boot, info.Member, counter, floor.Wait(m))
	case wire.Release:
		if c.sane(m.TS) {
			c.heardMsg(now, "RELEASE", info, m.TS, 0, 0, 0)
			c.floor.Receive(now.Boot, info.Member, counter, floor.Release(m))
		}
	case wire.Want:
		c.answerWant(now, from, m.IDs)
	case wire.FragWant:
		if m.Of == c.self.Incarnation {
			for _, payload := range c.outbox.Get(m.Number, m.Missing) {
				c.transmit(now, from, payload)
			}
		}
	case wire.Recon:
		c.receiveRecon(now, from, m)
	case wire.Ping:
		c.members.Ping(now.Boot, from, m)
	case wire.Pong:
		c.members.Pong(now.Boot, from, m)
	case wire.Bye:
		c.members.Bye(now.Boot, from, counter)
		c.floor.Bye(now.Boot, info.Member)
	}
}

func (c *Core) receiveBeat(now Now, from uint64, counter uint32, info member.Info, b wire.Beat) {
	c.members.Beat(now.Boot, from, counter, b)
	if b.TS == 0 || c.sane(b.TS) {
		c.floor.Activity(now.Boot, info.Member, counter, b.Activity == wire.Asking, b.Activity == wire.Holding, b.TS)
	}
	newest := c.contacts.beat(from, counter, b)
	for _, h := range b.Heads {
		c.want(now, h, from)
	}
	if b.Gaps == 0 || b.Gaps == c.history.Gaps() || c.cfg.Without.Has(broken.WholePast) {
		c.checkDelivered(now, info.Member.Key, b.Heads)
	}
	if newest {
		c.compareSettled(now, from, b)
	}
}

func (c *Core) receiveRep(now Now, info member.Info, counter uint32, r wire.Rep, handOver bool) {
	if !c.sane(r.Clock) {
		return
	}
	forMe, wanted := false, false
	ts, isAsking, _ := c.floor.Request()
	for _, g := range r.Grants {
		if g.To == c.self {
			forMe = true
			wanted = wanted || isAsking && g.TS == ts
			c.heardMsg(now, "REP", info, g.TS, g.K, 0, 0)
		}
	}
	if forMe {
		for _, h := range r.Heads {
			if !c.history.Has(h) && !c.delay.has(h) && !c.repair.maybe[h] {
				if wanted && len(c.repair.awaited) < maxWanted {
					c.repair.awaited[h] = true
				}
				c.want(now, h, info.Member.Incarnation)
			}
		}
		c.floor.Await(now.Boot, len(c.repair.awaited) > 0)
	}
	fr := floor.Rep{View: r.View, Clock: r.Clock, HandOver: handOver}
	for _, g := range r.Grants {
		fr.Grants = append(fr.Grants, floor.Grant(g))
	}
	c.floor.Receive(now.Boot, info.Member, counter, fr)
}

// sane refuses a Lamport time that no member that follows the protocol can
// have: it would use up the numbers of all.
func (c *Core) sane(ts uint64) bool {
	if ts >= floor.MaxTime || ts > c.history.MaxStamp()+aheadLimit {
		c.counts.Ahead++
		return false
	}
	return true
}

// Tick lets time pass.
func (c *Core) Tick(now Now) {
	c.clock(now)
	c.members.Tick(now.Boot)
	c.floor.Tick(now.Boot)
	c.tickSpeaker(now)
	c.processDelayed(now, false)
	c.tickRepair(now)
	c.tickSync(now)
	c.tickScreen(now)
	c.tickEnding(now)
	c.tellStarted(now)
	if !c.toldAlone && now.Boot >= c.start+aloneAfter {
		c.toldAlone = true
		if !c.heardOther {
			c.event(Notice{At: At(now.Boot), Code: CodeAlone, Names: c.cfg.Interfaces})
		}
	}
	c.settle(now)
	c.tickDoubt(now)
}

// quietOver is told when this member begins to take part.
func (c *Core) quietOver(now Now) {
	if !c.heardOther {
		c.screen.caughtUp(c, now)
	}
	c.joined = now.Boot
	c.tellStarted(now)
}

// tellStarted says who is here: once the others have let this member into their
// view, for which they may need a heartbeat or two.
func (c *Core) tellStarted(now Now) {
	if c.joined == 0 || c.members.Full() || c.heardOther && c.floor.View().Len() <= len(c.members.Peers()) && now.Boot < c.joined+viewWithin {
		return
	}
	c.joined, c.started = 0, true
	for _, m := range c.floor.View().Members() {
		c.met[m] = true
	}
	c.told = c.floor.View().Members()
	c.event(Started{
		At: At(now.Boot), Name: c.cfg.Name, Member: c.key, Incarnation: c.self.Incarnation, Group: c.cfg.Address,
		Room: c.cfg.Room, Interfaces: c.cfg.Interfaces, View: c.View(), Open: c.cfg.Open,
	})
}

// farewell takes back what was asked for and says BYE.
func (c *Core) farewell(now Now) {
	c.floor.Farewell(now.Boot)
	c.drainFloor(now)
	c.say(now, 0, wire.Bye{})
}

// settle carries what the floor and the members want into the Ready, until
// neither wants anything more.
func (c *Core) settle(now Now) {
	for again := !c.ending.told; again && !c.ending.told; {
		again = c.drainMembers(now)
		again = c.drainFloor(now) || again
		if !again && c.speaker.early { // once the members have been heard on it
			c.ask(now)
			again = !c.speaker.early
		}
	}
	c.flush(now)
}

// Ready returns what is to be done; false: nothing. After it, Done must be
// called before Ready is called again.
func (c *Core) Ready(now Now) (Ready, bool) {
	c.speak(now)
	r := c.out
	r.without = c.cfg.Without
	c.out = Ready{}
	return r, !r.empty()
}

// Done tells what became of the Ready.
func (c *Core) Done(now Now, res Performed) {
	if res.Queue != nil {
		c.event(Error{At: At(now.Boot), Code: CodeNotQueued, Text: res.Queue.Error()})
	}
	c.said(now, res)
	c.stored(now, res)
	c.settleEnding(now)
}

// settleEnding settles, and then leaves if it is only for this that a member that is
// to leave has waited.
func (c *Core) settleEnding(now Now) {
	c.settle(now)
	if c.ending.begun() {
		c.tickEnding(now)
		c.settle(now)
	} else {
		c.flush(now) // what was decided on is shown by now, perhaps, and more can be decided on
	}
}

// Wake returns when Tick is due: at a Boot time, or 0 for never.
func (c *Core) Wake() time.Duration {
	w := c.wake
	if c.joined != 0 && !c.members.Full() {
		w = earlier(w, c.joined+viewWithin)
	}
	if !c.toldAlone {
		w = earlier(w, c.start+aloneAfter)
	}
	for _, t := range []time.Duration{
		c.speaker.wake(c), c.repair.wake(c), c.delay.wake(), c.sync.wake(), c.screen.wake(), c.ending.wake(c),
	} {
		w = earlier(w, t)
	}
	return w
}

// event tells something. Exit is the last that is told.
func (c *Core) event(e Event) {
	if c.ending.told {
		return
	}
	if c.out.Events == nil {
		c.out.Events = make([]Event, 0, 4)
	}
	c.out.Events = append(c.out.Events, e)
}

// say sends a message: to everybody (0) or to one incarnation.
func (c *Core) say(now Now, to uint64, m wire.Message) {
	b, err := wire.Append(c.encoded[:0], m)
	if err != nil {
		panic("peer: a message of our own does not encode: " + err.Error())
	}
	if c.encoded = b; len(b) <= wire.MaxPayload {
		c.transmit(now, to, bytes.Clone(b))
		return
	}
	for _, f := range c.split(b) {
		c.transmit(now, to, f)
	}
}

// split fragments a message and keeps the pieces for who asks for them again.
func (c *Core) split(b []byte) [][]byte {
	c.fragment++
	frags, err := wire.Fragment(c.fragment, b)
	if err != nil {
		panic("peer: a message of our own is too large: " + err.Error())
	}
	c.outbox.Keep(c.fragment, frags)
	return frags
}

// transmit numbers a datagram and puts it out. After BYE nothing may come: that
// would prove the BYE forged.
func (c *Core) transmit(now Now, to uint64, payload []byte) {
	if c.ending.told {
		return
	}
	c.counter++
	c.members.Sent(now.Boot, c.counter)
	c.out.Send = append(c.out.Send, Datagram{
		To: c.contacts.address(to), Incarnation: c.self.Incarnation, Counter: c.counter, Payload: payload,
	})
}
