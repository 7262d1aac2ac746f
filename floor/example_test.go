package floor_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
)

// process is a program that takes turns with others. Here two run in one
// process, in a time of their own, so that the example always prints the same;
// a real one reads the system's clock (one that counts sleep), sends datagrams
// and waits on a timer.
type process struct {
	name   string
	floor  *floor.Floor
	wake   time.Duration // when to call Tick
	number uint32        // of the datagrams that it has sent
}

// network is what lies between them.
type network struct {
	now       time.Duration
	processes []*process
	mail      []datagram
}

type datagram struct {
	from, to *process
	number   uint32
	msg      floor.Message
}

// perform does what the floor wants after an input. Every input is followed by
// it: this is the loop around Ready.
func (n *network) perform(p *process) {
	ready := p.floor.Ready(n.now)
	for _, s := range ready.Send {
		p.number++
		for _, o := range n.processes {
			if o != p && (s.To == nil || slices.Contains(s.To, o.floor.Self())) {
				n.mail = append(n.mail, datagram{p, o, p.number, s.Msg})
			}
		}
	}
	p.wake = ready.Wake
	for _, e := range ready.Events {
		if e.Kind == floor.Entered {
			n.critical(p)
		}
	}
}

// critical is what the mutex is for. The hold is a lease: who does something
// slow looks at Holds again before each step that must not happen twice, and
// stamps what it writes, so that the others can tell late from early.
func (n *network) critical(p *process) {
	if _, ok := p.floor.Holds(n.now); ok {
		fmt.Printf("%s writes, stamp %d\n", p.name, p.floor.Stamp())
	}
	p.floor.Leave(n.now) // hands over to who waits
	n.perform(p)
}

// run carries messages and lets time pass until t.
func (n *network) run(t time.Duration) {
	for n.now < t {
		if len(n.mail) > 0 {
			d := n.mail[0]
			n.mail = n.mail[1:]
			d.to.floor.Receive(n.now, d.from.floor.Self(), d.number, d.msg)
			n.perform(d.to)
			continue
		}
		next := t
		for _, p := range n.processes {
			if p.wake != 0 {
				next = min(next, p.wake)
			}
		}
		n.now = next
		for _, p := range n.processes {
			if p.wake == n.now {
				p.floor.Tick(n.now)
				n.perform(p)
			}
		}
	}
}

// Two members take turns.
func Example() {
	n := &network{now: time.Hour}

	// Who takes part: a key for each (an Ed25519 public key), and an incarnation
	// that is random and new at each start. Who is up is for the program to find
	// out; it tells with SetView whenever that changes.
	ana := floor.Member{Key: [32]byte{1}, Incarnation: 11}
	bia := floor.Member{Key: [32]byte{2}, Incarnation: 22}
	both := floor.NewView(ana, bia)
	n.processes = []*process{
		{name: "Ana", floor: floor.New(floor.Config{Self: ana, View: both}, n.now)},
		{name: "Bia", floor: floor.New(floor.Config{Self: bia, View: both}, n.now)},
	}

	// Both want the mutex at once. A new member is quiet at first, so that a
	// program that crashed and is back cannot break what it has forgotten; the
	// requests wait for that.
	for _, p := range n.processes {
		p.floor.Ask(n.now)
		n.perform(p)
	}
	n.run(n.now + floor.Quiet + time.Second)

	// Output:
	// Ana writes, stamp 2
	// Bia writes, stamp 3
}
