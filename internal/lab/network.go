package lab

import (
	"math/rand/v2"
	"time"

	"github.com/papo-chat/papo/internal/peer"
)

const (
	// defaultBuffer is how many datagrams wait for a program that does not read: what a
	// receive buffer of 4 MiB holds of small ones.
	defaultBuffer = 4096
	// staleKept is how many old datagrams the network remembers.
	staleKept = 64
	burstMost = 30
)

// near is a good local network, which all links are when the faults have ended.
var near = Net{MinDelay: 100 * time.Microsecond, MaxDelay: 500 * time.Microsecond}

// datagram is one that was sent. It never changes, and is shared by all that it
// reaches.
type datagram struct {
	from   *process
	to     string // an address; empty: all
	packet peer.Packet
	sealed []byte // if datagrams are sealed
}

// link is one direction between two machines.
type link struct {
	cuts  int           // so many faults cut it now
	burst int           // so many datagrams more are lost
	slow  time.Duration // what is sent takes so much longer
	last  time.Duration // when the last datagram that kept its place arrives
}

// network carries datagrams between machines.
type network struct {
	w     *world
	net   Net
	links [][]link // by machine, from and to
	stale []*datagram
}

func newNetwork(w *world, net Net) network {
	n := network{w: w, net: net}
	n.grow(len(w.machines))
	return n
}

// grow makes links for so many machines.
func (n *network) grow(machines int) {
	for i := range n.links {
		n.links[i] = append(n.links[i], make([]link, machines-len(n.links[i]))...)
	}
	for len(n.links) < machines {
		n.links = append(n.links, make([]link, machines))
	}
}

// cut adds a cut to the links for which of says so, or takes it away.
func (n *network) cut(by int, of func(from, to int) bool) {
	for from := range n.links {
		for to := range n.links[from] {
			if from != to && of(from, to) {
				n.links[from][to].cuts += by
			}
		}
	}
}

// isCut tells whether some link is.
func (n *network) isCut() bool {
	for from := range n.links {
		for to := range n.links[from] {
			if n.links[from][to].cuts > 0 {
				return true
			}
		}
	}
	return false
}

// heal ends all faults of links.
func (n *network) heal() {
	n.net, n.stale = near, nil
	for from := range n.links {
		for to := range n.links[from] {
			l := &n.links[from][to]
			l.cuts, l.burst, l.slow = 0, 0, 0
		}
	}
}

// slow makes a link slower, or ends that.
func (n *network) slow(op *Op, by time.Duration) {
	if op.N < len(n.links) {
		n.links[op.M][op.N].slow += by * time.Duration(op.Size) * time.Millisecond
	}
}

func happens(rng *rand.Rand, thousandths int) bool {
	return thousandths > 0 && rng.IntN(1000) < thousandths
}

// within draws a time from 0 to d.
func within(rng *rand.Rand, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(rng.Int64N(int64(d) + 1))
}

// send sends a datagram to one machine.
func (n *network) send(d *datagram, to *machine) {
	w, f := n.w, &n.net
	l := &n.links[d.from.m.i][to.i]
	switch {
	case l.cuts > 0:
		w.lose(d, to, lostCut)
		return
	case l.burst > 0:
		l.burst--
		w.lose(d, to, lostBurst)
		return
	case happens(w.rng, f.Burst):
		l.burst = w.rng.IntN(burstMost)
		w.lose(d, to, lostBurst)
		return
	case happens(w.rng, f.Loss):
		w.lose(d, to, lostLoss)
		return
	case f.MTU > 0 && len(d.packet.Payload) > f.MTU:
		w.lose(d, to, lostMTU)
		return
	}
	var why Some // it comes, but not as it was
	if happens(w.rng, f.Flip) {
		why = lostFlip
	} else if happens(w.rng, f.Truncate) {
		why = lostTruncate
	}
	at := w.now + d.from.lag + f.MinDelay + within(w.rng, f.MaxDelay-f.MinDelay)
	switch {
	case l.slow > 0:
		at += l.slow // what is sent after that may come first
	case happens(w.rng, f.Reorder):
		at += within(w.rng, f.HoldBack)
		w.some(SomeReorder)
	default:
		at = max(at, l.last) // delay alone changes no order
		l.last = at
	}
	w.push(item{at: at, kind: itemArrive, machine: to, datagram: d, why: why})
	if happens(w.rng, f.Repeat) {
		w.some(SomeRepeat)
		w.push(item{at: at + within(w.rng, f.HoldBack), kind: itemArrive, machine: to, datagram: d})
	}
	if d.to != "" && happens(w.rng, f.Stray) {
		stray := *d
		stray.to = "" // its address was that of somebody else before
		w.push(item{at: at, kind: itemArrive, machine: w.machines[w.rng.IntN(len(w.machines))], datagram: &stray})
	}
	if f.Stale > 0 {
		n.replay(d)
	}
}

// replay has an old datagram come again, to anybody, and remembers this one.
func (n *network) replay(d *datagram) {
	w := n.w
	if len(n.stale) > 0 && happens(w.rng, n.net.Stale) {
		old, to := n.stale[w.rng.IntN(len(n.stale))], w.machines[w.rng.IntN(len(w.machines))]
		w.some(SomeStale)
		w.push(item{at: w.now + within(w.rng, n.net.MaxDelay), kind: itemArrive, machine: to, datagram: old})
	}
	if len(n.stale) < staleKept {
		n.stale = append(n.stale, d)
	} else if w.rng.IntN(8) == 0 { // some stay for long
		n.stale[w.rng.IntN(staleKept)] = d
	}
}
