package line

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/papo-chat/papo/internal/fuzzloop"
)

// cutKeys takes apart what a seed of FuzzEditor has: how many keys, the keys, a text.
func cutKeys(b []byte) (keys []byte, text string) {
	if len(b) == 0 {
		return nil, ""
	}
	n := min(int(b[0]), len(b)-1)
	return b[1:][:n], strings.ToValidUTF8(string(b[1+n:]), "?")
}

// The seeds press each key, and have lines that are wrapped.
func TestSeeds(t *testing.T) {
	pressed := map[byte]bool{}
	for _, b := range fuzzloop.Seeds(t, "FuzzEditor") {
		keys, _ := cutKeys(b)
		for _, k := range keys {
			pressed[min(k, 9)] = true
		}
	}
	wrapped := 0
	for _, b := range fuzzloop.Seeds(t, "FuzzWrap") {
		if b[0] >= 8 && len(wrap(string(b[1:]), int(b[0]))) > 1 {
			wrapped++
		}
	}
	if len(pressed) < 10 || wrapped < 3 {
		t.Errorf("keys pressed: %v, %d lines are wrapped", pressed, wrapped)
	}
}

// FuzzEditor does any keys on any text: the cursor stays at a boundary of
// clusters, and the text valid UTF-8; what is drawn for it has no width that
// terminals could differ over.
func FuzzEditor(f *testing.F) {
	names := []string{"left", "right", "home", "end", "backspace", "delete", "cutBefore", "cutAfter", "cutWord"}
	fuzzloop.Schedule(f, func(t testing.TB, b []byte) {
		keys, text := cutKeys(b)
		if len(text) > 200 || len(keys) > 50 {
			return
		}
		e := editor{}
		e.insert(text)
		for _, k := range keys {
			before := e
			if int(k) < len(names) {
				edit(&e, names[k])
			} else {
				_, n := utf8.DecodeRuneInString(text)
				e.insert(text[:n])
			}
			if !utf8.ValidString(e.text) || !slices.Contains(boundaries(e.text), e.pos) {
				t.Fatalf("key %d on %q at %d: %q at %d", k, before.text, before.pos, e.text, e.pos)
			}
		}
		for _, c := range cells(e.text, false) {
			if w := ansi.StringWidth(c.text); c.width < 1 || c.width != w || w != ansi.StringWidthWc(c.text) {
				t.Fatalf("cell %q: width %d, by clusters %d, by code points %d", c.text, c.width, w, ansi.StringWidthWc(c.text))
			}
		}
	})
}

// FuzzWrap: no row is wider than it may be, nothing but spaces is lost, and a
// turn's further rows stand in. The first byte is the width.
func FuzzWrap(f *testing.F) {
	fuzzloop.Schedule(f, func(t testing.TB, b []byte) {
		if len(b) == 0 || b[0] < 8 || b[0] > 200 {
			return
		}
		width, line := int(b[0]), strings.ToValidUTF8(string(b[1:]), "?")
		if strings.ContainsAny(line, "\n\r\x1b") || ansi.Strip(line) != line {
			return
		}
		rows := wrap(line, width)
		bare := func(s string) string { return strings.NewReplacer(" ", "", "\t", "").Replace(s) }
		if got := bare(strings.Join(rows, "")); got != bare(line) {
			t.Fatalf("lost text: %q", rows)
		}
		for i, row := range rows {
			wide := 0
			for _, c := range cells(row, true) {
				wide = max(wide, widest(c.text))
			}
			if widest(row) > max(width, len(turnIndent)+wide) {
				t.Fatalf("row %d of %q is %d wide, not %d", i, rows, widest(row), width)
			}
			if i > 0 && !strings.HasPrefix(row, " ") {
				t.Fatalf("row %d of %q does not stand in", i, rows)
			}
		}
	})
}
