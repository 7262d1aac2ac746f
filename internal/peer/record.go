package peer

import (
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// Loaded tells the set of all turns that Config.Summary sums up, which must not be
// used by others any more; turns that came since may be in it. Until then this member
// speaks, shows and gives turns that others want, but does not compare its record with
// that of others: it tells no settled stamp, and is busy for who wants to reconcile. A
// turn that came and that may be in the record already (turn.History.Undecided) was
// dropped: it is asked for now, if it is not there.
//
// A set that is not of the turns that Config.Summary sums up, and of those since, is
// refused with turn.ErrOtherSet, and all stays as it is: Loaded may be called again.
func (c *Core) Loaded(now Now, all *turn.Set) error {
	c.clock(now)
	if _, err := c.history.Adopt(all); err != nil {
		c.settle(now)
		return err
	}
	c.floor.Observe(c.history.MaxStamp())
	r := &c.repair
	r.forget(c.history.Has)
	late := r.postponed
	r.postponed = nil
	clear(r.maybe)
	for _, p := range late {
		c.want(now, p.id, p.from)
	}
	c.screen.changed = true
	c.resume(now)
	c.nextSession(now)
	c.settle(now)
	return nil
}

// Unread tells that the turns that Config.Summary sums up cannot all be read now, so
// that Loaded cannot be told soon: a /sync that waits for it is answered with that.
func (c *Core) Unread(now Now) {
	c.clock(now)
	if y := c.sync.syncing; y != nil && c.history.Partial() {
		c.sync.syncing = nil
		c.result(now, Result{N: y.n, Command: "sync", Code: CodeCheckpointLost})
	}
	c.settle(now)
}

// forget ends the wanting of turns that are there already.
func (r *repair) forget(has func(turn.ID) bool) {
	r.order = slices.DeleteFunc(r.order, func(id turn.ID) bool {
		if !has(id) {
			return false
		}
		delete(r.wants, id)
		return true
	})
	for id := range r.awaited {
		if has(id) {
			delete(r.awaited, id)
		}
	}
}
