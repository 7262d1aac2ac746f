package peer

import "time"

// lastWords is how long what is queued may wait for the floor at the end.
const lastWords = 30 * time.Second

// Forever as a linger means: go on listening.
const Forever = time.Duration(-1)

// ending is the way out: what is queued is said, then others have time to
// fetch what they miss, then BYE.
type ending struct {
	on     bool
	by     time.Duration // when what is still queued is given up
	linger time.Duration
	until  time.Duration // lingering ends; 0: lines still wait
	parts  bool          // nothing but what was held by a delay keeps it: it goes to the disk and is shown
	code   int           // parts: the exit code
	exited bool
	told   bool // Exit was told, BYE said: nothing comes after them
}

func (e *ending) begun() bool { return e.on }

// End begins to leave: what is queued is said within lastWords, linger passes
// (Forever: never), BYE and Exit follow. A second End can only shorten it.
func (c *Core) End(now Now, linger time.Duration) {
	c.clock(now)
	e := &c.ending
	if e.on && (linger == Forever || e.linger != Forever && e.linger <= linger) {
		return
	}
	if !e.on {
		e.by = now.Boot + lastWords
	}
	e.on, e.linger, e.until = true, linger, 0
	if c.speaker.hold != nil && !c.speaker.hold.over {
		c.endHold(now)
	}
	c.tickEnding(now)
	c.settle(now)
}

// Stop leaves at once: what is queued stays in unsent.log. code is the exit code.
func (c *Core) Stop(now Now, code int) {
	c.clock(now)
	c.ending.exit(c, now, code)
	c.settle(now)
}

func (c *Core) tickEnding(now Now) {
	e := &c.ending
	if !e.on || e.exited {
		return
	}
	if e.parts {
		e.exit(c, now, e.code)
		return
	}
	if e.until == 0 {
		switch {
		case c.Unsent() == 0 && e.linger == Forever:
			return
		case c.Unsent() == 0 && c.unsafe() && now.Boot < e.by:
			return // its fsync is under way, or a member will tell that it has it
		case c.Unsent() == 0:
			e.until = now.Boot + e.linger
		case now.Boot >= e.by:
			e.exit(c, now, 1)
			return
		}
	}
	if e.until != 0 && now.Boot >= e.until {
		e.exit(c, now, 0)
	}
}

func (e *ending) exit(c *Core, now Now, code int) {
	if e.exited {
		return
	}
	e.on = true
	if len(c.delay.held) > 0 {
		e.parts, e.code = true, code
		c.delay.most = 0
		c.processDelayed(now, true)
	}
	if e.parts && len(c.repair.incoming) > 0 {
		return
	}
	e.exited = true
	c.showRest(now)
	c.farewell(now)
	if n := c.Unsent(); n > 0 {
		c.event(Notice{At: At(now.Boot), Code: CodeUnsentKept, Count: n})
	}
	c.event(Exit{At: At(now.Boot), Code: code, Unsent: c.Unsent()})
	e.told = true
}

// Exited tells that the member has left: nothing more comes.
func (c *Core) Exited() bool { return c.ending.exited }

func (e *ending) wake(c *Core) time.Duration {
	switch {
	case !e.on || e.exited || e.linger == Forever && c.Unsent() == 0:
		return 0
	case e.until != 0:
		return e.until
	}
	return e.by
}
