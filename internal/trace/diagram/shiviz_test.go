package diagram

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/trace"
)

// parsed is an event as ShiViz reads it.
type parsed struct {
	host, kind, datagram, event string
	clock                       map[string]int
}

// parse reads a log as ShiViz does: the first line is the expression, the second the
// delimiter, and the rest is searched for matches.
func parse(t testing.TB, text string) (out []parsed) {
	t.Helper()
	lines := strings.SplitN(text, "\n", 3)
	if lines[1] != "" {
		t.Fatalf("the second line is %q", lines[1])
	}
	re, err := regexp.Compile(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range re.FindAllStringSubmatch(strings.TrimSpace(lines[2]), -1) {
		get := func(name string) string { return m[re.SubexpIndex(name)] }
		e := parsed{host: get("host"), kind: get("kind"), datagram: get("datagram"), event: get("event")}
		if err := json.Unmarshal([]byte(get("clock")), &e.clock); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	if n := strings.Count(lines[2], "\n"); n != 2*len(out) {
		t.Fatalf("%d events read of %d lines", len(out), n)
	}
	return out
}

func logEvents(t *testing.T, h trace.Header, events []trace.Event, o Options) []parsed {
	t.Helper()
	var out bytes.Buffer
	if err := Log(&out, h, list(events), o); err != nil {
		t.Fatal(err)
	}
	return parse(t, out.String())
}

func TestLogGolden(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "two-ask.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	h, events, err := trace.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Log(&out, h, events, Options{}); err != nil {
		t.Fatal(err)
	}
	parse(t, out.String())
	golden(t, "two-ask.shiviz", out.String())
}

// The clocks say of any two events what happened before what, and no more: checked
// against the relation itself, made from the trace without clocks.
func TestClocksAreHappenedBefore(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		h, events := someTrace(rng)
		got := logEvents(t, h, events, Options{All: true})
		if len(got) != len(events) {
			t.Fatalf("seed %d: %d events of %d", seed, len(got), len(events))
		}
		// Who is where: the events of each member are in their order.
		sends, last, before := map[string]int{}, map[string]int{}, make([][]bool, len(got))
		for i, e := range got {
			if e.kind == "send" {
				sends[e.datagram] = i
			}
		}
		edges := make([][]int, len(got))
		for i, e := range got {
			before[i] = make([]bool, len(got))
			if j, ok := last[e.host]; ok {
				edges[i] = append(edges[i], j)
			}
			last[e.host] = i
			if j, ok := sends[e.datagram]; ok && e.kind == "receive" {
				edges[i] = append(edges[i], j)
				if j > i {
					t.Fatalf("seed %d: event %d comes before its cause %d", seed, i, j)
				}
			}
			for _, j := range edges[i] {
				before[i][j] = true
				for k := range j {
					before[i][k] = before[i][k] || before[j][k]
				}
			}
		}
		count := map[string]int{}
		for i, a := range got {
			if count[a.host]++; a.clock[a.host] != count[a.host] {
				t.Fatalf("seed %d: event %d of %s has the own time %d", seed, count[a.host], a.host, a.clock[a.host])
			}
			for j, b := range got {
				if i != j && less(b.clock, a.clock) != before[i][j] {
					t.Fatalf("seed %d: %v before %v is %v by the clocks", seed, b, a, less(b.clock, a.clock))
				}
			}
		}
	}
}

// less says whether one clock is below another.
func less(a, b map[string]int) bool {
	smaller := false
	for host, n := range a {
		if n > b[host] {
			return false
		}
		smaller = smaller || n < b[host]
	}
	for host, n := range b {
		smaller = smaller || a[host] < n
	}
	return smaller
}

// someTrace makes a trace of members that send, receive, lose, get twice and do
// something alone; the clocks of some are wrong, as in traces put together.
func someTrace(rng *rand.Rand) (trace.Header, []trace.Event) {
	h := trace.Header{Source: trace.SourceLab}
	n := 2 + rng.IntN(4)
	skew := make([]time.Duration, n)
	for i := range n {
		h.Members = append(h.Members, trace.Member{Name: fmt.Sprintf("member %d", i)})
		if rng.IntN(3) == 0 {
			skew[i] = time.Duration(rng.IntN(20)-10) * time.Millisecond
		}
	}
	type flight struct {
		id string
		to int
	}
	var flying []flight
	queues := make([][]trace.Event, n)
	for k := range 30 + rng.IntN(60) {
		m := rng.IntN(n)
		e := trace.Event{At: time.Second + time.Duration(k)*time.Millisecond + skew[m], Member: h.Members[m].Name}
		switch i := rng.IntN(4); {
		case i == 0:
			e.Kind, e.Code = trace.KindTell, "joined"
		case i == 1 || len(flying) == 0:
			e.Kind, e.Datagram, e.Msg = trace.KindSend, trace.DatagramID(uint64(m), uint32(k)), []string{"REQ", "BEAT"}[rng.IntN(2)]
			for to := range n {
				if to != m && rng.IntN(4) > 0 {
					flying = append(flying, flight{e.Datagram, to})
				}
			}
		default:
			at := rng.IntN(len(flying))
			f := flying[at]
			if rng.IntN(8) > 0 {
				flying = append(flying[:at], flying[at+1:]...)
			}
			m = f.to
			e = trace.Event{At: time.Second + time.Duration(k)*time.Millisecond + skew[m], Member: h.Members[m].Name, Kind: trace.KindReceive, Datagram: f.id, Message: trace.Message{Msg: "REQ"}}
		}
		queues[m] = append(queues[m], e)
	}
	var all []trace.Event
	for {
		next := -1
		for i, q := range queues {
			if len(q) > 0 && (next < 0 || q[0].At < queues[next][0].At) {
				next = i
			}
		}
		if next < 0 {
			return h, all
		}
		all, queues[next] = append(all, queues[next][0]), queues[next][1:]
	}
}

// A message that is sent after it was received, as no program does it, is no reason to
// hang or to fail.
func TestNonsenseInCircles(t *testing.T) {
	h := trace.Header{Members: []trace.Member{{Name: "ana"}, {Name: "bia"}}}
	m := trace.Message{Msg: "REQ"}
	got := logEvents(t, h, []trace.Event{
		{Member: "ana", Kind: trace.KindReceive, Datagram: "2-1", Message: m},
		{Member: "ana", Kind: trace.KindSend, Datagram: "1-1", Message: m},
		{Member: "bia", Kind: trace.KindReceive, Datagram: "1-1", Message: m},
		{Member: "bia", Kind: trace.KindSend, Datagram: "2-1", Message: m},
	}, Options{})
	if len(got) != 4 {
		t.Errorf("%d events", len(got))
	}
}

// Names that ShiViz would take for the same, or for several, are told apart.
func TestHostNames(t *testing.T) {
	h := trace.Header{}
	var events []trace.Event
	for _, name := range []string{"a b", "a_b", "a\u00a0b", "  ", `"{`} {
		h.Members = append(h.Members, trace.Member{Name: name})
		events = append(events, trace.Event{Member: name, Kind: trace.KindStart})
	}
	hosts := map[string]bool{}
	for _, e := range logEvents(t, h, events, Options{}) {
		hosts[e.host] = e.clock[e.host] == 1
	}
	if len(hosts) != 5 || !hosts["a_b"] || !hosts["a_b_2"] || !hosts[`"{`] {
		t.Errorf("%v", hosts)
	}
}
