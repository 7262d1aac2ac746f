package diagram

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

var update = flag.Bool("update", false, "write the golden files anew")

// drawings are what can be made of a trace.
var drawings = map[string]func(io.Writer, trace.Header, iter.Seq2[trace.Event, error], Options) error{"picture": Draw, "log": Log}

// drawFile draws a trace of testdata.
func drawFile(t *testing.T, name string, o Options) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return drawText(t, string(b), o)
}

func drawText(t *testing.T, text string, o Options) string {
	t.Helper()
	h, events, err := trace.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Draw(&out, h, events, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed: look at the picture, then write it anew with -update", path)
	}
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		trace, file string
		options     Options
	}{
		{"two-ask", "two-ask.svg", Options{From: 2 * time.Second}},
		{"two-ask", "two-ask.pt-BR.svg", Options{From: 2 * time.Second, Words: words.For(words.Portuguese)}},
		{"two-ask", "two-ask.all.svg", Options{All: true}},
		{"crash", "crash.svg", Options{From: 2 * time.Second}},
		{"partition", "partition.svg", Options{From: 2 * time.Second}},
		{"partition", "partition.part.svg", Options{From: 2600 * time.Millisecond, To: 4200 * time.Millisecond, Members: []string{"caio", "ana"}}},
	} {
		t.Run(c.file, func(t *testing.T) {
			got := drawFile(t, c.trace, c.options)
			wellFormed(t, got)
			golden(t, c.file, got)
		})
	}
}

// wellFormed reads all of an SVG as XML.
func wellFormed(t testing.TB, text string) {
	t.Helper()
	for dec := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("no XML: %v", err)
		}
	}
}

// Nothing depends on the order of a map.
func TestSameBytes(t *testing.T) {
	first := drawFile(t, "partition", Options{All: true})
	for range 20 {
		if drawFile(t, "partition", Options{All: true}) != first {
			t.Fatal("two pictures of one trace differ")
		}
	}
}

// What stands in a trace cannot become anything but text, and cannot break the picture.
func TestNastyText(t *testing.T) {
	nasty := "a</text><script>alert(1)</script>&lt;\x00\x1b[31m\u202e\ufffe]]>\"' 日本語 👩‍👩‍👧 \xff"
	h := trace.Header{Source: trace.SourceChat, Title: nasty, Members: []trace.Member{{Name: "ana"}, {Name: nasty}}}
	ms := time.Millisecond
	m := trace.Message{Msg: nasty, View: nasty, Why: nasty, Turns: []string{nasty}, Grants: []trace.Grant{{To: nasty, TS: 1}}}
	events := []trace.Event{
		{Member: nasty, Kind: trace.KindStart},
		{At: ms, Member: nasty, Kind: trace.KindView, Members: []string{nasty}, Message: m},
		{At: ms, Member: nasty, Kind: trace.KindSend, Datagram: nasty, Message: m},
		{At: 2 * ms, Member: "ana", Kind: trace.KindReceive, Datagram: nasty, Peer: nasty, Message: m},
		{At: 2 * ms, Member: "ana", Kind: trace.KindLose, Datagram: nasty, Peer: nasty, Message: m},
		{At: 3 * ms, Member: "ana", Kind: trace.KindShow, Peer: nasty, Text: nasty},
		{At: 4 * ms, Member: "ana", Kind: trace.KindLine, State: "queued", Text: nasty},
		{At: 5 * ms, Member: "ana", Kind: trace.KindTell, Code: nasty, Peer: nasty},
		{At: 6 * ms, Kind: trace.KindFault, Code: nasty, Text: nasty, Members: []string{nasty}, State: "begin"},
		{At: 7 * ms, Member: "ana", Kind: trace.KindWrong, Code: nasty, Text: nasty},
		{At: 8 * ms, Member: "ana", Kind: trace.KindFloor, State: "deferred", Peer: nasty, PeerTS: 3},
	}
	for _, draw := range drawings {
		var out bytes.Buffer
		if err := draw(&out, h, list(events), Options{All: true}); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"\x00", "\x1b", "\u202e", "\ufffe", "\xff"} {
			if strings.Contains(out.String(), bad) {
				t.Errorf("%q came through", bad)
			}
		}
		if strings.HasPrefix(out.String(), "<svg") {
			wellFormed(t, out.String())
			if strings.Contains(out.String(), "<script") {
				t.Error("text became an element")
			}
		}
	}
}

// list gives events as Read would.
func list(events []trace.Event) iter.Seq2[trace.Event, error] {
	return func(yield func(trace.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// At each bound it says so, and what it says helps.
func TestBounds(t *testing.T) {
	h := trace.Header{Source: trace.SourceLab, Members: []trace.Member{{Name: "ana"}, {Name: "bia"}}}
	var events []trace.Event
	for i := range maxLogged {
		at := time.Duration(i) * time.Millisecond
		id := trace.DatagramID(1, uint32(i))
		events = append(events, trace.Event{At: at, Member: "ana", Kind: trace.KindSend, Datagram: id, Message: trace.Message{Msg: "REQ", TS: 1}})
		if i%2 == 0 { // the others are on their way for good
			events = append(events, trace.Event{At: at + 100*time.Microsecond, Member: "bia", Kind: trace.KindReceive, Datagram: id, Peer: "ana", Message: trace.Message{Msg: "REQ", TS: 1}})
		}
	}
	for name, draw := range drawings {
		var large *TooLargeError
		for _, from := range []time.Duration{0, 500 * time.Millisecond} {
			if err := draw(io.Discard, h, list(events), Options{From: from}); !errors.As(err, &large) || large.Members {
				t.Fatalf("%s from %v: %v", name, from, err)
			}
			var out bytes.Buffer
			if err := draw(&out, h, list(events), Options{From: from, To: large.Fits}); err != nil || large.Fits < from+500*time.Millisecond {
				t.Errorf("%s from %v to %v, of which it said that it fits: %v", name, from, large.Fits, err)
			}
			t.Logf("%s: %d bytes", name, out.Len())
		}
		most := map[string]int{"picture": maxDrawn, "log": maxLogged}[name]
		if err := draw(io.Discard, h, list(events[:most]), Options{}); err != nil {
			t.Errorf("%s of as much as there is room for: %v", name, err)
		}
		if err := draw(io.Discard, h, list(events[:most+1]), Options{}); !errors.As(err, &large) || large.Most != most {
			t.Errorf("%s of one event too many: %v", name, err)
		}
		many := h
		for range maxColumns {
			many.Members = append(many.Members, trace.Member{Name: strings.Repeat("x", len(many.Members))})
		}
		if err := draw(io.Discard, many, list(events[:10]), Options{}); !errors.As(err, &large) || !large.Members || large.Most != maxColumns {
			t.Errorf("%s of too many members: %v", name, err)
		}
		if err := draw(io.Discard, many, list(events[:10]), Options{Members: []string{"ana"}}); err != nil {
			t.Errorf("%s of one of many: %v", name, err)
		}
		var unknown *UnknownMemberError
		if err := draw(io.Discard, h, list(events[:10]), Options{Members: []string{"ana", "rui"}}); !errors.As(err, &unknown) || unknown.Name != "rui" {
			t.Errorf("%s of somebody unknown: %v", name, err)
		}
		if err := draw(io.Discard, h, list(events[:10]), Options{From: time.Hour}); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s of nothing: %v", name, err)
		}
		broken := errors.New("line 7")
		err := draw(io.Discard, h, func(yield func(trace.Event, error) bool) { yield(trace.Event{}, broken) }, Options{})
		if !errors.Is(err, broken) {
			t.Errorf("%s of a broken trace: %v", name, err)
		}
	}
}

// In the pictures of testdata no text is over another, nor over a column.
func TestNothingOverlaps(t *testing.T) {
	for _, name := range []string{"two-ask", "crash", "partition"} {
		for _, lang := range []string{words.English, words.Portuguese} {
			for _, all := range []bool{false, true} {
				noOverlap(t, name+", "+lang, layFile(t, name, Options{All: all, Words: words.For(lang)}))
			}
		}
	}
}

func noOverlap(t *testing.T, what string, p *picture) {
	t.Helper()
	for i, a := range p.labels {
		for _, b := range p.labels[i+1:] {
			if a.overlaps(b.box) {
				t.Errorf("%s: %q is over %q", what, a.lines, b.lines)
			}
		}
		for _, c := range p.columns {
			if a.overlaps(box{c.x - 3, top, 6, p.bottom - top}) {
				t.Errorf("%s: %q is over the column of %s", what, a.lines, c.name)
			}
		}
		if a.x < 0 || a.x+a.w > p.width {
			t.Errorf("%s: %q leaves the picture", what, a.lines)
		}
	}
	for i, a := range p.notes {
		if i > 0 && a.y < p.notes[i-1].y+lineHeight*float64(len(p.notes[i-1].lines)) {
			t.Errorf("%s: the note %q is over the one before it", what, a.lines)
		}
	}
}

func layFile(t *testing.T, name string, o Options) *picture {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, events, err := trace.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newScene(h, events, o)
	if err != nil {
		t.Fatal(err)
	}
	return lay(s)
}

// Later is lower, what is at one moment is at one height, and messages go down.
func TestOrderIsKept(t *testing.T) {
	for _, name := range []string{"two-ask", "crash", "partition"} {
		p := layFile(t, name, Options{All: true})
		for i, r := range p.rows {
			if i > 0 && (r.at <= p.rows[i-1].at || r.y <= p.rows[i-1].y) {
				t.Errorf("%s: %v is not below %v", name, r.at, p.rows[i-1].at)
			}
			if r.y >= p.bottom {
				t.Errorf("%s: %v is below the end", name, r.at)
			}
		}
		for _, s := range p.spots {
			if p.height(s.at) != s.y {
				t.Errorf("%s: %v has two heights", name, s.at)
			}
		}
		for _, a := range p.arrows {
			if a.fate == open {
				t.Errorf("%s: what became of %s of %v is known", name, a.message.Msg, a.at)
			}
			if a.y2-a.y1 < min(leastDrop, brokenDrop) {
				t.Errorf("%s: %s of %v goes down by %v only", name, a.message.Msg, a.at, a.y2-a.y1)
			}
		}
	}
}

// A hold ends with what comes first: leaving, the end of the lease, or the end of the
// member.
func TestHolds(t *testing.T) {
	s := time.Second
	h := trace.Header{Members: []trace.Member{{Name: "ana"}}}
	granted := func(at, until time.Duration) trace.Event {
		return trace.Event{At: at, Member: "ana", Kind: trace.KindFloor, State: "granted", Until: int64(until)}
	}
	floor := func(at time.Duration, state string, until time.Duration) trace.Event {
		return trace.Event{At: at, Member: "ana", Kind: trace.KindFloor, State: state, Until: int64(until)}
	}
	stop := trace.Event{At: 3 * s, Member: "ana", Kind: trace.KindStop, Message: trace.Message{Why: "kill"}}
	last := trace.Event{At: 9 * s, Member: "ana", Kind: trace.KindResume}
	for _, c := range []struct {
		name   string
		events []trace.Event
		to     time.Duration
		lease  bool
	}{
		{"left", []trace.Event{granted(s, 4*s), floor(2*s, "released", 0), last}, 2 * s, false},
		{"lease", []trace.Event{granted(s, 4*s), last}, 4 * s, true},
		{"left too late", []trace.Event{granted(s, 4*s), floor(5*s, "released", 0), last}, 4 * s, true},
		{"renewed", []trace.Event{granted(s, 4*s), floor(2*s, "renewed", 6*s), last}, 6 * s, true},
		{"held", []trace.Event{granted(s, 4*s), floor(s, "held", 5*s), last}, 5 * s, true},
		{"killed", []trace.Event{granted(s, 4*s), stop, last}, 3 * s, false},
		{"not over", []trace.Event{granted(s, 4*s), floor(2*s, "deferred", 0)}, forever, false},
	} {
		scene, err := newScene(h, list(c.events), Options{})
		if err != nil {
			t.Fatal(err)
		}
		holds := scene.columns[0].holds
		if len(holds) != 1 || holds[0].from != s || holds[0].to != c.to || holds[0].lease != c.lease {
			t.Errorf("%s: %+v", c.name, *holds[0])
		}
	}
}

// What a member is when the part begins is known from before.
func TestPartKnowsWhatWasBefore(t *testing.T) {
	p := layFile(t, "crash", Options{From: 2650 * time.Millisecond, To: 5 * time.Second})
	ana, bia := p.columns[0], p.columns[1]
	if got := p.lives(ana); len(got) != 2 || got[0].state != up || got[1].state != down {
		t.Errorf("ana lives %v", got)
	}
	if got := p.lives(bia); len(got) != 1 || got[0].state != up {
		t.Errorf("bia lives %v", got)
	}
	if len(ana.holds) != 1 || ana.holds[0].to != 2700*time.Millisecond {
		t.Errorf("ana holds %v", ana.holds)
	}
	if got := p.spans(bia.views, -1); len(got) != 2 || got[0].y1 != top || p.viewName(got[0].state) != "V1" || p.viewName(got[1].state) != "V2" {
		t.Errorf("the views of bia are %v", got)
	}
	if got := p.spans(ana.views, -1); len(got) != 2 || p.viewName(got[0].state) != "V1" || got[1].state != -1 {
		t.Errorf("the views of ana are %v", got)
	}
	p = layFile(t, "crash", Options{From: 5 * time.Second, To: 7 * time.Second})
	if got := p.lives(p.columns[0]); len(got) != 2 || got[0].state != down || got[1].state != up {
		t.Errorf("ana lives %v", got)
	}
	if got := p.spans(p.columns[0].views, -1); len(got) != 1 || got[0].state != -1 {
		t.Errorf("the views of ana, who was killed, are %v", got)
	}
}

// A message that nobody is known to have got, as in the trace of one member, is there.
func TestOpenEnds(t *testing.T) {
	h := trace.Header{Source: trace.SourceChat, Members: []trace.Member{{Name: "ana"}}}
	s, err := newScene(h, list([]trace.Event{
		{Member: "ana", Kind: trace.KindSend, Datagram: "1-1", Message: trace.Message{Msg: "REQ", TS: 4}},
		{At: 1000, Member: "ana", Kind: trace.KindReceive, Datagram: "2-1", Peer: "bia", Message: trace.Message{Msg: "REP"}},
		{At: 2000, Member: "ana", Kind: trace.KindSend, Datagram: "1-2", Peer: "bia", Message: trace.Message{Msg: "WAIT"}},
	}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.columns) != 2 || !s.columns[1].heard || s.columns[0].heard {
		t.Fatalf("columns %+v", s.columns)
	}
	got := map[string]fate{}
	for _, a := range s.arrows {
		got[a.message.Msg] = a.fate
	}
	if len(got) != 3 || got["REQ"] != open || got["REP"] != arrived || got["WAIT"] != open {
		t.Errorf("%v", got)
	}
}

// At the edges of a part: what was sent before it comes in from above, what is lost of
// that is not drawn, and what was under way at its end stays open.
func TestEdgesOfPart(t *testing.T) {
	m := trace.Message{Msg: "REQ", TS: 1}
	s := time.Second
	h := trace.Header{Source: trace.SourceLab, Members: []trace.Member{{Name: "ana"}, {Name: "bia"}, {Name: "caio"}}}
	scene, err := newScene(h, list([]trace.Event{
		{Member: "ana", Kind: trace.KindStart},
		{At: 1 * s, Member: "ana", Kind: trace.KindSend, Datagram: "1-1", Message: m},
		{At: 3 * s, Member: "bia", Kind: trace.KindReceive, Datagram: "1-1", Peer: "ana", Message: m},
		{At: 3 * s, Member: "caio", Kind: trace.KindLose, Datagram: "1-1", Peer: "ana", Message: m},
		{At: 4 * s, Member: "bia", Kind: trace.KindSend, Datagram: "2-1", Peer: "ana", Message: m},
		{At: 6 * s, Member: "ana", Kind: trace.KindReceive, Datagram: "2-1", Peer: "bia", Message: m},
	}), Options{From: 2 * s, To: 5 * s})
	if err != nil {
		t.Fatal(err)
	}
	p := lay(scene)
	if len(p.arrows) != 2 || p.arrows[0].fate != arrived || p.arrows[0].y1 >= top || p.arrows[1].fate != open {
		t.Errorf("%+v", p.arrows)
	}
	if got := p.lives(p.columns[2]); len(got) != 1 || got[0].state != down {
		t.Errorf("caio, who has not started, lives %v", got)
	}
}

// Where much happens at once there is still room for every text beside a column and for
// every note.
func TestCrowd(t *testing.T) {
	h := trace.Header{Source: trace.SourceLab, Members: []trace.Member{{Name: "ana"}, {Name: "bia"}, {Name: "caio"}}}
	var events []trace.Event
	for i := range 60 {
		at, who := time.Duration(i)*50*time.Microsecond, h.Members[i*i%3].Name
		floor := trace.Event{At: at, Member: who, Kind: trace.KindFloor, State: []string{"requested", "cancelled", "deferred"}[i%3], Peer: "bia"}
		floor.TS, floor.PeerTS = uint64(i), uint64(i)
		events = append(events, floor)
		if i%4 == 0 {
			events = append(events, trace.Event{At: at, Member: who, Kind: trace.KindShow, Peer: who, Text: "a text that takes two lines"})
		}
		if i%10 < 3 {
			events = append(events, trace.Event{At: at, Kind: trace.KindFault, Code: "deaf", Members: []string{who}, Text: "3s", State: "begin"})
		}
	}
	s, err := newScene(h, list(events), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := lay(s)
	if texts := len(p.labels); texts != 60 {
		t.Errorf("%d texts of 60", texts)
	}
	noOverlap(t, "a crowd", p)
	if last := p.notes[len(p.notes)-1]; last.y+lineHeight*float64(len(last.lines)) > p.bottom {
		t.Error("the last note is below the picture")
	}
}

// In the pictures of testdata each message is named, at each side to which it goes.
func TestMessagesAreNamed(t *testing.T) {
	for _, name := range []string{"two-ask", "crash", "partition"} {
		p := layFile(t, name, Options{})
		type side struct {
			datagram string
			right    bool
		}
		sides := map[side]bool{}
		for _, a := range p.arrows {
			sides[side{a.datagram, a.x2 > a.x1}] = true
		}
		named := 0
		for _, l := range p.labels {
			if strings.HasPrefix(l.style, "label") {
				named++
			}
		}
		if named != len(sides) {
			t.Errorf("%s: %d names for %d messages", name, named, len(sides))
		}
	}
}
