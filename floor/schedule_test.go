package floor

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/transport/memnet"
)

// A schedule is one run of a group of floors in virtual time, decided by one
// seed: the network loses, repeats, delays, reorders and misdirects, members
// crash, restart, stall, sleep and suspect each other wrongly, and clocks run at
// different rates. After every step no two members may hold the floor whose views
// at entry share a member; and once the faults end, everybody who asks gets it.
type schedule struct {
	seed    uint64
	rng     *rand.Rand
	now     time.Duration // true time
	queue   events
	seq     int
	net     *memnet.Queue
	sent    []packet // in the order of sending
	nodes   []*node
	without broken.Rules
	faults  faults
	healed  bool
	until   time.Duration
	entries int
	last    uint64 // incarnation
	trace   []string
	keep    bool // keep a trace
}

// faults is the swarm: what this run suffers from.
type faults struct {
	size                        int
	net                         memnet.Faults // of every link, until the end of all faults
	oneWay                      bool          // nothing of node 0 reaches node 1
	misdirect                   int           // per mille: how much reaches whom it is not for
	views, crash, pause, cancel bool
	longHolds                   bool
	atOnce                      bool // all ask at the same moment
	drift                       int  // per cent
	sleepStops                  bool // a clock that stops while the machine sleeps
	driftTwo                    bool // members that allow for a drift of 2 % only

	// Not in the swarm of every run; see departures.
	gap   bool // time passes between HandOver and Left
	bye   bool // members leave for good
	rude  bool // who wakes from a stall reads its mail before it looks at the clock
	heads bool // who wants the floor lacks something that others have seen
}

type node struct {
	i      int
	addr   string // on the network
	f      *Floor
	key    [32]byte
	rate   float64 // of its clock
	skew   time.Duration
	dead   bool
	paused time.Duration // until this true time
	inbox  []func()
	n      uint32        // its packets, in all incarnations
	asked  time.Duration // true time of the oldest unanswered wish, 0: none
	entry  View          // at the latest entry
	until  time.Duration // of the hold, on its own clock
	wake   time.Duration
}

type event struct {
	at  time.Duration
	seq int
	run func()
}
type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].at, q[j].at), q[i].seq-q[j].seq) < 0
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any     { e := (*q)[len(*q)-1]; *q = (*q)[:len(*q)-1]; return e }

func (s *schedule) at(t time.Duration, run func()) {
	s.seq++
	heap.Push(&s.queue, event{t, s.seq, run})
}

func (s *schedule) after(d time.Duration, run func()) { s.at(s.now+d, run) }

func (s *schedule) chance(perMille int) bool { return s.rng.IntN(1000) < perMille }

func (s *schedule) upTo(d time.Duration) time.Duration {
	return time.Duration(s.rng.Int64N(int64(d) + 1))
}

func (s *schedule) logf(format string, args ...any) {
	if s.keep {
		s.trace = append(s.trace, fmt.Sprintf("%10.3fms ", s.now.Seconds()*1000)+fmt.Sprintf(format, args...))
	}
}

func (n *node) local(t time.Duration) time.Duration {
	return n.skew + time.Duration(float64(t)*n.rate)
}

func (n *node) self() Member { return n.f.self }

func newSchedule(seed uint64, without broken.Rules, tune func(*faults, *rand.Rand)) *schedule {
	rng := rand.New(rand.NewPCG(seed, 1))
	s := &schedule{
		seed: seed, rng: rng, net: memnet.NewQueue(rand.New(rand.NewPCG(seed, 2)), 0),
		without: without, until: 12 * time.Second,
	}
	pick := func(v ...int) int { return v[rng.IntN(len(v))] }
	rate := func(perCent ...int) float64 { return float64(pick(perCent...)) / 100 }
	s.faults = faults{
		size: 2 + rng.IntN(4),
		net: memnet.Faults{
			Loss: rate(0, 0, 5, 20, 40), Duplicate: rate(0, 5, 30), Reorder: rate(0, 2, 10), HoldBack: longAgo,
			MinDelay: leastDelay, MaxDelay: time.Duration(pick(1, 10, 40)) * time.Millisecond,
		},
		misdirect: pick(0, 0, 100),
		views:     rng.IntN(2) == 0, crash: rng.IntN(2) == 0, pause: rng.IntN(2) == 0, cancel: rng.IntN(3) == 0,
		oneWay: rng.IntN(4) == 0, longHolds: rng.IntN(3) == 0, atOnce: rng.IntN(4) == 0, drift: pick(0, 8, 10),
	}
	if rng.IntN(3) == 0 {
		mixed(&s.faults, rng)
	}
	if tune != nil {
		tune(&s.faults, rng)
	}
	for i := range s.faults.size {
		n := &node{i: i, addr: string(rune('a' + i)), skew: time.Hour + s.upTo(time.Hour)}
		s.net.Add(n.addr)
		n.key[0] = byte(i)
		n.rate = 1 + float64(s.rng.IntN(2*s.faults.drift+1)-s.faults.drift)/100
		s.nodes = append(s.nodes, n)
		s.start(n)
	}
	s.link()
	return s
}

func (s *schedule) start(n *node) {
	s.last++
	n.dead, n.inbox, n.asked = false, nil, 0
	inc := s.rng.Uint64N(4)<<32 + s.last // so that ids and start order differ
	n.f = New(Config{Self: Member{n.key, inc}, Without: s.without}, n.local(s.now))
	if s.faults.driftTwo {
		n.f.life = Lease * 102 / 98
	}
	s.logf("%d starts as %d", n.i, inc)
}

// step is one input to a node: postponed while it is paused.
func (s *schedule) step(n *node, in func()) {
	if n.dead {
		return
	}
	if n.paused > s.now {
		if len(n.inbox) < 200 {
			n.inbox = append(n.inbox, in)
		}
		return
	}
	in()
	s.perform(n)
}

func (s *schedule) perform(n *node) {
	f := n.f
	r := f.Ready(n.local(s.now))
	for _, e := range r.Events {
		switch e.Kind {
		case Entered:
			s.entries++
			n.entry, n.asked, n.until = f.view, 0, e.Until
			s.logf("%d ENTERS ts=%d view=%v until=%v kept=%v", n.i, e.TS, e.View, e.Until-n.skew, e.Kept)
			hold := s.upTo(20 * time.Millisecond)
			if s.faults.longHolds && !s.healed && s.chance(300) {
				hold = s.upTo(4 * time.Second)
			}
			ts := e.TS
			s.after(hold, func() {
				s.step(n, func() {
					if now, _, holds := f.Request(); n.f == f && holds && now == ts {
						s.leave(n)
					}
				})
			})
		case Renewed:
			if e.At >= n.until {
				panic(violation(fmt.Sprintf("at %v the hold of %d goes on both before and after an end", s.now, n.i)))
			}
			n.until = e.Until
		case Left:
			s.logf("%d leaves ts=%d expired=%v stale=%v", n.i, e.TS, e.Expired, e.Stale)
		case Cancelled:
			n.asked = 0
		}
	}
	for _, m := range r.Send {
		s.post(n, m.To, m.Msg)
	}
	if r.Wake != 0 {
		true0 := time.Duration(float64(r.Wake-n.skew)/n.rate) + 1000
		if true0 < n.wake || n.wake <= s.now {
			n.wake = true0
			s.at(true0, func() {
				s.step(n, func() {
					n.wake = 0
					f.Tick(n.local(s.now))
				})
			})
		}
	}
	s.check()
}

// leave says something and hands over, by Leave or in the two steps that a
// program uses that sends the replies together with what it says.
func (s *schedule) leave(n *node) {
	now := n.local(s.now)
	n.f.Stamp()
	if s.faults.gap {
		s.leaveSlowly(n)
		return
	}
	if s.chance(500) {
		n.f.Leave(now)
		return
	}
	rep := n.f.HandOver(now)
	s.post(n, nil, rep)
	n.f.Left(now)
}

// check is promise 1, for those that are awake: who stalls does not act, and
// looks at its clock when it wakes.
func (s *schedule) check() {
	for i, a := range s.nodes {
		if !s.holds(a) {
			continue
		}
		for _, b := range s.nodes[i+1:] {
			if !s.holds(b) {
				continue
			}
			for _, m := range a.entry.members {
				for _, o := range b.entry.members {
					if m.Key == o.Key { // in whatever incarnation: it is one program to people
						panic(violation(fmt.Sprintf("at %v both %d and %d hold the floor, and %d was in both entry views", s.now, a.i, b.i, m.Key[0])))
					}
				}
			}
		}
	}
}

func (s *schedule) holds(n *node) bool {
	if n.dead || n.paused > s.now {
		return false
	}
	now := n.local(s.now)
	_, ok := n.f.Holds(now)
	return ok || n.f.state == leaving && now < n.f.until
}

type violation string

// disturb makes one thing happen to one member.
func (s *schedule) disturb() {
	if s.healed {
		return
	}
	s.after(s.upTo(100*time.Millisecond), s.disturb)
	n := s.nodes[s.rng.IntN(len(s.nodes))]
	switch s.rng.IntN(8) {
	case 0, 1, 2:
		s.step(n, func() { s.wish(n) })
		if s.faults.atOnce {
			for _, o := range s.nodes {
				s.step(o, func() { s.wish(o) })
			}
		}
	case 3:
		if s.faults.views && s.chance(400) {
			s.step(n, func() { n.f.SetView(n.local(s.now), s.someView(n)) })
		}
	case 4:
		if s.faults.views { // several see the same
			v := s.someView(n)
			for _, o := range s.nodes {
				if v.Has(o.self()) {
					s.after(s.upTo(5*time.Millisecond), func() {
						s.step(o, func() { o.f.SetView(o.local(s.now), v) })
					})
				}
			}
		}
	case 5:
		if s.faults.pause && n.paused <= s.now && s.chance(300) {
			s.pause(n)
		}
	case 6:
		if s.faults.bye && !n.dead && s.chance(300) {
			s.depart(n)
		} else if s.faults.crash && s.chance(300) {
			if n.dead {
				s.start(n)
			} else {
				s.logf("%d crashes", n.i)
				n.dead = true
				if s.chance(500) { // and is back at once
					s.start(n)
				}
			}
		}
	case 7:
		if s.faults.cancel {
			s.step(n, func() { n.f.Cancel(n.local(s.now)) })
		}
	}
}

func (s *schedule) wish(n *node) {
	if _, isAsking, isHolding := n.f.Request(); !isAsking && !isHolding && n.asked == 0 {
		n.asked = s.now
		s.logf("%d wishes to speak", n.i)
	}
	if s.faults.heads && s.chance(300) {
		f := n.f
		f.Await(n.local(s.now), true)
		s.after(s.upTo(200*time.Millisecond), func() {
			s.step(n, func() { f.Await(n.local(s.now), false) })
		})
	}
	if s.chance(100) {
		n.f.AskAll(n.local(s.now))
	} else {
		n.f.Ask(n.local(s.now))
	}
}

func (s *schedule) pause(n *node) {
	d := s.upTo(4 * time.Second)
	n.paused = s.now + d
	s.logf("%d stalls for %v", n.i, d)
	f := n.f
	s.after(d, func() {
		if n.f != f || n.dead {
			return
		}
		if s.faults.sleepStops {
			n.skew -= time.Duration(float64(d) * n.rate)
		}
		s.logf("%d wakes", n.i)
		s.check() // it could act at this very moment
		inbox := n.inbox
		n.inbox = nil
		if s.chance(500) {
			s.rng.Shuffle(len(inbox), func(i, j int) { inbox[i], inbox[j] = inbox[j], inbox[i] })
		}
		if !s.faults.rude {
			s.step(n, func() { f.Tick(n.local(s.now)) })
		}
		for _, in := range inbox {
			s.step(n, in)
		}
		s.step(n, func() { f.Tick(n.local(s.now)) })
	})
}

// someView is what n may wrongly believe: everybody, or some of them.
func (s *schedule) someView(n *node) View {
	all := s.chance(400)
	ms := []Member{n.self()}
	for _, o := range s.nodes {
		if o != n && !o.dead && !o.f.quiet && (all || s.chance(600)) {
			ms = append(ms, o.self())
		}
	}
	return NewView(ms...)
}

// heal ends all faults and gives everybody the same view.
func (s *schedule) heal() {
	s.healed = true
	s.link()
	for _, n := range s.nodes {
		if n.dead {
			s.start(n)
		}
	}
	s.after(4500*time.Millisecond, func() { // stalls and quiet are over
		for _, n := range s.nodes {
			ms := []Member{}
			for _, o := range s.nodes {
				ms = append(ms, o.self())
			}
			s.step(n, func() { n.f.SetView(n.local(s.now), NewView(ms...)) })
			s.step(n, func() { s.wish(n) })
		}
	})
}

// run returns what was violated, or "".
func (s *schedule) run() (bad string) {
	defer func() {
		if r := recover(); r != nil {
			v, ok := r.(violation)
			if !ok {
				panic(r)
			}
			bad = string(v)
		}
	}()
	for _, n := range s.nodes {
		s.beat(n)
		s.step(n, func() { n.f.Tick(n.local(s.now)) })
	}
	s.after(2200*time.Millisecond, func() { // all are up, and see each other
		v := s.everyone()
		for _, n := range s.nodes {
			s.step(n, func() { n.f.SetView(n.local(s.now), v) })
		}
		s.disturb()
	})
	s.at(s.until, s.heal)
	s.pass(s.until + 12*time.Second)
	for _, n := range s.nodes {
		if n.asked != 0 {
			return fmt.Sprintf("%d waits for ever: it asked at %v", n.i, n.asked)
		}
	}
	return ""
}

// pass lets time pass until end.
func (s *schedule) pass(end time.Duration) {
	for {
		arrives, ok := s.net.Next()
		switch {
		case ok && arrives <= end && (len(s.queue) == 0 || arrives <= s.queue[0].at):
			at, _, to, b, _ := s.net.Pop()
			s.now = max(s.now, at)
			s.receive(to, b)
		case len(s.queue) > 0 && s.queue[0].at <= end:
			e := heap.Pop(&s.queue).(event)
			s.now = max(s.now, e.at)
			e.run()
		default:
			return
		}
	}
}

func (s *schedule) everyone() View {
	var ms []Member
	for _, n := range s.nodes {
		ms = append(ms, n.self())
	}
	return NewView(ms...)
}
