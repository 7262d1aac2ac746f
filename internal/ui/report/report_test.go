package report_test

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/report"
	"github.com/papo-chat/papo/internal/ui/words"
)

var update = flag.Bool("update", false, "write the golden files anew")

// said makes a turn of a record.
func said(name string, key byte, at string, lines ...string) peer.TurnShown {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err)
	}
	return peer.TurnShown{Name: name, Author: turn.Key{key, 0x9a}, Time: t, Lines: lines}
}

// nasty are texts that would be something else in HTML or Markdown.
var nasty = []string{
	`<script>alert(1)</script>`, `</td></table><h1>x</h1>`, `<img src=x onerror=alert(1)>`, `"><a href="javascript:x">`,
	`&lt;b&gt; &amp;nbsp; &#60;`, `{{.Title}}`, `<!-- -->`, `]]>`, `'"` + "`", "a\x00b\x1b[31mred\u202eevil",
	`[x](http://evil.example)`, `![x](http://evil.example/x.png)`, `http://evil.example www.evil.example WWW.evil.example a@evil.example mailto:a@b.example`,
	`# heading`, `- item`, `+ item`, `1. item`, `2) item`, `> quote`, `---`, `===`, "```\ncode\n```", `    code`, "\tcode",
	`**bold** __bold__ *it* _it_ ~~gone~~ ==mark== $x$ ^up^ :smile: :100: #12 @ana`, `| a | b |`, "text\n| a |\n|---|\n| b |",
	"a\n---", "a\n===", "a\n# b", "a\n- b", "a\n1. b", "a\n\nb", "a\n", "\na", "a\n    b", ": definition", "term\n: definition", `\`, `a\`, "a\\\n",
	`at 5:100: or 12:1234: or 1:2:`, `[ ] task`, `[^1] note`, `[x]: http://evil.example`, `<http://evil.example>`, `at 15:04:05, see: b`, `a  b   c`, ` `, `x: y`, `&nbsp;`, `*`, `_`, "`",
}

func sample(w *words.Words) *report.Report {
	r := &report.Report{
		Words: w, Zone: time.FixedZone("", -3*3600), Total: 7, Missing: 1,
		Group: turn.GroupID{1, 2}, Fingerprint: [32]byte{0xab, 0xcd},
		Turns: []peer.TurnShown{
			said("ana", 0x3f, "2026-01-02T15:04:05Z", "Bom dia. Server 3 is down - since 14:58?"),
			said("João", 0x40, "2026-01-02T15:04:06Z", "one\ntwo", "<b>three</b> *four*"),
			said("ana#7e9a", 0x7e, "2026-01-03T02:59:59Z", "still the same day"),
			said("ana", 0x3f, "2026-01-03T03:00:00Z", "the next day"),
			said("ana", 0x3f, "2026-01-03T03:00:01Z"),
		},
	}
	return r
}

func TestGolden(t *testing.T) {
	for _, lang := range []string{words.English, words.Portuguese} {
		for ending, write := range map[string]func(*report.Report, *bytes.Buffer) error{
			".md":   func(r *report.Report, b *bytes.Buffer) error { return r.Markdown(b) },
			".html": func(r *report.Report, b *bytes.Buffer) error { return r.HTML(b) },
		} {
			var b bytes.Buffer
			if err := write(sample(words.For(lang)), &b); err != nil {
				t.Fatal(err)
			}
			path := "testdata/" + lang + ending
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%s: got\n%s", path, b.String())
			}
		}
	}
}

// texts gives what a reader sees of HTML in elements that match, and counts elements
// by name.
func texts(t testing.TB, page string, match func(*html.Node) bool) (seen []string, elements map[string]int) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	elements = map[string]int{}
	var text func(n *html.Node) string
	text = func(n *html.Node) string {
		switch {
		case n.Type == html.TextNode:
			return n.Data
		case n.Type == html.ElementNode && n.Data == "br":
			return "\n"
		}
		s := ""
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			s += text(c)
		}
		return s
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		elements[n.Data]++
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "href" || a.Key == "src" {
				t.Errorf("an attribute %s=%q", a.Key, a.Val)
			}
		}
		if match(n) {
			seen = append(seen, text(n))
		}
	}
	return seen, elements
}

// Whatever was said is text in the page, the same text, and brings no element.
func TestHTMLInjection(t *testing.T) {
	r := sample(words.For(words.English))
	r.Turns = nil
	var want []string
	for _, s := range nasty {
		r.Turns = append(r.Turns, said(`<i>"&'`, 1, "2026-01-02T15:04:05Z", s))
		want = append(want, turn.Clean(s))
	}
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	got, elements := texts(t, b.String(), func(n *html.Node) bool {
		return slices.Contains(n.Attr, html.Attribute{Key: "class", Val: "text"})
	})
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for _, e := range []string{"script", "img", "a", "b", "i", "iframe", "link"} {
		if elements[e] > 0 {
			t.Errorf("%d elements %s", elements[e], e)
		}
	}
	if elements["h1"] != 1 || elements["style"] != 1 || elements["tr"] != len(nasty)+3 {
		t.Errorf("elements %v", elements)
	}
}

// markdown shows Markdown as a reader of GitHub's dialect would see it, with more
// extensions.
func markdown(t testing.TB, s string) string {
	t.Helper()
	md := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.DefinitionList, extension.Footnote))
	var b bytes.Buffer
	if err := md.Convert([]byte(s), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// asSeen is a text with the spaces that HTML leaves of it.
func asSeen(s string) string {
	s = strings.NewReplacer("\u00a0", " ", "\t", "    ").Replace(s)
	var lines []string
	for _, l := range strings.Split(s, "\n") {
		if l == "" {
			l = " "
		}
		lines = append(lines, l)
	}
	return strings.Join(lines, "\n")
}

// checkEscape tells whether a text that stands where Markdown puts it is seen as the
// same text.
func checkEscape(t interface {
	Errorf(string, ...any)
}, tb testing.TB, text string) {
	page := markdown(tb, "before\n\n- **15:04:05 ana:** "+report.Escape(text)+"\n- **15:04:06 bia:** next\n\nafter\n")
	got, elements := texts(tb, page, func(n *html.Node) bool { return n.Data == "li" })
	for i := range got {
		// goldmark puts a newline behind <br>.
		got[i] = strings.ReplaceAll(strings.ReplaceAll(got[i], "\n\n", "\n"), "\u00a0", " ")
	}
	want := []string{"15:04:05 ana: " + asSeen(text), "15:04:06 bia: next"}
	if !slices.Equal(got, want) {
		t.Errorf("%q is seen as %q in\n%s", text, got, page)
	}
	delete(elements, "br")
	if n := len(elements); n != 7 || elements["li"] != 2 || elements["strong"] != 2 || elements["p"] != 2 {
		t.Errorf("%q: elements %v in\n%s", text, elements, page)
	}
}

// Whatever was said is the same text in Markdown, with no markup from it.
func TestMarkdownInjection(t *testing.T) {
	for _, s := range nasty {
		checkEscape(t, t, turn.Clean(s))
	}
}

func TestAnyTextInMarkdown(t *testing.T) {
	piece := rapid.OneOf(
		rapid.SampledFrom(nasty), rapid.StringMatching(`[!-~ \n\t]{1,4}`),
		rapid.SampledFrom([]string{"*", "_", "`", "~~", "[", "](", ")", "<", ">", "http://", "www.", "a", "1.", "-", " ", "\n", "é", ":", "@", "&", ";", "\\"}),
	)
	rapid.Check(t, func(rt *rapid.T) {
		text := turn.Clean(strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(rt, "pieces"), ""))
		checkEscape(rt, t, text)
	})
}

// The whole document has one heading of the first order, and lists of what was said.
func TestMarkdownDocument(t *testing.T) {
	r := sample(words.For(words.Portuguese))
	r.Turns = nil
	for _, s := range nasty {
		r.Turns = append(r.Turns, said("<i>*x*`", 1, "2026-01-02T15:04:05Z", s))
	}
	var b bytes.Buffer
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	seen, elements := texts(t, markdown(t, b.String()), func(n *html.Node) bool { return n.Data == "strong" })
	if elements["h1"] != 1 || elements["h2"] != 3 || elements["a"]+elements["img"]+elements["script"]+elements["i"]+elements["em"] != 0 || elements["li"] != len(nasty)+4 {
		t.Errorf("elements %v in\n%s", elements, b.String())
	}
	if len(seen) != len(nasty)+1 || seen[0] != "12:04:05 <i>*x*`:" {
		t.Errorf("names %q", seen)
	}
}

func TestFold(t *testing.T) {
	for _, same := range [][]string{
		{"João", "joao", "JOÃO", "Joa\u0303o"}, {"Straße", "STRASSE", "strasse"}, {"ﬁm", "FIM"}, {"İ", "i"}, {"ΣΑΣ", "σας"}, {"Ꭰ", "ꭰ"},
	} {
		for _, s := range same {
			if report.Fold(s) != report.Fold(same[0]) {
				t.Errorf("%q is %q, %q is %q", s, report.Fold(s), same[0], report.Fold(same[0]))
			}
		}
	}
	if report.Fold("pa") == report.Fold("pá!") || report.Fold("a b") != "a b" {
		t.Error("different texts are the same")
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if once := report.Fold(s); report.Fold(once) != once {
			t.Errorf("%q folds to %q and that to %q", s, once, report.Fold(once))
		}
	})
}

func TestFilter(t *testing.T) {
	turns := []peer.TurnShown{
		said("ana", 0x3f, "2026-01-02T15:04:05Z", "Olá, João", "second"),
		said("João", 0x40, "2026-01-02T15:04:06Z", "AÇÃO now"),
		said("ana#7e9a", 0x7e, "2026-01-02T15:04:07Z", "acao later"),
		said("bia", 0x41, "2026-01-02T15:04:08Z"),
	}
	at := func(s int) time.Time { return time.Date(2026, 1, 2, 15, 4, s, 0, time.UTC) }
	for _, c := range []struct {
		name string
		f    report.Filter
		want []int
	}{
		{"all", report.Filter{}, []int{0, 1, 2, 3}},
		{"since", report.Filter{Since: at(6)}, []int{1, 2, 3}},
		{"until", report.Filter{Until: at(7)}, []int{0, 1}},
		{"between", report.Filter{Since: at(6), Until: at(7)}, []int{1}},
		{"name", report.Filter{Names: []string{"JOAO"}}, []int{1}},
		{"name of two", report.Filter{Names: []string{"ana"}}, []int{0, 2}},
		{"name and key", report.Filter{Names: []string{"ana#3f"}}, []int{0}},
		{"name and key as shown", report.Filter{Names: []string{"Ana#7E9A"}}, []int{2}},
		{"key", report.Filter{Names: []string{"#409a"}}, []int{1}},
		{"names", report.Filter{Names: []string{"bia", "João"}}, []int{1, 3}},
		{"part of a name", report.Filter{Names: []string{"an"}}, nil},
		{"text", report.Filter{Text: "acão"}, []int{1, 2}},
		{"second line", report.Filter{Text: "SECOND"}, []int{0}},
		{"name is no text", report.Filter{Text: "bia"}, nil},
	} {
		choice := c.f.Choice()
		var got []int
		for i := range turns {
			if choice.Wants(&turns[i]) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestParseWhen(t *testing.T) {
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		zone = time.FixedZone("", -3*3600) // a system without zones
	}
	now := time.Date(2026, 3, 10, 18, 30, 0, 0, zone)
	for _, c := range []struct {
		s        string
		from, to string
	}{
		{"2026-01-02", "2026-01-02T00:00:00-03:00", "2026-01-03T00:00:00-03:00"},
		{"15:04", "2026-03-10T15:04:00-03:00", "2026-03-10T15:05:00-03:00"},
		{"9:04", "2026-03-10T09:04:00-03:00", "2026-03-10T09:05:00-03:00"},
		{"15:04:05", "2026-03-10T15:04:05-03:00", "2026-03-10T15:04:06-03:00"},
		{"2026-01-02T15:04", "2026-01-02T15:04:00-03:00", "2026-01-02T15:05:00-03:00"},
		{"2026-01-02 15:04:05", "2026-01-02T15:04:05-03:00", "2026-01-02T15:04:06-03:00"},
		{"2026-01-02T15:04:05Z", "2026-01-02T15:04:05Z", "2026-01-02T15:04:06Z"},
		{"2026-01-02T15:04:05.678+02:00", "2026-01-02T15:04:05.678+02:00", "2026-01-02T15:04:05.679+02:00"},
		{"2h", "2026-03-10T16:30:00-03:00", "2026-03-10T16:30:00-03:00"},
		{"2h ago", "2026-03-10T16:30:00-03:00", "2026-03-10T16:30:00-03:00"},
		{" 1h30m ago ", "2026-03-10T17:00:00-03:00", "2026-03-10T17:00:00-03:00"},
		{"3d", "2026-03-07T18:30:00-03:00", "2026-03-07T18:30:00-03:00"},
		{"1d2h", "2026-03-09T16:30:00-03:00", "2026-03-09T16:30:00-03:00"},
	} {
		from, to, ok := report.ParseWhen(c.s, now)
		wantFrom, _ := time.Parse(time.RFC3339Nano, c.from)
		wantTo, _ := time.Parse(time.RFC3339Nano, c.to)
		if !ok || !from.Equal(wantFrom) || !to.Equal(wantTo) {
			t.Errorf("%q: %v to %v, %v", c.s, from, to, ok)
		}
	}
	for _, s := range []string{"", "ago", "yesterday", "2", "-2h", "2 h", "25:00", "2026-13-01", "2026-1-2", "1.2.3h", "99999999999999999999h", "d"} {
		if from, to, ok := report.ParseWhen(s, now); ok {
			t.Errorf("%q is understood: %v to %v", s, from, to)
		}
	}
}

// On days on which clocks are put forward or back nothing that was said falls out.
func TestParseWhenOnDaysOfChange(t *testing.T) {
	for _, c := range []struct {
		zone, s  string
		from, to string
	}{
		// Midnight is never shown.
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"},
		{"America/Sao_Paulo", "2018-11-03", "2018-11-03T00:00:00-03:00", "2018-11-04T01:00:00-02:00"},
		{"America/Havana", "2026-03-08", "2026-03-08T01:00:00-04:00", "2026-03-09T00:00:00-04:00"},
		{"Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"},
		{"Africa/Cairo", "2026-04-23", "2026-04-23T00:00:00+02:00", "2026-04-24T01:00:00+03:00"},
		{"Atlantic/Azores", "2026-03-29 00:30", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00.000000001Z"},
		// Midnight, or another time, is shown twice.
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},
		{"America/Havana", "2026-10-31", "2026-10-31T00:00:00-04:00", "2026-11-01T00:00:00-04:00"},
		{"America/Sao_Paulo", "2018-02-17", "2018-02-17T00:00:00-02:00", "2018-02-18T00:00:00-03:00"},
		{"America/Sao_Paulo", "2018-02-17 23:30", "2018-02-17T23:30:00-02:00", "2018-02-17T23:31:00-03:00"},
		{"America/New_York", "2026-11-01T01:30", "2026-11-01T01:30:00-04:00", "2026-11-01T01:31:00-05:00"},
		{"America/New_York", "2026-11-01 00:59", "2026-11-01T00:59:00-04:00", "2026-11-01T01:00:00-04:00"},
		{"America/New_York", "2026-11-01T01:30:00.5", "2026-11-01T01:30:00.5-04:00", "2026-11-01T01:30:00.501-05:00"},
		{"America/New_York", "2026-11-01T01:30:00-05:00", "2026-11-01T01:30:00-05:00", "2026-11-01T01:30:01-05:00"},
		{"Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00", "2011-12-31T00:00:00+14:00"}, // left out
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Skip("a system without zones")
		}
		from, to, ok := report.ParseWhen(c.s, time.Date(2026, 7, 1, 12, 0, 0, 0, zone))
		wantFrom, err1 := time.Parse(time.RFC3339Nano, c.from)
		wantTo, err2 := time.Parse(time.RFC3339Nano, c.to)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if !ok || !from.Equal(wantFrom) || !to.Equal(wantTo) {
			t.Errorf("%q in %s: %v to %v, %v", c.s, c.zone, from, to, ok)
		}
	}
}

// In a line with what is written from right to left, name and text stay in their
// places: a viewer would take both for one run, and show the text before the name.
func TestMarkdownBidi(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"דן", "\u2068דן\u2069"}, {"سلام 12", "\u2068سلام 12\u2069"}, {"١٢", "\u2068١٢\u2069"},
		{"one\nשתיים *2*", "one\\\n  \u2068שתיים \\*2\\*\u2069"},
		{"João 日本", "João 日本"},
	} {
		if got := report.Escape(c.text); got != c.want {
			t.Errorf("%q is written as %q, want %q", c.text, got, c.want)
		}
	}
}

// Digits between colons are a time only if there are two: others are the name of a
// picture (:100:).
func TestMarkdownColons(t *testing.T) {
	for text, want := range map[string]string{
		"15:04:05": "15:04:05", "at 9:05: yes": "at 9:05: yes", "5:100:": `5\:100:`, "5:1234: a": `5\:1234: a`, "1:2:": `1\:2:`,
	} {
		if got := report.Escape(text); got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}
