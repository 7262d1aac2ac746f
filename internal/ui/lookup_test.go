package ui_test

import (
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/ui"
)

func TestParseLookup(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	at := func(h, m int) time.Time { return time.Date(2026, 1, 2, h, m, 0, 0, time.UTC) }
	for _, c := range []struct {
		line string
		want ui.Lookup
		bad  bool
	}{
		{line: "history", want: ui.Lookup{Last: 20}},
		{line: "history 7", want: ui.Lookup{Last: 7}},
		{line: "history --last 7", want: ui.Lookup{Last: 7}},
		{line: "history --last=7 --name ana#3f", want: ui.Lookup{Last: 7, Name: "ana#3f"}},
		{line: "history --since 14:00 --until 14:30", want: ui.Lookup{Last: 20, Since: at(14, 0), Until: at(14, 31)}},
		{line: "history --since 15:00 --until 14:00", bad: true},
		{line: "history 7 8", bad: true},
		{line: "history 7 --last 8", bad: true},
		{line: "history pump", bad: true},
		{line: "history 0", bad: true},
		{line: "history 1001", bad: true},
		{line: "history --last", bad: true},
		{line: "history --name=", bad: true},
		{line: "history --color red", bad: true},
		{line: "history --since yesterday", bad: true},
		{line: "search", bad: true},
		{line: "search --name ana", bad: true},
		{line: "search água 3", want: ui.Lookup{Words: "água 3", Last: 20}},
		{line: `search --name ana "pump 3" bom*`, want: ui.Lookup{Words: `"pump 3" bom*`, Name: "ana", Last: 20}},
		{line: "search -- --name", want: ui.Lookup{Words: "--name", Last: 20}},
	} {
		args := strings.Fields(c.line)
		got, ok := ui.ParseLookup(args[0], args[1:], now)
		if ok == c.bad || ok && got != c.want {
			t.Errorf("%s: %+v, %v; want %+v, %v", c.line, got, ok, c.want, !c.bad)
		}
	}
}
