package turn

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"olá, 世界 👩‍🚀", "olá, 世界 👩‍🚀"},
		{"a\tb\nc", "a\tb\nc"},
		{"a\r\nb", "a\nb"},
		{"\x1b[31mred\x1b[0m", "[31mred[0m"},
		{"\x00\x07\x7f", ""},
		{"a\u0085\u009bb", "ab"},
		{"\u202eabc\u2066\u061c\u200e", "abc"},
		{"a\xff\xfeb", "a\ufffdb"},
		{"\xc3", "\ufffd"},
		{"\xed\xa0\x80", "\ufffd"},
		{"\u2028", "\u2028"},
	} {
		if got := Clean(c.in); got != c.want {
			t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestCleanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "in"))
		if rapid.Bool().Draw(t, "utf8") {
			in = rapid.String().Draw(t, "text")
		}
		out := Clean(in)
		if !utf8.ValidString(out) || Clean(out) != out || len(out) > 3*len(in) {
			t.Fatalf("Clean(%q) = %q", in, out)
		}
	})
}

// The lists were written out so that they stay. While the compiler brings the
// version of Unicode that they were taken from, they are compared with it.
func TestLists(t *testing.T) {
	if unicode.Version != "15.0.0" {
		t.Skip("the lists are those of Unicode 15.0.0, the compiler has", unicode.Version)
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		control := r != '\t' && r != '\n' && unicode.IsControl(r)
		if want := control || unicode.Is(unicode.Bidi_Control, r); unicode.Is(unclean, r) != want {
			t.Errorf("unclean: %U: want %t", r, want)
		}
		name := unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
		if unicode.Is(unnameable, r) != name {
			t.Errorf("unnameable: %U: want %t", r, name)
		}
		if want := unicode.IsSpace(r) && !name; strings.ContainsRune(spaces, r) != want {
			t.Errorf("spaces: %U: want %t", r, want)
		}
	}
}
