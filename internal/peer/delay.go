package peer

import (
	"cmp"
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/reconcile"
	"github.com/papo-chat/papo/internal/turn"
)

// DelayMost is the longest delay that can be asked for.
const DelayMost = 60 * time.Second

// The bounds of what is held by a delay. Beyond either, the turn that came first of
// those held is processed at once.
const (
	maxDelayed      = 1024
	maxDelayedBytes = 4 << 20
)

// delay holds each turn that comes in for a random time, to show what a slow
// network does to the order. Only the turn is late: the message that brought it,
// with the permissions in it, is not. A turn that is held is not in the record, and
// so it is in no heads and no set; but it is here, so it is neither asked for nor
// waited for.
type delay struct {
	most  time.Duration // 0: nothing is held
	held  []delayed     // by due
	ids   map[turn.ID]bool
	bytes int    // of the turns held
	came  uint64 // numbers them
}

// delayed is a turn that is held.
type delayed struct {
	incoming
	due  time.Duration
	came uint64
}

func (d *delay) init(most time.Duration) { d.most, d.ids = most, map[turn.ID]bool{} }

func (d *delay) has(id turn.ID) bool { return d.ids[id] }

// delays holds a turn that came in, if turns are to be held and it is another's.
func (c *Core) delays(now Now, in incoming) bool {
	d := &c.delay
	if d.most == 0 || in.s.Turn().Author == c.key {
		return false
	}
	d.came++
	h := delayed{in, now.Boot + 1 + time.Duration(c.cfg.Rand.Int64N(int64(d.most))), d.came}
	i, _ := slices.BinarySearchFunc(d.held, h.due+1, func(a delayed, due time.Duration) int { return cmp.Compare(a.due, due) })
	d.held = slices.Insert(d.held, i, h)
	d.ids[in.s.ID()] = true
	d.bytes += len(in.s.Bytes())
	c.got(in.s.ID())
	for len(d.held) > maxDelayed || d.bytes > maxDelayedBytes {
		c.process(d.first())
	}
	return true
}

// first is the place of the turn that came before all others that are held.
func (d *delay) first() int {
	first := 0
	for i, h := range d.held {
		if h.came < d.held[first].came {
			first = i
		}
	}
	return first
}

// process ends the wait of a turn that is held: it goes to the disk.
func (c *Core) process(i int) {
	d := &c.delay
	in := d.held[i].incoming
	d.held = slices.Delete(d.held, i, i+1)
	delete(d.ids, in.s.ID())
	d.bytes -= len(in.s.Bytes())
	c.write(in)
}

// processDelayed ends the wait of what is due, or of all that is held, in the order
// of the times that were drawn.
func (c *Core) processDelayed(now Now, all bool) {
	for len(c.delay.held) > 0 && (all || c.delay.held[0].due <= now.Boot) {
		c.process(0)
	}
}

// wake is when the next turn is due.
func (d *delay) wake() time.Duration {
	if len(d.held) == 0 {
		return 0
	}
	return d.held[0].due
}

// SetDelay holds each turn of another that comes in from now on for a random time of
// up to most, DelayMost at the utmost. 0 turns it off: what is held is
// processed at once. What is held already is held for no longer than most from now.
func (c *Core) SetDelay(now Now, n int, most time.Duration) {
	c.clock(now)
	if most < 0 || most > DelayMost {
		c.result(now, Result{N: n, Command: "delay", Code: CodeUsage})
		return
	}
	c.delay.most = most
	c.TellDelay(now, n)
	for i := range c.delay.held {
		c.delay.held[i].due = min(c.delay.held[i].due, now.Boot+most)
	}
	c.processDelayed(now, most == 0)
	c.settle(now)
}

// TellDelay tells the delay, and how much is held.
func (c *Core) TellDelay(now Now, n int) {
	c.clock(now)
	c.result(now, Result{N: n, Command: "delay", OK: true, Delay: c.delay.most, Held: len(c.delay.held)})
}

// lowest is the lowest stamp of what is held.
func (d *delay) lowest() (stamp uint64, any bool) {
	for _, h := range d.held {
		if !any || h.s.Stamp() < stamp {
			stamp, any = h.s.Stamp(), true
		}
	}
	return stamp, any
}

// withDelayed is the record, and what is held with a stamp of at most some stamp.
type withDelayed struct {
	*turn.History
	stored int // turns of the record up to that stamp
	sum    turn.Sum
}

// Sum adds the ids of all turns up to that stamp: no other range is asked for.
func (w withDelayed) Sum(int, int) [32]byte {
	stored := w.History.Sum(0, w.stored)
	return w.sum.Plus(turn.SumOf(turn.ID(stored))).Bytes()
}

// herePrint is the fingerprint of all turns with a stamp of at most s that are here,
// in the record or held.
func (c *Core) herePrint(s uint64) [16]byte {
	if len(c.delay.held) == 0 {
		return c.settledPrint(s)
	}
	w := withDelayed{History: c.history, stored: c.history.Index(turn.Item{Stamp: s + 1})}
	n := w.stored
	for _, h := range c.delay.held {
		if h.s.Stamp() <= s {
			w.sum = w.sum.Plus(turn.SumOf(h.s.ID()))
			n++
		}
	}
	return reconcile.Fingerprint(w, 0, n)
}
