package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// What the event loop of the program does, which is not simulated here but stands in
// for it: how many datagrams it takes in before it performs, and when it fsyncs.
const (
	batch       = 64
	fsyncWithin = 200 * time.Millisecond
	fsyncTakes  = 15 * time.Millisecond // at most, of an own turn
)

// process is one run of a member's program.
type process struct {
	w      *world
	m      *machine
	addr   string
	core   *peer.Core
	store  *store.Store
	window *seal.Window
	dead   bool
	delays bool          // /delay was typed
	since  time.Duration // when it started

	wake  time.Duration   // when itemTick comes; 0: none is on its way
	syncs []time.Duration // for each replica: when itemSync comes; 0: none
	view  string          // as it was traced last
	inc   uint64          // as it was traced last; 0: not yet

	lag     time.Duration // by which its time is ahead of the world's: it waits for its disk
	writing *unfinished   // what it did while it waited; nil: it does not wait

	seen seen // what its checks know of it
}

// newProcess starts a program whose store is open.
func newProcess(m *machine, s *store.Store, r *store.Restored) {
	w := m.w
	w.serial++
	p := &process{w: w, m: m, addr: fmt.Sprintf("%s/%d", m.name, w.serial), store: s, since: w.now, window: seal.NewWindow(), syncs: make([]time.Duration, w.s.Replicas)}
	unsent := make([]peer.QueuedLine, 0, len(r.Unsent))
	for _, u := range r.Unsent {
		unsent = append(unsent, peer.QueuedLine{ID: u.Line, Text: u.Text})
	}
	for _, rep := range r.Replicas {
		if rep.Torn {
			w.some(SomeTorn)
		}
		if len(rep.Damaged) > 0 {
			w.some(SomeDamaged)
		}
		if rep.Repaired {
			w.some(SomeMended)
			p.mended()
		}
	}
	if len(r.New) > 0 {
		w.some(SomeRestored)
	}
	if r.Summary.Count > 0 {
		w.some(SomeSummary)
	}
	m.runs = p
	p.seen.start(p, r)
	p.seen.mutex = newOnFloor()
	order := peer.OrderAgreed
	if w.s.Arrival {
		order = peer.OrderArrival
	}
	p.core = peer.New(peer.Config{
		Name: m.name, Private: m.private, Group: w.group, Address: "224.1.1.1:5007", Room: "lab", Interfaces: []string{"lab"},
		ReconcileEvery: 2 * time.Minute, Rand: rand.New(rand.NewPCG(w.rng.Uint64(), 0)), Signatures: w.signatures, Order: order,
		Summary: r.Summary, Turns: r.New, Archive: p.archive(), Met: met(r), Unsent: unsent, Without: w.o.Without,
	}, p.now())
	if r.Summary.Count > 0 {
		w.push(item{at: w.now + within(w.rng, loadTakes), kind: itemLoad, process: p})
	}
	p.perform()
	p.wantSync(false) // what an earlier run left may not be durable
}

func (p *process) now() peer.Now { return p.m.clock.now(p.w.now + p.lag) }

// input gives the core one input, and does what it wants then. Who is dead or stands
// still takes none.
func (p *process) input(in func()) {
	if p.dead || p.m.runs != p || p.m.still {
		return
	}
	p.w.steps++
	in()
	p.perform()
}

// perform does what the core wants, until it wants nothing more.
func (p *process) perform() {
	for {
		before := p.seen.mutex.look(p)
		r, ok := p.core.Ready(p.now())
		if !ok {
			break
		}
		p.seen.mutex.leaves(p, before, r)
		res := peer.Perform(r, p, p, func() time.Duration { return p.now().Boot })
		if p.gone() {
			return
		}
		p.look()
		if p.lag > 0 {
			p.wait(r, res)
			return
		}
		p.seen.told(p, r.Events)
		p.core.Done(p.now(), res)
	}
	p.look()
	p.w.check.step(p)
	if p.core.Exited() {
		p.exit()
		return
	}
	p.arm()
}

// gone tells whether the program was killed in what it did last.
func (p *process) gone() bool {
	if p.dead || p.m.disk.Killed() {
		if p.m.runs == p {
			p.dead = true
			_ = p.store.Close() // the system does it
			p.m.died()
		}
		return true
	}
	return false
}

// arm sees to it that the core is woken when it wants to be.
func (p *process) arm() {
	b := p.core.Wake()
	if b == 0 {
		return
	}
	at := max(p.m.clock.when(b), p.w.now+time.Microsecond)
	if p.wake == 0 || at < p.wake {
		p.wake = at
		p.w.push(item{at: at, kind: itemTick, process: p})
	}
}

// tick is the timer that was set to this time.
func (p *process) tick(at time.Duration) {
	if at != p.wake || p.m.runs != p {
		return // it was set anew
	}
	p.wake = 0
	if !p.m.still {
		p.timer()
	}
}

func (p *process) timer() { p.input(func() { p.core.Tick(p.now()) }) }

// take gives the core datagrams that arrived.
func (p *process) take(ds ...*datagram) {
	p.input(func() {
		for _, d := range ds {
			packet := d.packet
			if d.sealed != nil {
				inc, counter, msg, err := p.w.key.Unseal(nil, d.sealed)
				if err != nil {
					p.w.wrong("seal", "%s cannot open a datagram of %s: %v", p.m.label(), d.from.m.label(), err)
					return
				}
				packet.Incarnation, packet.Counter, packet.Payload = inc, counter, msg
			}
			if !p.window.Accept(packet.Incarnation, packet.Counter) {
				p.w.lose(d, p.m, lostRepeated)
				continue
			}
			if p.w.rec != nil {
				p.w.rec.Received(p.w.now, p.m.label(), packet)
			}
			p.core.Receive(p.now(), packet)
			p.seen.mutex.received(p, packet)
		}
	})
}

// forged tells whether a datagram is opened though it was changed on its way.
func (p *process) forged(d *datagram, why Some) bool {
	b := append([]byte(nil), d.sealed...)
	if why == lostTruncate {
		b = b[:p.w.rng.IntN(len(b))]
	} else {
		b[p.w.rng.IntN(len(b))] ^= 1 << p.w.rng.IntN(8)
	}
	_, _, _, err := p.w.key.Unseal(nil, b)
	return err == nil
}

// Append implements peer.Disk.
func (p *process) Append(ts []*turn.Signed) (uint64, []error) {
	r := p.store.Append(ts)
	p.lag += within(p.w.rng, p.m.ill.slow)
	p.seen.appended(p, ts, r)
	own := false
	for _, t := range ts {
		own = own || t.Turn().Author == turn.Key(p.m.private[32:])
	}
	p.wantSync(own)
	if p.w.rec != nil {
		e := trace.Event{At: p.w.now, Member: p.m.label(), Kind: trace.KindAppend, Count: r.Kept()}
		for _, t := range ts {
			e.Turns = append(e.Turns, t.ID().Short())
		}
		p.w.rec.Emit(e)
	}
	return r.Seq, r.Replicas
}

// Queue implements peer.Disk.
func (p *process) Queue(ls []peer.QueuedLine) error {
	for _, l := range ls {
		if err := p.store.Queue(l.ID, l.Text); err != nil {
			p.seen.notQueued(p, ls)
			return err
		}
	}
	p.seen.queued(p, ls)
	return nil
}

// Dequeue implements peer.Disk.
func (p *process) Dequeue(ids []turn.LineID) error { return p.store.Done(ids...) }

// Send implements peer.Network.
func (p *process) Send(d peer.Datagram) error {
	w := p.w
	if p.dead || p.m.disk.Killed() {
		return errKilled
	}
	if p.m.act() {
		w.some(SomeKilledSend)
		p.dead = true
		return errKilled
	}
	w.check.sends(p, d)
	out := &datagram{from: p, to: d.To, packet: peer.Packet{From: p.addr, Incarnation: d.Incarnation, Counter: d.Counter, Payload: d.Payload}}
	if w.key != nil {
		out.sealed = w.key.Seal(nil, d.Incarnation, d.Counter, d.Payload)
	}
	if wire.Kind(d.Payload[0]) == wire.KindFrag {
		w.some(SomeFragments)
	}
	if w.rec != nil {
		w.rec.Sent(w.now, p.m.label(), w.labelOf(d.To), d)
	}
	for _, to := range w.machines {
		if to != p.m && (d.To == "" || to.runs != nil && to.runs.addr == d.To) {
			w.net.send(out, to)
		}
	}
	return nil
}

var errKilled = fmt.Errorf("lab: the program was killed")

// wantSync asks for an fsync of every replica, at once for an own turn.
func (p *process) wantSync(own bool) {
	for i, at := range p.syncs {
		due := p.w.now + fsyncWithin
		if own {
			due = p.w.now + within(p.w.rng, fsyncTakes)
		}
		if at == 0 || due < at {
			p.syncs[i] = due
			p.w.push(item{at: due, kind: itemSync, process: p, replica: i})
		}
	}
}

// fsync is what the program does beside its loop.
func (p *process) fsync(replica int) {
	if p.m.runs != p || p.m.still || p.syncs[replica] == 0 || p.syncs[replica] > p.w.now {
		return
	}
	p.syncs[replica] = 0
	upto, err := p.store.Sync(replica)
	if p.gone() || err != nil {
		return
	}
	p.seen.synced(p, replica, upto)
	p.input(func() { p.core.Synced(p.now(), replica, upto) })
}

// fsyncAll does what was due while the machine stood still.
func (p *process) fsyncAll() {
	for i := range p.syncs {
		if p.m.runs == p {
			p.fsync(i)
		}
	}
}

// repair compares the replicas and mends them, as /sync does first.
func (p *process) repair() {
	r := p.store.Repair(context.Background(), nil)
	if p.gone() {
		return
	}
	for _, rep := range r.Replicas {
		if rep.Repaired {
			p.w.some(SomeRepaired)
			p.mended()
		}
	}
	p.input(func() { p.core.Reconcile(p.now(), 0) })
}

// mended records that a damaged replica is whole again.
func (p *process) mended() {
	if p.w.rec != nil {
		p.w.rec.Emit(trace.Event{At: p.w.now, Kind: trace.KindFault, Code: string(DoRot), Members: []string{p.m.label()}, State: "end"})
	}
}

// exit is the end of a program that leaves.
func (p *process) exit() {
	p.w.some(SomeQuit)
	_ = p.store.SyncAll() // a failure costs what a power cut would
	if p.gone() {
		return
	}
	p.advance()
	_ = p.store.Close()
	p.dead = true
	if p.m.runs == p {
		p.m.replace(p.m.disk.Crash())
		p.w.check.died(p.m, false)
		p.m.runs = nil
		switch {
		case p.w.healed:
			p.m.mustRun()
		case p.m.away > 0:
			p.w.push(item{at: p.w.now + p.m.away, kind: itemStart, machine: p.m})
		}
	}
}

// holds tells whether it may act as the holder now.
func (p *process) holds() bool {
	_, ok := p.core.Floor().Holds(p.now().Boot)
	return ok
}

// speaks tells whether it has the floor now: it may act as the holder, or it writes down
// what it will send.
func (p *process) speaks() bool {
	f := p.core.Floor()
	until, ok := f.Holds(p.now().Boot)
	_, _, holds := f.Request()
	return ok || holds && p.writing != nil && p.now().Boot < until
}

// over notes what the rules of the floor kept from happening in this run.
func (p *process) over() {
	for r, n := range p.core.Floor().Refusals() {
		if n > 0 {
			p.w.counts[refusal[r]] += n
		}
	}
}

// look records what has changed in the core and no event tells: its incarnation and its
// view.
func (p *process) look() {
	if p.w.rec == nil {
		return
	}
	if inc := p.core.Self().Incarnation; inc != p.inc {
		why := ""
		if p.inc != 0 {
			why = "anew"
		}
		p.inc = inc
		p.w.rec.Started(p.w.now, p.m.label(), inc, why)
	}
	v := p.core.Floor().View()
	if s := v.Hash().String(); s != p.view {
		p.view = s
		p.w.rec.ViewOf(p.w.now, p.m.label(), v)
	}
}

// labelOf is the name of who has an address; empty: all.
func (w *world) labelOf(addr string) string {
	if addr == "" {
		return ""
	}
	for _, m := range w.machines {
		if m.runs != nil && m.runs.addr == addr {
			return m.label()
		}
	}
	return addr
}
