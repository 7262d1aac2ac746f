package floor

import (
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/broken"
)

// The constants of the protocol. All members must have the same ones, so they
// are part of its version and not settings.
const (
	// Lease is how long a reply is good for, from the moment when the request
	// that it answers was sent, on the asker's clock.
	Lease = 1500 * time.Millisecond
	// DriftPercent bounds by how much a clock's rate may be wrong. (chrony
	// slews a clock by up to 8.3 %.)
	DriftPercent = 10
	// GrantLife is how long a permission may be in use, from the moment when
	// it was given, on the giver's clock: a Lease on the slowest asker's clock
	// as the fastest giver's clock counts it.
	GrantLife = Lease * (100 + DriftPercent) / (100 - DriftPercent)
	// Quiet is how long a new incarnation neither asks nor answers: after it,
	// all permissions that its former incarnation gave have ended.
	Quiet = GrantLife
)

// The pace of asking.
const (
	resendFirst = 20 * time.Millisecond  // then doubling
	resendMax   = 50 * time.Millisecond  //
	resendNext  = 200 * time.Millisecond // who is next asks the one that it waits for
	resendRest  = time.Second            // the others
	waitFresh   = 2 * time.Second        // how long a WAIT slows the asker down
	waitEvery   = time.Second            // at most one WAIT in this time to one asker
	leaseLow    = 200 * time.Millisecond // a reply with less than this left is renewed at once
	entryWait   = 50 * time.Millisecond  // see Await

	sendingsKept = 64 // sendings whose time is remembered
)

// MostSeen is how many incarnations' numbers are remembered at most; see Sizes.
const MostSeen = 256

type state uint8

const (
	idle state = iota
	asking
	holding
	leaving // between HandOver and Left
)

// permission is a reply that counts.
type permission struct {
	sent  time.Duration // when the sending that it answers left
	until time.Duration // sent + Lease
}

// target is what is remembered of asking one member for the present request.
type target struct {
	last  time.Duration // when it was asked last
	step  time.Duration // how long after that it is asked again, if it is silent
	soon  bool          // its reply was nearly over when it came: it is asked at once, even in a hold
	vain  int           // sendings since it last gave a REP or a WAIT, or a reason not to
	since time.Duration // when the first of them left
}

// wait is a WAIT that counts.
type wait struct {
	n     uint32        // the datagram that brought it
	until time.Duration // it is fresh until then, and remembered while any is
	place int
	why   Why
}

// grant is a permission that this member gave.
type grant struct {
	ts    uint64
	until time.Duration
}

// deferral is a request that this member has not answered yet.
type deferral struct {
	ts   uint64
	k    uint32
	told time.Duration // when a WAIT was sent last; 0: never
	why  Why
}

// seen is what is remembered of an incarnation's messages.
type seen struct {
	k        uint32 // the highest K
	hasK     bool
	released uint64 // the highest TS of a RELEASE
}

// sending is when the request left with number k.
type sending struct {
	k  uint32
	at time.Duration
}

// Config says who this member is.
type Config struct {
	Self Member
	// View is the first view; zero: this member alone.
	View View
	// Clock is the Lamport time to begin with: at least every stamp that this
	// member has stored.
	Clock uint64
	// Without is what a simulation takes out of the rules, to show what they are
	// for. A program that imports this package from outside of papo's module cannot
	// set it: its type is internal, and only its zero value, all rules, can be had.
	Without broken.Rules
}

// Floor is one member's part in the distributed mutex. See the package comment.
// Its methods must not be called concurrently, and the times given to them
// must not go back.
//
// Invariants: view contains self; deferrals are of members in the view, asked
// with its hash; permissions are of members in the view, none is of a member
// that this one has answered since; while holding, the clock is at least ts.
type Floor struct {
	self  Member
	clock uint64
	view  View

	quietUntil time.Duration
	quiet      bool
	listen     bool // stays quiet, see Listen

	state     state
	wanted    bool          // asked for while quiet
	ts        uint64        // of the request or hold
	entry     ViewHash      // view that it asks or entered with
	fresh     bool          // the request may not use kept permissions
	began     time.Duration // when it began to ask, or entered
	until     time.Duration // holding: end of the first lease
	stale     bool          // holding: the view has changed since entry
	held      View          // the view at the latest entry
	granted   []Member      // leaving: those answered
	awaiting  bool
	eligible  time.Duration // since when F1 to F4 hold, while awaiting; 0: they do not
	place     int           // how many wait before this member, as far as it was told
	ahead     Member        // who told that: the one that it waits for
	waitsEnd  time.Duration // when the last WAIT is fresh no more; 0: none is
	k         uint32
	sendings  [sendingsKept]sending
	perms     map[Member]permission
	targets   map[Member]target
	waits     map[Member]wait
	grants    map[Member]grant
	deferrals map[Member]deferral
	seenBy    map[Member]seen
	seenOrder []Member // of seenBy, oldest first

	latest time.Duration // of all inputs
	out    []Send
	events []Event

	without broken.Rules
	refused [NumRefusals]int
	replies int // F2SetOfReplies only
	life    time.Duration
}

// New returns the floor of a member that has just started: it is quiet until
// now + Quiet.
func New(c Config, now time.Duration) *Floor {
	if !c.View.Has(c.Self) {
		c.View = NewView(append(slices.Clone(c.View.Members()), c.Self)...)
	}
	quiet := Quiet
	if c.Without.Has(broken.F4Quiet) {
		quiet = 0
	}
	return &Floor{
		self: c.Self, clock: c.Clock, view: c.View,
		quiet: true, quietUntil: now + quiet, life: GrantLife, without: c.Without,
		perms: map[Member]permission{}, targets: map[Member]target{}, waits: map[Member]wait{},
		grants: map[Member]grant{}, deferrals: map[Member]deferral{}, seenBy: map[Member]seen{},
	}
}

// Clock returns the Lamport time.
func (f *Floor) Clock() uint64 { return f.clock }

// Observe raises the clock to ts: a stamp that this member has stored, or a
// time that another told. What is not below MaxTime is ignored.
func (f *Floor) Observe(ts uint64) {
	if ts > f.clock && ts < MaxTime && !f.without.Has(broken.F6ClockRaise) {
		f.clock = ts
	}
}

// Stamp returns a new Lamport time, higher than all that this member has seen.
// What is said in a hold takes its stamp from here, so stamps rise through
// the holds of one view: it is the fencing token of the mutex.
func (f *Floor) Stamp() uint64 {
	f.clock++
	return f.clock
}

// Self returns who this member is.
func (f *Floor) Self() Member { return f.self }

// View returns the present view.
func (f *Floor) View() View { return f.view }

// IsQuiet tells whether the member is still silent after its start.
func (f *Floor) IsQuiet() bool { return f.quiet }

// Listen makes a member that is still quiet stay so while on is true: there
// are as many members already as the floor is held for.
func (f *Floor) Listen(now time.Duration, on bool) {
	f.listen = on
	f.advance(now)
}

// Request returns the Lamport time of the request or hold, and whether the
// member asks or holds. Both are false when it is idle.
func (f *Floor) Request() (ts uint64, isAsking, isHolding bool) {
	return f.ts, f.state == asking, f.state == holding || f.state == leaving
}

// Holds tells whether the member may act as the holder at this moment, and
// until when. The caller looks again before it does what the floor protects.
func (f *Floor) Holds(now time.Duration) (until time.Duration, ok bool) {
	return f.until, f.state == holding && now < f.until
}

// HeldView returns the view at the latest entry: what the promise is about.
func (f *Floor) HeldView() View { return f.held }

// Stale tells whether the view has changed since the hold began: it is not
// renewed any more.
func (f *Floor) Stale() bool { return f.stale }

// Contended tells whether another member waits for this one's permission.
func (f *Floor) Contended() bool { return len(f.deferrals) > 0 }

// Queue returns the members that this one has deferred, in the order of their requests.
func (f *Floor) Queue() []Member {
	return f.queue(func(Member) bool { return true })
}

// queue returns those of the deferred members that are wanted, in order.
func (f *Floor) queue(wanted func(Member) bool) []Member {
	var q []Member
	for m := range f.deferrals {
		if wanted(m) {
			q = append(q, m)
		}
	}
	slices.SortFunc(q, func(a, b Member) int {
		if f.deferredStamp(a).Before(f.deferredStamp(b)) {
			return -1
		}
		return 1
	})
	return q
}

// Missing returns the members of the view whose permission is missing now.
func (f *Floor) Missing(now time.Duration) []Member {
	var ms []Member
	for _, m := range f.view.members {
		if m != f.self && !f.permits(m, now) {
			if ms == nil {
				ms = make([]Member, 0, f.view.Len()-1)
			}
			ms = append(ms, m)
		}
	}
	return ms
}

// Ignored tells of a member of the view whether it was sent the present request n
// times or more and gave neither REP nor WAIT since, and when the first left.
func (f *Floor) Ignored(m Member, n int) (since time.Duration, ok bool) {
	t := f.targets[m]
	return t.since, f.state == asking && t.vain >= n
}

// Outstanding returns the members outside of the view that have a live
// permission of this one: by F3 it does not enter before they end.
func (f *Floor) Outstanding(now time.Duration) []Member {
	var ms []Member
	for m, g := range f.grants {
		if now < g.until && !f.view.Has(m) {
			ms = append(ms, m)
		}
	}
	slices.SortFunc(ms, Member.compare)
	return ms
}

// Exhausted tells that the numbers of sendings are nearly used up: the member
// must take a new incarnation.
func (f *Floor) Exhausted() bool { return f.k > 1<<32-1<<10 }

// SetView gives the Floor the members that this one counts on now. Self is
// always one of them. A change of view makes all replies void (F1) and drops
// the deferrals: who was deferred asks again.
func (f *Floor) SetView(now time.Duration, v View) {
	if !v.Has(f.self) {
		v = NewView(append(slices.Clone(v.members), f.self)...)
	}
	if v.hash == f.view.hash {
		return
	}
	f.expire(now)
	f.view = v
	clear(f.deferrals)
	f.forgetWaits()
	if !f.without.Has(broken.F1VoidReplies) {
		if len(f.perms) > 0 {
			f.refused[RefusedViewChange]++
		}
		clear(f.perms)
	}
	f.replies = 0
	f.eligible = 0
	switch f.state {
	case asking:
		f.entry = v.hash
		clear(f.targets) // all are asked anew, with the same ts
		f.askMissing(now)
	case holding, leaving:
		if f.without.Has(broken.StaleHold) {
			f.entry = v.hash
			break
		}
		f.stale = true
	}
	f.advance(now)
}

// Tick lets time pass: call it at Ready's Wake, or at any time.
func (f *Floor) Tick(now time.Duration) { f.advance(now) }

// Ready returns what is to be done since the last call.
func (f *Floor) Ready(now time.Duration) Ready {
	r := Ready{Send: f.out, Events: f.events, Wake: f.wake(now)}
	f.out, f.events = nil, nil
	return r
}

// Receive takes a message of another member. n is its sender's number for the
// datagram that brought it, which tells a newer message from an older.
// Messages that no rule wants are ignored.
func (f *Floor) Receive(now time.Duration, from Member, n uint32, m Message) {
	if from == f.self {
		return
	}
	f.expire(now)
	switch m := m.(type) {
	case Req:
		f.receiveReq(now, from, m)
	case Rep:
		f.receiveRep(now, from, m)
	case Wait:
		f.receiveWait(now, from, n, m)
	case Release:
		f.receiveRelease(from, m)
	}
	f.advance(now)
}

// Bye tells that this incarnation is gone for good: it counts as a RELEASE of
// everything that it asked for, also of what arrives later. The permission that
// it gave stays until the view changes, because its lease bounds a hold.
func (f *Floor) Bye(now time.Duration, from Member) {
	f.release(from, MaxTime)
	f.endWait(now, from)
	f.advance(now)
}

// Farewell is what a member that leaves for good does before its BYE (F10):
// it takes back what it asked for and forgets every permission.
func (f *Floor) Farewell(now time.Duration) {
	f.wanted = false
	switch f.state {
	case asking:
		f.Cancel(now)
	case holding:
		released := f.stale // Leave does it
		f.Leave(now)
		if !released {
			f.send(Release{TS: f.ts})
		}
	}
	clear(f.perms)
}

// advance does all that is due now. Every input ends with it.
func (f *Floor) advance(now time.Duration) {
	f.latest = max(f.latest, now)
	for m, g := range f.grants {
		if now >= g.until {
			delete(f.grants, m)
		}
	}
	if f.quiet && now >= f.quietUntil && !f.listen {
		f.quiet = false
		f.tell(now, Event{Kind: QuietOver})
	}
	f.expire(now)
	if f.wanted && f.state == idle && !f.quiet {
		f.begin(now)
	}
	if len(f.deferrals) > 0 && f.state != leaving {
		f.reply(f.answerable(now), now, false)
	}
	f.tryEnter(now)
	f.resend(now)
}

// expire ends a hold whose leases have ended. What comes later, even before the
// next Tick, finds it over: no reply revives it.
func (f *Floor) expire(now time.Duration) {
	if f.state == holding && now >= f.until {
		f.refused[RefusedLeaseOver]++
		f.leave(now, true)
	}
}

// wake returns when something is due next.
func (f *Floor) wake(now time.Duration) time.Duration {
	w := time.Duration(0)
	at := func(t time.Duration) {
		if t > now && (w == 0 || t < w) {
			w = t
		}
	}
	if f.quiet {
		at(f.quietUntil)
	}
	if len(f.deferrals) > 0 || f.state == asking {
		for _, g := range f.grants {
			at(g.until)
		}
	}
	if f.state == holding {
		at(f.until)
	}
	if f.state == asking && f.eligible != 0 {
		at(f.eligible + entryWait)
	}
	if f.renews() {
		for _, m := range f.view.members {
			if m != f.self {
				at(max(now+1, f.due(m, now)))
			}
		}
	}
	if f.state == holding && f.view.Len() == 1 && !f.stale {
		at(f.until - Lease/2)
	}
	return w
}

func (f *Floor) tell(now time.Duration, e Event) {
	e.At, e.Clock = now, f.clock
	if e.TS == 0 {
		e.TS = f.ts
	}
	if e.View == (ViewHash{}) {
		e.View = f.view.hash
	}
	f.events = append(f.events, e)
}

func (f *Floor) send(m Message, to ...Member) {
	f.out = append(f.out, Send{To: to, Msg: m})
}

// seenOf remembers at most MostSeen incarnations. At the bound the oldest that
// is not in the view is forgotten: a repeated datagram of it that is as old is
// refused by whoever authenticates datagrams.
func (f *Floor) seenOf(m Member) seen {
	if s, ok := f.seenBy[m]; ok {
		return s
	}
	if len(f.seenOrder) >= MostSeen {
		i := slices.IndexFunc(f.seenOrder, func(o Member) bool { return !f.view.Has(o) })
		if i < 0 {
			i = 0
		}
		delete(f.seenBy, f.seenOrder[i])
		f.seenOrder = slices.Delete(f.seenOrder, i, i+1)
	}
	f.seenOrder = append(f.seenOrder, m)
	return seen{}
}

// Sizes tells how many permissions it has, how many it gave, how many requests it defers,
// and of how many incarnations it remembers numbers: MostSeen at most. There are as many
// permissions and deferrals as the view has members, at most.
func (f *Floor) Sizes() (permissions, grants, deferrals, seen int) {
	return len(f.perms), len(f.grants), len(f.deferrals), len(f.seenBy)
}
