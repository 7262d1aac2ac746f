package lab

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"time"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/turn"
)

// startAgain is how long it takes until a start that failed is tried again.
const startAgain = 500 * time.Millisecond

// machine is a computer with a clock and a disk, on which a member's program runs, or
// does not.
type machine struct {
	w       *world
	i       int // of all machines
	who     int // of all members; two machines have one if a directory was copied
	name    string
	private ed25519.PrivateKey
	clock   clock
	disk    *storetest.Disk
	saved   saved
	runs    *process // nil: none
	copied  bool     // there is, or was, another machine with its key

	still   bool // it stands still
	waiting []*datagram
	resumes time.Duration

	fuse   int // kills after so many actions more; 0: does not
	last   *Op // what the fuse is for
	ill    illness
	rotten bool // its disk lost what it had: nothing is certain of it
	trusts trust
	away   time.Duration // how long after it has left the program is started again; 0: it is not
}

// keyOf is the key of a member. The order of keys is not that of members.
func keyOf(who int) ed25519.PrivateKey {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], uint64(who)*0x9e3779b97f4a7c15+1)
	return ed25519.NewKeyFromSeed(seed[:])
}

func newMachine(w *world, i, who int) *machine {
	m := &machine{
		w: w, i: i, who: who, name: w.s.Name(who), private: keyOf(who), disk: storetest.New(),
		clock: clock{base: time.Duration(i+1) * time.Hour},
	}
	if who < len(w.s.Drift) {
		m.clock.drift = w.s.Drift[who]
	}
	m.clock.frozen = w.s.Frozen
	m.disk.Fault = m.ill.fault
	m.ill.m = m
	m.saved.init(w, i)
	return m
}

// label is its name in a trace.
func (m *machine) label() string {
	if m.i == m.who {
		return m.name
	}
	return fmt.Sprintf("%s-copy%d", m.name, m.i)
}

// start starts the program, if none runs.
func (m *machine) start() {
	if m.runs != nil {
		return
	}
	s, r, err := store.Open(m.w.storeOptions(m))
	if m.disk.Killed() {
		if s != nil {
			_ = s.Close() // it is dead
		}
		m.died()
		return
	}
	if err != nil {
		m.w.some(SomeNoStart)
		if m.w.healed {
			m.w.wrong("start", "%s cannot start, though nothing is wrong with its disk any more: %v", m.label(), err)
			return
		}
		m.disk = m.replace(m.disk.Crash())
		m.w.push(item{at: m.w.now + startAgain, kind: itemStart, machine: m})
		return
	}
	m.w.some(SomeStarted)
	newProcess(m, s, r)
}

// replace puts a disk in.
func (m *machine) replace(d *storetest.Disk) *storetest.Disk {
	d.Fault = m.ill.fault
	m.disk = d
	return d
}

// act is one action of a program that can be its last. It tells whether it was.
func (m *machine) act() bool {
	if m.fuse == 0 {
		return false
	}
	m.fuse--
	return m.fuse == 0
}

// kill ends the program now, as op says, and sees to it that it is started again.
func (m *machine) kill(op *Op) {
	m.fuse, m.last = 0, op
	if p := m.runs; p != nil {
		p.dead = true
		_ = p.store.Close() // the system does it
	}
	m.died()
}

// died is the end of a program that was killed: what its disk has is found by the next.
func (m *machine) died() {
	op, w := m.last, m.w
	m.last, m.fuse = nil, 0
	before := m.disk
	why := "kill"
	switch {
	case op == nil: // the end of a run that could not even start
		m.replace(before.Crash())
	case op.Do == DoKill || op.Do == DoCopy:
		w.some(SomeKilled)
		m.replace(before.Crash())
	case op.Do == DoPower:
		why = "power"
		w.some(SomePower)
		m.replace(before.PowerCut(w.rng))
	case op.Do == DoWipe:
		why = "power"
		w.some(SomeWiped)
		m.replace(storetest.New())
		m.saved.remove()
		m.rotten = true
	}
	if m.runs != nil && w.rec != nil {
		w.rec.Emit(trace.Event{At: w.now, Member: m.label(), Kind: trace.KindStop, Message: trace.Message{Why: why}})
	}
	w.check.died(m, why == "power")
	m.runs = nil
	m.waiting = nil
	if op == nil || op.For > 0 && op.Do != DoCopy {
		down := startAgain
		if op != nil {
			down = op.For
		}
		w.push(item{at: w.now + down, kind: itemStart, machine: m})
	}
}

// arrive takes a datagram that came over a link.
func (m *machine) arrive(d *datagram, why Some) {
	w := m.w
	switch {
	case m.runs == nil || d.to != "" && d.to != m.runs.addr:
		w.lose(d, m, lostNowhere)
		return
	case d.from == m.runs:
		return
	case why != "" && w.key == nil:
		w.lose(d, m, why) // the seal is broken
		return
	case why != "":
		if !m.runs.forged(d, why) {
			w.lose(d, m, why)
		} else {
			w.wrong("seal", "%s opened a datagram that was changed on its way", m.label())
		}
		return
	}
	if !m.still {
		m.runs.take(d)
		return
	}
	limit := w.net.net.Buffer
	if limit == 0 {
		limit = defaultBuffer
	}
	if len(m.waiting) >= limit {
		w.lose(d, m, lostOverflow)
		return
	}
	m.waiting = append(m.waiting, d)
}

// stop has the machine stand still.
func (m *machine) stop(d time.Duration, asleep bool) {
	w := m.w
	if m.still {
		return
	}
	m.still, m.resumes = true, w.now+d
	why := "stopped"
	if asleep {
		why = "asleep"
		w.some(SomeSlept)
		if w.s.StopsAsleep || w.s.Frozen {
			m.clock.asleep = w.now
		}
	} else {
		w.some(SomePaused)
	}
	if m.runs != nil && d > 2*time.Second && m.runs.holds() {
		if asleep {
			w.some(SomeSleptHold)
		} else {
			w.some(SomePausedHold)
		}
	}
	if w.rec != nil {
		w.rec.Emit(trace.Event{At: w.now, Member: m.label(), Kind: trace.KindPause, Message: trace.Message{Why: why}})
	}
	w.push(item{at: m.resumes, kind: itemResume, machine: m})
}

// resume goes on: what came meanwhile waits in the buffer, and the timer is due. Either
// is seen first.
func (m *machine) resume() {
	w := m.w
	if !m.still || w.now < m.resumes {
		return
	}
	m.still = false
	if m.clock.asleep != 0 {
		m.clock.stopped += m.clock.elapsed(w.now) - m.clock.elapsed(m.clock.asleep)
		m.clock.asleep = 0
	}
	if w.rec != nil {
		w.rec.Emit(trace.Event{At: w.now, Member: m.label(), Kind: trace.KindResume})
	}
	waiting := m.waiting
	m.waiting = nil
	if p := m.runs; p != nil {
		p.finish()
		if w.rng.IntN(2) == 0 {
			p.timer()
		}
		for len(waiting) > 0 && m.runs == p {
			n := min(len(waiting), batch)
			p.take(waiting[:n]...)
			waiting = waiting[n:]
		}
		if m.runs == p {
			p.timer()
			p.fsyncAll()
		}
	}
}

// heal ends what is wrong with it.
func (m *machine) heal() {
	m.ill.heal()
	m.fuse, m.last = 0, nil
	if m.still && (m.runs == nil || m.runs.writing == nil) {
		m.resumes = m.w.now
		m.resume()
	}
	if p := m.runs; p != nil {
		p.input(func() { p.core.SetDelay(p.now(), 0, 0); p.core.Release(p.now(), 0) })
	}
	m.mustRun()
}

// mustRun starts the program, if the faults have ended and it runs nowhere: of two that
// have one identity, one leaves, and stays away.
func (m *machine) mustRun() {
	for _, o := range m.w.machines {
		if o.who == m.who && o.runs != nil {
			return
		}
	}
	m.w.machines[m.who].start()
}

// rot flips a bit of a replica, if a whole one is left.
func (m *machine) rot(replica int) {
	path := filepath.Join("/papo", "replicas", fmt.Sprintf("replica_%s_%d.log", turn.FoldName(m.name), replica%m.w.s.Replicas))
	b, ok := m.disk.Get(path)
	if !ok || len(b) == 0 || m.w.s.Replicas < 2 {
		return
	}
	m.w.some(SomeRot)
	m.rotten = true
	m.disk.Rot(path, m.w.rng.IntN(len(b)), uint(m.w.rng.IntN(8)))
}
