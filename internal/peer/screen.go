package peer

import (
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/turn"
)

const (
	recentShown = 20 // restored turns that are shown at start
	lateFew     = 20 // late turns that are shown as they come
	// mergeWithin is for how long after somebody came back into the view late
	// turns are those of the other side of a partition, and not lost ones.
	mergeWithin = time.Minute
	// maxParted bounds the keys that went out of the view; at the bound all are
	// forgotten, and at worst a merge is not told as one.
	maxParted = 256
	// maxBatch bounds the turns that are kept back to be shown together; at the bound
	// they are shown, and another batch begins.
	maxBatch = 1 << 15
)

// waitingTurn is a turn of the record that is not shown yet: its place only, since
// very many may wait. The record has the turn itself.
type waitingTurn struct {
	turn.Item
	until  time.Duration // then it is shown, whatever is missing
	repair bool          // it came by repair
	came   int           // numbers turns as they came
}

// screen decides when a turn is shown. What was shown is never changed: in the
// order as long as that is possible, and a turn that comes later than one that
// follows it in the order is shown as late.
type screen struct {
	arrival  bool              // turns are shown as they come: OrderArrival
	came     int               // turns that came
	last     turn.Item         // the highest shown
	any      bool              // last is set
	waiting  map[turn.ID]bool  // of order and batch
	order    []waitingTurn     // by order of turns; bounded by the record
	batch    []waitingTurn     // kept back until all are shown together, as they came; see maxBatch
	showing  []showing         // decided on: they are shown a part at a time
	goOn     time.Duration     // when the next part of showing is due; 0: there is none
	changed  bool              // something may be shown now that could not before
	fetched  bool              // turns were being fetched when it was looked at last
	next     time.Duration     // the earliest until of those waiting; 0: none waits
	late     int               // how many of those waiting are late and came by repair
	parted   map[turn.Key]bool // who went out of the view
	met      time.Duration     // when one of them came back last; 0: nobody did
	merging  time.Duration     // many are: they are shown together, at the latest then; 0: no
	catching bool              // nothing of the first catch-up is shown yet
	until    time.Duration     // then it is, though more is to come
	filling  bool              // what else is of the first catch-up is still coming: shown as late
	filled   int               // turns of the first catch-up that were shown
	fillTop  turn.Item         // the highest of them
	unkept   []turn.ID         // shown though no replica took them; bounded by maxUnkept
	kept     int               // of them, how many were kept since that was told last
	without  broken.Rules
}

// maxUnkept bounds the turns that were shown as not kept; one that is forgotten is
// shown a second time when it is kept.
const maxUnkept = 1024

func (s *screen) init() {
	s.waiting, s.parted = map[turn.ID]bool{}, map[turn.Key]bool{}
}

// parts notes who goes out of the view, and who comes back.
func (s *screen) parts(now Now, before, after floor.View) {
	if len(s.parted) >= maxParted {
		clear(s.parted)
	}
	for _, m := range before.Members() {
		if !after.Has(m) {
			s.parted[m.Key] = true
		}
	}
	for _, m := range after.Members() {
		if s.parted[m.Key] {
			delete(s.parted, m.Key)
			s.met = now.Boot
		}
	}
}

// restored tells what the disk had.
func (s *screen) restored(c *Core, now Now) {
	s.catching, s.until = true, now.Boot+catchUpLimit
	c.progress.base = c.history.MaxStamp()
	// What is out of reach was not shown, and nothing is late because of it.
	if n := c.history.Index(turn.Item{Stamp: c.history.MaxStamp() + 1}); n > 0 {
		s.last, s.any = c.history.At(n-1), true
	}
	r := c.cfg.Restored
	r.At, r.Turns, r.Recent = At(now.Boot), c.history.Count(), c.lastTurns(now, recentShown)
	c.event(r)
}

// add takes a turn that is in the record now.
func (s *screen) add(c *Core, now Now, t *turn.Signed, repair bool) {
	id := t.ID()
	if c.history.Shown(id) == turn.Invalid {
		return // never shown
	}
	s.came++
	w := waitingTurn{Item: t.Item(), until: now.Boot + Holdback, repair: repair, came: s.came}
	s.waiting[id] = true
	late := repair && s.isLate(w.Item)
	switch {
	case s.arrival || !s.catching && !(late && s.merging != 0):
		i, _ := slices.BinarySearchFunc(s.order, w.Item, func(a waitingTurn, it turn.Item) int { return a.Compare(it) })
		s.order = slices.Insert(s.order, i, w)
		s.changed, s.next = true, earlier(s.next, w.until)
	default:
		s.batch = append(s.batch, w)
		s.changed = s.changed || len(s.batch) >= maxBatch
		if !s.catching {
			s.next = earlier(s.next, s.merging)
		}
	}
	if late {
		if s.late++; s.merging == 0 && (s.late > lateFew || s.merges(now)) {
			s.merging = now.Boot + catchUpLimit
		}
	}
}

// unbatch puts what was kept back in its order with what waits by itself.
func (s *screen) unbatch() {
	if len(s.batch) > 0 {
		s.order = append(s.order, s.batch...)
		slices.SortFunc(s.order, func(a, b waitingTurn) int { return a.Compare(b.Item) })
		s.batch = nil
	}
}

// merges tells whether late turns are those of the other side of a partition.
func (s *screen) merges(now Now) bool { return s.met != 0 && now.Boot < s.met+mergeWithin }

// isLate tells whether a turn that follows it in the order was shown.
func (s *screen) isLate(it turn.Item) bool {
	tie := it.Stamp == s.last.Stamp && s.without.Has(broken.TieLate)
	return s.any && it.Less(s.last) && !tie
}

// caughtUp ends the first catch-up.
func (s *screen) caughtUp(c *Core, now Now) {
	if s.catching || s.filling {
		c.progress.told = c.progress.told && s.arrival // this tells the end
	}
	switch {
	case s.catching:
		s.catching = false
		c.showWaiting(now, true)
	case s.filling:
		s.merging = 0
		for i := range s.batch {
			s.batch[i].until = now.Boot
		}
		c.showWaiting(now, false)
		s.filling = false
		c.event(Notice{At: At(now.Boot), Code: CodeCaughtUp, Count: s.filled})
	}
}

// tickScreen shows what came of the first catch-up when that takes long: the rest is
// shown as it comes, as late.
func (c *Core) tickScreen(now Now) {
	s := &c.screen
	if s.catching && (now.Boot >= s.until || len(s.batch) >= maxBatch) {
		s.filling = !s.arrival && c.fetches()
		s.catching = false
		c.showWaiting(now, true)
	}
}

func (s *screen) wake() time.Duration {
	if s.catching {
		return earlier(s.goOn, s.until)
	}
	return earlier(s.goOn, s.next)
}

// flush shows what can be shown now. While nothing has changed that costs
// nothing, however many wait.
func (c *Core) flush(now Now) {
	s := &c.screen
	c.tellProgress(now)
	if s.kept > 0 && !c.fetches() {
		c.event(Notice{At: At(now.Boot), Code: CodeKept, Count: s.kept})
		s.kept = 0
	}
	switch {
	case len(s.showing) > 0:
		c.showPart(now)
	case s.catching && !s.arrival:
		if len(s.batch) >= maxBatch {
			c.tickScreen(now)
		}
	case len(s.order)+len(s.batch) == 0:
	case s.changed || s.fetched != c.fetches() || now.Boot >= s.next:
		c.showWaiting(now, false)
	}
}

// fetches tells whether turns are being fetched.
func (c *Core) fetches() bool { return c.repair.busy() || c.sync.session != nil }

// showWaiting shows the turns whose parents are shown or have been waited for
// long enough; all that wait, if this is the first catch-up. When many late
// turns come by repair, they wait for the last of them, so that one line sums
// them up.
func (c *Core) showWaiting(now Now, first bool) {
	s := &c.screen
	if s.arrival {
		c.showArrived(now)
		return
	}
	s.changed, s.fetched, s.next, s.late = false, c.fetches(), 0, 0
	merging := s.fetched && now.Boot < s.merging && !first && len(s.batch) < maxBatch
	if merging {
		s.late, s.next = len(s.batch), s.merging
	} else {
		s.merging = 0
		s.unbatch()
	}
	top := c.history.MaxStamp()
	var show []showing
	var gaps, repaired int
	merged := false
	keep := s.order[:0]
	wait := func(w waitingTurn, until time.Duration) {
		keep = append(keep, w)
		s.next = earlier(s.next, until)
	}
	for i, w := range s.order {
		if w.Stamp > top { // see History.MaxStamp: it and the rest wait for what fills the step
			keep = append(keep, s.order[i:]...)
			break
		}
		expired := now.Boot >= w.until || first
		late := s.isLate(w.Item) && !first
		switch {
		case late && w.repair && merging:
			s.late++
			s.batch = append(s.batch, w)
			s.next = earlier(s.next, s.merging)
			continue
		case late && s.fetched && !expired:
			if w.repair {
				s.late++
			}
			wait(w, w.until)
			continue
		}
		state := c.history.Shown(w.ID)
		switch {
		case state == turn.Invalid:
			delete(s.waiting, w.ID) // never shown
			continue
		case !expired && (state == turn.Pending || c.parentWaits(w.ID)) && !s.without.Has(broken.ParentsFirst):
			wait(w, w.until)
			continue
		case state == turn.Pending:
			gaps++
		}
		delete(s.waiting, w.ID)
		e := showing{id: w.ID, late: late, batch: first}
		if late {
			e.batch = s.filling && w.repair && !s.fillTop.Less(w.Item)
			merged = merged || w.repair && !e.batch && s.merges(now)
		} else if !s.any || s.last.Less(w.Item) {
			s.last, s.any = w.Item, true
		}
		if e.batch {
			s.filled++
		} else if w.repair {
			repaired++
		}
		show = append(show, e)
	}
	if !merged {
		repaired = 0
	}
	if s.order = keep; len(keep) == 0 && cap(keep) > showAtOnce {
		s.order = nil // it was as large as a batch
	}
	if first {
		s.fillTop = s.last
	}
	c.show(now, show, first, gaps, repaired)
}

// parentWaits tells whether a parent of a turn is in the record and not shown yet.
func (c *Core) parentWaits(id turn.ID) bool {
	s := c.history.Get(id)
	return s != nil && slices.ContainsFunc(s.Turn().Parents, func(p turn.ID) bool { return c.screen.waiting[p] })
}

// turnShown is the turn as an event.
func (c *Core) turnShown(now Now, s *turn.Signed) TurnShown {
	t := s.Turn()
	after, _ := c.history.Before(s.ID())
	return TurnShown{
		At: At(now.Boot), ID: s.ID(), After: after, Stamp: t.Stamp, Name: c.names.shown(t.Name, t.Author),
		Author: t.Author, Time: time.UnixMilli(t.Time), Lines: t.Texts, Own: t.Author == c.key,
	}
}

// markAfter names the turn that comes next in the order; nobody, if that cannot be
// read now.
func (c *Core) markAfter(id turn.ID) Mark {
	next, ok := c.history.After(id)
	if !ok {
		return Mark{}
	}
	s := c.history.Get(next)
	if s == nil {
		return Mark{}
	}
	t := s.Turn()
	return Mark{Time: time.UnixMilli(t.Time), Name: c.names.shown(t.Name, t.Author)}
}

// showUnkept shows a turn that no replica took, once. It is not in the record.
func (c *Core) showUnkept(now Now, t *turn.Signed) {
	s := &c.screen
	if slices.Contains(s.unkept, t.ID()) || !t.Known() || t.Stamp() > c.history.MaxStamp()+turn.MaxJump {
		return // the last: out of reach, see History.MaxStamp
	}
	s.unkept = append(s.unkept, t.ID())
	if len(s.unkept) > maxUnkept {
		s.unkept = s.unkept[1:]
	}
	e := c.turnShown(now, t)
	e.After, e.Unkept = turn.ID{}, true
	c.event(e)
}

// keeps takes a turn that is in the record now, if it was shown before as not
// kept: it is not shown again.
func (s *screen) keeps(t *turn.Signed, top uint64) bool {
	i := slices.Index(s.unkept, t.ID())
	if i < 0 || s.without.Has(broken.ShownOnce) {
		return false
	}
	s.unkept = slices.Delete(s.unkept, i, i+1)
	s.kept++
	s.changed = true // one that waited for it can be shown
	if t.Stamp() <= top && (!s.any || s.last.Less(t.Item())) {
		s.last, s.any = t.Item(), true
	}
	return true
}
