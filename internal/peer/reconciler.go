package peer

import (
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/member"
	"github.com/papo-chat/papo/internal/reconcile"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

const (
	frameLimit    = wire.MaxReconData
	firstWindow   = 256 // stamps
	widerWindow   = 4   // each window is so many times as wide as the one before,
	widestWindow  = 64  // or so many if that one brought nothing: so idleRounds reach any stamp
	roundTimeout  = 200 * time.Millisecond
	roundTries    = 6
	idleRounds    = 8 // a session that brings nothing new for so long ends
	backOffFirst  = time.Second
	backOffMost   = 120 * time.Second
	servedMost    = 4
	servedFor     = 500 * time.Millisecond // after its last message; it has its place again with the next one, if one is free
	spread        = time.Second            // a reconciliation begins after a random part of it
	syncRetries   = 3
	syncRefusals  = 20
	everyStampEnd = 1 << 53
)

// session is a reconciliation that this member began.
type session struct {
	with     uint64
	number   uint32
	round    uint32
	from, to uint64
	s        *reconcile.Session
	message  []byte
	due      time.Duration // when the message is sent again
	tries    int
	idle     int
	needed   map[turn.ID]bool // asked for and not come yet
	received int
	top      uint64 // the highest that there was to compare
	reached  uint64 // the highest of what came of the window
	have     int    // over 0: the other lacks turns
	next     []byte
}

// served is a session that another member began.
type served struct {
	with   uint64
	number uint32
	last   time.Duration
}

// backOff is how long a member is not chosen after sessions that brought nothing.
type backOff struct {
	until time.Duration
	pause time.Duration
}

// told is what a member's newest heartbeat says of its record.
type told struct {
	heads   []turn.ID
	gaps    uint64
	settled uint64
}

// syncing is a /sync: a session with each member of the view.
type syncing struct {
	n       int
	left    []uint64
	names   map[uint64]string
	tries   int
	again   time.Duration // when the next session may begin
	refused int           // how often the present one had no time
	reports []MemberReport
}

// reconciler makes this member's record equal to that of others: it fetches
// what it lacks, and the others fetch what they lack. One session at a time.
type reconciler struct {
	session *session
	number  uint32
	due     time.Duration // when the next session may begin; 0: no difference is known
	differs map[uint64]time.Duration
	inSync  map[uint64]bool
	backOff map[uint64]backOff
	told    map[uint64]told
	served  []served
	syncing *syncing
	every   time.Duration // when a session was begun though nothing differs
	chosen  uint64        // with whom one is, once its heartbeat has told how far its record goes; 0: with nobody
	gotAny  int
}

func (r *reconciler) init() {
	r.differs, r.inSync, r.backOff = map[uint64]time.Duration{}, map[uint64]bool{}, map[uint64]backOff{}
	r.told = map[uint64]told{}
}

// compareSettled looks at what a heartbeat says of its sender's record.
func (c *Core) compareSettled(now Now, from uint64, b wire.Beat) {
	r := &c.sync
	if len(r.told) > maxContacts { // incarnations that are long gone
		r.init()
	}
	r.told[from] = told{b.Heads, b.Gaps, b.SettledStamp}
	if c.history.Partial() {
		return // a comparison would say nothing
	}
	same := b.Gaps == c.history.Gaps()
	for _, h := range b.Heads {
		same = same && c.history.Has(h)
	}
	settled := c.herePrint(b.SettledStamp) == b.Settled || c.cfg.Without.Has(broken.SettledCompared)
	if b.SettledStamp == 0 {
		settled = true
	}
	r.inSync[from] = same && settled && slices.Equal(b.Heads, c.newestHeads(wire.MaxBeatHeads))
	if settled {
		delete(r.differs, from)
		delete(r.backOff, from)
		// Who has all that this member of the group has, has caught up. What
		// another that has just started itself tells does not say so yet.
		if same && !(b.Quiet && c.floor.IsQuiet()) && r.session == nil && !c.repair.busy() {
			c.screen.caughtUp(c, now)
		}
		return
	}
	since, known := r.differs[from]
	if !known {
		r.differs[from] = now.Boot
		since = now.Boot
	}
	wait := max(b.Interval, Beat)
	if c.screen.catching {
		wait = 0
	}
	if now.Boot-since < wait || r.session != nil || now.Boot < r.backOff[from].until {
		return
	}
	if r.due == 0 {
		r.due = now.Boot
		if !c.screen.catching {
			r.due += time.Duration(c.cfg.Rand.Int64N(int64(spread)))
		}
	}
}

// Reconcile begins a /sync: a comparison with each member of the view, which
// ends with a Reconciled event of scope group.
func (c *Core) Reconcile(now Now, n int) {
	c.clock(now)
	r := &c.sync
	if r.syncing != nil {
		c.result(now, Result{N: n, Command: "sync", Code: CodeSyncRunning})
		return
	}
	y := &syncing{n: n, names: map[uint64]string{}}
	for _, m := range c.floor.View().Members() {
		if m != c.self {
			y.left = append(y.left, m.Incarnation)
			y.names[m.Incarnation] = c.nameOf(m)
		}
	}
	r.syncing = y
	c.nextSession(now)
	c.settle(now)
}

// nextSession begins the next session of a /sync, or with a member that differs.
func (c *Core) nextSession(now Now) {
	r := &c.sync
	if r.session != nil || c.history.Partial() {
		return
	}
	if y := r.syncing; y != nil {
		if now.Boot < y.again {
			return
		}
		for len(y.left) > 0 && c.sameHeads(y.left[0]) {
			y.row(y.left[0]).InSync = true
			y.left = y.left[1:]
		}
		if len(y.left) == 0 {
			c.endSync(now)
			return
		}
		c.begin(now, y.left[0], 0)
		return
	}
	if r.due == 0 || now.Boot < r.due {
		return
	}
	r.due = 0
	var candidates []uint64
	for _, i := range c.members.Peers() {
		inc := i.Member.Incarnation
		if _, ok := r.differs[inc]; ok && now.Boot >= r.backOff[inc].until {
			candidates = append(candidates, inc)
		}
	}
	if len(candidates) > 0 {
		with := candidates[c.cfg.Rand.IntN(len(candidates))]
		c.begin(now, with, c.newest(with))
	}
}

// newest is the highest stamp that a comparison begins at: of this record or, for a
// newcomer to begin there too, of what the other has settled.
func (c *Core) newest(with uint64) uint64 {
	return max(c.history.MaxStamp(), min(c.sync.told[with].settled, turn.MaxStamp))
}

// sameHeads tells whether a member's newest heartbeat proves that it has this
// very record: equal heads, and equal gaps. What this member holds back can be newer
// than that heartbeat.
func (c *Core) sameHeads(inc uint64) bool {
	t, ok := c.sync.told[inc]
	return ok && len(c.delay.held) == 0 && len(t.heads) < wire.MaxBeatHeads && t.gaps == c.history.Gaps() && slices.Equal(t.heads, c.history.Heads())
}

// begin opens a session. Newest stamps come first: the window [newest -
// firstWindow, end of time), then older ones; newest 0 is one window over all.
func (c *Core) begin(now Now, with uint64, newest uint64) {
	if c.cfg.Without.Has(broken.Reconciliation) {
		return
	}
	r := &c.sync
	r.number++
	s := &session{with: with, number: r.number, to: everyStampEnd, top: newest, needed: map[turn.ID]bool{}}
	if newest > firstWindow {
		s.from = newest - firstWindow
	}
	r.session = s
	c.openWindow(now, s)
}

func (c *Core) openWindow(now Now, s *session) {
	init, err := reconcile.NewInitiator(reconcile.Window(c.history, s.from, s.to), frameLimit)
	if err != nil {
		panic("peer: " + err.Error()) // the frame limit is a constant
	}
	init.MaxHave = 1 // that it lacks something is all that is asked
	s.s, s.reached = init, s.from
	c.sendRound(now, s, init.Initiate())
}

func (c *Core) sendRound(now Now, s *session, message []byte) {
	s.round++
	s.message, s.tries = message, 0
	c.repeatRound(now, s)
}

func (c *Core) repeatRound(now Now, s *session) {
	s.due = now.Boot + roundTimeout<<s.tries
	s.tries++
	c.say(now, s.with, wire.Recon{Session: s.number, Round: s.round, From: s.from, To: s.to, Data: s.message})
}

// receiveRecon answers a session of another member, or takes the answer in
// one's own.
func (c *Core) receiveRecon(now Now, from uint64, m wire.Recon) {
	if !m.Response {
		c.serve(now, from, m)
		return
	}
	s := c.sync.session
	if s == nil || s.with != from || s.number != m.Session || s.round != m.Round || s.message == nil {
		return
	}
	if len(m.Data) == 0 {
		if s.round == 1 {
			c.refused(now)
		} // else it lost its place while it fetched: the round is tried again as if it were lost
		return
	}
	next, have, need, err := s.s.Reconcile(m.Data)
	if err != nil {
		c.endSession(now, false)
		return
	}
	s.message, s.next = nil, next
	s.have += len(have)
	s.due = 0
	s.idle++
	if len(need) > 0 && c.cfg.Without.Has(broken.AllFound) {
		need = need[1:]
	}
	for _, id := range need {
		if !c.history.Has(id) && !c.repair.coming[id] && !c.delay.has(id) {
			s.needed[id] = true
			c.wantNow(now, id, from)
		}
	}
	c.fetch(now)
	c.goOn(now)
}

// refused ends a session with a member that serves others. A /sync comes back
// to it later.
func (c *Core) refused(now Now) {
	r := &c.sync
	if y := r.syncing; y != nil && len(y.left) > 0 && y.left[0] == r.session.with && y.refused < syncRefusals {
		y.refused++
		y.again = now.Boot + time.Duration(c.cfg.Rand.Int64N(int64(spread)))
		r.session = nil
		return
	}
	c.endSession(now, false)
}

// goOn takes the session further once what the last round named is here.
func (c *Core) goOn(now Now) {
	s := c.sync.session
	if s == nil || s.message != nil || len(s.needed) > 0 {
		return
	}
	switch {
	case s.idle > idleRounds:
		c.endSession(now, false)
	case s.next != nil:
		c.sendRound(now, s, s.next)
	case s.from > 0:
		width := (s.to - s.from)
		if s.to == everyStampEnd {
			width = firstWindow
		}
		wider := uint64(widerWindow)
		if s.idle > 0 {
			wider = widestWindow
		}
		s.to = s.from
		s.from -= min(s.from, wider*width)
		if c.cfg.Without.Has(broken.EveryWindow) {
			s.to -= (s.to - s.from) / 2
		}
		c.openWindow(now, s)
	default:
		c.endSession(now, true)
	}
}

// received notes that a wanted turn came, for the session that waits for it.
func (r *reconciler) received(h *turn.History, id turn.ID) {
	if s := r.session; s != nil && s.needed[id] {
		delete(s.needed, id)
		s.reach(h, id)
		s.received++
		s.idle = 0
	}
}

// endSession ends the session: whole when all windows were compared.
func (c *Core) endSession(now Now, whole bool) {
	r := &c.sync
	s := r.session
	r.session = nil
	delete(r.differs, s.with)
	if s.received == 0 {
		b := r.backOff[s.with]
		b.pause = min(max(2*b.pause, backOffFirst), backOffMost)
		b.until = now.Boot + b.pause
		r.backOff[s.with] = b
	} else {
		delete(r.backOff, s.with)
	}
	r.gotAny += s.received
	if y := r.syncing; y != nil && len(y.left) > 0 && y.left[0] == s.with {
		c.report(now, y, s, whole)
	}
	if whole {
		r.every = now.Boot
		c.screen.caughtUp(c, now)
	}
	c.nextSession(now)
}

// report notes the outcome with one member of a /sync. One that lacks turns is
// compared again after it had time to fetch them.
func (c *Core) report(now Now, y *syncing, s *session, whole bool) {
	rep := y.row(s.with)
	rep.Received += s.received
	rep.InSync = whole && s.have == 0 && len(c.delay.held) == 0
	if !rep.InSync && y.tries < syncRetries && c.isHere(s.with) {
		y.tries++
		y.again = now.Boot + spread
		return
	}
	y.tries, y.refused = 0, 0
	y.left = y.left[1:]
}

// row is the report on the member that is compared at present.
func (y *syncing) row(inc uint64) *MemberReport {
	if n := len(y.reports); n == 0 || y.reports[n-1].Name != y.names[inc] {
		y.reports = append(y.reports, MemberReport{Name: y.names[inc]})
	}
	return &y.reports[len(y.reports)-1]
}

// isHere tells whether an incarnation has joined and not left.
func (c *Core) isHere(inc uint64) bool {
	return slices.ContainsFunc(c.members.Peers(), func(i member.Info) bool { return i.Member.Incarnation == inc })
}

func (c *Core) endSync(now Now) {
	y := c.sync.syncing
	c.sync.syncing = nil
	e := Reconciled{
		At: At(now.Boot), Scope: "group", Consistent: true, Turns: c.history.Count(),
		Fingerprint: c.history.Fingerprint(), Members: y.reports,
	}
	for _, m := range y.reports {
		e.Consistent = e.Consistent && m.InSync
	}
	c.event(e)
	c.result(now, Result{N: y.n, Command: "sync", OK: true})
}

// serve answers one message of a session of another member. Nothing is kept
// but that it is served: at most servedMost at a time, more are refused, and all
// until this member knows its record.
func (c *Core) serve(now Now, from uint64, m wire.Recon) {
	r := &c.sync
	r.served = slices.DeleteFunc(r.served, func(s served) bool {
		return now.Boot-s.last > servedFor || s.with == from
	})
	answer := wire.Recon{Session: m.Session, Round: m.Round, Response: true, From: m.From, To: m.To}
	if len(r.served) < servedMost && m.From < m.To && !c.history.Partial() {
		r.served = append(r.served, served{from, m.Session, now.Boot})
		data, err := reconcile.Respond(reconcile.Window(c.history, m.From, m.To), frameLimit, m.Data)
		if err != nil {
			c.counts.Undecodable++
			return
		}
		answer.Data = data
	}
	c.say(now, from, answer)
}

func (c *Core) tickSync(now Now) {
	r := &c.sync
	if s := r.session; s != nil {
		asked := len(s.needed)
		for id := range s.needed { // given up by the repair
			if _, wanted := c.repair.wants[id]; !wanted && !c.repair.coming[id] && !c.repair.queued[id] {
				delete(s.needed, id)
			}
		}
		switch {
		case !c.isHere(s.with), asked > 0 && len(s.needed) == 0 && s.idle > 0: // it gives nothing of what it names
			c.endSession(now, false)
		case s.message != nil && now.Boot >= s.due && s.tries >= roundTries:
			c.endSession(now, false)
		case s.message != nil && now.Boot >= s.due:
			c.repeatRound(now, s)
		}
		c.goOn(now)
		return
	}
	if c.cfg.ReconcileEvery > 0 && !c.history.Partial() && now.Boot-r.every >= c.cfg.ReconcileEvery {
		r.every, r.chosen = now.Boot, c.someone(0)
	}
	if _, told := r.told[r.chosen]; told && r.chosen != 0 {
		c.begin(now, r.chosen, c.newest(r.chosen))
		r.chosen = 0
		return
	}
	c.nextSession(now)
}

func (r *reconciler) wake() time.Duration {
	switch {
	case r.session != nil:
		return r.session.due
	case r.syncing != nil:
		return r.syncing.again
	}
	return r.due
}
