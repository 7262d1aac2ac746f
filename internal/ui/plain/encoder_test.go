package plain

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/uitest"
	"github.com/papo-chat/papo/internal/ui/words"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const eventFile = "../../peer/event.go"

func consts(t *testing.T, typeName string) []string {
	t.Helper()
	values, err := uitest.Consts(eventFile, typeName)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// The bytes of every type, state and code, in each language.
func TestEncoderGolden(t *testing.T) {
	for _, lang := range []string{words.English, words.Portuguese} {
		t.Run(lang, func(t *testing.T) {
			e := NewEncoder(uitest.Clock, words.For(lang))
			var b strings.Builder
			for _, ev := range uitest.Events(consts(t, "Code")) {
				line := e.Encode(ev.Event)
				if _, ok := ev.Event.(ui.Asked); ok {
					if line != nil {
						t.Errorf("%s: %s", ev.Name, line)
					}
					continue
				}
				if !json.Valid(line) || strings.Count(string(line), "\n") != 1 || line[len(line)-1] != '\n' {
					t.Errorf("%s: %q", ev.Name, line)
				}
				b.WriteString("# " + ev.Name + "\n" + string(line))
			}
			path := "testdata/" + lang + ".jsonl.golden"
			if *update {
				if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, wanted := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
			for i := range max(len(got), len(wanted)) {
				if i >= len(got) || i >= len(wanted) || got[i] != wanted[i] {
					t.Fatalf("%s differs from line %d on (-update rewrites it):\n%s", path, i+1, strings.Join(got[i:min(i+1, len(got))], ""))
				}
			}
		})
	}
}

// objects gives the struct of each type.
var objects = map[string]any{
	"ready": readyObject{}, "restored": restoredObject{},
	"checkpoint": checkpointObject{}, "line": lineObject{}, "turn": turnObject{},
	"floor": floorObject{}, "peer": peerObject{}, "reconciled": reconciledObject{}, "delivered": deliveredObject{},
	"result": resultObject{}, "notice": noticeObject{}, "error": errorObject{}, "exit": exitObject{},
}

// What comes out has exactly the type's fields, always; only those of messages
// come and go. No list is null.
func TestFieldsAreAlwaysThere(t *testing.T) {
	e := NewEncoder(uitest.Clock, words.For(words.English))
	events := uitest.Events(consts(t, "Code"))
	for _, ev := range []peer.Event{ // nothing filled in
		peer.Started{}, peer.Restored{}, peer.Line{}, peer.TurnShown{}, peer.Floor{}, peer.Peer{}, peer.Reconciled{},
		peer.Delivered{}, peer.Result{}, peer.Notice{}, peer.Error{}, peer.Exit{},
	} {
		events = append(events, uitest.Named{Name: "empty", Event: ev})
	}
	seen := map[string]bool{}
	for _, ev := range events {
		line := e.Encode(ev.Event)
		if line == nil {
			continue
		}
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		kind := got["type"].(string)
		seen[kind] = true
		sent := got["state"] == "sent" || got["state"] == "received"
		for _, f := range fields(reflect.TypeOf(objects[kind])) {
			v, ok := got[f]
			message := slices.Contains([]string{"msg", "peer", "k", "place"}, f) && kind == "floor"
			if ok != (!message || sent) {
				t.Errorf("%s %s: field %s: %v", kind, ev.Name, f, ok)
			}
			nullable := kind == "result" && (f == "data" || f == "dropped") || kind == "floor" && strings.HasPrefix(f, "until")
			if ok && v == nil && !nullable {
				t.Errorf("%s %s: %s is null", kind, ev.Name, f)
			}
			delete(got, f)
		}
		if len(got) > 0 {
			t.Errorf("%s %s: more fields: %v", kind, ev.Name, got)
		}
	}
	if len(seen) != len(objects) {
		t.Errorf("seen %v, want all %d types", seen, len(objects))
	}
}

// fields gives the JSON names of a struct's fields, those of embedded ones in
// their place.
func fields(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			names = append(names, fields(inner)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// at follows the Boot time and nothing else; nine digits make it comparable as
// text.
func TestTimes(t *testing.T) {
	e := NewEncoder(ui.Clock{Wall: time.Date(2026, 1, 5, 20, 0, 0, 0, time.FixedZone("", -3*3600)), Boot: 10 * time.Second}, words.For(words.English))
	line := string(e.Encode(peer.Floor{At: peer.At(11*time.Second + 5), State: peer.FloorGranted, Until: 12500 * time.Millisecond}))
	for _, want := range []string{
		`"at":"2026-01-05T23:00:01.000000005Z","boot_ns":11000000005,`,
		`"until":"2026-01-05T23:00:02.500000000Z","until_ns":12500000000,`,
	} {
		if !strings.Contains(line, want) {
			t.Errorf("%s\nhas no %s", line, want)
		}
	}
}

// The answer to /peers has a number for every reason, zeros included; other
// answers have none.
func TestDropped(t *testing.T) {
	e := NewEncoder(uitest.Clock, words.For(words.English))
	seen := 0
	for _, ev := range uitest.Events(consts(t, "Code")) {
		r, ok := ev.Event.(peer.Result)
		if !ok {
			continue
		}
		var got struct{ Dropped map[string]uint64 }
		if err := json.Unmarshal(e.Encode(r), &got); err != nil {
			t.Fatal(err)
		}
		var want map[string]uint64
		if r.Command == "peers" && r.OK {
			seen++
			want = map[string]uint64{}
			for i, reason := range consts(t, "Reason") {
				want[reason] = []uint64{0, 1, uint64(i) + 2}[seen-1]
			}
		}
		if !maps.Equal(got.Dropped, want) || (got.Dropped == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", ev.Name, got.Dropped, want)
		}
	}
	if seen != 3 {
		t.Errorf("%d answers to /peers, want 3", seen)
	}
}

var (
	heading = regexp.MustCompile(`^## (.+)$`)
	row     = regexp.MustCompile("^\\| `([^`]+)` \\|")
)

// tables reads docs/EVENTS.md: for each section and each head of a table
// (field, state, code) the first column.
func tables(t *testing.T) map[string]map[string][]string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/EVENTS.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string][]string{}
	section, head := "", ""
	for _, line := range strings.Split(string(b), "\n") {
		if m := heading.FindStringSubmatch(line); m != nil {
			section = m[1]
			all[section] = map[string][]string{}
		} else if m := row.FindStringSubmatch(line); m != nil {
			all[section][head] = append(all[section][head], m[1])
		} else if cells := strings.Split(line, "|"); len(cells) > 2 && !strings.HasPrefix(line, "|---") {
			head = strings.TrimSpace(cells[1])
		}
	}
	return all
}

// docs/EVENTS.md has every type, field, state and code, and none else.
func TestEventsPageIsComplete(t *testing.T) {
	doc := tables(t)
	common := fields(reflect.TypeOf(head{}))
	if got := doc["Every object"]["field"]; !slices.Equal(got, common) {
		t.Errorf("every object: the page has %v, the code %v", got, common)
	}
	for kind, object := range objects {
		want := fields(reflect.TypeOf(object))[len(common):]
		if got := doc[kind]["field"]; !slices.Equal(got, want) {
			t.Errorf("%s: the page has the fields\n%v, the code\n%v", kind, got, want)
		}
	}
	for section := range doc {
		if _, ok := objects[section]; !ok && section != "Every object" && section != "Codes" {
			t.Errorf("the page has a section %q, which is no type", section)
		}
	}
	for section, typeName := range map[string]string{"line": "LineState", "floor": "FloorState", "peer": "PeerState"} {
		got, want := slices.Sorted(slices.Values(doc[section]["state"])), slices.Sorted(slices.Values(consts(t, typeName)))
		if !slices.Equal(got, want) {
			t.Errorf("%s: the page has the states\n%v, the code\n%v", section, got, want)
		}
	}
	if got, want := doc["result"]["reason"], consts(t, "Reason"); !slices.Equal(got, want) {
		t.Errorf("the page has the reasons\n%v, the code\n%v", got, want)
	}
	protocol, err := os.ReadFile("../../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range consts(t, "Reason") {
		if !strings.Contains(string(protocol), "| `"+reason+"` |\n") {
			t.Errorf("PROTOCOL.md says of nothing that it is dropped as %s", reason)
		}
	}
	got, want := slices.Sorted(slices.Values(doc["Codes"]["code"])), slices.Sorted(slices.Values(consts(t, "Code")))
	if !slices.Equal(got, want) {
		t.Errorf("the page has the codes\n%v, the code\n%v", got, want)
	}
}
