package peer

import (
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/member"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

const (
	maxWanted     = 64   // turns asked for at a time, at first
	mostWanted    = 128  // and when all come: what one round of a reconciliation can find
	maxBacklog    = 8192 // ids that wait to be asked for; at the bound the rest is left to reconciliation
	wantTries     = 12
	wantTurn      = 3                    // tries in vain after which it waits behind those that were not asked for yet
	wantFirst     = 5 * time.Millisecond // the least wait before the first try
	wantFirstMost = 25 * time.Millisecond
	wantAgain     = 60 * time.Millisecond // doubling
	wantAgainMost = 300 * time.Millisecond
	answeredKept  = 512                   // ids whose last answer is remembered
	answerOnce    = 30 * time.Millisecond // within it a second asker is answered by multicast
	maxIncoming   = 4096                  // turns on their way to the disk
)

// want is a turn that this member lacks.
type want struct {
	id    turn.ID
	from  uint64 // whom to ask first, then who was asked last; 0: anybody
	due   time.Duration
	tries int
	row   int // tries since it waited last
	queue *[]want
}

// answered is when a turn was sent again last, and to whom (0: everybody).
type answered struct {
	at time.Duration
	to uint64
}

// incoming is a turn on its way to the disk.
type incoming struct {
	s      *turn.Signed
	repair bool
}

// repair is about what this member lacks, and what others ask it for.
type repair struct {
	wants    map[turn.ID]*want
	order    []turn.ID        // of wants, oldest first
	urgent   []want           // not asked for yet: those that a reconciliation waits for
	backlog  []want           // not asked for yet: the others
	queued   map[turn.ID]bool // of urgent and backlog
	limit    int              // how many may be asked for at a time
	awaited  map[turn.ID]bool
	incoming []incoming // in the Ready that is outstanding, or in the next
	coming   map[turn.ID]bool
	answers  map[turn.ID]answered
	answerID []turn.ID

	// Turns that came before the record was Loaded and that may be in it: they are
	// asked for then, if they are not. Bounded by maxBacklog.
	postponed []postponed
	maybe     map[turn.ID]bool // of postponed
}

// postponed is a turn that came too early, and who gave it.
type postponed struct {
	id   turn.ID
	from uint64
}

func (r *repair) init() {
	r.wants, r.queued, r.answers = map[turn.ID]*want{}, map[turn.ID]bool{}, map[turn.ID]answered{}
	r.awaited, r.coming, r.maybe = map[turn.ID]bool{}, map[turn.ID]bool{}, map[turn.ID]bool{}
	r.limit = maxWanted
}

// busy tells whether turns are being fetched.
func (r *repair) busy() bool { return len(r.order)+len(r.urgent)+len(r.backlog) > 0 }

// receiveTurns takes turns: the permissions that came with them first.
func (c *Core) receiveTurns(now Now, from uint64, counter uint32, info member.Info, known bool, m wire.Turns) {
	if known && m.Rep != nil {
		c.receiveRep(now, info, counter, *m.Rep, true)
	}
	for _, b := range m.Turns {
		id, err := turn.Claimed(c.cfg.Group, b)
		if err == nil && (c.present(id) || len(c.repair.incoming) >= maxIncoming) {
			continue // and no signature is checked for it
		}
		s, err := c.parse(id, b)
		if err != nil {
			c.counts.BadTurn++
			continue
		}
		if c.history.Undecided(s.Stamp()) {
			c.postpone(id, from)
			continue
		}
		_, wanted := c.repair.wants[id]
		if in := (incoming{s, wanted || len(m.Turns) > 1}); !c.delays(now, in) {
			c.write(in)
		}
		if known && info.Member.Key == [32]byte(s.Turn().Author) {
			c.heardMsg(now, "TURN", info, s.Stamp(), 0, 0, 0)
			if m.Rep == nil && len(m.Turns) == 1 && !c.contacts.holds(from) {
				// It left, and answered nobody. In a /hold, which is announced, it stays.
				c.receiveRep(now, info, counter, wire.Rep{}, true)
			}
		}
	}
	if len(c.delay.held) > 0 { // what waited for them waits no longer
		c.resume(now)
	}
}

// postpone drops a turn that may be in the record already, and wants it no longer
// until that is known. What is beyond the bound is left to reconciliation.
func (c *Core) postpone(id turn.ID, from uint64) {
	c.got(id)
	if len(c.repair.postponed) < maxBacklog {
		c.repair.postponed = append(c.repair.postponed, postponed{id, from})
		c.repair.maybe[id] = true
	}
}

// write puts a turn on its way to the disk.
func (c *Core) write(in incoming) {
	c.repair.coming[in.s.ID()] = true
	c.repair.incoming = append(c.repair.incoming, in)
	c.out.Append = append(c.out.Append, in.s)
}

// stored is the Done of the Ready that appended what came in.
func (c *Core) stored(now Now, res Performed) {
	r := &c.repair
	done := r.incoming
	r.incoming = nil
	if len(done) == 0 {
		return
	}
	kept := res.kept() || c.cfg.Without.Has(broken.KeptInHeads)
	for _, in := range done {
		id := in.s.ID()
		delete(r.coming, id)
		if !kept {
			c.showUnkept(now, in.s)
			continue
		}
		c.history.Add(in.s)
		c.floor.Observe(c.history.MaxStamp())
		t := in.s.Turn()
		c.names.meet(t.Name, t.Author)
		c.got(id)
		c.dropSaid(now, in.s)
		if !c.screen.keeps(in.s, c.history.MaxStamp()) {
			c.screen.add(c, now, in.s, in.repair)
		}
		if c.cfg.Without.Has(broken.WantParents) {
			continue
		}
		for _, p := range c.history.Gap(id) {
			c.want(now, p, c.authorHere(t.Author))
		}
	}
	c.resume(now)
}

// resume goes on with what waited for turns that are here now.
func (c *Core) resume(now Now) {
	if len(c.repair.awaited) == 0 {
		c.floor.Await(now.Boot, false)
	}
	c.fetch(now)
	c.goOn(now)
}

// authorHere returns the incarnation of a key, if it is there.
func (c *Core) authorHere(key turn.Key) uint64 {
	for _, i := range c.members.Peers() {
		if i.Member.Key == key {
			return i.Member.Incarnation
		}
	}
	return 0
}

// got notes that a wanted turn came.
func (c *Core) got(id turn.ID) {
	r := &c.repair
	delete(r.awaited, id)
	if _, ok := r.wants[id]; ok {
		delete(r.wants, id)
		r.order = slices.DeleteFunc(r.order, func(o turn.ID) bool { return o == id })
		r.limit = min(mostWanted, r.limit+1)
		c.progress.got++
		c.sync.received(c.history, id)
	}
}

// want asks for a turn after a short random wait, first of from.
func (c *Core) want(now Now, id turn.ID, from uint64) {
	if c.repair.queued[id] {
		return
	}
	span := int64(wantFirstMost - wantFirst)
	due := now.Boot + wantFirst + time.Duration(c.cfg.Rand.Int64N(span))
	c.wantAt(want{id: id, from: from, due: due, queue: &c.repair.backlog})
}

// wantNow asks for a turn at once, and before others that wait: a
// reconciliation has found that from has it, which a head or a parent that
// somebody names need not be true of.
func (c *Core) wantNow(now Now, id turn.ID, from uint64) {
	c.wantAt(want{id: id, from: from, due: now.Boot, queue: &c.repair.urgent})
}

func (c *Core) wantAt(w want) {
	r := &c.repair
	switch {
	case c.history.Has(w.id), r.coming[w.id], r.maybe[w.id], c.delay.has(w.id), r.wants[w.id] != nil:
	case len(r.wants) < r.limit:
		first := w // w itself would be on the heap in all cases
		r.wants[w.id] = &first
		r.order = append(r.order, w.id)
	case len(*w.queue) < maxBacklog:
		*w.queue = append(*w.queue, w)
		r.queued[w.id] = true
	default:
		c.counts.TooMany++
	}
}

// fetch asks for what is due.
func (c *Core) fetch(now Now) {
	r := &c.repair
	c.endWants(now)
	c.nextWants(now)
	var askees []uint64
	ask := map[uint64][]turn.ID{}
	lost := false
	for _, id := range r.order {
		w := r.wants[id]
		if now.Boot < w.due {
			continue
		}
		to := w.from
		if w.tries > 0 || to == 0 {
			lost = lost || w.tries > 0
			to = c.someone(w.from)
			w.from = to
		}
		w.due = now.Boot + min(wantAgain<<w.tries, wantAgainMost)
		w.tries++
		w.row++
		if to == 0 {
			continue // nobody is there
		}
		if ask[to] == nil {
			askees = append(askees, to)
		}
		ask[to] = append(ask[to], id)
	}
	if lost {
		r.limit = max(8, r.limit/2)
	}
	for _, to := range askees {
		for ids := range slices.Chunk(ask[to], wire.MaxWant) {
			c.say(now, to, wire.Want{IDs: ids})
		}
	}
}

// endWants gives up what was asked for in vain too often, and lets what was
// asked for in vain for a while wait behind the others.
func (c *Core) endWants(now Now) {
	r := &c.repair
	others := len(r.urgent)+len(r.backlog) > 0
	r.order = slices.DeleteFunc(r.order, func(id turn.ID) bool {
		w := r.wants[id]
		switch {
		case now.Boot < w.due:
			return false
		case w.tries >= wantTries:
			delete(r.awaited, id)
			c.counts.WantDropped++
		case w.row >= wantTurn && others:
			w.row = 0
			*w.queue = append(*w.queue, *w)
			r.queued[id] = true
		default:
			return false
		}
		delete(r.wants, id)
		return true
	})
}

// nextWants lets those that wait be asked for, as far as there is room.
func (c *Core) nextWants(now Now) {
	r := &c.repair
	for len(r.urgent)+len(r.backlog) > 0 && len(r.wants) < r.limit {
		queue := &r.urgent
		if len(*queue) == 0 {
			queue = &r.backlog
		}
		w := (*queue)[0]
		*queue = (*queue)[1:]
		delete(r.queued, w.id)
		w.due = now.Boot
		c.wantAt(w)
	}
}

// someone returns a member of the table at random, not except if there is another.
func (c *Core) someone(except uint64) uint64 {
	peers := c.members.Peers()
	if len(peers) == 0 {
		return 0
	}
	i := c.cfg.Rand.IntN(len(peers))
	if peers[i].Member.Incarnation == except {
		i = (i + 1) % len(peers)
	}
	return peers[i].Member.Incarnation
}

// answerWant sends turns again: to who asks, and to everybody when a second
// one asks for the same.
func (c *Core) answerWant(now Now, from uint64, ids []turn.ID) {
	var single, all [][]byte
	for _, id := range ids {
		s := c.history.Get(id)
		if s == nil || c.cfg.Without.Has(broken.AnswerWants) {
			continue
		}
		to := from
		if a, ok := c.repair.answers[id]; ok && now.Boot-a.at < answerOnce {
			if a.to == 0 {
				continue // it is on its way to everybody
			}
			if a.to != from {
				to = 0
			}
		}
		c.repair.answer(id, answered{now.Boot, to})
		if to == 0 {
			all = append(all, s.Bytes())
		} else {
			single = append(single, s.Bytes())
		}
	}
	c.sendAgain(now, from, single)
	c.sendAgain(now, 0, all)
}

func (r *repair) answer(id turn.ID, a answered) {
	if _, ok := r.answers[id]; !ok {
		r.answerID = append(r.answerID, id)
		if len(r.answerID) > answeredKept {
			delete(r.answers, r.answerID[0])
			r.answerID = r.answerID[1:]
		}
	}
	r.answers[id] = a
}

// sendAgain packs turns into as few datagrams as they need.
func (c *Core) sendAgain(now Now, to uint64, turns [][]byte) {
	for len(turns) > 0 {
		n := 1
		for n < len(turns) && n < wire.MaxTurns && wire.TurnsSize(wire.Turns{Turns: turns[:n+1]}) <= wire.MaxPayload {
			n++
		}
		c.say(now, to, wire.Turns{Turns: turns[:n]})
		turns = turns[n:]
	}
}

func (c *Core) tickRepair(now Now) {
	for _, w := range c.fragments.Missing(now.Boot) {
		c.say(now, w.Of, w)
	}
	c.fetch(now)
	if len(c.repair.awaited) == 0 {
		c.floor.Await(now.Boot, false)
	}
}

func (r *repair) wake(c *Core) time.Duration {
	w := time.Duration(0)
	for _, id := range r.order {
		w = earlier(w, r.wants[id].due)
	}
	if t, ok := c.fragments.NextWake(); ok {
		w = earlier(w, t)
	}
	return w
}
