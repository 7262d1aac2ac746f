package report

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/unicode/bidi"

	"github.com/papo-chat/papo/internal/ui/words"
)

func wordsKey(name string) words.Key { return words.Key("report." + name) }

// Markdown writes the report as CommonMark without HTML, which also GitHub's dialect
// and others show as it is meant.
func (r *Report) Markdown(w io.Writer) error {
	out := bufio.NewWriter(w)
	t := func(key string) string { return Escape(r.Words.T(wordsKey(key))) }
	fmt.Fprintf(out, "# %s\n\n%s\n", t("title"), Escape(r.span()))
	for _, d := range r.days() {
		fmt.Fprintf(out, "\n## %s\n\n", Escape(d.Heading))
		for _, row := range d.Rows {
			fmt.Fprintf(out, "- **%s %s:** %s\n", row.Time, Escape(row.Name), Escape(row.Text))
		}
	}
	if len(r.Turns) > 0 {
		fmt.Fprintf(out, "\n## %s\n\n", t("authors"))
		for _, a := range r.authors() {
			fmt.Fprintf(out, "- **%s:** %s, `%s`\n", Escape(a.Name), Escape(r.Words.N("count.turns", a.Turns)), a.Key)
		}
	}
	fmt.Fprintf(out, "\n## %s\n\n- %s\n- %s: `%s`\n- %s: `%s`\n",
		t("record"), Escape(r.count()), t("fingerprint"), r.fingerprint(), t("group"), r.group())
	for _, note := range r.notes() {
		fmt.Fprintf(out, "\n%s\n", Escape(note))
	}
	return out.Flush()
}

// Escape writes text so that Markdown shows it as it is, inside of a paragraph or an
// item of a list: no markup, no link, no image, no HTML, no mention. Its newlines are
// line breaks, its spaces stay.
func Escape(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = escapeLine(line)
	}
	return strings.Join(lines, "\\\n  ")
}

var (
	// number is the beginning of an item of an ordered list.
	number = regexp.MustCompile(`^[0-9]+[.)]`)
	// www begins what GitHub's dialect takes for a link (GFM, section 6.9).
	www = regexp.MustCompile(`(?i)www\.`)
)

// escapeLine escapes one line. Backslash escapes: CommonMark, section 2.4.
func escapeLine(line string) string {
	if line == "" {
		return "&nbsp;"
	}
	dots := map[int]bool{}
	if m := number.FindStringIndex(line); m != nil {
		dots[m[1]-1] = true
	}
	for _, m := range www.FindAllStringIndex(line, -1) {
		dots[m[1]-1] = true
	}
	var b strings.Builder
	isolated := strings.ContainsFunc(line, rightToLeft)
	if isolated {
		b.WriteRune('\u2068')
	}
	for i := range len(line) {
		c := line[i]
		first := i == 0
		switch {
		case c == '\\' && i == len(line)-1:
			b.WriteString("&#92;") // some count three backslashes before a newline wrongly
		case strings.IndexByte("\\`*_{}[]<>#|~$@&^=!", c) >= 0, dots[i],
			first && strings.IndexByte("-+:", c) >= 0,
			c == ':' && !plainColon(line, i):
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\t':
			b.WriteString("&nbsp;&nbsp;&nbsp;&nbsp;")
		case c == ' ' && (first || i == len(line)-1 || line[i-1] == ' '):
			b.WriteString("&nbsp;")
		default:
			b.WriteByte(c)
		}
	}
	if isolated {
		b.WriteRune('\u2069')
	}
	return b.String()
}

// rightToLeft tells whether a character can change the places of those beside it.
func rightToLeft(r rune) bool {
	p, _ := bidi.LookupRune(r)
	return p.Class() == bidi.R || p.Class() == bidi.AL || p.Class() == bidi.AN
}

// plainColon tells whether the colon at i can be part of no address and no name of a
// picture, as in 15:04 and before a space.
func plainColon(line string, i int) bool {
	digit := func(i int) bool { return 0 <= i && i < len(line) && '0' <= line[i] && line[i] <= '9' }
	return i+1 == len(line) || line[i+1] == ' ' || digit(i-1) && digit(i+1) && digit(i+2) && !digit(i+3)
}
