package memnet

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// MaxDatagram is the longest datagram, in bytes, that is carried.
const MaxDatagram = 1500

// Kinds of failure of Send and Listen.
var (
	// ErrTooLong: the datagram is longer than MaxDatagram.
	ErrTooLong = errors.New("memnet: datagram too long")
	// ErrAddress: the address is empty or another node has it.
	ErrAddress = errors.New("memnet: address taken")
)

// Net is the network with a goroutine for each node. It uses the time package
// alone to wait, and so runs in virtual time under testing/synctest. Links are
// treated as in Queue, but goroutines make runs differ.
type Net struct {
	mu sync.Mutex
	fabric
	limit int
	start time.Time
	seq   uint64
	open  map[string]*Node
}

// New makes a network without nodes. limit is as in NewQueue.
func New(rng *rand.Rand, limit int) *Net {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Net{
		fabric: newFabric(rng),
		limit:  limit,
		start:  time.Now(),
		open:   make(map[string]*Node),
	}
}

// Listen puts a node on the network. The address is any text but the empty one;
// it may be used again after the node was closed.
func (n *Net) Listen(addr string) (*Node, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if addr == "" || n.open[addr] != nil {
		return nil, fmt.Errorf("%w or empty: %q: choose another", ErrAddress, addr)
	}
	node := &Node{net: n, addr: addr, wake: make(chan struct{}, 1), done: make(chan struct{})}
	n.add(addr)
	n.open[addr] = node
	return node, nil
}

// SetAll sets the faults of every link between two different nodes, those of
// nodes that are still to come included. What is on its way is not changed.
func (n *Net) SetAll(f Faults) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.setAll(f)
}

// SetLink sets the faults of one link in one direction. The link of a node to
// itself, on which its own multicasts come back, has none unless set here.
func (n *Net) SetLink(from, to string, f Faults) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.setLink(from, to, f)
}

// Stats gives the counts so far.
func (n *Net) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stats
}

// Node is one member's place on a Net. Its methods may be called from several
// goroutines at once.
type Node struct {
	net  *Net
	addr string
	wake chan struct{} // holds one when there may be something to deliver sooner
	done chan struct{} // closed by Close

	// Under net.mu.
	heap    schedule
	started bool
	closed  bool
	running sync.WaitGroup
}

// Start begins to receive. deliver is called from one goroutine, with the
// address of the sender and the bytes, which are valid only during the call. It
// must not call Close, nor wait for one who does. What arrives before Start, or
// while deliver is busy, waits up to the limit of the network. Nothing fails
// here, so fail is never called. Only the first Start counts.
func (d *Node) Start(deliver func(from string, b []byte), fail func(error)) {
	d.net.mu.Lock()
	defer d.net.mu.Unlock()
	if d.started || d.closed {
		return
	}
	d.started = true
	d.running.Go(func() { d.run(deliver) })
}

func (d *Node) run(deliver func(from string, b []byte)) {
	// One buffer for all: who keeps b beyond the call will see it change.
	buf := make([]byte, MaxDatagram)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		got, ok, wait := d.take()
		if ok {
			deliver(got.from, buf[:copy(buf, got.b)])
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-d.done:
			return
		case <-d.wake:
		case <-due:
		}
	}
}

// take gives a datagram that has arrived; or else how long the next one takes,
// zero if there is none.
func (d *Node) take() (got datagram, ok bool, wait time.Duration) {
	d.net.mu.Lock()
	defer d.net.mu.Unlock()
	if d.closed || len(d.heap) == 0 {
		return datagram{}, false, 0
	}
	if wait := d.heap[0].at - time.Since(d.net.start); wait > 0 {
		return datagram{}, false, wait
	}
	d.net.stats.Delivered++
	return d.heap.pop(), true, 0
}

// Send sends b, which it copies, to one address or, if to is empty, to every
// node, this one included. It never waits. What is sent to an address that nobody
// has is lost without an error, as on other networks. An error is of the kind
// ErrTooLong or net.ErrClosed.
func (d *Node) Send(to string, b []byte) error {
	if len(b) > MaxDatagram {
		return fmt.Errorf("%w: %d bytes, and %d are the most", ErrTooLong, len(b), MaxDatagram)
	}
	n := d.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if d.closed {
		return fmt.Errorf("memnet: sending from %s: %w", d.addr, net.ErrClosed)
	}
	b = bytes.Clone(b)
	n.send(time.Since(n.start), d.addr, to, func(to string, at time.Duration) {
		receiver := n.open[to]
		if len(receiver.heap) >= n.limit {
			n.stats.Overflowed++
			return
		}
		receiver.heap.push(datagram{at: at, seq: n.seq, from: d.addr, to: to, b: b})
		n.seq++
		select {
		case receiver.wake <- struct{}{}:
		default: // it has been told and has not looked yet
		}
	})
	return nil
}

// Interfaces gives one name, there being one network.
func (d *Node) Interfaces() []string { return []string{"mem"} }

// Close takes the node off the network. When it returns, no call of deliver is
// under way and none will be made. What is on its way to the node is dropped. A
// second Close only waits for the first.
func (d *Node) Close() error {
	n := d.net
	n.mu.Lock()
	if d.closed {
		n.mu.Unlock()
		d.running.Wait()
		return nil
	}
	d.closed = true
	n.stats.Nowhere += uint64(len(d.heap))
	d.heap = nil
	n.remove(d.addr)
	delete(n.open, d.addr)
	n.mu.Unlock()
	close(d.done)
	d.running.Wait()
	return nil
}
