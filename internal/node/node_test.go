package node

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/transport/transporttest"
	"github.com/papo-chat/papo/internal/transport/udp"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
)

// patience bounds every wait of these tests; it is long because the machine
// may be busy, and nothing asserts how long anything takes.
const patience = 60 * time.Second

// person is somebody with a node: what the node tells is kept.
type person struct {
	t    testing.TB
	name string
	node *Node
	ran  chan error

	mu     sync.Mutex
	told   sync.Cond
	events []peer.Event
	closed bool
}

func start(t testing.TB, name, dir string, key *seal.Key, transport Transport) *person {
	t.Helper()
	return startEvery(t, name, dir, key, transport, 2*time.Minute, time.Minute)
}

// startEvery starts a member that compares and makes checkpoints so often.
func startEvery(t testing.TB, name, dir string, key *seal.Key, transport Transport, reconcile, checkpoint time.Duration) *person {
	t.Helper()
	return startWith(t, name, dir, key, transport, func(c *Config) { c.ReconcileEvery, c.CheckpointEvery = reconcile, checkpoint })
}

// startWith starts a member with other settings than the usual ones.
func startWith(t testing.TB, name, dir string, key *seal.Key, transport Transport, set func(*Config)) *person {
	t.Helper()
	c := configure(t, name, dir, key, transport)
	set(&c)
	p := &person{t: t, name: name, ran: make(chan error, 1), node: New(c)}
	p.told.L = &p.mu
	p.run(c.Store, transport)
	return p
}

// configure makes what a member is made of.
func configure(t testing.TB, name, dir string, key *seal.Key, transport Transport) Config {
	t.Helper()
	disk, found, err := store.Open(store.Options{
		Dir: dir, Name: name, Group: turn.GroupID(key.GroupID()), Checkpoint: filepath.Join(dir, "checkpoint.db"), Recent: 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	identity, _, err := seal.LoadOrCreateIdentity(dir, crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Name: name, Private: identity.Private(), Key: key, Address: "224.1.1.1:5007", Room: "papo",
		Store: disk, Restored: found, Transport: transport, Clock: SystemClock(),
		Rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), ReconcileEvery: 2 * time.Minute, CheckpointEvery: time.Minute,
	}
}

// run runs the member, and keeps what it tells.
func (p *person) run(disk *store.Store, transport Transport) {
	go func() {
		err := p.node.Run(context.Background())
		disk.Close()
		transport.Close()
		p.ran <- err
	}()
	go func() {
		for e := range p.node.Events() {
			p.mu.Lock()
			p.events = append(p.events, e)
			p.told.Broadcast()
			p.mu.Unlock()
		}
		p.mu.Lock()
		p.closed = true
		p.told.Broadcast()
		p.mu.Unlock()
	}()
}

// until waits for the first event from index on that ok accepts, and returns
// the index behind it.
func (p *person) until(what string, from int, ok func(peer.Event) bool) int {
	p.t.Helper()
	deadline := time.AfterFunc(patience, func() { p.told.Broadcast() })
	defer deadline.Stop()
	began := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := from; ; {
		for ; i < len(p.events); i++ {
			if ok(p.events[i]) {
				return i + 1
			}
		}
		if p.closed || time.Since(began) > patience {
			p.t.Fatalf("%s waits in vain for %s", p.name, what)
		}
		p.told.Wait()
	}
}

// sees waits until the view has n members.
func (p *person) sees(n int) {
	p.t.Helper()
	view := 0
	p.until(fmt.Sprintf("%d members", n), 0, func(e peer.Event) bool {
		switch e := e.(type) {
		case peer.Started:
			view = len(e.View)
		case peer.Peer:
			view = len(e.View)
		}
		return view == n
	})
}

func (p *person) leave() {
	p.t.Helper()
	p.node.Do(0, ui.Command{Name: "quit"})
	select {
	case err := <-p.ran:
		if err != nil {
			p.t.Errorf("%s: %v", p.name, err)
		}
	case <-time.After(patience):
		p.t.Errorf("%s does not end", p.name)
	}
}

func (p *person) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, e := range p.events {
		if t, ok := e.(peer.TurnShown); ok {
			out = append(out, t.Lines...)
		}
	}
	return out
}

// network opens a place for one member.
type network func(name string) Transport

func overMemnet(t testing.TB, f memnet.Faults) network {
	net := memnet.New(rand.New(rand.NewPCG(1, 2)), 4096)
	if err := net.SetAll(f); err != nil {
		t.Fatal(err)
	}
	return func(name string) Transport {
		n, err := net.Listen(name)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func overLoopback(t testing.TB) network {
	lo := transporttest.Loopback(t)
	group := netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 1, 1, 1}), transporttest.FreePort(t))
	return func(string) Transport {
		tr, err := udp.Open(udp.Config{Group: group, Interfaces: []string{lo.Name}})
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
}

func crowd(t testing.TB, net network, n int) []*person {
	key := seal.OpenRoom("224.1.1.1:5007", t.Name())
	var ps []*person
	for i := range n {
		name := fmt.Sprintf("m%d", i)
		ps = append(ps, start(t, name, t.TempDir(), key, net(name)))
	}
	for _, p := range ps {
		p.sees(n)
	}
	return ps
}

func talk(t *testing.T, ps []*person, each int) {
	t.Helper()
	for i := range each {
		for _, p := range ps {
			p.node.Say(i+1, fmt.Sprintf("%s %d", p.name, i))
		}
	}
	for _, p := range ps {
		lines := 0
		p.until("all lines", 0, func(e peer.Event) bool {
			if s, ok := e.(peer.TurnShown); ok {
				lines += len(s.Lines)
			}
			return lines == each*len(ps)
		})
	}
	for _, p := range ps {
		p.leave()
	}
	for _, p := range ps[1:] {
		if !slices.Equal(slices.Sorted(slices.Values(p.lines())), slices.Sorted(slices.Values(ps[0].lines()))) {
			t.Errorf("%s and %s show different lines", p.name, ps[0].name)
		}
	}
}

func TestTalkOverMemnet(t *testing.T) {
	talk(t, crowd(t, overMemnet(t, memnet.Faults{}), 3), 50)
}

func TestTalkOverLossyMemnet(t *testing.T) {
	f := memnet.Faults{Loss: 0.2, Duplicate: 0.1, Reorder: 0.1, MaxDelay: 5 * time.Millisecond}
	talk(t, crowd(t, overMemnet(t, f), 4), 25)
}

func TestTalkOverLoopback(t *testing.T) {
	talk(t, crowd(t, overLoopback(t), 3), 50)
}

func TestRestartKeepsTheRecordAndTheKey(t *testing.T) {
	net := overMemnet(t, memnet.Faults{})
	key := seal.OpenRoom("224.1.1.1:5007", "papo")
	dir := t.TempDir()
	p := start(t, "ana", dir, key, net("ana"))
	p.node.Say(1, "before")
	p.until("the line to be said", 0, func(e peer.Event) bool { l, ok := e.(peer.Line); return ok && l.State == peer.LineSaid })
	p.leave()
	again := start(t, "ana", dir, key, net("ana again"))
	again.until("what was restored", 0, func(e peer.Event) bool {
		r, ok := e.(peer.Restored)
		return ok && r.Turns == 1 && len(r.Recent) == 1 && r.Recent[0].Lines[0] == "before" && r.Recent[0].Own
	})
	again.leave()
}

// BenchmarkLine measures an uncontended line, from Say at one member to shown
// at all others, encryption, signatures and three logs on.
// BenchmarkEchoLoopback beside it is the floor: a bare multicast and three
// unicast answers.
func BenchmarkLine(b *testing.B) {
	for _, n := range []int{3, 10} {
		b.Run(fmt.Sprintf("memnet/%d", n), func(b *testing.B) { lines(b, crowd(b, overMemnet(b, memnet.Faults{}), n)) })
		b.Run(fmt.Sprintf("udp/%d", n), func(b *testing.B) { lines(b, crowd(b, overLoopback(b), n)) })
	}
}

func BenchmarkEchoLoopback(b *testing.B) { transporttest.BenchmarkEchoLoopback(b) }

func lines(b *testing.B, ps []*person) {
	at := make([]int, len(ps))
	i := 0
	for b.Loop() {
		i++
		text := fmt.Sprint("line ", i)
		ps[0].node.Say(i, text)
		for j, p := range ps {
			at[j] = p.until("the line", at[j], func(e peer.Event) bool {
				t, ok := e.(peer.TurnShown)
				return ok && slices.Contains(t.Lines, text)
			})
		}
	}
	b.StopTimer()
	for _, p := range ps {
		p.leave()
	}
}

// BenchmarkHandOver measures how often the floor changes hands when all have
// something to say all the time: each says its next line when its last is shown.
func BenchmarkHandOver(b *testing.B) {
	for _, n := range []int{3, 5, 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ps := crowd(b, overLoopback(b), n)
			var wg sync.WaitGroup
			each := max(1, b.N/n)
			b.ResetTimer()
			for _, p := range ps {
				wg.Go(func() {
					from := 0
					for i := range each {
						p.node.Say(i+1, fmt.Sprint(p.name, " ", i))
						from = p.until("its own line", from, func(e peer.Event) bool {
							t, ok := e.(peer.TurnShown)
							return ok && t.Own
						})
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(each*n)/b.Elapsed().Seconds(), "hand-overs/s")
			b.StopTimer()
			for _, p := range ps {
				p.leave()
			}
		})
	}
}

// brokenNet is a network on which every sending fails, each time in another way.
type brokenNet struct {
	Transport
	n atomic.Int64
}

func (b *brokenNet) Send(string, []byte) error { return fmt.Errorf("broken %d", b.n.Add(1)) }

// A network that fails all the time, however differently, is told some times and
// not for ever.
func TestBrokenNetworkIsToldAFewTimes(t *testing.T) {
	net := &brokenNet{Transport: overMemnet(t, memnet.Faults{})("ana")}
	p := start(t, "ana", t.TempDir(), seal.OpenRoom("224.1.1.1:5007", t.Name()), net)
	for i := range 5 * maxFailing { // each line is sent, if nothing else is
		p.node.Say(i+1, "x")
		p.until("the line", 0, func(e peer.Event) bool { s, ok := e.(peer.Line); return ok && s.N == i+1 && s.State == peer.LineSent })
	}
	p.leave()
	told := 0
	p.until("the end", 0, func(e peer.Event) bool {
		if x, ok := e.(peer.Notice); ok && x.Code == peer.CodeNetwork {
			told++
		}
		_, ok := e.(peer.Exit)
		return ok
	})
	if told < 1 || told > maxFailing {
		t.Errorf("told %d times, of %d failures", told, net.n.Load())
	}
	if net.n.Load() < 4*maxFailing {
		t.Errorf("only %d failures", net.n.Load())
	}
}
