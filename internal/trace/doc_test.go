package trace_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/uitest"
	"github.com/papo-chat/papo/internal/wire"
)

var row = regexp.MustCompile("^\\| `([^`]+)` \\|")

// tables reads docs/TRACE.md: for each section and each head of a table the first column.
func tables(t *testing.T, page string) map[string]map[string][]string {
	t.Helper()
	all := map[string]map[string][]string{}
	section, head := "", ""
	for line := range strings.Lines(page) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(name)
			all[section] = map[string][]string{}
		} else if m := row.FindStringSubmatch(line); m != nil {
			all[section][head] = append(all[section][head], m[1])
		} else if cells := strings.Split(line, "|"); len(cells) > 2 && !strings.HasPrefix(line, "|---") {
			head = strings.TrimSpace(cells[1])
		}
	}
	return all
}

// names gives the names of a struct's own fields in JSON.
func names(v any) []string {
	var out []string
	for i := range reflect.TypeOf(v).NumField() {
		f := reflect.TypeOf(v).Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// docs/TRACE.md has every kind and every field, in their order, and none else.
func TestTracePageIsComplete(t *testing.T) {
	b, err := os.ReadFile("../../docs/TRACE.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	doc := tables(t, page)
	kinds, err := uitest.Consts("event.go", "Kind")
	if err != nil {
		t.Fatal(err)
	}
	event := names(trace.Event{})
	for _, c := range []struct {
		section, head string
		want          []string
	}{
		{"The header", "field", names(trace.Header{})},
		{"Every event", "field", event[:3]},
		{"Every event", "kind", kinds},
		{"Fields of events", "field", event[3:]},
		{"Fields of messages", "field", names(trace.Message{})},
	} {
		if got := doc[c.section][c.head]; len(c.want) == 0 || !slices.Equal(got, c.want) {
			t.Errorf("%s: the page has\n%v, the code\n%v", c.section, got, c.want)
		}
	}
	for _, nested := range [][]string{names(trace.Member{}), names(trace.Grant{})} {
		for _, f := range nested {
			if !strings.Contains(page, "`"+f+"`") {
				t.Errorf("the page has no %s", f)
			}
		}
	}
	for k := wire.KindHello; k <= wire.KindBye; k++ {
		if !strings.Contains(page, "`"+k.String()+"`") {
			t.Errorf("the page has no %v", k)
		}
	}
	for _, word := range []string{trace.SourceLab, trace.SourceChat, trace.CodeDropped} {
		if !strings.Contains(page, "`"+word+"`") {
			t.Errorf("the page has no %s", word)
		}
	}
	if strings.Contains(page, "1 MiB") != (trace.MaxLine == 1<<20) || !strings.Contains(page, "At most 64 files") || trace.MaxMerged != 64 {
		t.Error("the page has other bounds than the code")
	}
}

// The example of the page can be read.
func TestExampleOfThePage(t *testing.T) {
	b, err := os.ReadFile("../../docs/TRACE.md")
	if err != nil {
		t.Fatal(err)
	}
	var example strings.Builder
	for line := range strings.Lines(string(b)) {
		if json, ok := strings.CutPrefix(line, "    {"); ok {
			example.WriteString("{" + json)
		}
	}
	_, events, err := trace.Read(strings.NewReader(example.String()))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range events {
		if err != nil || e.Member != "ana" {
			t.Errorf("%+v, %v", e, err)
		}
		n++
	}
	if n != 6 {
		t.Errorf("%d events", n)
	}
}
