package peer

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

const (
	// maxQueue bounds the lines that wait; one more is refused with an error.
	maxQueue = 4000 // unsent.log takes a few more
	maxFit   = 512  // lines that go into one turn
	// maxUndelivered bounds the own turns that are said and whose delivery is
	// followed; at the bound the oldest is no longer told about. Besides, there
	// are those that no fsync has covered yet: none of them is forgotten.
	maxUndelivered = 256
	// deliveredWalk bounds the turns that are looked at for it at a heartbeat; at the
	// bound the oldest turn is no longer followed, and the next heartbeat goes on.
	deliveredWalk = 4096
	diskRetry     = 4 * time.Second  // two of them, and papo speaks within 10 s of the end of a failure
	oldLineWait   = 30 * time.Second // how long a line of the last run waits for the record, at most
)

// line is what somebody typed.
type line struct {
	id   turn.LineID
	n    int
	text string
}

// saying is an own turn on its way to the disk and out.
type saying struct {
	turn   *turn.Signed
	lines  []line
	unsure bool // it may be on the disk already: see speaker.again
	last   bool // the hold ends with it
	rep    floor.Rep
	inOne  bool // the permissions travel in the turn's own datagram
	first  int  // index of the turn's first datagram in the Ready
	count  int  // how many datagrams it is
	orphan bool // a new incarnation has begun meanwhile

	fragments uint32 // the number of the turn's fragments; 0: it is in one piece
}

// hold is a /hold.
type hold struct {
	limit time.Duration
	since time.Duration // when it was entered first; 0: not yet
	over  bool          // /release, or the limit: leave
}

// own is a turn of this member that may not be safe or everywhere yet.
type own struct {
	id       turn.ID
	lines    []line
	seq      uint64  // its append
	replicas []error // why it is not in a replica; nil: it is
	said     bool
	to       map[turn.Key]bool
}

// speaker is the own side of the talk: lines that wait, the turn being said,
// what has become of those before.
type speaker struct {
	queue   []line
	saying  *saying
	hold    *hold
	asked   time.Duration // when the present request began; 0: none
	told    time.Duration // when people were told whom it waits for
	early   bool          // it would be too early to ask: see ask
	entered time.Duration
	// again is a turn that no replica took and that may be on the disk all the same, as a
	// start would find out: its lines, which are the first of the queue, are said with this
	// very turn, in its old place, or they might be said twice. Nil: there is none.
	again *turn.Signed
	retry time.Duration // after a disk that took nothing: when to ask again
	own   []*own
}

// Say queues a line to be said. n comes back in its Line events.
func (c *Core) Say(now Now, n int, text string) {
	c.clock(now)
	text = turn.Clean(text)
	fail := func(code Code) { c.event(Line{At: At(now.Boot), N: n, State: LineError, Code: code}) }
	switch {
	case text == "":
	case len(text) > turn.MaxLine:
		fail(CodeTooLong)
	case len(c.speaker.queue) >= maxQueue:
		fail(CodeQueueFull)
	case c.ending.begun():
		fail(CodeLeaving)
	default:
		l := line{n: n, text: text}
		binary.BigEndian.PutUint64(l.id[:], c.cfg.Rand.Uint64())
		c.speaker.queue = append(c.speaker.queue, l)
		c.out.Queue = append(c.out.Queue, QueuedLine{ID: l.id, Text: text})
		c.event(Line{At: At(now.Boot), N: n, State: LineQueued, Line: l.id})
		c.ask(now)
	}
	c.settle(now)
}

// ask asks for the floor if something is to be said and the disk may take it.
// A member that is not in a view with those that are there waits until they
// have taken it in: it would speak past them.
func (c *Core) ask(now Now) {
	s, h := &c.speaker, c.speaker.hold
	c.speaker.early = c.floor.IsQuiet() || c.members.Full() || c.floor.View().Len() == 1 && c.members.Settling() || c.saidMaybe(now)
	if c.speaker.early || c.ending.exited {
		return
	}
	if len(c.speaker.queue) == 0 && (h == nil || h.over) || c.speaker.retry > now.Boot {
		return
	}
	if h != nil && !h.over {
		c.floor.AskAll(now.Boot)
	} else {
		c.floor.Ask(now.Boot)
	}
	if _, isAsking, _ := c.floor.Request(); isAsking && s.asked == 0 {
		s.asked, s.told = now.Boot, 0 // nobody's permission is missing, and yet it may not enter: F3
	}
}

// saidMaybe tells whether the next line is of the last run and the record is
// still being read or fetched: it may turn out to be there already.
func (c *Core) saidMaybe(now Now) bool {
	if len(c.speaker.queue) == 0 || c.speaker.queue[0].n != 0 {
		return false
	}
	return c.screen.catching || (c.fetches() || c.history.Partial()) && now.Boot < c.start+oldLineWait
}

// entered is told when the floor is this member's.
func (c *Core) entered(now Now) {
	h := c.speaker.hold
	if h == nil || h.over {
		return
	}
	if h.since == 0 {
		h.since = now.Boot
	}
	if c.cfg.Without.Has(broken.HoldLimit) {
		h.limit = HoldMost
	}
	until, _ := c.floor.Holds(now.Boot)
	ts, _, _ := c.floor.Request()
	c.event(Floor{At: At(now.Boot), State: FloorHeld, TS: ts, Stamp: c.floor.Clock(), View: c.floor.View().Hash(), Until: until})
	c.members.BeatSoon(now.Boot)
}

// speak makes the next turn, if the floor is this member's: it runs when a
// Ready is taken, so that all lines queued by then go into one turn and all
// that wait by then are answered with it.
func (c *Core) speak(now Now) {
	s := &c.speaker
	until, ok := c.floor.Holds(now.Boot)
	if !ok || s.saying != nil || len(c.repair.incoming) > 0 {
		return // what came in is written first: the turn names it as its parent
	}
	holds := s.hold != nil && !s.hold.over
	if len(s.queue) == 0 || s.retry > now.Boot {
		if !holds {
			c.floor.Leave(now.Boot)
			c.settle(now)
		}
		return
	}
	n := s.fit()
	t, err := s.again, error(nil)
	if t != nil {
		n = len(t.Turn().LineIDs)
	}
	lines := slices.Clone(s.queue[:n])
	if t == nil {
		t, err = c.compose(now, lines)
	}
	if err != nil && n > 1 { // it is one of them: each goes by itself
		n, lines = 1, lines[:1]
		t, err = c.compose(now, lines)
	}
	if err != nil {
		// Nothing that Say let in can do this; a line of unsent.log could.
		for _, l := range lines {
			c.event(Line{At: At(now.Boot), N: l.n, State: LineError, Line: l.id, Code: CodeTooLong})
			c.out.Dequeue = append(c.out.Dequeue, l.id)
		}
		s.queue = s.queue[n:]
		return
	}
	unsure := s.again != nil
	s.queue, s.again = s.queue[n:], nil
	gives := c.floor.Contended() && !c.cfg.Without.Has(broken.LeaveContended)
	say := &saying{turn: t, lines: lines, unsure: unsure, last: !holds && (len(s.queue) == 0 || gives)}
	if say.last {
		say.rep = c.floor.HandOver(now.Boot)
	}
	s.saying = say
	c.out.Append = append(c.out.Append, t)
	c.sendTurn(now, say, until)
	c.settle(now)
}

// fit returns how many of the queued lines go into one turn.
func (s *speaker) fit() int {
	texts := make([]string, 0, min(len(s.queue), maxFit))
	for _, l := range s.queue[:cap(texts)] {
		texts = append(texts, l.text)
	}
	return max(1, turn.Fit(texts))
}

func (c *Core) compose(now Now, lines []line) (*turn.Signed, error) {
	t := turn.Turn{
		Version: turn.Version, Author: c.key, Name: c.cfg.Name, Stamp: c.floor.Stamp(),
		Parents: c.history.ParentsForNext(), Time: min(max(now.Wall.UnixMilli(), 0), turn.MaxTime), Kind: turn.KindChat,
	}
	if c.cfg.Without.Has(broken.OwnStamp) {
		t.Stamp, _, _ = c.floor.Request()
	}
	for _, l := range lines {
		t.LineIDs = append(t.LineIDs, l.id)
		t.Texts = append(t.Texts, l.text)
	}
	return c.cfg.Signatures.SignTurn(c.cfg.Group, t, c.cfg.Private)
}

// sendTurn puts the turn out: in one datagram with the permissions of those
// that waited whenever it fits, else the permissions first.
func (c *Core) sendTurn(now Now, say *saying, until time.Duration) {
	m := wire.Turns{Turns: [][]byte{say.turn.Bytes()}}
	if len(say.rep.Grants) > 0 {
		rep := c.wireRep(now, say.rep)
		m.Rep = &rep
		if say.inOne = wire.TurnsSize(m) <= wire.MaxPayload; !say.inOne {
			// Who enters waits a moment for the turn: it is named as a head, and so
			// they leave only if it is written down.
			m.Rep, rep.Heads = nil, []turn.ID{say.turn.ID()}
			first := len(c.out.Send)
			for _, part := range wire.SplitGrants(rep) {
				c.say(now, 0, part)
			}
			for i := first; i < len(c.out.Send); i++ {
				c.out.Send[i].Says = true
			}
		}
	}
	say.first = len(c.out.Send)
	c.say(now, 0, m)
	if say.count = len(c.out.Send) - say.first; say.count > 1 {
		say.fragments = c.fragment
	}
	for i := say.first; i < len(c.out.Send); i++ {
		c.out.Send[i].Says, c.out.Send[i].NotAfter = true, until
	}
	c.sentMsg(now, "TURN", "", say.turn.Stamp(), 0, 0, 0)
}

// said is the Done of the Ready that says a turn.
func (c *Core) said(now Now, res Performed) {
	s := &c.speaker
	say := s.saying
	if say == nil || len(res.Replicas) == 0 && len(res.Sent) < say.first+say.count {
		return
	}
	s.saying = nil
	if !res.kept() {
		c.outbox.Drop(say.fragments) // nobody may ask for pieces of what was not said
	}
	left := true
	for i := say.first; i < say.first+say.count; i++ {
		left = left && res.Sent[i]
	}
	kept := res.kept()
	if kept {
		c.keepOwn(now, say, res)
	} else {
		if !c.cfg.Without.Has(broken.BackToQueue) {
			s.queue = append(slices.Clone(say.lines), s.queue...)
			if say.unsure || uncertain(res.Replicas) { // what may be there is not taken back by another failure
				s.again = say.turn
			}
		}
		s.retry = now.Boot + diskRetry
		c.event(Error{At: At(now.Boot), Code: CodeDiskFull, Text: firstError(res.Replicas)})
	}
	if say.orphan {
		return
	}
	if say.last {
		if !kept || !left && say.inOne {
			c.sendRep(now, say.rep, nil) // the permissions go alone
		}
		c.floor.Left(res.Boot)
	} else if !kept && (s.hold == nil || s.hold.over) {
		c.floor.Leave(now.Boot)
	}
}

// dropSaid takes lines from the queue that an own turn of an earlier run
// carries: a crash came between saying them and noting it. They are said.
func (c *Core) dropSaid(now Now, t *turn.Signed) {
	s := &c.speaker
	if len(s.queue) == 0 || t.Turn().Author != c.key || c.cfg.Without.Has(broken.LineIDLookup) {
		return
	}
	ids := t.Turn().LineIDs
	s.queue = slices.DeleteFunc(s.queue, func(l line) bool {
		if !slices.Contains(ids, l.id) {
			return false
		}
		c.out.Dequeue = append(c.out.Dequeue, l.id)
		c.event(Line{At: At(now.Boot), N: l.n, State: LineSaid, Turn: t.ID(), Line: l.id})
		return true
	})
	if s.again != nil && slices.ContainsFunc(s.again.Turn().LineIDs, func(id turn.LineID) bool { return slices.Contains(ids, id) }) {
		s.again = nil
	}
}

// uncertain tells that turns may be in a replica though all of them say that they are
// not.
func uncertain(replicas []error) bool {
	return slices.ContainsFunc(replicas, func(err error) bool {
		var u interface{ Uncertain() bool }
		return errors.As(err, &u) && u.Uncertain()
	})
}

func firstError(errs []error) string {
	for _, err := range errs {
		if err != nil {
			return err.Error()
		}
	}
	return ""
}

// keepOwn notes an own turn that a replica took: it is part of the record.
func (c *Core) keepOwn(now Now, say *saying, res Performed) {
	s := &c.speaker
	c.history.Add(say.turn)
	o := &own{id: say.turn.ID(), lines: say.lines, seq: res.Seq, replicas: res.Replicas, to: map[turn.Key]bool{}}
	s.own = append(s.own, o)
	for len(s.own) > maxUndelivered && c.forgetOwn() {
	}
	for _, l := range say.lines {
		c.event(Line{At: At(now.Boot), N: l.n, State: LineSent, Turn: o.id, Line: l.id})
	}
	if c.cfg.Without.Has(broken.SafeBeforeSaid) {
		c.safe(now, o)
	}
	c.screen.add(c, now, say.turn, false)
}

// forgetOwn follows the delivery of the oldest own turn that is said no longer. It
// tells whether there was one.
func (c *Core) forgetOwn() bool {
	s := &c.speaker
	i := slices.IndexFunc(s.own, func(o *own) bool { return o.said })
	if i >= 0 {
		s.own = slices.Delete(s.own, i, i+1)
	}
	return i >= 0
}

// Synced tells that a replica is fsynced: what it took in every append up to seq
// is safe there.
func (c *Core) Synced(now Now, replica int, seq uint64) {
	c.clock(now)
	for _, o := range c.speaker.own {
		if o.seq <= seq && replica < len(o.replicas) && o.replicas[replica] == nil {
			c.safe(now, o)
		}
	}
	c.settleEnding(now)
}

// safe: the lines of a turn are said.
func (c *Core) safe(now Now, o *own) {
	if o.said {
		return
	}
	o.said = true
	for _, l := range o.lines {
		c.out.Dequeue = append(c.out.Dequeue, l.id)
		c.event(Line{At: At(now.Boot), N: l.n, State: LineSaid, Turn: o.id, Line: l.id})
	}
}

// checkDelivered looks which own turns a member holds, by the heads it tells.
func (c *Core) checkDelivered(now Now, who turn.Key, heads []turn.ID) {
	var open []turn.ID
	for _, o := range c.speaker.own {
		if !o.to[who] {
			open = append(open, o.id)
		}
	}
	if len(open) == 0 || who == c.key {
		return
	}
	got, whole := c.history.Delivered(heads, open, deliveredWalk)
	if !whole { // one that is far back, or that nobody has as an ancestor
		c.forgetOwn()
	}
	of := c.floor.View().Len() - 1
	for _, o := range c.speaker.own {
		if got[o.id] && !o.to[who] {
			o.to[who] = true
			c.safe(now, o)
			c.event(Delivered{At: At(now.Boot), ID: o.id, To: len(o.to), Of: max(of, len(o.to))})
		}
	}
	c.speaker.own = slices.DeleteFunc(c.speaker.own, func(o *own) bool { return o.said && of > 0 && len(o.to) >= of })
}

// leftFloor is told when a hold is over.
func (c *Core) leftFloor(now Now, e floor.Event) {
	s := &c.speaker
	s.entered = 0
	if h := s.hold; h != nil {
		switch {
		case h.over:
			s.hold = nil
		case e.Stale || e.Expired:
			c.event(Notice{At: At(now.Boot), Code: CodeHoldView})
		}
	}
	c.ask(now)
}

// unsafe tells whether a line that was sent is not said yet.
func (c *Core) unsafe() bool {
	return slices.ContainsFunc(c.speaker.own, func(o *own) bool { return !o.said })
}

// Unsent returns how many lines wait for the floor or are on their way to the disk.
func (c *Core) Unsent() int {
	n := len(c.speaker.queue)
	if c.speaker.saying != nil {
		n += len(c.speaker.saying.lines)
	}
	return n
}

// tickSpeaker tells whom a line waits for, and ends a /hold at its limit.
func (c *Core) tickSpeaker(now Now) {
	s := &c.speaker
	if due := s.waitDue(); due != 0 && now.Boot >= due {
		s.told = now.Boot
		code, whom := CodeWaiting, c.floor.Missing(now.Boot)
		if len(whom) == 0 {
			code, whom = CodeWaitingGone, c.floor.Outstanding(now.Boot)
		}
		if len(whom) > 0 { // else it waits for heads, for a moment
			c.event(Notice{At: At(now.Boot), Code: code, Names: c.namesOf(whom), Count: len(s.queue)})
		}
	}
	if h := s.hold; h != nil && h.since != 0 && !h.over && now.Boot >= h.since+h.limit {
		c.endHold(now)
		c.event(Notice{At: At(now.Boot), Code: CodeHoldEnded})
	}
	if s.retry != 0 && now.Boot >= s.retry {
		s.retry = 0
		c.ask(now)
	}
}

func (s *speaker) waitDue() time.Duration {
	switch {
	case s.asked == 0:
		return 0
	case s.told == 0:
		return s.asked + waitingAfter
	}
	return s.told + waitingAgain
}

func (s *speaker) wake(c *Core) time.Duration {
	w := earlier(s.waitDue(), s.retry)
	if h := s.hold; h != nil && h.since != 0 && !h.over {
		w = earlier(w, h.since+h.limit)
	}
	return w
}
