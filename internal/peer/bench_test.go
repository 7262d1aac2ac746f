package peer

import (
	"cmp"
	"crypto/ed25519"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
)

// cheap has signatures that anybody could forge, and knows each turn that was made with
// them by its bytes: a run takes then what the members' own work takes. It is for one
// goroutine.
type cheap struct {
	turns map[string]*turn.Signed // all of a run
}

func newCheap() *cheap { return &cheap{map[string]*turn.Signed{}} }

func cheapSignature(key turn.Key, what []byte) (s [64]byte) {
	h := fnv.New64a()
	h.Write(key[:])
	h.Write(what)
	binary.BigEndian.PutUint64(s[:], h.Sum64())
	return s
}

func (c *cheap) SignTurn(g turn.GroupID, t turn.Turn, key ed25519.PrivateKey) (*turn.Signed, error) {
	s, err := turn.SignWith(g, t, key, func(id turn.ID) [64]byte { return cheapSignature(t.Author, id[:]) })
	if err == nil {
		c.turns[string(s.Bytes())] = s
	}
	return s, err
}

func (c *cheap) ParseTurn(g turn.GroupID, b []byte) (*turn.Signed, error) {
	if s := c.turns[string(b)]; s != nil {
		return s, nil
	}
	return nil, turn.ErrSignature
}

func (c *cheap) SignHello(private ed25519.PrivateKey, g turn.GroupID, incarnation uint64, name string) [64]byte {
	return cheapSignature(turn.Key(private[32:]), binary.BigEndian.AppendUint64([]byte(name), incarnation))
}

func (c *cheap) VerifyHello(key turn.Key, g turn.GroupID, incarnation uint64, name string, signature [64]byte) bool {
	return signature == cheapSignature(key, binary.BigEndian.AppendUint64([]byte(name), incarnation))
}

// BenchmarkGroup is a run of a group of five, in the fourth second of which a talk of
// 200 lines in five seconds begins; all have all lines in the end. It is what a
// simulator does for a seed, without its checks.
func BenchmarkGroup(b *testing.B) {
	for _, bench := range []struct {
		name string
		loss float64
	}{{"good", 0}, {"loss", 0.1}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			var delivered, inputs int
			for seed := uint64(0); b.Loop(); seed++ {
				r := newRun(b, seed, bench.loss)
				for i := range 200 {
					r.lines = append(r.lines, spoken{3*time.Second + time.Duration(r.rng.Int64N(int64(5*time.Second))), r.rng.IntN(5), i})
				}
				slices.SortFunc(r.lines, func(a, b spoken) int { return cmp.Compare(a.at, b.at) })
				r.until(15 * time.Second)
				r.check(200)
				delivered += int(r.net.Stats().Delivered)
				inputs += r.inputs
			}
			b.ReportMetric(float64(delivered)/float64(b.N), "deliveries/run")
			b.ReportMetric(float64(inputs)/float64(b.N), "inputs/run")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(delivered), "ns/delivery")
		})
	}
}

// BenchmarkIdle is a second of five members who have a record of 1000 lines and say
// nothing.
func BenchmarkIdle(b *testing.B) {
	r := newRun(b, 1, 0)
	for i := range 1000 {
		r.lines = append(r.lines, spoken{3*time.Second + time.Duration(i)*3*time.Millisecond, i % 5, i})
	}
	r.until(10 * time.Second)
	r.check(1000)
	b.ReportAllocs()
	for b.Loop() {
		r.until(r.now + time.Second)
	}
}

// run is a group whose members get their inputs by a loop that costs little: the
// earliest of what arrives, of the ticks that they want, of fsyncs and of lines.
type run struct {
	b      *testing.B
	rng    *rand.Rand
	net    *memnet.Queue
	now    time.Duration
	ms     []*runner
	lines  []spoken // by time
	inputs int

	datagram []byte // the one that is sent
}

type spoken struct {
	at     time.Duration
	by, no int
}

// runner is a member of a run.
type runner struct {
	r    *run
	name string
	core *Core
	disk memDisk
	wake time.Duration // 0: never
	sync []synced      // by time
}

type synced struct {
	at  time.Duration
	seq uint64
}

// epoch is the time of day when a run begins, bootedFor the Boot time then.
var epoch = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

const bootedFor = time.Hour

func newRun(b *testing.B, seed uint64, loss float64) *run {
	r := &run{b: b, rng: rand.New(rand.NewPCG(seed, 1)), net: memnet.NewQueue(rand.New(rand.NewPCG(seed, 2)), 0)}
	if err := r.net.SetAll(memnet.Faults{Loss: loss, MinDelay: near.MinDelay, MaxDelay: near.MaxDelay}); err != nil {
		b.Fatal(err)
	}
	signatures := newCheap()
	for i, name := range []string{"ana", "bia", "caio", "davi", "eva"} {
		r.net.Add(name)
		m := &runner{r: r, name: name}
		key := make([]byte, ed25519.PrivateKeySize) // nobody looks whether its halves belong together
		key[0], key[32] = byte(i+1), byte(i+1)
		m.core = New(Config{
			Name: name, Private: key, Group: turn.GroupID{9}, Address: "224.1.1.1:5007", Room: "papo", Interfaces: []string{"mem"},
			ReconcileEvery: 2 * time.Minute, Rand: rand.New(rand.NewPCG(seed, uint64(i+3))), Signatures: signatures,
		}, r.time())
		r.ms = append(r.ms, m)
	}
	for _, m := range r.ms {
		m.perform()
	}
	return r
}

func (r *run) time() Now { return Now{Boot: bootedFor + r.now, Wall: epoch.Add(r.now)} }

func (r *run) until(end time.Duration) {
	for {
		at, next, of := end+1, nothing, (*runner)(nil)
		if arrives, ok := r.net.Next(); ok && arrives < at {
			at, next = arrives, arrival
		}
		if len(r.lines) > 0 && r.lines[0].at < at {
			at, next = r.lines[0].at, speech
		}
		for _, m := range r.ms {
			if wake := m.wake - bootedFor; m.wake != 0 && wake < at {
				at, next, of = wake, tick, m
			}
			if len(m.sync) > 0 && m.sync[0].at < at {
				at, next, of = m.sync[0].at, safe, m
			}
		}
		if next == nothing {
			r.now = end
			return
		}
		r.now = max(r.now, at)
		r.inputs++
		switch next {
		case arrival:
			r.receive()
		case speech:
			r.say()
		case tick:
			of.tick()
		case safe:
			of.synced()
		}
	}
}

// What comes next in a run.
const (
	nothing = iota
	arrival
	speech
	tick
	safe
)

func (r *run) receive() {
	_, from, to, b, _ := r.net.Pop()
	for _, m := range r.ms {
		if m.name == to {
			m.core.Receive(r.time(), Packet{From: from, Incarnation: binary.BigEndian.Uint64(b), Counter: binary.BigEndian.Uint32(b[8:]), Payload: b[12:]})
			m.perform()
		}
	}
}

func (r *run) say() {
	l := r.lines[0]
	r.lines = r.lines[1:]
	m := r.ms[l.by]
	m.core.Say(r.time(), 1, "what "+m.name+" says: "+strconv.Itoa(l.no))
	m.perform()
}

func (m *runner) tick() {
	m.core.Tick(m.r.time())
	m.perform()
}

func (m *runner) synced() {
	seq := m.sync[0].seq
	m.sync = m.sync[1:]
	m.core.Synced(m.r.time(), 0, seq)
	m.core.Synced(m.r.time(), 1, seq)
	m.perform()
}

func (m *runner) perform() {
	for {
		ready, ok := m.core.Ready(m.r.time())
		if !ok {
			break
		}
		res := Perform(ready, &m.disk, m, func() time.Duration { return bootedFor + m.r.now })
		m.core.Done(m.r.time(), res)
		if len(ready.Append) > 0 {
			m.sync = append(m.sync, synced{m.r.now + 5*time.Millisecond, res.Seq})
		}
	}
	m.wake = m.core.Wake()
}

// Send implements Network: incarnation and counter stand before the payload.
func (m *runner) Send(d Datagram) error {
	b := binary.BigEndian.AppendUint64(m.r.datagram[:0], d.Incarnation)
	b = binary.BigEndian.AppendUint32(b, d.Counter)
	m.r.datagram = append(b, d.Payload...)
	m.r.net.Push(m.r.now, m.name, d.To, m.r.datagram)
	return nil
}

// check asserts that all have the same record of n lines.
func (r *run) check(n int) {
	for _, m := range r.ms {
		h := m.core.History()
		lines := 0
		for i := range h.Len() {
			lines += len(h.Get(h.At(i).ID).Turn().Texts)
		}
		if lines != n || h.Fingerprint() != r.ms[0].core.History().Fingerprint() {
			r.b.Fatalf("%s has %d lines of %d", m.name, lines, n)
		}
	}
}
