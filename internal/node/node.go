package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
)

// inboxSize bounds the opened datagrams that wait for the loop; at the bound
// they are dropped and counted, as the network drops them.
const inboxSize = 4096

// batch is how many waiting datagrams are taken in before what they ask for is
// done: one write and one turn for many.
const batch = 64

const (
	failedAgain = 10 * time.Minute // before the same network error is told again
	maxFailing  = 16               // network errors that are told; a machine has few
)

// Transport carries datagrams: udp, or memnet in tests.
type Transport interface {
	Start(deliver func(from string, b []byte), fail func(error))
	Send(to string, b []byte) error
	Interfaces() []string
	Close() error
}

// Config is what a node is made of. All fields but Linger and Trace must be set.
type Config struct {
	Name           string
	Private        ed25519.PrivateKey
	Key            *seal.Key
	Address        string // of the group
	Room           string
	Store          *store.Store
	Restored       *store.Restored
	Transport      Transport
	Clock          Clock
	Rand           *rand.Rand
	ReconcileEvery time.Duration
	// CheckpointEvery is the pause between two advances of the checkpoint; 0: the
	// store has none, and all turns stay in memory.
	CheckpointEvery time.Duration
	Linger          time.Duration // after the end of input; peer.Forever: go on listening
	Verbose         bool
	Delay           time.Duration // see peer.Config
	Order           peer.Order    // see peer.Config
	// Trace gets what happens, in the format of internal/trace, the text of the chat
	// among it; nil: nobody does. It is written by a goroutine, for which nothing waits
	// but the end of Run, and that 2 s at most; see TraceErr.
	Trace io.Writer
}

// opened is a datagram in a buffer of the pool.
type opened struct {
	peer.Packet
	buf *[]byte
}

// Node is one running member. It implements ui.Chat.
type Node struct {
	cfg    Config
	core   *peer.Core
	queue  *eventQueue
	sync   *syncer
	inbox  chan opened
	errs   chan string
	orders chan func(peer.Now)
	done   chan struct{}
	pool   sync.Pool

	windowMu sync.Mutex
	window   *seal.Window

	foreign, forged, repeated, overflow atomic.Uint64 // see drops

	taken    []peer.Packet // of inbox, by take: batch at most
	buffers  []*[]byte     // of taken
	sealed   []byte
	reports  bool           // a comparison of the replicas runs
	silent   bool           // it is one that nobody asked for
	compared bool           // there was one
	next     func(peer.Now) // what waits for its end: a /sync; nil: nothing
	rested   time.Duration  // when the next is due at the earliest

	advancing      bool // the checkpoint is being advanced
	checkpointLost bool // it was told that it cannot be used
	partial        bool // the core has not got the places of all turns yet
	loading        bool // they are being read
	lookups        chan lookup
	tracer         *tracer // nil: there is no trace

	beside  context.Context          // of what goes on beside the loop
	stop    context.CancelFunc       // ends that, when the loop ends
	failing map[string]time.Duration // when each network error was told; bounded by maxFailing
}

// New starts a member. Run must be called next.
func New(cfg Config) *Node {
	n := &Node{
		cfg: cfg, queue: newEventQueue(), inbox: make(chan opened, inboxSize), errs: make(chan string, 1),
		orders: make(chan func(peer.Now), 256), done: make(chan struct{}), window: seal.NewWindow(),
		failing: map[string]time.Duration{}, lookups: make(chan lookup, maxLookups),
	}
	n.beside, n.stop = context.WithCancel(context.Background())
	n.pool.New = func() any { b := make([]byte, 0, seal.MaxDatagram); return &b }
	unsent := make([]peer.QueuedLine, 0, len(cfg.Restored.Unsent))
	for _, u := range cfg.Restored.Unsent {
		unsent = append(unsent, peer.QueuedLine{ID: u.Line, Text: u.Text})
	}
	met := make([]peer.Met, 0, len(cfg.Restored.Peers))
	for _, m := range cfg.Restored.Peers {
		met = append(met, peer.Met{Name: m.Name, Key: m.Key})
	}
	var archive turn.Archive
	if cfg.CheckpointEvery > 0 {
		archive = n.archive
	}
	n.partial = cfg.Restored.Summary.Count > 0
	n.checkpointLost = cfg.Restored.Checkpoint.Problem != nil && cfg.Restored.Checkpoint.Aside == "" // damageNotices tells
	n.core = peer.New(peer.Config{
		Name: cfg.Name, Private: cfg.Private, Group: turn.GroupID(cfg.Key.GroupID()), Address: cfg.Address, Room: cfg.Room,
		Interfaces: cfg.Transport.Interfaces(), Open: cfg.Key.Open(), ReconcileEvery: cfg.ReconcileEvery,
		Rand: cfg.Rand, Verbose: cfg.Verbose, Delay: cfg.Delay, Order: cfg.Order,
		Summary: cfg.Restored.Summary, Turns: cfg.Restored.New, Archive: archive, Met: met, Unsent: unsent, Restored: restored(cfg.Restored),
	}, cfg.Clock.Now())
	start := cfg.Clock.Now()
	if cfg.Trace != nil {
		n.tracer = newTracer(cfg.Trace, cfg.Name, n.core.Self().Key, turn.GroupID(cfg.Key.GroupID()), start)
	}
	for _, e := range damageNotices(peer.At(start.Boot), cfg.Restored) {
		n.core.Tell(start, e)
	}
	n.sync = newSyncer(cfg.Store, len(cfg.Store.Status()), n.synced)
	n.sync.appended(false) // what an earlier run left may not be durable
	return n
}

// restored is what the store found, as the core tells it.
func restored(r *store.Restored) peer.Restored {
	out := peer.Restored{From: sources(r)}
	for _, rep := range r.Replicas {
		if len(rep.Damaged) > 0 || rep.Torn || rep.Err != nil {
			out.Damaged = append(out.Damaged, rep.Path)
		}
		if rep.Repaired {
			out.Repaired = append(out.Repaired, rep.Path)
		}
	}
	return out
}

func damageNotices(at peer.At, r *store.Restored) []peer.Event {
	var out []peer.Event
	if e := checkpointEvent(at, r.Checkpoint); e != nil {
		out = append(out, e)
	}
	for _, rep := range r.Replicas {
		switch {
		case rep.Err != nil:
			out = append(out, peer.Error{At: at, Code: peer.CodeReplicaLost, Path: rep.Path, Text: rep.Err.Error()})
		case rep.Torn:
			out = append(out, peer.Notice{At: at, Code: peer.CodeTornTail, Path: rep.Path, Text: rep.Aside})
		}
		if n := len(rep.Damaged) + rep.MoreDamaged; n > 0 {
			out = append(out, peer.Notice{At: at, Code: peer.CodeDamaged, Path: rep.Path, Count: n, Text: fmt.Sprintf("%s:%d", rep.Path, rep.Damaged[0].Line)})
		}
		if rep.Foreign {
			out = append(out, peer.Notice{At: at, Code: peer.CodeForeignLog, Path: rep.Path})
		}
		switch {
		case rep.NotMended != nil:
			out = append(out, peer.Error{At: at, Code: peer.CodeNotMended, Path: rep.Path, Text: rep.NotMended.Error()})
		case rep.Repaired:
			turns, from := 0, []string{}
			for _, f := range rep.From {
				turns += f.Turns
				from = append(from, f.Path)
			}
			out = append(out, peer.Notice{At: at, Code: peer.CodeMended, Path: rep.Path, Count: turns, Text: strings.Join(from, ", ")})
		}
	}
	return out
}

// Run is the event loop: it returns when the member has left. A done ctx acts
// as /quit. The store is fsynced at the end; the error is that of it.
func (n *Node) Run(ctx context.Context) error {
	defer close(n.done)
	n.cfg.Transport.Start(n.deliver, n.failed)
	timer := time.NewTimer(0)
	defer timer.Stop()
	quit := ctx.Done()
	every, stop := ticks(n.cfg.ReconcileEvery)
	defer stop()
	checkpoint, stop := ticks(n.cfg.CheckpointEvery)
	defer stop()
	go n.answerLookups()
	if n.partial {
		n.load()
	}
	for !n.core.Exited() {
		n.perform()
		if n.core.Exited() {
			break
		}
		n.arm(timer)
		select {
		case p := <-n.inbox:
			n.take(p)
		case order := <-n.orders:
			order(n.cfg.Clock.Now())
		case text := <-n.errs:
			n.tellFailed(n.cfg.Clock.Now(), text)
		case <-timer.C:
			n.core.Tick(n.cfg.Clock.Now())
		case <-every:
			n.compareInTime(n.cfg.Clock.Now())
		case <-checkpoint:
			n.advance()
		case <-quit:
			quit = nil
			n.core.End(n.cfg.Clock.Now(), 0)
		}
	}
	n.stop()
	n.sync.close()
	err := n.cfg.Store.SyncAll()
	n.perform() // BYE, and Exit as the last event
	n.tracer.close()
	n.lastCheckpoint()
	return err
}

// ticks is a channel that gives the time every d, never if d is 0, and what ends it.
func ticks(d time.Duration) (<-chan time.Time, func()) {
	if d <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(d)
	return t.C, t.Stop
}

// arm sets the timer to the core's next wish. The clock that counts sleep has
// no timer; while the machine sleeps nothing can be done anyhow, and the timer
// fires at the latest a second after it wakes.
func (n *Node) arm(timer *time.Timer) {
	d := time.Second
	if w := n.core.Wake(); w != 0 {
		d = min(d, max(0, w-n.cfg.Clock.Boot()))
	}
	timer.Reset(d)
}

// perform does what the core wants, until it wants nothing more.
func (n *Node) perform() {
	for {
		r, ok := n.core.Ready(n.cfg.Clock.Now())
		n.tracer.ready(n.cfg.Clock.Boot(), n.core, r.Events)
		if !ok {
			return
		}
		res := peer.Perform(r, n, n, n.cfg.Clock.Boot)
		if len(r.Append) > 0 {
			own := false
			for _, s := range r.Append {
				t := s.Turn()
				own = own || bytes.Equal(t.Author[:], n.cfg.Private.Public().(ed25519.PublicKey))
			}
			n.sync.appended(own)
			n.advanceEarly()
		}
		n.queue.put(r.Events)
		n.core.Done(n.cfg.Clock.Now(), res)
	}
}

// Append implements peer.Disk.
func (n *Node) Append(ts []*turn.Signed) (uint64, []error) {
	r := n.cfg.Store.Append(ts)
	n.tracer.appended(n.cfg.Clock.Boot(), ts, r.Replicas)
	return r.Seq, r.Replicas
}

// Queue implements peer.Disk.
func (n *Node) Queue(lines []peer.QueuedLine) error {
	for _, l := range lines {
		if err := n.cfg.Store.Queue(l.ID, l.Text); err != nil {
			return err
		}
	}
	return nil
}

// Dequeue implements peer.Disk.
func (n *Node) Dequeue(lines []turn.LineID) error { return n.cfg.Store.Done(lines...) }

// Send implements peer.Network.
func (n *Node) Send(d peer.Datagram) error {
	n.sealed = n.cfg.Key.Seal(n.sealed[:0], d.Incarnation, d.Counter, d.Payload)
	left := n.cfg.Clock.Boot()
	err := n.cfg.Transport.Send(d.To, n.sealed)
	if err != nil {
		n.failed(err)
	} else {
		n.tracer.sent(left, d)
	}
	return err
}

// deliver opens a datagram, in the transport's goroutine.
func (n *Node) deliver(from string, b []byte) {
	buf := n.pool.Get().(*[]byte)
	inc, counter, msg, err := n.cfg.Key.Unseal((*buf)[:0], b)
	if err != nil {
		n.pool.Put(buf)
		if err == seal.ErrNotAuthentic {
			n.forged.Add(1)
		} else {
			n.foreign.Add(1)
		}
		return
	}
	n.windowMu.Lock()
	fresh := n.window.Accept(inc, counter)
	n.windowMu.Unlock()
	if !fresh {
		n.repeated.Add(1)
		n.pool.Put(buf)
		return
	}
	select {
	case n.inbox <- opened{peer.Packet{From: from, Incarnation: inc, Counter: counter, Payload: msg}, buf}:
	default:
		n.overflow.Add(1)
		n.pool.Put(buf)
	}
}

// drops tells which datagrams came to nothing before they reached the core.
func (n *Node) drops() []peer.Drop {
	foreign := n.foreign.Load()
	if t, ok := n.cfg.Transport.(interface{ TooLong() uint64 }); ok {
		foreign += t.TooLong() // papo sends none so long
	}
	return []peer.Drop{
		{Reason: peer.DropForeign, Count: foreign},
		{Reason: peer.DropForged, Count: n.forged.Load()},
		{Reason: peer.DropRepeated, Count: n.repeated.Load()},
		{Reason: peer.DropOverflow, Count: n.overflow.Load()},
	}
}

// failed takes note of a network error that ends nothing. It never waits: one
// that comes while another is to be told is dropped.
func (n *Node) failed(err error) {
	select {
	case n.errs <- err.Error():
	default:
	}
}

// tellFailed tells of a network error, each once in a while.
func (n *Node) tellFailed(now peer.Now, text string) {
	if at, ok := n.failing[text]; ok && now.Boot < at+failedAgain || !ok && len(n.failing) >= maxFailing {
		return
	}
	n.failing[text] = now.Boot
	n.core.Tell(now, peer.Notice{At: peer.At(now.Boot), Code: peer.CodeNetwork, Text: text})
}

func (n *Node) synced(replica int, upto uint64, err error) {
	n.order(func(now peer.Now) {
		if err == nil {
			n.core.Synced(now, replica, upto)
		}
	})
}

// order has the loop do something. After the end it is dropped. It must not
// wait when the loop itself calls it: what finds no room is done by a goroutine.
func (n *Node) order(f func(peer.Now)) {
	select {
	case n.orders <- f:
	default:
		go func() {
			select {
			case n.orders <- f:
			case <-n.done:
			}
		}()
	}
}

// wait has the loop do something, in the caller's order, and waits for room.
func (n *Node) wait(f func(peer.Now)) {
	select {
	case n.orders <- f:
	case <-n.done:
	}
}

// Say implements ui.Chat.
func (n *Node) Say(i int, text string) { n.wait(func(now peer.Now) { n.core.Say(now, i, text) }) }

// End implements ui.Chat.
func (n *Node) End() { n.wait(func(now peer.Now) { n.core.End(now, n.cfg.Linger) }) }

// Interrupt implements ui.Chat.
func (n *Node) Interrupt() { n.wait(func(now peer.Now) { n.core.Stop(now, 130) }) }

// Events implements ui.Chat.
func (n *Node) Events() <-chan peer.Event { return n.queue.out }

// Do implements ui.Chat.
func (n *Node) Do(i int, cmd ui.Command) { n.wait(func(now peer.Now) { n.do(now, i, cmd) }) }

func (n *Node) do(now peer.Now, i int, cmd ui.Command) {
	number := func(unlessTold int) int {
		if len(cmd.Args) == 0 {
			return unlessTold
		}
		v, err := strconv.Atoi(cmd.Args[0])
		if err != nil {
			return -1
		}
		return v
	}
	switch cmd.Name {
	case "quit":
		n.core.Tell(now, peer.Result{At: peer.At(now.Boot), N: i, Command: "quit", OK: true})
		n.core.End(now, 0)
	case "peers":
		n.core.Peers(now, i, n.drops())
	case "verbose":
		n.core.SetVerbose(now, i, !n.core.Verbose())
	case "hold":
		n.core.Hold(now, i, time.Duration(number(int(peer.HoldUnlessTold/time.Minute)))*time.Minute)
	case "release":
		n.core.Release(now, i)
	case "cancel":
		n.core.Cancel(now, i)
	case "history", "search":
		n.lookUp(now, i, cmd)
	case "delay":
		if len(cmd.Args) == 0 {
			n.core.TellDelay(now, i)
			return
		}
		d, err := time.ParseDuration(cmd.Args[0])
		if err != nil {
			d = -1
		}
		n.core.SetDelay(now, i, d)
	case "order":
		if len(cmd.Args) == 0 {
			n.core.TellOrder(now, i)
			return
		}
		n.core.SetOrder(now, i, peer.Order(cmd.Args[0]))
	case "sync":
		n.compare(now, i)
	default:
		n.core.Refuse(now, i, cmd.Name, peer.CodeUnknown)
	}
}
