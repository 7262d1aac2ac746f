package peer

import (
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// The bounds of /hold and /history.
const (
	HoldUnlessTold = 5 * time.Minute
	HoldMost       = 60 * time.Minute
	HistoryMost    = 1000
)

func (c *Core) result(now Now, r Result) {
	r.At = At(now.Boot)
	c.event(r)
}

// Hold asks for the floor, to keep it for d at most.
func (c *Core) Hold(now Now, n int, d time.Duration) {
	c.clock(now)
	s := &c.speaker
	if d <= 0 || d > HoldMost {
		c.result(now, Result{N: n, Command: "hold", Code: CodeUsage})
	} else if s.hold != nil && !s.hold.over {
		s.hold.limit = d
		if s.hold.since != 0 {
			s.hold.since = now.Boot
		}
		c.result(now, Result{N: n, Command: "hold", OK: true})
	} else {
		s.hold = &hold{limit: d}
		c.result(now, Result{N: n, Command: "hold", OK: true})
		if _, isAsking, isHolding := c.floor.Request(); !isAsking && !isHolding {
			c.ask(now)
		} else if isHolding {
			c.entered(now)
		}
	}
	c.settle(now)
}

// Release ends a hold, or gives up asking for it. Queued lines stay.
func (c *Core) Release(now Now, n int) {
	c.clock(now)
	r := Result{N: n, Command: "release", OK: true}
	if h := c.speaker.hold; h == nil || h.over {
		r.OK, r.Code = false, CodeNothingWaits
	} else {
		c.endHold(now)
	}
	c.result(now, r)
	c.settle(now)
}

func (c *Core) endHold(now Now) {
	s := &c.speaker
	_, isAsking, isHolding := c.floor.Request()
	if isHolding {
		s.hold.over = true
		if s.saying == nil && len(s.queue) == 0 {
			c.floor.Leave(now.Boot)
		}
		return
	}
	s.hold = nil
	if isAsking || c.floor.IsQuiet() {
		c.floor.Cancel(now.Boot)
		c.ask(now)
	}
}

// Cancel takes back all lines that wait, and the request for the floor.
func (c *Core) Cancel(now Now, n int) {
	c.clock(now)
	s := &c.speaker
	r := Result{N: n, Command: "cancel", OK: true, Lines: len(s.queue)}
	for _, l := range s.queue {
		c.event(Line{At: At(now.Boot), N: l.n, State: LineCancelled, Line: l.id})
		c.out.Dequeue = append(c.out.Dequeue, l.id)
	}
	asked := c.floor.Cancel(now.Boot)
	if _, _, isHolding := c.floor.Request(); s.hold != nil && !isHolding {
		s.hold, asked = nil, true
	}
	if !asked && len(s.queue) == 0 {
		r.OK, r.Code = false, CodeNothingWaits
	}
	s.queue, s.again = nil, nil
	c.result(now, r)
	c.settle(now)
}

// Peers tells who is there, and what was dropped since the start. before is
// what was dropped before the core.
func (c *Core) Peers(now Now, n int, before []Drop) {
	c.clock(now)
	r := Result{N: n, Command: "peers", OK: true}
	_, isAsking, isHolding := c.floor.Request()
	activity := wire.Idle
	if isHolding {
		activity = wire.Holding
	} else if isAsking {
		activity = wire.Asking
	}
	r.Peers = append(r.Peers, PeerInfo{
		Name: c.cfg.Name, Member: c.key, Incarnation: c.self.Incarnation, InView: true, Self: true,
		Quiet: c.floor.IsQuiet(), Activity: activityName(activity), InSync: true,
	})
	for _, i := range c.members.Peers() {
		inc := i.Member.Incarnation
		p := PeerInfo{
			Name: c.names.shown(i.Name, i.Member.Key), Member: i.Member.Key, Incarnation: inc, InView: i.InView,
			Quiet: i.Quiet, Heard: now.Boot - i.Heard, InSync: c.sync.inSync[inc], Activity: "idle",
		}
		if k := c.contacts.by[inc]; k != nil {
			p.Activity = activityName(k.activity)
		}
		r.Peers = append(r.Peers, p)
	}
	r.Dropped = append(before, c.dropped()...)
	c.result(now, r)
}

// dropped gives the core's own drops, one for each reason.
func (c *Core) dropped() []Drop {
	members, pieces := c.members.Stats(), c.fragments.Stats()
	return []Drop{
		{DropUndecodable, c.counts.Undecodable},
		{DropPieceRepeated, pieces.Duplicates},
		{DropPieceInconsistent, pieces.Inconsistent},
		{DropPieceMalformed, pieces.Malformed},
		{DropUnfinishedFull, pieces.DroppedFull},
		{DropUnfinishedGivenUp, pieces.GivenUp},
		{DropBadHello, c.counts.BadHello},
		{DropOtherKey, c.earlier.OtherKey + members.OtherKey},
		{DropNoHello, c.counts.Unknown},
		{DropTableFull, c.earlier.TableFull + members.TableFull},
		{DropBadTurn, c.counts.BadTurn},
		{DropAhead, c.counts.Ahead},
		{DropWantGivenUp, c.counts.WantDropped},
		{DropWantFull, c.counts.TooMany},
	}
}

// ShowHistory tells the last turns of the record, HistoryMost at most.
func (c *Core) ShowHistory(now Now, n, last int) {
	c.clock(now)
	if last <= 0 || last > HistoryMost {
		c.result(now, Result{N: n, Command: "history", Code: CodeUsage})
		return
	}
	c.result(now, Result{N: n, Command: "history", OK: true, Turns: c.lastTurns(now, last)})
}

// lastTurns returns the last turns that can be shown, in the order. One that cannot
// be read now is left out; so are those before the first of which all are known.
func (c *Core) lastTurns(now Now, limit int) []TurnShown {
	var out []TurnShown
	top := c.history.MaxStamp()
	for i := c.history.Len() - 1; i >= 0 && len(out) < limit; i-- {
		it := c.history.At(i)
		if !c.history.Whole(it) {
			break
		}
		if it.Stamp > top || c.history.Shown(it.ID) == turn.Invalid {
			continue
		}
		if s := c.history.Get(it.ID); s != nil {
			out = append(out, c.turnShown(now, s))
		}
	}
	slices.Reverse(out)
	return out
}

// SetVerbose adds the single messages of the protocol to the events, or no longer.
func (c *Core) SetVerbose(now Now, n int, on bool) {
	c.clock(now)
	c.verbose = on
	c.result(now, Result{N: n, Command: "verbose", OK: true})
}

// Verbose tells whether single messages are told.
func (c *Core) Verbose() bool { return c.verbose }

// Refuse answers a command that cannot be done.
func (c *Core) Refuse(now Now, n int, command string, code Code) {
	c.clock(now)
	c.result(now, Result{N: n, Command: command, Code: code})
}

// Tell passes on something that happened outside of the core.
func (c *Core) Tell(now Now, e Event) {
	c.clock(now)
	c.event(e)
}

func activityName(a wire.Activity) string {
	switch a {
	case wire.Asking:
		return "asking"
	case wire.Holding:
		return "holding"
	}
	return "idle"
}
