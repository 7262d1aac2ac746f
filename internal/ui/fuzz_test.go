package ui_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/papo-chat/papo/internal/fuzzloop"
	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
)

var typed = map[string]string{
	"nothing": "", "oi": "oi", "quit": "/quit", "slashes": "//x", "say-nothing": "/say ", "say": "/say x", "hold": "/hold 9", "hold-long": "/hold 99",
	"bare": " sair ", "invalid": "a\xff", "invalid-command": "/\xff", "escape": "\x1b", "clusters": "é日👨‍👩‍👧", "peers": "/peers", "peers-more": "/peers x",
	"sync": "/sync", "verbose": "verbose", "release": "/release", "cancel": "/cancel", "search": "/search --name ana --since 2h two words",
	"search-nothing": "/search", "history": "/history 12", "history-range": "/history --since=2026-01-02 --until 2026-01-03T10:00 --last 5", "dashes": "/search -- --name",
	"delay": "/delay 500ms", "delay-long": "/delay 61s", "order": "/order arrival", "order-other": "/order alphabetical", "help": "/help",
	"unknown": "/" + strings.Repeat("é", 40), "controls-only": "\x07\x07", "path": "/etc/passwd",
}

// The seeds reach every command, and every reason to refuse a line.
func TestSeeds(t *testing.T) {
	if *update {
		for name, s := range typed {
			fuzzloop.WriteSeed(t, "FuzzParse", name, []byte(s))
		}
		fuzzloop.WriteSeed(t, "FuzzParse", "long", []byte(strings.Repeat("x", turn.MaxLine+1)))
	}
	met := map[string]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzParse") {
		in := ui.Parse(string(b))
		switch in.Kind {
		case ui.Do:
			met["/"+in.Command.Name]++
		case ui.Nothing, ui.Line:
			met["said or nothing"]++
		default:
			met[string(in.Code)]++
		}
	}
	want := []string{"said or nothing", string(peer.CodeEmpty), string(peer.CodeTooLong), string(peer.CodeUnknown), string(peer.CodeUsage)}
	for _, c := range ui.Commands() {
		if c != "say" { // which is a line
			want = append(want, "/"+c)
		}
	}
	for _, w := range want {
		if met[w] == 0 {
			t.Errorf("no seed is %q: %v", w, met)
		}
	}
}

// FuzzParse takes whatever is typed: what is said is clean and within its bound, and
// no command is said by mistake.
func FuzzParse(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, b []byte) {
		s := string(b)
		in := ui.Parse(s)
		if in.Replaced == utf8.ValidString(s) {
			t.Fatalf("Replaced is %v", in.Replaced)
		}
		switch in.Kind {
		case ui.Nothing:
			if s != "" {
				t.Fatalf("%q is nothing", s)
			}
		case ui.Line:
			if in.Text == "" || len(in.Text) > turn.MaxLine || turn.Clean(in.Text) != in.Text || in.Code != "" {
				t.Fatalf("line %+v", in)
			}
			if strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") && !strings.HasPrefix(s, "/say ") {
				t.Fatalf("said a command: %q", s)
			}
			if again := ui.Parse("/say " + in.Text); again.Kind != ui.Line || again.Text != in.Text {
				t.Fatalf("/say does not say %q: %+v", in.Text, again)
			}
		case ui.Do:
			if !slices.Contains(ui.Commands(), in.Command.Name) || in.Code != "" {
				t.Fatalf("command %+v", in)
			}
		case ui.BadCommand:
			if in.Code == "" || !strings.HasPrefix(s, "/") || !utf8.ValidString(in.Command.Name) || utf8.RuneCountInString(in.Command.Name) > 33 {
				t.Fatalf("bad command %+v", in)
			}
		case ui.BadLine:
			if in.Code == "" || in.Text != "" {
				t.Fatalf("bad line %+v", in)
			}
		}
	})
}
