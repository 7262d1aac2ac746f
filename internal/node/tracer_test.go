package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/story"
	"github.com/papo-chat/papo/internal/ui/words"
)

// tracing starts members that write traces.
func tracing(t *testing.T, net network, names ...string) (ps []*person, files []*bytes.Buffer) {
	key := seal.OpenRoom("224.1.1.1:5007", t.Name())
	for _, name := range names {
		file := new(bytes.Buffer)
		files = append(files, file)
		ps = append(ps, startWith(t, name, t.TempDir(), key, net(name), func(c *Config) { c.Trace = file }))
	}
	for _, p := range ps {
		p.sees(len(names))
	}
	return ps, files
}

func readTrace(t *testing.T, b []byte) (trace.Header, []trace.Event) {
	t.Helper()
	h, events, err := trace.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var all []trace.Event
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return h, all
}

// The traces of members that talk, over a network that loses and repeats, have all that
// happened, in the order of time; read together, what one received another has sent; and
// told in words, nobody breaks a rule.
func TestTrace(t *testing.T) {
	names := []string{"ana", "bia", "caio", "davi"}
	net := overMemnet(t, memnet.Faults{Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, MaxDelay: 5 * time.Millisecond})
	ps, files := tracing(t, net, names...)
	const each = 20
	talk(t, ps, each)

	var together []io.ReadSeeker
	for i, file := range files {
		if err := ps[i].node.TraceErr(); err != nil {
			t.Error(err)
		}
		together = append(together, bytes.NewReader(file.Bytes()))
		h, events := readTrace(t, file.Bytes())
		key := turn.Key(ps[i].node.core.Self().Key).String()
		if h.Source != trace.SourceChat || h.Wall.IsZero() || !slices.Equal(h.Members, []trace.Member{{Name: names[i], Key: key}}) {
			t.Errorf("%+v", h)
		}
		checkTrace(t, names, names[i], ps[i], events)
	}

	_, events, err := trace.Merge(together...)
	if err != nil {
		t.Fatal(err)
	}
	teller := story.New(words.For(words.English))
	sent, got := map[string]bool{}, 0
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case trace.KindSend:
			sent[e.Datagram] = true
		case trace.KindReceive:
			got++
			if !sent[e.Datagram] {
				t.Errorf("%s receives %s of %s, which was not sent yet", e.Member, e.Datagram, e.Peer)
			}
		}
		for _, l := range teller.Tell(e) {
			if strings.Contains(l.Text, "ALTHOUGH") || strings.Contains(l.Text, "WITHOUT") || strings.Contains(l.Text, "no value") {
				t.Error(l.Text)
			}
		}
	}
	if got == 0 {
		t.Error("nobody received anything")
	}
}

// checkTrace sees to what every trace of a chat promises.
func checkTrace(t *testing.T, names []string, name string, p *person, events []trace.Event) {
	t.Helper()
	count := map[string]int{}
	appended := map[string]bool{}
	inView := false
	for i, e := range events {
		if e.Member != name || i > 0 && e.At < events[i-1].At {
			t.Fatalf("%s: %+v after %v", name, e, events[max(0, i-1)].At)
		}
		count[string(e.Kind)+" "+e.State]++
		switch e.Kind {
		case trace.KindView:
			inView = inView || slices.Equal(slices.Sorted(slices.Values(e.Members)), names)
		case trace.KindAppend:
			for _, id := range e.Turns {
				appended[id] = true
			}
			if e.Count != 3 {
				t.Errorf("%s: %d replicas", name, e.Count)
			}
		case trace.KindSend:
			for _, id := range e.Turns {
				if e.Msg == "TURN" && !appended[id] {
					t.Errorf("%s sends %s before it is written", name, id)
				}
			}
			if e.Msg == "REP" && !slices.Contains(names, e.Peer) && e.Peer != "" {
				t.Errorf("%s sends a REP to %s", name, e.Peer)
			}
		case trace.KindReceive:
			if e.Peer == name {
				t.Errorf("%s receives what it sent", name)
			}
		}
	}
	if events[0].Kind != trace.KindStart && events[1].Kind != trace.KindStart && events[2].Kind != trace.KindStart {
		t.Errorf("%s begins with %v", name, events[:3])
	}
	if last := events[len(events)-1]; last.Kind != trace.KindStop && last.Msg != "BYE" {
		t.Errorf("%s ends with %+v", name, last)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	shown, granted := 0, 0
	for _, e := range p.events {
		switch e := e.(type) {
		case peer.TurnShown:
			shown++
		case peer.Floor:
			if e.State == peer.FloorGranted {
				granted++
			}
		}
	}
	if !inView || granted == 0 || count["start "] != 1 || count["stop "] != 1 || count["show "] != shown || count["floor granted"] != granted {
		t.Errorf("%s: all in view: %v; %d shown, %d entered; the trace has %v", name, inView, shown, granted, count)
	}
}

// stuck is a disk that takes nothing until it is let go.
type stuck struct {
	bytes.Buffer
	free chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.free
	return s.Buffer.Write(b)
}

// A disk that stands still holds nobody up: at the bound events are dropped, and when it
// goes on the trace says how many, at their place.
func TestTraceOnADiskThatStandsStill(t *testing.T) {
	disk := &stuck{free: make(chan struct{})}
	tr := newTracer(disk, "ana", turn.Key{}, turn.GroupID{}, peer.Now{Boot: time.Hour, Wall: time.Now()})
	const dropped = 7
	happen := func(n int) {
		for i := range n {
			tr.rec.Emit(trace.Event{At: time.Duration(i), Member: "ana", Kind: trace.KindSend})
		}
		tr.hand()
	}
	happen(maxTraced + dropped)
	tr.mu.Lock()
	counted, waiting := tr.dropped, len(tr.waiting)
	tr.mu.Unlock()
	if counted != dropped || waiting != maxTraced {
		t.Errorf("%d dropped, %d wait", counted, waiting)
	}
	close(disk.free)
	tr.end()
	<-tr.written // however long that takes
	if err := tr.err(); err != nil {
		t.Fatal(err)
	}
	_, events := readTrace(t, disk.Bytes())
	last := events[len(events)-1]
	if len(events) != maxTraced+1 || last.Kind != trace.KindTell || last.Code != trace.CodeDropped || last.Count != dropped {
		t.Errorf("%d events, at last %+v", len(events), last)
	}
}

// A member talks and leaves though its trace cannot be written, or not in any time, and
// tells that the trace is not whole.
func TestTraceThatCannotBeWritten(t *testing.T) {
	broken, w := io.Pipe()
	broken.CloseWithError(errors.New("no room"))
	never := &stuck{free: make(chan struct{})}
	for i, to := range []io.Writer{w, never} {
		name := fmt.Sprint("ana", i)
		p := startWith(t, name, t.TempDir(), seal.OpenRoom("224.1.1.1:5007", t.Name()), overMemnet(t, memnet.Faults{})(name), func(c *Config) { c.Trace = to })
		talk(t, []*person{p}, 3)
		if err := p.node.TraceErr(); err == nil {
			t.Error("nobody is told")
		}
	}
	close(never.free)
}

// Of a batch, the loop hands over the datagrams first and all that followed from them
// later. In the trace each stands where it happened, a view before the steps that follow
// from its change, and no time goes back.
func TestOrderOfATrace(t *testing.T) {
	var file bytes.Buffer
	c := configure(t, "ana", t.TempDir(), seal.OpenRoom("224.1.1.1:5007", t.Name()), overMemnet(t, memnet.Faults{})("ana"))
	defer c.Store.Close()
	c.Trace = &file
	n := New(c) // and it does not run: this test is its loop
	tr := n.tracer
	at := func(ms int) time.Duration { return tr.start + time.Duration(ms)*time.Millisecond }
	floor := func(ms int) peer.Event { return peer.Floor{At: peer.At(at(ms)), State: peer.FloorRequested} }
	heard := func(ms int, from string, inc uint64, counter uint32) {
		tr.received(at(ms), n.core.Self().Incarnation, peer.Packet{From: from, Incarnation: inc, Counter: counter})
	}

	tr.ready(at(0), n.core, nil) // start and view
	heard(10, "10.0.0.2:5007", 2, 1)
	heard(30, "10.0.0.3:5007", 3, 1)
	heard(30, "10.0.0.3:5007", 3, 2)
	tr.view = [16]byte{} // as if the view had changed with the next event
	tr.ready(at(50), n.core, []peer.Event{floor(20), floor(30), floor(40)})
	tr.rec.Know(2, "bia")
	tr.sent(at(60), peer.Datagram{To: "10.0.0.2:5007"})
	tr.sent(at(60), peer.Datagram{To: "10.0.0.9:5007"})
	tr.ready(at(70), n.core, []peer.Event{floor(45), floor(70)})
	tr.ready(at(80), n.core, []peer.Event{floor(55)})
	tr.close()

	var got []string
	_, events := readTrace(t, file.Bytes())
	for _, e := range events {
		got = append(got, strings.TrimSpace(fmt.Sprint(e.At.Milliseconds(), " ", e.Kind, " ", e.Peer)))
	}
	want := []string{
		"0 start", "0 view", "10 receive 0000000000000002", "20 view", "20 floor", "30 receive 0000000000000003", "30 receive 0000000000000003", "30 floor",
		"40 floor", "45 floor", "60 send bia", "60 send 10.0.0.9:5007", "70 floor", "70 floor",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
