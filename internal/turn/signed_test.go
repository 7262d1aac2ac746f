package turn

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

var update = flag.Bool("update", false, "write the golden files again")

var (
	testKey   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	testGroup = GroupID{1, 2, 3}
)

func testAuthor() Key { return Key(testKey.Public().(ed25519.PublicKey)) }

// plain is a turn that nothing is wrong with.
func plain() Turn {
	return Turn{
		Version: Version, Author: testAuthor(), Name: "brenda", Stamp: 41,
		Parents: []ID{{1}, {2}}, Time: 1_790_000_000_000, Kind: KindChat,
		LineIDs: []LineID{{0xa}, {0xb}}, Texts: []string{"bom dia", "olá\n\t👩‍🚀"},
	}
}

// golden are the turns whose bytes stay for ever.
func golden() map[string]Turn {
	first := plain()
	first.Stamp, first.Parents, first.Time = 1, nil, 0
	first.LineIDs, first.Texts = first.LineIDs[:1], first.Texts[:1]
	last := plain()
	last.Name, last.Stamp, last.Time = strings.Repeat("𝔟", MaxName), MaxStamp, MaxTime
	last.Parents = []ID{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}}
	newer := plain()
	newer.Kind = 1 << 40
	return map[string]Turn{"plain": plain(), "first": first, "last": last, "newer": newer}
}

// signArray signs any bytes as a turn of testGroup.
func signArray(array []byte) []byte {
	id := identify(testGroup, array)
	return append(slices.Clone(array), ed25519.Sign(testKey, id[:])...)
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := encoder.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGolden(t *testing.T) {
	for name, want := range golden() {
		s, err := Sign(testGroup, want, testKey)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		path := filepath.Join("testdata", name+".hex")
		if *update {
			text := s.ID().String() + "\n" + hex.EncodeToString(s.Bytes()) + "\n"
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		id, b := readGolden(t, path)
		if !bytes.Equal(s.Bytes(), b) || s.ID() != id {
			t.Errorf("%s: the bytes have changed\n have %x\n want %x", name, s.Bytes(), b)
		}
		got, err := Parse(testGroup, b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if want.Kind != KindChat {
			want.LineIDs, want.Texts = nil, nil
		}
		if want.Parents == nil {
			want.Parents = []ID{}
		}
		if !reflect.DeepEqual(got.Turn(), want) || got.ID() != id || got.Stamp() != want.Stamp ||
			got.Item() != (Item{want.Stamp, id}) || got.Known() != (want.Kind == KindChat) {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
}

func readGolden(t testing.TB, path string) (ID, []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	id, err1 := hex.DecodeString(fields[0])
	b, err2 := hex.DecodeString(fields[1])
	if err1 != nil || err2 != nil || len(fields) != 2 {
		t.Fatal(path, err1, err2)
	}
	return ID(id), b
}

// The golden bytes were written by the code that they test. Here the same array
// is put together by hand, from RFC 8949 alone.
func TestGoldenByHand(t *testing.T) {
	author := testAuthor()
	a := []byte{0x89, 0x01, 0x58, 32}
	a = append(a, author[:]...)
	a = append(a, 0x66)
	a = append(a, "brenda"...)
	a = append(a, 0x18, 41, 0x82)
	for _, p := range plain().Parents {
		a = append(append(a, 0x58, 32), p[:]...)
	}
	a = append(a, 0x1b, 0x00, 0x00, 0x01, 0xa0, 0xc4, 0x50, 0x6c, 0x00) // 1,790,000,000,000
	a = append(a, 0x00, 0x82)
	for _, l := range plain().LineIDs {
		a = append(append(a, 0x48), l[:]...)
	}
	a = append(a, 0x82, 0x67)
	a = append(a, "bom dia"...)
	last := plain().Texts[1]
	a = append(append(a, 0x60|byte(len(last))), last...)

	_, b := readGolden(t, filepath.Join("testdata", "plain.hex"))
	if want := signArray(a); !bytes.Equal(b, want) {
		t.Errorf("golden %x\nby hand %x", b, want)
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	for name := range golden() {
		_, b := readGolden(t, filepath.Join("testdata", name+".hex"))
		for i := range 8 * len(b) {
			bad := slices.Clone(b)
			bad[i/8] ^= 1 << (i % 8)
			if _, err := Parse(testGroup, bad); err == nil {
				t.Errorf("%s: bit %d flipped: accepted", name, i)
			}
		}
		for i := range b {
			if _, err := Parse(testGroup, b[:i]); err == nil {
				t.Errorf("%s: cut to %d bytes: accepted", name, i)
			}
		}
		if _, err := Parse(testGroup, append(slices.Clone(b), 0)); err == nil {
			t.Errorf("%s: a byte more: accepted", name)
		}
		if _, err := Parse(GroupID{9}, b); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: in another group: %v", name, err)
		}
	}
}

func TestParseKeepsACopy(t *testing.T) {
	_, b := readGolden(t, filepath.Join("testdata", "plain.hex"))
	s, err := Parse(testGroup, b)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(b)
	clear(b)
	if !bytes.Equal(s.Bytes(), want) || !reflect.DeepEqual(s.Turn(), plain()) {
		t.Error("the turn changed with the caller's bytes")
	}
}

func TestParseTrusted(t *testing.T) {
	_, b := readGolden(t, filepath.Join("testdata", "plain.hex"))
	b[len(b)-1] ^= 1
	if _, err := Parse(testGroup, b); !errors.Is(err, ErrSignature) {
		t.Errorf("Parse: %v", err)
	}
	if _, err := ParseTrusted(testGroup, b); err != nil {
		t.Errorf("ParseTrusted: %v", err)
	}
	b[0]++
	if _, err := ParseTrusted(testGroup, b); !errors.Is(err, ErrCanonical) {
		t.Errorf("ParseTrusted of a damaged array: %v", err)
	}
}

func TestClaimed(t *testing.T) {
	id, b := readGolden(t, filepath.Join("testdata", "plain.hex"))
	claims := func(g GroupID, b []byte) ID {
		t.Helper()
		got, err := Claimed(g, b)
		if err != nil {
			t.Error(err)
		}
		return got
	}
	if got := claims(testGroup, b); got != id {
		t.Errorf("claims %v, is %v", got, id)
	}
	if got := claims(GroupID{9}, b); got == id {
		t.Error("the same id in another group")
	}
	forged := slices.Clone(b)
	forged[len(b)-1] ^= 1
	if got := claims(testGroup, forged); got != id {
		t.Errorf("with a bad signature it claims %v, and the signature is no part of the id", got)
	}
	forged[40] ^= 1
	if got := claims(testGroup, forged); got == id {
		t.Error("the same id for another array")
	}
	for _, wrong := range [][]byte{nil, b[len(b)-signatureSize:], make([]byte, MaxSigned+1)} {
		if _, err := Claimed(testGroup, wrong); !errors.Is(err, ErrSize) {
			t.Errorf("%d bytes: %v", len(wrong), err)
		}
	}
}

// faults are turns that neither Sign nor Parse accepts.
var faults = []struct {
	name string
	edit func(*Turn)
	want error
}{
	{"no name", func(t *Turn) { t.Name = "" }, ErrName},
	{"long name", func(t *Turn) { t.Name = strings.Repeat("x", MaxName+1) }, ErrName},
	{"bar in name", func(t *Turn) { t.Name = "a|b" }, ErrName},
	{"key in name", func(t *Turn) { t.Name = "brenda#3f9a" }, ErrName},
	{"stamp 0", func(t *Turn) { t.Stamp = 0 }, ErrStamp},
	{"stamp 2^53", func(t *Turn) { t.Stamp = 1 << 53 }, ErrStamp},
	{"year 1969", func(t *Turn) { t.Time = -1 }, ErrTime},
	{"year 10000", func(t *Turn) { t.Time = MaxTime + 1 }, ErrTime},
	{"9 parents", func(t *Turn) { t.Parents = []ID{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}} }, ErrParents},
	{"unsorted parents", func(t *Turn) { t.Parents = []ID{{2}, {1}} }, ErrParents},
	{"a parent twice", func(t *Turn) { t.Parents = []ID{{1}, {1}} }, ErrParents},
	{"no line", func(t *Turn) { t.Texts, t.LineIDs = nil, nil }, ErrText},
	{"a line id too many", func(t *Turn) { t.LineIDs = append(t.LineIDs, LineID{}) }, ErrText},
	{"a line id too few", func(t *Turn) { t.LineIDs = t.LineIDs[1:] }, ErrText},
	{"empty line", func(t *Turn) { t.Texts[1] = "" }, ErrText},
	{"escape in line", func(t *Turn) { t.Texts[1] = "a\x1b[2J" }, ErrText},
	{"bidi in line", func(t *Turn) { t.Texts[0] = "a\u202eb" }, ErrText},
	{"long line", func(t *Turn) { t.Texts[0] = strings.Repeat("x", MaxLine+1) }, ErrSize},
	{"long turn", func(t *Turn) {
		t.Texts = slices.Repeat([]string{strings.Repeat("x", MaxLine)}, 5)
		t.LineIDs = make([]LineID, 5)
	}, ErrSize},
}

func TestFaults(t *testing.T) {
	for _, f := range faults {
		bad := plain()
		f.edit(&bad)
		if _, err := Sign(testGroup, bad, testKey); !errors.Is(err, f.want) {
			t.Errorf("Sign, %s: %v", f.name, err)
		}
		if _, err := Parse(testGroup, signArray(marshal(t, bad))); !errors.Is(err, f.want) {
			t.Errorf("Parse, %s: %v", f.name, err)
		}
	}
}

func TestSignOnly(t *testing.T) {
	other := plain()
	other.Author[0]++
	if _, err := Sign(testGroup, other, testKey); !errors.Is(err, ErrAuthor) {
		t.Errorf("in another's name: %v", err)
	}
	if _, err := Sign(testGroup, plain(), testKey[:63]); !errors.Is(err, ErrAuthor) {
		t.Errorf("short key: %v", err)
	}
	bad := plain()
	bad.Texts[0] = "\xff"
	if _, err := Sign(testGroup, bad, testKey); err == nil {
		t.Error("a line that is not UTF-8 was signed")
	}
	filled := plain()
	filled.Version, filled.Author = 0, Key{}
	s, err := Sign(testGroup, filled, testKey)
	if err != nil || !reflect.DeepEqual(s.Turn(), plain()) {
		t.Errorf("zero version and author: %+v, %v", s, err)
	}
}

// NFC grows with Unicode: U+11382 U+113C9 is in NFC by Unicode 15's tables and not
// by Unicode 16's. So Parse takes names that are not in NFC, and Sign makes none.
func TestNFCIsNoMatterOfValidity(t *testing.T) {
	loose := plain()
	loose.Name = "e\u0301"
	if _, err := Sign(testGroup, loose, testKey); !errors.Is(err, ErrName) {
		t.Errorf("Sign: %v", err)
	}
	if _, err := Parse(testGroup, signArray(marshal(t, loose))); err != nil {
		t.Errorf("Parse: %v", err)
	}
}

// elements gives the array of plain with some elements replaced by raw CBOR, in
// hex; "" leaves one out, number 9 is added.
func elements(t *testing.T, replace map[int]string) []byte {
	t.Helper()
	var raw []cbor.RawMessage
	if err := cbor.Unmarshal(marshal(t, plain()), &raw); err != nil {
		t.Fatal(err)
	}
	raw = append(raw, nil)
	for i, h := range replace {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		raw[i] = b
	}
	var body []byte
	n := 0
	for _, r := range raw {
		if len(r) > 0 {
			body = append(body, r...)
			n++
		}
	}
	return append([]byte{0x80 | byte(n)}, body...)
}

func TestCanonical(t *testing.T) {
	deep := strings.Repeat("81", 20) + "00"
	cases := []struct {
		name    string
		replace map[int]string
		want    error
	}{
		{"as it is", nil, nil},
		{"version in two bytes", map[int]string{0: "1801"}, ErrCanonical},
		{"version 0", map[int]string{0: "00"}, ErrVersion},
		{"version as float", map[int]string{0: "f93c00"}, ErrCanonical},
		{"version negative", map[int]string{0: "20"}, ErrCanonical},
		{"version as big number", map[int]string{0: "c24101"}, ErrCanonical},
		{"short author", map[int]string{1: "4101"}, ErrCanonical},
		{"long author", map[int]string{1: "5821" + strings.Repeat("00", 33)}, ErrCanonical},
		{"author as array", map[int]string{1: "9820" + strings.Repeat("00", 32)}, ErrCanonical},
		{"name as bytes", map[int]string{2: "4161"}, ErrCanonical},
		{"name in pieces", map[int]string{2: "7f6161ff"}, ErrCanonical},
		{"name not UTF-8", map[int]string{2: "61ff"}, ErrCanonical},
		{"stamp in nine bytes", map[int]string{3: "1b0000000000000029"}, ErrCanonical},
		{"parents null", map[int]string{4: "f6"}, ErrCanonical},
		{"parents without length", map[int]string{4: "9fff"}, ErrCanonical},
		{"short parent", map[int]string{4: "814101"}, ErrCanonical},
		{"tagged time", map[int]string{5: "c100"}, ErrCanonical},
		{"line ids null", map[int]string{7: "f6"}, ErrCanonical},
		{"texts as bytes", map[int]string{8: "8241614162"}, ErrCanonical},
		{"texts with a huge head", map[int]string{8: "9bffffffffffffffff"}, ErrCanonical},
		{"element left out", map[int]string{8: ""}, ErrCanonical},
		{"element added", map[int]string{9: "00"}, ErrCanonical},
		{"newer version", map[int]string{0: "02"}, nil},
		{"newer version, 10 elements", map[int]string{0: "02", 9: "a2018020f5"}, nil},
		{"newer version, 7 elements", map[int]string{0: "02", 7: "", 8: ""}, nil},
		{"newer version, 6 elements", map[int]string{0: "02", 6: "", 7: "", 8: ""}, ErrCanonical},
		{"newer version, other types", map[int]string{0: "02", 7: "f93e00", 8: "3bffffffffffffffff"}, nil},
		{"newer kind", map[int]string{6: "01"}, nil},
		{"newer kind, other types", map[int]string{6: "01", 7: "a1616100", 8: "f6"}, nil},
		{"newer version, bad name", map[int]string{0: "02", 2: "617c"}, ErrName},
		{"newer version, stamp 0", map[int]string{0: "02", 3: "00"}, ErrStamp},
		{"newer version, short author", map[int]string{0: "02", 1: "4101"}, ErrCanonical},
		{"newer version, long number", map[int]string{0: "02", 9: "1801"}, ErrCanonical},
		{"newer version, long float", map[int]string{0: "02", 9: "fa3f800000"}, ErrCanonical},
		{"newer version, keys unsorted", map[int]string{0: "02", 9: "a202000100"}, ErrCanonical},
		{"newer version, key twice", map[int]string{0: "02", 9: "a201000100"}, ErrCanonical},
		{"newer version, key an array", map[int]string{0: "02", 9: "a18000"}, ErrCanonical},
		{"newer version, key NaN", map[int]string{0: "02", 9: "a1f97e0000"}, ErrCanonical},
		{"newer version, key NaN in a map in an array", map[int]string{0: "02", 9: "81a2f97e0001f97e0002"}, ErrCanonical},
		{"newer version, NaN", map[int]string{0: "02", 9: "f97e00"}, ErrCanonical},
		{"newer version, tag", map[int]string{0: "02", 9: "d9d9f700"}, ErrCanonical},
		{"newer version, unregistered tag", map[int]string{0: "02", 9: "d903e800"}, ErrCanonical},
		{"newer version, without length", map[int]string{0: "02", 9: "9fff"}, ErrCanonical},
		{"newer version, undefined", map[int]string{0: "02", 9: "f7"}, ErrCanonical},
		{"newer version, deep", map[int]string{0: "02", 9: deep}, ErrCanonical},
		{"newer version, huge head", map[int]string{0: "02", 9: "9affffffff"}, ErrCanonical},
	}
	for _, c := range cases {
		array := elements(t, c.replace)
		s, err := Parse(testGroup, signArray(array))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
			continue
		}
		if err == nil && len(c.replace) > 0 {
			got := s.Turn()
			if s.Known() || got.Texts != nil || got.LineIDs != nil || got.Stamp != 41 {
				t.Errorf("%s: read as %+v", c.name, got)
			}
		}
	}
	for _, array := range [][]byte{{0x80}, {0x00}, {0xff}, {0x9f}, {0xa0}, append(elements(t, nil), 0)} {
		if _, err := Parse(testGroup, signArray(array)); !errors.Is(err, ErrCanonical) {
			t.Errorf("%x: %v", array, err)
		}
	}
	if _, err := Parse(testGroup, nil); !errors.Is(err, ErrSize) {
		t.Errorf("nothing: %v", err)
	}
}

// What Fit lets in is signed, with the longest name and the most parents; and the
// promise of four lines of MaxLine holds.
func TestFit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	big := golden()["last"]
	big.Version, big.Stamp = Version, MaxStamp
	try := func(texts []string) int {
		n := Fit(texts)
		if n == 0 {
			t.Fatalf("not even one of %d fits", len(texts))
		}
		big.Texts, big.LineIDs = texts[:n], make([]LineID, n)
		if _, err := Sign(testGroup, big, testKey); err != nil {
			t.Errorf("%d lines that fit: %v", n, err)
		}
		return n
	}
	long := strings.Repeat("x", MaxLine)
	if n := try(slices.Repeat([]string{long}, 5)); n != 4 {
		t.Errorf("%d lines of MaxLine fit", n)
	}
	for range 40 {
		var texts []string
		width := 1 + rng.IntN(600)
		for range 4000 {
			texts = append(texts, long[:1+rng.IntN(width)])
		}
		if n := try(texts); n == len(texts) {
			t.Error("the bound was not reached")
		} else {
			// Two more lines of text would be over the bound in any case.
			big.Texts, big.LineIDs = append(texts[:n:n], long), make([]LineID, n+1)
			if _, err := Sign(testGroup, big, testKey); !errors.Is(err, ErrSize) {
				t.Errorf("a long line more: %v", err)
			}
		}
	}
	if Fit(nil) != 0 || Fit([]string{"a", long + "x", "b"}) != 1 {
		t.Error("Fit of nothing, or past a line that is too long")
	}
}

func BenchmarkSign(b *testing.B) {
	t := plain()
	for b.Loop() {
		if _, err := Sign(testGroup, t, testKey); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	_, raw := readGolden(b, filepath.Join("testdata", "plain.hex"))
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := Parse(testGroup, raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseTrusted(b *testing.B) {
	_, raw := readGolden(b, filepath.Join("testdata", "plain.hex"))
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := ParseTrusted(testGroup, raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClaimed(b *testing.B) {
	_, raw := readGolden(b, filepath.Join("testdata", "plain.hex"))
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := Claimed(testGroup, raw); err != nil {
			b.Fatal(err)
		}
	}
}
