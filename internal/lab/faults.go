package lab

import (
	"time"

	"github.com/papo-chat/papo/internal/peer"
)

// begin does what an operation says.
func (w *world) begin(op *Op) {
	m := w.machines[op.M]
	p := m.runs
	command := func(do func(c *peer.Core, now peer.Now)) {
		if p != nil {
			p.input(func() { do(p.core, p.now()) })
		}
	}
	switch op.Do {
	case DoSay:
		for range lines(op) {
			text := op.Text
			if text == "" {
				text = w.text(op.Size)
			} else {
				w.serial++
			}
			if p != nil {
				n := w.serial
				w.texts[n] = text
				command(func(c *peer.Core, now peer.Now) { c.Say(now, n, text) })
			}
		}
	case DoHold:
		command(func(c *peer.Core, now peer.Now) {
			p.seen.mutex.asksHold(p, max(op.For, time.Second))
			c.Hold(now, 1, max(op.For, time.Second))
		})
	case DoRelease:
		command(func(c *peer.Core, now peer.Now) { c.Release(now, 1) })
	case DoCancel:
		command(func(c *peer.Core, now peer.Now) { c.Cancel(now, 1) })
	case DoPeers:
		command(func(c *peer.Core, now peer.Now) { c.Peers(now, 1, nil) })
	case DoSync:
		if p != nil && !m.still {
			p.repair()
		}
	case DoAdvance:
		if p != nil && !m.still {
			p.advance()
		}
	case DoDelay:
		command(func(c *peer.Core, now peer.Now) {
			p.delays = true
			c.SetDelay(now, 1, op.For)
		})
	case DoOrder:
		command(func(c *peer.Core, now peer.Now) {
			order := peer.OrderAgreed
			if op.N == 1 {
				order = peer.OrderArrival
			}
			p.seen.mixed = true
			c.SetOrder(now, 1, order)
		})
	case DoQuit:
		m.away = op.For
		command(func(c *peer.Core, now peer.Now) { c.End(now, 0) })
	case DoKill, DoPower, DoWipe:
		if p == nil {
			return
		}
		m.last, m.fuse = op, op.N
		if op.N == 0 {
			m.kill(op)
		}
	case DoPause:
		m.stop(op.For, false)
	case DoSleep:
		m.stop(op.For, true)
	case DoClock:
		w.some(SomeClockSet)
		m.clock.shift += op.For
	case DoFull:
		m.ill.full = w.now + op.For
	case DoIO:
		m.ill.io, m.ill.ioUntil = op.N, w.now+op.For
	case DoFsync:
		m.ill.fsync, m.ill.fsyncEnd = op.N, w.now+op.For
	case DoRot:
		m.rot(op.N)
	case DoSlowDisk:
		m.ill.slow = op.For
	case DoLie:
		m.ill.lies = w.now + op.For
	case DoForge:
		if p != nil && !m.still {
			p.forge()
		}
	case DoCopy:
		w.copy(m)
	default:
		if op.Do == DoSlow {
			w.net.slow(op, 1)
		} else {
			w.net.cut(1, cutsOf(op))
		}
		if op.For > 0 {
			w.push(item{at: w.now + op.For, kind: itemEnd, op: op})
		}
	}
}

// lines is how many lines an operation says.
func lines(op *Op) int {
	if op.Text != "" {
		return 1
	}
	return max(op.N, 1)
}

// end ends an operation on links.
func (w *world) end(op *Op) {
	if op.Do == DoSlow {
		w.net.slow(op, -1)
		return
	}
	w.net.cut(-1, cutsOf(op))
}

// cutsOf tells which links an operation cuts. A copy of a member stands where the
// member does.
func cutsOf(op *Op) func(from, to int) bool {
	switch op.Do {
	case DoPart:
		return func(from, to int) bool { return has(op.Set, from) != has(op.Set, to) }
	case DoDeaf:
		return func(_, to int) bool { return to == op.M }
	case DoMute:
		return func(from, _ int) bool { return from == op.M }
	case DoOneWay:
		return func(from, to int) bool { return from == op.M && to == op.N }
	case DoBridge:
		return func(from, to int) bool { return from != op.M && to != op.M }
	}
	return func(int, int) bool { return false }
}

// copy starts a second program with a copy of a machine's directory, on a machine of
// its own. There are not more than two of them.
func (w *world) copy(m *machine) {
	if m.copied || m.runs == nil || len(w.machines) >= MaxMembers {
		return
	}
	w.some(SomeCopied)
	twin := newMachine(w, len(w.machines), m.who)
	twin.replace(m.disk.Crash())
	twin.saved.copy(&m.saved)
	m.copied, twin.copied = true, true
	w.machines = append(w.machines, twin)
	w.net.grow(len(w.machines))
	w.check.copied(m)
	twin.start()
}
