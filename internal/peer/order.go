package peer

import (
	"cmp"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// Order is the order in which turns are shown.
type Order string

// The orders. Agreed is that of the record, the same at all members: a turn waits a
// moment for those before it. Arrival is as they came here.
const (
	OrderAgreed  Order = "agreed"
	OrderArrival Order = "arrival"
)

// SetOrder changes the order in which turns are shown from now on; what was shown
// stays as it is. With OrderAgreed the answer has the last turns in that order. With
// OrderArrival what waits to be shown is shown.
func (c *Core) SetOrder(now Now, n int, o Order) {
	c.clock(now)
	r := Result{N: n, Command: "order", OK: true, Order: o}
	switch o {
	case OrderAgreed:
		r.Turns = c.lastTurns(now, recentShown)
	case OrderArrival:
	default:
		c.result(now, Result{N: n, Command: "order", Code: CodeUsage})
		return
	}
	c.screen.arrival, c.screen.changed = o == OrderArrival, true
	c.result(now, r)
	c.settle(now)
}

// TellOrder tells the order in which turns are shown.
func (c *Core) TellOrder(now Now, n int) {
	c.clock(now)
	o := OrderAgreed
	if c.screen.arrival {
		o = OrderArrival
	}
	c.result(now, Result{N: n, Command: "order", OK: true, Order: o})
}

// showArrived shows all turns that wait, as they came: none waits for its parents,
// and none is part of a batch. Those out of reach stay, see History.MaxStamp.
func (c *Core) showArrived(now Now) {
	s := &c.screen
	s.changed, s.fetched, s.next, s.late, s.merging = false, c.fetches(), 0, 0, 0
	s.unbatch()
	top := c.history.MaxStamp()
	reach := 0
	for reach < len(s.order) && s.order[reach].Stamp <= top {
		reach++
	}
	waiting := slices.Clone(s.order[:reach])
	s.order = slices.Delete(s.order, 0, reach)
	slices.SortFunc(waiting, func(a, b waitingTurn) int { return cmp.Compare(a.came, b.came) })
	var show []showing
	for _, w := range waiting {
		delete(s.waiting, w.ID)
		if c.history.Shown(w.ID) == turn.Invalid {
			continue // never shown
		}
		show = append(show, showing{id: w.ID, late: s.isLate(w.Item)})
		if !s.isLate(w.Item) {
			s.last, s.any = w.Item, true
		}
	}
	c.show(now, show, false, 0, 0)
}
