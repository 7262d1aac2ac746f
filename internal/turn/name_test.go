package turn

import (
	"strings"
	"testing"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestCheckName(t *testing.T) {
	for _, c := range []struct{ in, want, fault string }{
		{"brenda", "brenda", ""},
		{"João da Silva", "João da Silva", ""},
		{"Joa\u0303o", "João", ""},
		{"世界", "世界", ""},
		{"...", "...", ""},
		{"a.b", "a.b", ""},
		{strings.Repeat("e\u0301", 32), strings.Repeat("é", 32), ""},
		{strings.Repeat("é", 33), "", "over 32 characters"},
		{"", "", "empty"},
		{".", "", "folder"},
		{"..", "", "folder"},
		{" a", "", "space"},
		{"a\u00a0", "", "space"},
		{"\u3000a", "", "space"},
		{"a|b", "", `'|'`},
		{"a/b", "", `'/'`},
		{`a\b`, "", `'\\'`},
		{"a:b", "", `':'`},
		{"brenda#3f9a", "", `'#'`},
		{"a\nb", "", "U+000A"},
		{"a\tb", "", "U+0009"},
		{"a\u202eb", "", "U+202E"},
		{"a\u200db", "", "U+200D"},
		{"a\u200b", "", "U+200B"},
		{"a\u00adb", "", "U+00AD"},
		{"a\x7f", "", "U+007F"},
		{"a\xff", "", "UTF-8"},
	} {
		got, err := CheckName("name", c.in)
		if c.fault == "" {
			if err != nil || got != c.want {
				t.Errorf("%q: %q, %v", c.in, got, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), "name ") || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%q: %v, want it to tell of %s", c.in, err, c.fault)
		}
	}
}

func TestFoldName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"brenda", "brenda"},
		{"joão da silva", "joão da silva"},
		{"Brenda", "brenda-11e4"},
		{"BRENDA", "brenda-"},
		{"Straße", "strasse-"},
		{"con", "con-"},
		{"CON", "con-"},
		{"con.txt", "con_txt-"},
		{"nul .x", "nul _x-"},
		{"com1", "com1-"},
		{"lpt³", "lpt³-"},
		{"conrad", "conrad"},
		{"com10", "com10"},
		{"what?", "what_-"},
		{"etc.", "etc_-"},
		{"brenda-11e4", "brenda-11e4-"},
	} {
		got := FoldName(c.in)
		if got != c.want && !(strings.HasSuffix(c.want, "-") && strings.HasPrefix(got, c.want) && len(got) == len(c.want)+4) {
			t.Errorf("FoldName(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// Every file name is one that all systems take, and two names that differ only in
// their case, or by what folding does to them, get different ones.
func TestFoldNameProperties(t *testing.T) {
	same := func(s string) string { return norm.NFC.String(cases.Fold().String(s)) }
	alphabet := rapid.StringOfN(rapid.SampledFrom([]rune(`aAbBßẞſsSiIİıσςΣKkǅéÉ.?*"<>- 0fx¹世con1lpt`)), 1, 40, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, err := CheckName("name", alphabet.Draw(t, "a"))
		if err != nil {
			t.Skip(err)
		}
		variants := []string{strings.ToUpper(a), strings.ToLower(a), same(a), FoldName(a)}
		file := FoldName(a)
		if strings.ContainsAny(file, `<>"?*|/\:`) || strings.HasSuffix(file, ".") || strings.HasSuffix(file, " ") ||
			same(file) != file || reserved.MatchString(file) || len(file) > 6*MaxName+5 {
			t.Fatalf("FoldName(%q) = %q", a, file)
		}
		for _, v := range variants {
			b, err := CheckName("name", v)
			if err == nil && b != a && FoldName(b) == file {
				t.Fatalf("%q and %q share %q", a, b, file)
			}
		}
	})
}
