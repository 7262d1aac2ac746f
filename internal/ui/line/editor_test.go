package line

import (
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// edit does keys, one a word: a name below, or text to insert after a "+".
func edit(e *editor, keys ...string) {
	for _, k := range keys {
		if text, ok := strings.CutPrefix(k, "+"); ok {
			e.insert(text)
			continue
		}
		map[string]func(){
			"left": e.left, "right": e.right, "home": e.home, "end": e.end, "backspace": e.backspace, "delete": e.delete,
			"cutBefore": e.cutBefore, "cutAfter": e.cutAfter, "cutWord": e.cutWord,
		}[k]()
	}
}

func TestEditor(t *testing.T) {
	const family, flag, accent = "👨‍👩‍👧", "🇧🇷", "e\u0301"
	for _, c := range []struct {
		name string
		keys []string
		want string // with | at the cursor
	}{
		{"insert", []string{"+ab", "+c"}, "abc|"},
		{"in the middle", []string{"+ac", "left", "+b"}, "ab|c"},
		{"left of nothing", []string{"left", "backspace", "cutWord", "+a"}, "a|"},
		{"right of everything", []string{"+a", "right", "delete"}, "a|"},
		{"home and end", []string{"+ab", "home", "+x", "end", "+y"}, "xaby|"},
		{"family", []string{"+a" + family + "b", "left", "left"}, "a|" + family + "b"},
		{"backspace takes a family", []string{"+a" + family, "backspace"}, "a|"},
		{"delete takes a family", []string{"+" + family + "b", "home", "delete"}, "|b"},
		{"backspace takes one flag", []string{"+" + flag + flag, "backspace"}, flag + "|"},
		{"backspace takes letter and accent", []string{"+x" + accent, "backspace"}, "x|"},
		{"an accent typed after its letter joins it", []string{"+e", "+\u0301", "left"}, "|" + accent},
		{"an accent typed in between joins too", []string{"+ax", "left", "+\u0301", "+b"}, "a\u0301b|x"},
		{"halves of a flag meet", []string{"+🇧x🇷", "left", "backspace"}, flag + "|"},
		{"cut before", []string{"+abc", "left", "cutBefore"}, "|c"},
		{"cut after", []string{"+abc", "left", "cutAfter"}, "ab|"},
		{"cut word", []string{"+um dois", "cutWord"}, "um |"},
		{"cut word and spaces", []string{"+um dois  ", "cutWord"}, "um |"},
		{"cut the only word", []string{"+dois", "cutWord"}, "|"},
		{"cut word before the cursor", []string{"+um dois", "left", "left", "cutWord"}, "um |is"},
		{"cut word after a wide space", []string{"+日本\u3000語", "cutWord"}, "日本\u3000|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e editor
			edit(&e, c.keys...)
			if got := e.text[:e.pos] + "|" + e.text[e.pos:]; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func boundaries(text string) []int {
	at := []int{0}
	for n := 0; n < len(text); {
		c, _ := ansi.FirstGraphemeCluster(text[n:], ansi.GraphemeWidth)
		n += len(c)
		at = append(at, n)
	}
	return at
}

func TestPast(t *testing.T) {
	var p past
	try := func(line string, ok bool, wantLine string, wantOK bool) {
		t.Helper()
		if line != wantLine || ok != wantOK {
			t.Errorf("%q %v, want %q %v", line, ok, wantLine, wantOK)
		}
	}
	back := func(now, want string, ok bool) { t.Helper(); l, k := p.back(now); try(l, k, want, ok) }
	forward := func(want string, ok bool) { t.Helper(); l, k := p.forward(); try(l, k, want, ok) }
	back("draft", "", false)
	p.add("a")
	p.add("b")
	p.add("b")
	forward("", false)
	back("draft", "b", true)
	back("b changed", "a", true)
	back("a", "", false)
	forward("b", true)
	forward("draft", true)
	forward("", false)
	for range 3 * maxPast {
		p.add("x")
		p.add("y")
	}
	if len(p.lines) != maxPast {
		t.Errorf("%d lines kept, want %d", len(p.lines), maxPast)
	}
	back("", "y", true)
}

func TestCells(t *testing.T) {
	show := func(text string, clusters bool) string {
		var b strings.Builder
		for _, c := range cells(text, clusters) {
			b.WriteString(c.text + string(rune('0'+c.width)))
		}
		return b.String()
	}
	for _, c := range []struct{ text, want, clusters string }{
		{"", "", ""},
		{"aé日", "a1é1日2", "a1é1日2"},
		{"e\u0301", "e\u03011", "e\u03011"},
		{"👨‍👩‍👧x", "👨2x1", "👨‍👩‍👧2x1"},
		{"👍🏽", "👍2", "👍🏽2"},
		{"❤️", "❤1", "❤️2"},
		{"🇧🇷", "🇧🇷2", "🇧🇷2"},
		{"\t", " 1", " 1"},
		{"\u0301", "\ufffd1", "\ufffd1"},
	} {
		if got := show(c.text, false); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
		if got := show(c.text, true); got != c.clusters {
			t.Errorf("%q on a terminal that counts clusters: %q, want %q", c.text, got, c.clusters)
		}
	}
}

func TestWrap(t *testing.T) {
	pad := turnIndent
	for _, c := range []struct {
		line  string
		width int
		want  []string
	}{
		{"", 40, []string{""}},
		{"short", 40, []string{"short"}},
		{"exactly ten", 11, []string{"exactly ten"}},
		{"* one two three", 11, []string{"* one two", "    three"}},
		{"* one two  ", 9, []string{"* one two"}},
		{"[10:00:00] ana: one two three", 24, []string{"[10:00:00] ana: one two", pad + "three"}},
		{"[10:00:00] ana: " + strings.Repeat("x", 20), 24, []string{"[10:00:00] ana: xxxxxxxx", pad + "xxxxxxxxxxxx"}},
		{"[10:00:00] ana: 日本語日本語日本", 24, []string{"[10:00:00] ana: 日本語日", pad + "本語日本"}},
		{"a\tb", 40, []string{"a    b"}},
		{"日本", 1, []string{"日", " ", " 本"}},
		{"👨‍👩‍👧 👨‍👩‍👧", 8, []string{"👨‍👩‍👧", "    👨‍👩‍👧"}},
	} {
		got := wrap(c.line, c.width)
		if c.width == 1 { // nothing fits; that it ends is enough
			if strings.ReplaceAll(strings.Join(got, ""), " ", "") != c.line {
				t.Errorf("%q: %q", c.line, got)
			}
			continue
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q in %d:\n got %q\nwant %q", c.line, c.width, got, c.want)
		}
	}
}
