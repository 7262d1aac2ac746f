package turn

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/papo-chat/papo/internal/fuzzloop"
)

// The seeds reach each reason to refuse a turn, a turn that is good and one that is
// newer.
func TestSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	refusals := map[error]int{}
	known, newer := 0, 0
	for _, b := range fuzzloop.Seeds(t, "FuzzParse") {
		s, err := Parse(testGroup, b)
		for _, want := range []error{ErrSize, ErrCanonical, ErrVersion, ErrName, ErrStamp, ErrParents, ErrTime, ErrText, ErrSignature} {
			if errors.Is(err, want) {
				refusals[want]++
			}
		}
		switch {
		case err != nil:
		case s.Known():
			known++
		default:
			newer++
		}
	}
	if len(refusals) < 9 || known < 3 || newer < 4 {
		t.Errorf("the seeds have %d turns, %d newer ones, and are refused as %v", known, newer, refusals)
	}
	faults := map[NameFault]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzName") {
		fault, _ := checkStable(string(b))
		faults[fault]++
	}
	if len(faults) < 1+len(nameFaults) {
		t.Errorf("the names have no other faults than %v", faults)
	}
	clean := map[bool]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzClean") {
		clean[isClean(string(b))]++
	}
	if len(clean) < 2 {
		t.Errorf("the texts are clean or not: %v", clean)
	}
}

func writeSeeds(t *testing.T) {
	for name := range golden() {
		_, b := readGolden(t, filepath.Join("testdata", name+".hex"))
		fuzzloop.WriteSeed(t, "FuzzParse", name, b)
	}
	array := func(name string, b []byte) {
		fuzzloop.WriteSeed(t, "FuzzParse", strings.ReplaceAll(name, " ", "-"), signArray(b))
	}
	for _, f := range faults {
		if f.want == ErrSize {
			continue // it would make all mutants slow
		}
		bad := plain()
		f.edit(&bad)
		array(f.name, marshal(t, bad))
	}
	array("version 0", elements(t, map[int]string{0: "00"}))
	array("version in two bytes", elements(t, map[int]string{0: "1801"}))
	array("element added", elements(t, map[int]string{9: "00"}))
	array("newer version", elements(t, map[int]string{0: "02", 9: "a2018020f5"}))
	array("newer version, few", elements(t, map[int]string{0: "02", 7: "", 8: ""}))
	array("newer version, others", elements(t, map[int]string{0: "02", 7: "f93e00", 8: "3bffffffffffffffff"}))
	array("newer kind", elements(t, map[int]string{6: "01", 7: "a1616100", 8: "f6"}))
	array("newer, tag", elements(t, map[int]string{0: "02", 9: "d9d9f700"}))
	array("newer, NaN", elements(t, map[int]string{0: "02", 9: "81a2f97e0001f97e0002"}))
	array("newer, unsorted", elements(t, map[int]string{0: "02", 9: "a202000100"}))
	array("newer, deep", elements(t, map[int]string{0: "02", 9: strings.Repeat("81", 14) + "00"}))
	fuzzloop.WriteSeed(t, "FuzzParse", "nothing", nil)
	forged := signArray(marshal(t, plain()))
	forged[len(forged)-1] ^= 1
	fuzzloop.WriteSeed(t, "FuzzParse", "forged", forged)

	for name, s := range map[string]string{
		"plain": "João da Silva", "decomposed": "Joa\u0303o", "cjk": "世界", "dots": "...", "device": "con.txt", "upper": "BRENDA <*>",
		"hashed": "brenda-11e4", "empty": "", "parent": "..", "space": "\u3000a", "long": strings.Repeat("é", MaxName+1),
		"most": strings.Repeat("e\u0301", MaxName), "invalid": "a\xff", "bar": "a|b", "key": "brenda#3f9a", "bidi": "a\u202eb",
		"sharp": "Straße.", "final": "a.", "digit": "com¹ .x",
	} {
		fuzzloop.WriteSeed(t, "FuzzName", name, []byte(s))
	}
	for name, s := range map[string]string{
		"plain": "olá, 世界 👩‍🚀\n\tx", "return": "a\r\nb", "colour": "\x1b[31mred\x1b[0m", "controls": "\x00\x07\x7f\u0085\u009b",
		"bidi": "\u202eabc\u2066\u061c\u200e", "invalid": "a\xff\xfeb\xc3", "surrogate": "\xed\xa0\x80", "long-rune": "\xf8\x88\x80\x80\x80", "empty": "",
	} {
		fuzzloop.WriteSeed(t, "FuzzClean", name, []byte(s))
	}
}

// FuzzParse takes what anyone may send as a turn. What is accepted is what a plain
// reader of the format accepts too, and comes back to the byte. Parse differs
// from ParseTrusted by the signature alone: as that takes fifty times as long, it is
// looked at in one of 256, those that the last byte chooses.
func FuzzParse(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, b []byte) {
		s, err := ParseTrusted(testGroup, b)
		if (err == nil || len(b) > 0 && b[0] == 0x89) && len(b) > signatureSize {
			version, kind, good := readPlainly(b[:len(b)-signatureSize])
			if known := version == Version && kind == KindChat; known && good && len(b) <= MaxSigned && err != nil || known && !good && err == nil {
				t.Fatalf("%v, and the plain reader says %v of %x", err, good, b)
			}
		}
		if len(b) > 0 && b[len(b)-1] == 0 {
			signed, err2 := Parse(testGroup, b)
			if err2 == nil && (err != nil || signed.ID() != s.ID()) || err2 != nil && err == nil && !errors.Is(err2, ErrSignature) {
				t.Fatalf("Parse: %v, ParseTrusted: %v", err2, err)
			}
		}
		if err != nil {
			return
		}
		if !bytes.Equal(s.Bytes(), b) {
			t.Fatalf("bytes changed")
		}
		if id, err := Claimed(testGroup, b); err != nil || id != s.ID() {
			t.Fatalf("claims %v, is %v: %v", id, s.ID(), err)
		}
		got := s.Turn()
		if got.Stamp == 0 || got.Stamp >= 1<<53 || len(got.Parents) > 8 || got.Name == "" || len(b) > MaxSigned {
			t.Fatalf("accepted: %+v", got)
		}
		if !s.Known() {
			if got.Texts != nil || got.LineIDs != nil {
				t.Fatalf("not known, and yet %+v", got)
			}
			return
		}
		again := append(marshal(t, got), b[len(b)-signatureSize:]...)
		if !bytes.Equal(again, b) {
			t.Fatalf("encoded again: %x, was %x", again, b)
		}
		for _, text := range got.Texts {
			if text == "" || len(text) > MaxLine || strings.ContainsAny(text, "\x00\x1b\r\u202e\u0085") {
				t.Fatalf("accepted the text %q", text)
			}
		}
	})
}

// readPlainly reads the array of a turn by RFC 8949 alone, without the library, and
// tells whether it is good if it is of this version and kind.
func readPlainly(b []byte) (version, kind uint64, good bool) {
	ok := true
	head := func(major byte) uint64 { // of the shortest form
		if len(b) == 0 || b[0]>>5 != major {
			ok, b = false, nil
			return 0
		}
		n := uint64(b[0] & 31)
		b = b[1:]
		if n < 24 {
			return n
		}
		size := 1 << (n - 24)
		if n > 27 || len(b) < size {
			ok, b = false, nil
			return 0
		}
		n = 0
		for _, c := range b[:size] {
			n = n<<8 | uint64(c)
		}
		b = b[size:]
		if least := [...]uint64{1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}; n < least[size] {
			ok = false
		}
		return n
	}
	take := func(n uint64) []byte {
		if n > uint64(len(b)) {
			ok, b = false, nil
			return nil
		}
		part := b[:n]
		b = b[n:]
		return part
	}
	text := func() string { return string(take(head(3))) }
	list := func(each func()) uint64 {
		n := head(4)
		ok = ok && n <= uint64(len(b))
		for i := uint64(0); i < n && ok; i++ {
			each()
		}
		return n
	}

	if head(4) != 9 {
		return 0, 0, false
	}
	version = head(0)
	ok = len(take(head(2))) == 32 && ok
	name := text()
	stamp := head(0)
	var last []byte
	parents := list(func() {
		p := take(head(2))
		ok = ok && len(p) == 32 && bytes.Compare(last, p) < 0
		last = p
	})
	at := head(0)
	kind = head(0)
	if !ok || version != Version || kind != KindChat {
		return version, kind, false
	}
	ids := list(func() { ok = len(take(head(2))) == 8 && ok })
	texts := list(func() {
		s := text()
		ok = ok && s != "" && len(s) <= MaxLine && s == cleanPlainly(s)
	})
	fault, _ := checkStable(name)
	return version, kind, ok && len(b) == 0 && fault == "" && stamp >= 1 && stamp <= MaxStamp && parents <= MaxParents &&
		at <= MaxTime && ids == texts && texts > 0
}

// FuzzName takes what a person may be called. A name that is taken stays, and no
// folder that is made of it leads elsewhere.
func FuzzName(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, b []byte) {
		name, err := CheckName("name", string(b))
		if err != nil {
			if name != "" || err.Error() == "" {
				t.Fatalf("%q: %q and %v", b, name, err)
			}
			return
		}
		if again, err := CheckName("name", name); err != nil || again != name {
			t.Fatalf("%q is taken as %q, which is taken as %q: %v", b, name, again, err)
		}
		if n := utf8.RuneCountInString(name); n < 1 || n > MaxName || strings.ContainsAny(name, "|/\\:#\n\t\x1b\u202e\u200b") {
			t.Fatalf("%q is taken", name)
		}
		folded := FoldName(name)
		if folded == "" || folded == "." || folded == ".." || strings.ContainsAny(folded, "|/\\:<>\"?*\x00") || strings.HasSuffix(folded, ".") ||
			reserved.MatchString(folded) || folded != FoldName(name) {
			t.Fatalf("%q has the folder %q", name, folded)
		}
		// Of two names that are folded both, one pair in 65,536 shares a folder.
		if upper := strings.ToUpper(name); folded == name && upper != name && FoldName(upper) == folded {
			t.Fatalf("%q and %q share the folder %q", name, upper, folded)
		}
	})
}

// FuzzClean compares with a plain way to do it, character by character.
func FuzzClean(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, b []byte) {
		in := string(b)
		out := Clean(in)
		if out != cleanPlainly(in) || !utf8.ValidString(out) || len(out) > 3*len(in) || Clean(out) != out {
			t.Fatalf("%q is cleaned to %q, not to %q", in, out, cleanPlainly(in))
		}
	})
}

func cleanPlainly(s string) string {
	var out strings.Builder
	broken := false
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		was := broken
		broken = r == utf8.RuneError && n == 1
		s = s[n:]
		switch {
		case broken && was:
		case r == '\t', r == '\n':
			out.WriteRune(r)
		case r < 0xa0 && unicode.IsControl(r), r == 0x61c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
