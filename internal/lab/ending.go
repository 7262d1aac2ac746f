package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

const (
	// healWithin is how long a group may take to be one again, once the faults have ended.
	healWithin = 10 * time.Second
	calmEvery  = 50 * time.Millisecond
)

// calm tells whether the group has found together: all run and have the same record,
// all that was accepted is said, and nobody has or wants the floor.
func (w *world) calm() bool {
	if w.now < w.s.Until+calmEvery {
		return false
	}
	first := w.machines[0].runs
	for _, m := range w.machines {
		p := m.runs
		switch {
		case m.i != m.who && p != nil && w.machines[m.who].runs != nil: // one of two copies leaves
			return false
		case p == nil && m.copied:
			continue
		case p == nil || p.core.Floor().IsQuiet() || p.core.History().Partial() || p.core.Unsent() > 0 || w.misses(p) || len(p.seen.hidden) > 0:
			return false
		}
		if _, asks, holds := p.core.Floor().Request(); asks || holds {
			return false
		}
		if first == nil {
			first = p
		}
		if h, o := p.core.History(), first.core.History(); h.Len() != o.Len() || h.Fingerprint() != o.Fingerprint() {
			return false
		}
	}
	return first != nil
}

// misses tells whether a program lacks turns that it can get: those that are on the disk
// of no machine that runs nobody gets.
func (w *world) misses(p *process) bool {
	missing := p.core.History().Missing()
	if missing == 0 {
		return false
	}
	running := w.running()
	for _, k := range w.check.said {
		if k.has&running == 0 {
			missing--
		}
	}
	return missing > 0
}

// running are the machines whose program runs, as bits. Of two copies one has left, and
// what it alone has it keeps.
func (w *world) running() uint64 {
	set := uint64(0)
	for _, m := range w.machines {
		if m.runs != nil {
			set |= 1 << m.i
		}
	}
	return set
}

// restless says why a group has not found together in time.
func (c *checks) restless(w *world) {
	var b strings.Builder
	fmt.Fprintf(&b, "%v after the faults ended:", healWithin)
	for _, m := range w.machines {
		p := m.runs
		if p == nil {
			fmt.Fprintf(&b, " %s does not run;", m.label())
			continue
		}
		h := p.core.History()
		print := h.Fingerprint()
		ts, asks, holds := p.core.Floor().Request()
		fmt.Fprintf(&b, " %s: view %v, %d turns (%x), missing %d, not shown %d, unsent %d", m.label(), p.core.View(), h.Len(), print[:4], h.Missing(), len(p.seen.hidden), p.core.Unsent())
		switch {
		case p.core.Floor().IsQuiet():
			b.WriteString(", quiet")
		case holds:
			fmt.Fprintf(&b, ", holds (%d)", ts)
		case asks:
			fmt.Fprintf(&b, ", asks (%d)", ts)
		}
		b.WriteString(";")
	}
	w.wrong("liveness", "%s", b.String())
}

// atTheEnd checks what must hold of a group that has found together.
func (c *checks) atTheEnd(w *world) {
	for _, m := range w.machines {
		if m.runs != nil {
			m.runs.over()
		}
	}
	if c.wrong != nil {
		return
	}
	for _, m := range w.machines {
		if p := m.runs; p != nil && c.wrong == nil {
			c.whole(w, p)
		}
	}
	for _, m := range w.machines {
		if c.wrong == nil && m.runs != nil {
			c.onDisk(w, m)
		}
	}
	if c.doubt != nil {
		w.wrong(c.doubt.Promise, "%s", c.doubt.Text)
	}
}

// whole checks a member's record.
func (c *checks) whole(w *world, p *process) {
	h := p.core.History()
	carried := make(map[turn.LineID]turn.ID, h.Len())
	var last turn.Item
	for i := range h.Len() {
		it := h.At(i)
		t := h.Get(it.ID)
		switch {
		case t == nil:
			w.wrong("record", "%s cannot read turn %s of its own record", p.m.label(), it.ID.Short())
			return
		case i > 0 && !last.Less(it):
			w.wrong("order", "the record of %s is not in the order: %s does not come after %s", p.m.label(), it.ID.Short(), last.ID.Short())
		case w.check.turns[it.ID] != nil && w.check.turns[it.ID].forged:
		case h.Shown(it.ID) == turn.Invalid, h.Shown(it.ID) == turn.Pending && h.Missing() == 0:
			w.wrong("record", "turn %s is not valid at %s", it.ID.Short(), p.m.label())
		case !p.seen.had[it.ID] && !p.seen.shown[it.ID]:
			w.wrong("shown", "%s has turn %s and never showed it", p.m.label(), it.ID.Short())
		}
		last = it
		c.stored(w, p.m, t)
		for j, id := range t.Turn().LineIDs {
			// Two copies of a directory have its unsent lines both, and neither knows of
			// the other until they hear each other.
			if before, twice := carried[id]; twice && !w.isCopied(t.Turn().Author) && !(c.lines[id] != nil && c.lines[id].doubled) {
				w.wrong("once", "%.40q is in the record twice, in turns %s and %s", t.Turn().Texts[j], before.Short(), it.ID.Short())
			}
			carried[id] = it.ID
		}
	}
	for _, l := range c.typed {
		if _, spoken := carried[l.id]; !spoken && !l.maybe && !c.gone(l) {
			w.wrong("lost", "%s has never heard %.40q, which %s has accepted", p.m.label(), l.text, w.s.Name(l.who))
		}
	}
	running := w.running()
	for _, k := range c.said {
		if id := k.signed.ID(); k.has&running != 0 && !h.Has(id) {
			w.wrong("lost", "%s lacks turn %s, which nobody has lost", p.m.label(), id.Short())
		}
	}
}

// gone tells whether a line was in a turn that is on no disk any more.
func (c *checks) gone(l *typed) bool {
	k := c.turns[l.turn]
	return k != nil && k.lost
}

// onDisk checks that a member's disk has what the member has.
func (c *checks) onDisk(w *world, m *machine) {
	p := m.runs
	h := p.core.History()
	if err := p.store.SyncAll(); err != nil {
		w.wrong("disk", "%s cannot fsync, though nothing is wrong with its disk any more: %v", m.label(), err)
		return
	}
	// What rots in all replicas a checkpoint would give back; here the member has it.
	r := p.store.Repair(context.Background(), func(yield func(*turn.Signed) bool) {
		for i := range h.Len() {
			if !yield(h.Get(h.At(i).ID)) {
				return
			}
		}
	})
	if !r.Healthy() || r.Turns != h.Len() {
		w.wrong("disk", "%s has %d turns, and its replicas are not alike: %+v", m.label(), h.Len(), r)
	}
}
