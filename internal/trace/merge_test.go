package trace_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/trace"
)

// talker is a member of an invented chat that writes a trace by a clock of its own.
type talker struct {
	name   string
	inc    uint64
	behind time.Duration // its clock's zero, by the true one
	rate   float64       // of its clock
	wall   time.Duration // how wrong its wall clock is
	sent   uint32
	events []trace.Event
}

var wall = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func (k *talker) clock(now time.Duration) time.Duration {
	return time.Duration(float64(now-k.behind) * k.rate)
}

func (k *talker) send(now time.Duration) string {
	k.sent++
	id := trace.DatagramID(k.inc, k.sent)
	k.events = append(k.events, trace.Event{At: k.clock(now), Member: k.name, Kind: trace.KindSend, Datagram: id, Message: trace.Message{Msg: "BEAT"}})
	return id
}

func (k *talker) receive(now time.Duration, id string) {
	k.events = append(k.events, trace.Event{At: k.clock(now), Member: k.name, Kind: trace.KindReceive, Datagram: id, Message: trace.Message{Msg: "BEAT"}})
}

func (k *talker) file(t *testing.T, key string) io.ReadSeeker {
	t.Helper()
	return written(t, trace.Header{
		Source: trace.SourceChat, Wall: wall.Add(k.behind + k.wall), Members: []trace.Member{{Name: k.name, Key: key}},
	}, k.events)
}

func written(t *testing.T, h trace.Header, events []trace.Event) *bytes.Reader {
	t.Helper()
	slices.SortStableFunc(events, func(a, b trace.Event) int { return int(min(max(a.At-b.At, -1), 1)) })
	var b bytes.Buffer
	w, err := trace.NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

// merged reads files together and sees to what holds of every result: time does not go
// back, and what is received was sent before.
func merged(t *testing.T, files ...io.ReadSeeker) (trace.Header, []trace.Event) {
	t.Helper()
	h, events, err := trace.Merge(files...)
	if err != nil {
		t.Fatal(err)
	}
	var all []trace.Event
	sent := map[string]bool{}
	before := time.Duration(0)
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if e.At < before {
			t.Fatalf("from %v back to %v", before, e.At)
		}
		before = e.At
		switch e.Kind {
		case trace.KindSend:
			sent[e.Datagram] = true
		case trace.KindReceive:
			if !sent[e.Datagram] {
				t.Fatalf("%s receives %s, which was not sent yet", e.Member, e.Datagram)
			}
		}
		all = append(all, e)
	}
	return h, all
}

// Clocks whose zeros are anywhere, that run fast or slow, and wall clocks that are
// wrong: receptions stand behind their sendings, nothing is lost, and where the clocks
// run alike the times are right to within half of the shortest delay.
func TestMerge(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			drift := seed%3 == 2
			var all []*talker
			for i := range 2 + int(seed)%4 {
				k := &talker{name: fmt.Sprint("m", i), inc: rnd.Uint64(), rate: 1, behind: time.Duration(rnd.Int64N(int64(time.Minute)))}
				if seed%2 == 1 {
					k.wall = time.Duration(rnd.Int64N(int64(time.Hour))) - 30*time.Minute
				}
				if drift {
					k.rate = 0.95 + rnd.Float64()/10
				}
				all = append(all, k)
			}
			const least, most = 4 * time.Millisecond, 8 * time.Millisecond
			count := 0
			for now := time.Minute; now < 2*time.Minute; now += 100 * time.Millisecond {
				from := all[rnd.IntN(len(all))]
				id := from.send(now)
				count++
				for _, to := range all {
					if to != from && rnd.IntN(4) > 0 {
						to.receive(now+least+time.Duration(rnd.Int64N(int64(most-least))), id)
						count++
					}
				}
			}
			var files []io.ReadSeeker
			for i, k := range all {
				files = append(files, k.file(t, fmt.Sprintf("%064d", i)))
			}
			h, got := merged(t, files...)
			if len(got) != count || len(h.Members) != len(all) {
				t.Fatalf("%d events of %d, %d members", len(got), count, len(h.Members))
			}
			if drift {
				return
			}
			// What happened at a time of the true clock stands there, but for one shift of all.
			zero := h.Wall.Sub(wall) - all[0].wall
			n := map[string]int{}
			for _, e := range got {
				k := all[slices.IndexFunc(all, func(k *talker) bool { return k.name == e.Member })]
				right := k.events[n[k.name]].At + k.behind
				n[k.name]++
				if off := e.At + zero - right; off < -least/2 || off > least/2 {
					t.Fatalf("%s: %v off", e.Member, off)
				}
			}
		})
	}
}

// Where datagrams go in one direction only, the wall clocks decide, as far as that
// allows; where there are none, they decide alone.
func TestMergeWithoutAnAnswer(t *testing.T) {
	one := func(wrong time.Duration, lost bool) []trace.Event {
		a, b := &talker{name: "ana", inc: 1, rate: 1}, &talker{name: "bia", inc: 2, rate: 1, behind: 10 * time.Second, wall: wrong}
		id := a.send(20 * time.Second)
		if !lost {
			b.receive(21*time.Second, id)
		}
		b.send(22 * time.Second)
		_, got := merged(t, a.file(t, "aa"), b.file(t, "bb"))
		_, other := merged(t, b.file(t, "bb"), a.file(t, "aa"))
		if !reflect.DeepEqual(got, other) {
			t.Errorf("in the other order:\n%v\n%v", got, other)
		}
		return got
	}
	for _, c := range []struct {
		wrong time.Duration
		lost  bool
		want  []time.Duration
	}{
		{0, false, []time.Duration{20 * time.Second, 21 * time.Second, 22 * time.Second}},
		{time.Second, false, []time.Duration{20 * time.Second, 22 * time.Second, 23 * time.Second}},
		{-5 * time.Second, false, []time.Duration{20 * time.Second, 20 * time.Second, 21 * time.Second}},
		{-5 * time.Second, true, []time.Duration{17 * time.Second, 20 * time.Second}},
	} {
		var at []time.Duration
		for _, e := range one(c.wrong, c.lost) {
			at = append(at, e.At)
		}
		if !slices.Equal(at, c.want) {
			t.Errorf("%v, %v: %v, want %v", c.wrong, c.lost, at, c.want)
		}
	}
}

// Two who use one name are told apart, everywhere that it matters which of them it is.
func TestMergeNames(t *testing.T) {
	a, b := &talker{name: "ana", inc: 1, rate: 1}, &talker{name: "ana", inc: 2, rate: 1}
	id := a.send(time.Second)
	b.receive(2*time.Second, id)
	b.events = append(b.events, trace.Event{At: 3 * time.Second, Member: "ana", Kind: trace.KindView, Members: []string{"ana", "0000000000000001"}})
	b.send(4 * time.Second)
	h, got := merged(t, a.file(t, "aaaaaa"), b.file(t, "aaaabb"))
	if h.Members[0].Name != "ana" || h.Members[1].Name != "ana#aaaa" {
		t.Errorf("%v", h.Members)
	}
	if got[1].Member != "ana#aaaa" || got[1].Peer != "ana" || !slices.Equal(got[2].Members, []string{"ana#aaaa", "ana"}) {
		t.Errorf("%+v", got)
	}
	again := []io.ReadSeeker{a.file(t, "aa"), a.file(t, "aa")} // one member, two runs
	if h, _, err := trace.Merge(again...); err != nil || len(h.Members) != 1 {
		t.Errorf("%v, %v", h.Members, err)
	}
}

// What cannot be: receptions before each other's sendings, times at the ends of the
// range, files of a simulation, files that are none. Nothing hangs or panics, and no
// event is lost.
func TestMergeOfWhatCannotBe(t *testing.T) {
	chat := func(name string, wall time.Time, events ...trace.Event) io.ReadSeeker {
		return written(t, trace.Header{Source: trace.SourceChat, Wall: wall, Members: []trace.Member{{Name: name, Key: name}}}, events)
	}
	receive := func(at time.Duration, id string) trace.Event {
		return trace.Event{At: at, Kind: trace.KindReceive, Datagram: id}
	}
	send := func(at time.Duration, id string) trace.Event {
		return trace.Event{At: at, Kind: trace.KindSend, Datagram: id, Until: int64(-trace.MaxAt)}
	}
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	_, events, err := trace.Merge(
		chat("a", year(1), receive(0, "b-1"), send(1, "a-1"), send(trace.MaxAt, "a-2"), receive(trace.MaxAt, "c-9")),
		chat("b", year(9999), receive(0, "a-1"), send(1, "b-1"), send(trace.MaxAt, "b-2"), receive(trace.MaxAt, "-"), receive(trace.MaxAt, "a-99999999999999999999")),
		chat("c", year(2026), receive(0, "a-2"), receive(0, "b-2"), send(trace.MaxAt, "c-9"), send(trace.MaxAt, "")),
	)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if e.At < 0 || e.At > trace.MaxAt {
			t.Errorf("%v", e.At)
		}
		n++
	}
	if n != 13 {
		t.Errorf("%d events", n)
	}

	lab := written(t, trace.Header{Source: trace.SourceLab}, nil)
	var at *trace.FileError
	if _, _, err := trace.Merge(chat("a", wall), lab); !errors.Is(err, trace.ErrNotMerged) || !errors.As(err, &at) || at.File != 1 {
		t.Errorf("%v", err)
	}
	if _, _, err := trace.Merge(chat("a", wall), strings.NewReader("no")); !errors.Is(err, trace.ErrNoTrace) {
		t.Errorf("%v", err)
	}
	if _, _, err := trace.Merge(); err == nil {
		t.Error("nothing can be read")
	}
	broken := io.MultiReader(chat("b", wall), strings.NewReader("{\n"))
	b, err := io.ReadAll(broken)
	if err != nil {
		t.Fatal(err)
	}
	var line *trace.LineError
	if _, _, err := trace.Merge(chat("a", wall), bytes.NewReader(b)); !errors.As(err, &line) || line.Line != 2 || !errors.As(err, &at) || at.File != 1 {
		t.Errorf("%v", err)
	}
	many := make([]io.ReadSeeker, trace.MaxMerged+1)
	if _, _, err := trace.Merge(many...); !errors.Is(err, trace.ErrTooManyFiles) {
		t.Errorf("%v", err)
	}
}
