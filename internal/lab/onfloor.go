package lab

import (
	"fmt"
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/wire"
)

// onFloor is what is known of one run of a program's part in the floor: it answers all
// that wait, in their order, and nobody who waits no more; and it keeps nothing for longer
// than it may.
type onFloor struct {
	self     floor.Member            // whom the rest is about
	born     time.Duration           // when it began, on the machine's clock
	released map[floor.Member]uint64 // up to which request a member of the view took back what it asked for
	fresh    map[floor.Member]uint64 // as released, of the present input: what came before it may be answered
	view     floor.View              // that was looked at
	gave     map[floor.Member]given  // permissions, newest of each
	gone     map[uint64]bool         // incarnations that said good-bye
	limit    time.Duration           // of a /hold
	ts       uint64                  // of it; 0: there is none
	end      time.Duration           // when it must be over
	held     bool                    // somebody has typed /hold
}

// holdSlack is how long after its limit a hold may go on: it is left at the limit, or,
// while something is being said in it, with its lease.
const holdSlack = floor.Lease + 500*time.Millisecond

func newOnFloor() onFloor {
	return onFloor{
		released: map[floor.Member]uint64{}, fresh: map[floor.Member]uint64{}, gave: map[floor.Member]given{}, gone: map[uint64]bool{},
	}
}

// given is a permission that was given.
type given struct {
	ts uint64
	k  uint32
	at time.Duration // true time
}

// leaseMost is how long a lease lasts on the slowest clock.
const leaseMost = floor.Lease * 100 / (100 - floor.DriftPercent)

const (
	// goneAfter is after how long nobody is taken into a view who has ended: what comes
	// late of it names nothing that was sent in twice the time of suspicion.
	goneAfter  = 3 * time.Second
	fewMembers = 16 // more of them beat less often, and the time of suspicion is longer
)

// queue is who waited for a member's permission at a time.
type queue struct {
	members []floor.Member
	view    floor.ViewHash
	self    floor.Member
}

func (e *onFloor) look(p *process) queue {
	f := p.core.Floor()
	if e.self != f.Self() { // a new incarnation knows nothing of what its former one was told
		e.self, e.born, e.ts = f.Self(), p.now().Boot, 0
		clear(e.released)
		clear(e.fresh)
		clear(e.gave)
	}
	if !f.Contended() {
		return queue{}
	}
	return queue{f.Queue(), f.View().Hash(), f.Self()}
}

// leaves checks that who leaves the floor answers all that wait, and that it does leave
// with what it says.
func (e *onFloor) leaves(p *process, before queue, r peer.Ready) {
	f := p.core.Floor()
	if before.members == nil || before.view != f.View().Hash() || before.self != f.Self() {
		return // else those that waited ask again
	}
	says := slices.ContainsFunc(r.Send, func(d peer.Datagram) bool { return d.Says })
	if _, ok := f.Holds(p.now().Boot); ok && says && !e.held {
		p.w.wrong("hand-over", "%s says something and goes on holding the floor, and %s waits for it", p.m.label(), p.w.nameOf(before.members[0].Key))
	}
	after := f.Queue()
	for _, m := range before.members {
		if !slices.Contains(after, m) && !grants(r.Send, m) {
			p.w.wrong("hand-over", "%s waits for %s no more, and got no answer", p.w.nameOf(m.Key), p.m.label())
		}
	}
}

// grants tells whether one of these datagrams gives a member a permission.
func grants(ds []peer.Datagram, m floor.Member) bool {
	to := func(g wire.Grant) bool { return g.To == m }
	for _, d := range ds {
		msg, _ := wire.Decode(d.Payload)
		switch v := msg.(type) {
		case wire.Rep:
			if slices.ContainsFunc(v.Grants, to) {
				return true
			}
		case wire.Turns:
			if v.Rep != nil && slices.ContainsFunc(v.Rep.Grants, to) {
				return true
			}
		}
	}
	return false
}

// received notes a RELEASE, and who says good-bye.
func (e *onFloor) received(p *process, d peer.Packet) {
	switch wire.Kind(d.Payload[0]) {
	case wire.KindBye:
		e.gone[d.Incarnation] = true
	case wire.KindRelease:
		e.receivedRelease(p, d)
	}
}

func (e *onFloor) receivedRelease(p *process, d peer.Packet) {
	msg, err := wire.Decode(d.Payload)
	if err != nil {
		return
	}
	for _, m := range p.core.Floor().View().Members() {
		if m.Incarnation == d.Incarnation {
			ts := msg.(wire.Release).TS
			e.fresh[m] = max(e.fresh[m], ts)
			if e.gave[m].ts <= ts {
				delete(e.gave, m)
			}
		}
	}
}

// sends checks that what is said leaves before the lease ends.
func (e *onFloor) sends(p *process, d peer.Datagram) {
	if !d.Says || d.NotAfter == 0 {
		return
	}
	if until, _ := p.core.Floor().Holds(p.now().Boot); p.now().Boot >= until {
		p.w.wrong("lease", "%s says something %v after its lease has ended", p.m.label(), p.now().Boot-until)
	}
}

// grants checks permissions that are given. Those that a former incarnation gave as it
// ended are none of the present one.
func (e *onFloor) grants(p *process, d peer.Datagram, r wire.Rep) {
	if d.Incarnation != e.self.Incarnation {
		return
	}
	if age := p.now().Boot - e.born; len(r.Grants) > 0 && age < floor.Quiet && p.w.check.doubt == nil {
		p.w.check.doubt = &Wrong{Promise: "permission", Text: fmt.Sprintf("at %v %s gave a permission %v after its start, and one that it gave before may be in use", p.w.now, p.m.label(), age)}
	}
	v := p.core.Floor().View()
	for i, g := range r.Grants {
		if r.View == v.Hash() && !v.Has(g.To) && p.w.check.doubt == nil {
			p.w.check.doubt = &Wrong{Promise: "permission", Text: fmt.Sprintf("at %v %s gave a permission to %s, which is not in its view", p.w.now, p.m.label(), p.w.nameOf(g.To.Key))}
		}
		if i > 0 && !(floor.Stamp{TS: r.Grants[i-1].TS, Incarnation: r.Grants[i-1].To.Incarnation}).Before(floor.Stamp{TS: g.TS, Incarnation: g.To.Incarnation}) {
			p.w.wrong("hand-over", "%s answers %s before %s, who asked first", p.m.label(), p.w.nameOf(r.Grants[i-1].To.Key), p.w.nameOf(g.To.Key))
		}
		if k := e.gave[g.To].k; g.K < k {
			p.w.wrong("released", "%s answers sending %d of %s, and had answered sending %d before", p.m.label(), g.K, p.w.nameOf(g.To.Key), k)
		}
		e.gave[g.To] = given{g.TS, g.K, p.w.now + p.lag}
		if g.TS <= e.released[g.To] {
			p.w.wrong("released", "%s answers %s, who has taken its request back", p.m.label(), p.w.nameOf(g.To.Key))
		}
	}
}

// asksHold notes a /hold.
func (e *onFloor) asksHold(p *process, limit time.Duration) {
	e.limit, e.held, e.end = limit, true, p.now().Boot+limit+holdSlack
}

// holds notes that one was entered.
func (e *onFloor) holds(p *process, ts uint64) {
	if e.ts != ts {
		e.ts, e.end = ts, p.now().Boot+e.limit+holdSlack
	}
}

// check checks what must hold after every step: a hold ends, and nobody counts on who
// is still quiet.
func (e *onFloor) check(p *process) {
	for m, ts := range e.fresh {
		e.released[m] = max(e.released[m], ts)
	}
	clear(e.fresh)
	f := p.core.Floor()
	if ts, _, holds := f.Request(); holds && ts == e.ts && p.now().Boot > e.end {
		p.w.wrong("hold", "%s still holds the floor, %v after the end of its /hold", p.m.label(), p.now().Boot-e.end+holdSlack)
	}
	v := f.View()
	if v.Hash() == e.view.Hash() {
		return
	}
	for _, m := range v.Members() { // who stood still first hears what it has missed
		if at, ok := p.w.check.ended[m.Incarnation]; ok && !e.view.Has(m) && p.w.now-max(at, p.m.resumes) > goneAfter && len(p.w.machines) <= fewMembers {
			p.w.wrong("gone", "%s counts on %s, which ended %v ago", p.m.label(), p.w.nameOf(m.Key), p.w.now-at)
		}
	}
	e.view = v
	for _, m := range p.w.machines {
		o := m.runs
		if o != nil && o != p && o.core != nil && v.Has(o.core.Self()) && o.core.Floor().IsQuiet() {
			p.w.wrong("quiet", "%s counts on %s, who has just started and answers nobody", p.m.label(), m.label())
		}
	}
}

// enters checks that who takes the floor has a permission of each member of its view that
// its giver still counts as given. Without one, somebody else may get it too: as long as
// nobody does, it is a doubt only.
func (e *onFloor) enters(p *process, at time.Duration) {
	w, self := p.w, p.core.Self()
	v := p.core.Floor().HeldView()
	for _, m := range w.machines {
		o := m.runs
		if o == nil || o == p || o.core == nil || !v.Has(o.core.Self()) || w.check.doubt != nil {
			continue
		}
		g, ok := o.seen.mutex.gave[self]
		text := ""
		switch {
		case !ok:
			text = "which has given none, or was told that it is not needed any more"
		case at-g.at > leaseMost:
			text = fmt.Sprintf("which had given its last one %v before", at-g.at)
		default:
			continue
		}
		w.check.doubt = &Wrong{Promise: "permission", Text: fmt.Sprintf("at %v %s took the floor without a permission of %s, %s", at, p.m.label(), m.label(), text)}
	}
}

// lists checks that who said good-bye is not there again when a datagram comes late.
func (e *onFloor) lists(p *process, peers []peer.PeerInfo) {
	for _, o := range peers {
		if e.gone[o.Incarnation] {
			p.w.wrong("bye", "%s lists %s, which had said good-bye", p.m.label(), p.w.nameOf(o.Member))
		}
	}
}
