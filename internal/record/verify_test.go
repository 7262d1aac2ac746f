package record_test

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/papo-chat/papo/internal/record"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/uitest"
)

var update = flag.Bool("update", false, "write the golden file anew")

// The bytes of a file must stay: files are kept.
func TestGolden(t *testing.T) {
	const path = "testdata/talk.jsonl"
	got := write(t, talk(t))
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhole(t *testing.T) {
	ts := talk(t)
	var each []*turn.Signed
	r, err := record.Verify(iotest.OneByteReader(bytes.NewReader(write(t, ts))), func(s *turn.Signed) { each = append(each, s) })
	if err != nil {
		t.Fatal(err)
	}
	if !r.Whole() || !r.Sound() || r.Turns != 4 || r.Heads != 1 || r.Header.Group != group || r.Newer != 0 || r.Broken != 0 {
		t.Errorf("%+v", r)
	}
	h := turn.NewHistory()
	for i, s := range ts {
		h.Add(s)
		if each[i].ID() != s.ID() {
			t.Errorf("turn %d is another", i)
		}
	}
	if r.Fingerprint != h.Fingerprint() || r.Header.Fingerprint != h.Fingerprint() {
		t.Errorf("fingerprint %x, want %x", r.Fingerprint, h.Fingerprint())
	}
	if len(r.Authors) != 2 || r.Authors[0].Turns != 3 || !slices.Equal(r.Authors[0].Names, []string{"ana"}) || !slices.Equal(r.Authors[1].Names, []string{"João"}) {
		t.Errorf("authors %+v", r.Authors)
	}
	if r.First.UnixMilli() != ts[0].Turn().Time || r.Last.UnixMilli() != ts[3].Turn().Time {
		t.Errorf("from %v to %v", r.First, r.Last)
	}
	if r := verify(t, write(t, nil)); !r.Whole() || r.Turns != 0 {
		t.Errorf("an empty record: %+v", r)
	}
}

// No changed byte and no cut passes for sound.
func TestEveryByteCounts(t *testing.T) {
	a := say(t, "ana", 1, "hello")
	file := write(t, inOrder(a, say(t, "João", 2, `"é"`, a)))
	masks := []byte{1, 2, 4, 8, 16, 32, 64, 128, 255}
	if testing.Short() {
		masks = []byte{1, 32, 255}
	}
	for i := range file {
		for _, mask := range masks {
			changed := slices.Clone(file)
			changed[i] ^= mask
			if r := verify(t, changed); r.Sound() || r.Whole() {
				t.Errorf("byte %d, flipped by %#x: sound", i, mask)
			}
		}
		if r := verify(t, file[:i]); r.Sound() || r.Whole() {
			t.Errorf("cut at byte %d: sound", i)
		}
		if r := verify(t, slices.Delete(slices.Clone(file), i, i+1)); r.Sound() {
			t.Errorf("without byte %d: sound", i)
		}
	}
	if r := verify(t, append(slices.Clone(file), '\n')); r.Sound() {
		t.Error("with a byte more: sound")
	}
}

// No line can be left out, come twice or change its place, even if header and end
// are written anew.
func TestEveryLineCounts(t *testing.T) {
	file := write(t, talk(t))
	n := bytes.Count(file, []byte("\n"))
	for i := range n {
		without := edit(file, func(ls []string) []string { return slices.Delete(ls, i, i+1) })
		twice := edit(file, func(ls []string) []string { return slices.Insert(ls, i, ls[i]) })
		for what, changed := range map[string][]byte{"without": without, "twice": twice} {
			if r := verify(t, changed); r.Sound() {
				t.Errorf("%s line %d: sound", what, i+1)
			}
			if 0 < i && i < n-1 {
				if r := verify(t, reseal(changed)); r.Sound() {
					t.Errorf("%s line %d, resealed: sound", what, i+1)
				}
			}
		}
		for j := range i {
			changed := edit(file, func(ls []string) []string { ls[i], ls[j] = ls[j], ls[i]; return ls })
			if r := verify(t, changed); r.Sound() {
				t.Errorf("lines %d and %d exchanged: sound", j+1, i+1)
			}
			if 0 < j && i < n-1 {
				if r := verify(t, reseal(changed)); r.Sound() {
					t.Errorf("lines %d and %d exchanged, resealed: sound", j+1, i+1)
				}
			}
		}
	}
}

// Each fault is told with its line and its kind.
func TestFaults(t *testing.T) {
	file := write(t, talk(t))
	type f = record.Fault
	tooLong := strings.Repeat("x", 1<<18)
	cases := []struct {
		name string
		file []byte
		want []f
	}{
		{"empty", nil, []f{{Line: 1, Code: record.FaultHeader}}},
		{"no header", []byte("hello\n"), []f{{Line: 1, Code: record.FaultHeader}}},
		{"endless header", []byte(tooLong), []f{{Line: 1, Code: record.FaultHeader}}},
		{"newer", replace(file, 1, `"papo-record":1`, `"papo-record":2`), []f{{Line: 1, Code: record.FaultNewerFormat}}},
		{"header with a space", reseal(replace(file, 1, `,`, `, `)), []f{{Line: 1, Code: record.FaultHeaderForm}}},
		{"cut between lines", edit(file, func(ls []string) []string { return ls[:3] }), []f{{Line: 4, Code: record.FaultCut}}},
		{"cut in a line", file[:len(file)-10], []f{{Line: 6, Code: record.FaultCut}}},
		{"no last newline", file[:len(file)-1], []f{{Line: 6, Code: record.FaultCut}}},
		{"two files", slices.Concat(file, file), []f{{Line: 7, Code: record.FaultAfterEnd}}},
		{"count in the header", reseal(replace(file, 1, `"turns":4`, `"turns":5`)), []f{{Line: 1, Code: record.FaultCount, Want: 5, Got: 4}}},
		{"missing in the header", reseal(replace(file, 1, `"missing":0`, `"missing":2`)), []f{{Line: 1, Code: record.FaultMissing, Want: 2}}},
		{"fingerprint", reseal(replace(file, 1, hexOf(file, `"fingerprint":"`), strings.Repeat("0", 64))), []f{{Line: 1, Code: record.FaultFingerprint}}},
		{"time in the header", replace(file, 1, `2026-01-03`, `2026-01-04`), []f{{Line: 6, Code: record.FaultChecksum}}},
		{"count at the end", replace(file, 6, `"turns":4`, `"turns":3`), []f{{Line: 6, Code: record.FaultCount, Want: 3, Got: 4}}},
		{"end with a space", replace(file, 6, `,`, `, `), []f{{Line: 6, Code: record.FaultEndForm}}},
		{"too long", reseal(replace(file, 3, `{`, `{`+tooLong)), []f{{Line: 3, Code: record.FaultTooLong}}},
		{"no turn", reseal(replace(file, 3, `{`, `[`+`{`)), []f{{Line: 3, Code: record.FaultForm}}},
		{"no turn at all", reseal(edit(file, func(ls []string) []string { ls[2] = `{"a":1}`; return ls })), []f{{Line: 3, Code: record.FaultNoTurn}}},
		{"no base64url", reseal(replace(file, 3, `"signed":"`, `"signed":"=`)), []f{{Line: 3, Code: record.FaultEncoding}}},
		{"no turn in the bytes", reseal(resigned(file, 3, func(b []byte) []byte { return b[10:] })), []f{{Line: 3, Code: record.FaultRule, Field: "form"}}},
		{"too few bytes", reseal(resigned(file, 3, func(b []byte) []byte { return b[:10] })), []f{{Line: 3, Code: record.FaultRule, Field: "size"}}},
		{"signature", reseal(resigned(file, 3, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })), []f{{Line: 3, Code: record.FaultSignature}}},
		{"what was signed", reseal(resigned(file, 2, func(b []byte) []byte { return bytes.Replace(b, []byte("hello"), []byte("hullo"), 1) })), []f{{Line: 2, Code: record.FaultSignature}}},
		{"time", reseal(replace(file, 2, `15:04`, `15:05`)), []f{{Line: 2, Code: record.FaultField, Field: "time"}}},
		{"name", reseal(replace(file, 2, `"ana"`, `"eva"`)), []f{{Line: 2, Code: record.FaultField, Field: "name"}}},
		{"lines", reseal(replace(file, 2, `"hello"`, `"hullo"`)), []f{{Line: 2, Code: record.FaultField, Field: "lines"}}},
		{"stamp", reseal(replace(file, 2, `"stamp":1`, `"stamp":2`)), []f{{Line: 2, Code: record.FaultField, Field: "stamp"}}},
		{"parents", reseal(replace(file, 2, `"parents":[]`, `"parents":["00"]`)), []f{{Line: 2, Code: record.FaultField, Field: "parents"}}},
		{"author", reseal(replace(file, 2, `"author":"`, `"author":"0`)), []f{{Line: 2, Code: record.FaultField, Field: "author"}}},
		{"id", reseal(replace(file, 2, `"id":"`, `"id":"0`)), []f{{Line: 2, Code: record.FaultField, Field: "id"}}},
		{"another field", reseal(replace(file, 2, `{`, `{"x":1,`)), []f{{Line: 2, Code: record.FaultForm}}},
		{"signed first", reseal(edit(file, signedFirst)), []f{{Line: 2, Code: record.FaultForm}}},
		{"carriage return", reseal(replace(file, 2, `}`, "}\r")), []f{{Line: 2, Code: record.FaultForm}}},
		{"twice", reseal(edit(file, func(ls []string) []string { return slices.Insert(ls, 2, ls[1]) })), []f{{Line: 1, Code: record.FaultCount, Want: 4, Got: 5}, {Line: 3, Code: record.FaultTwice}}},
		{"order", reseal(edit(file, func(ls []string) []string { ls[2], ls[3] = ls[3], ls[2]; return ls })), []f{{Line: 4, Code: record.FaultOrder}}},
	}
	told := map[record.FaultCode]bool{}
	for _, c := range cases {
		r := verify(t, c.file)
		if !slices.Equal(r.Faults, c.want) || r.MoreFaults != 0 {
			t.Errorf("%s: got %+v, want %+v", c.name, r.Faults, c.want)
		}
		for _, f := range r.Faults {
			told[f.Code] = true
		}
	}
	codes, err := uitest.Consts("fault.go", "FaultCode")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range codes {
		if !told[record.FaultCode(c)] {
			t.Errorf("no case for the fault %s", c)
		}
	}
}

// hexOf gives the value of a field of the header that has hex digits.
func hexOf(file []byte, field string) string {
	_, rest, _ := strings.Cut(string(file), field)
	return rest[:64]
}

func signedFirst(ls []string) []string {
	before, signed, _ := strings.Cut(ls[1], `,"signed":`)
	ls[1] = `{"signed":` + strings.TrimSuffix(signed, "}") + "," + strings.TrimPrefix(before, "{") + "}"
	return ls
}

// A turn that is left out is a gap, even where all else was written anew.
func TestGaps(t *testing.T) {
	ts := talk(t)
	r := verify(t, write(t, slices.Delete(slices.Clone(ts), 0, 1)))
	if !r.Sound() || r.Whole() || r.Missing != 1 || !slices.Equal(r.Gaps, []record.Gap{{ID: ts[0].ID(), Line: 2}}) {
		t.Errorf("%+v", r)
	}
	// The last ones can be cut off: that is what the fingerprint is for.
	if r := verify(t, write(t, ts[:3])); !r.Whole() || r.Heads != 2 {
		t.Errorf("%+v", r)
	}
}

func TestBrokenStamps(t *testing.T) {
	a := say(t, "ana", 5, "first")
	low := say(t, "eva", 5, "not after its parent", a)
	high := say(t, "eva", 6+turn.MaxJump, "too far", a)
	late := say(t, "bia", 3, "parent comes later in the order", a)
	r := verify(t, write(t, inOrder(a, low, high, late)))
	if !r.Whole() || r.Broken != 3 || r.Breaks[0].ID != late.ID() || r.Breaks[2].ID != high.ID() || r.Breaks[2].Line != 5 {
		t.Errorf("%+v", r)
	}
}

func TestNewerTurns(t *testing.T) {
	a := say(t, "ana", 1, "hello")
	file := write(t, inOrder(a, newer(t, "bia", 2, a.ID())))
	if r := verify(t, file); !r.Whole() || r.Newer != 1 || r.Turns != 2 {
		t.Errorf("%+v", r)
	}
	if r := verify(t, reseal(replace(file, 3, `"lines":[]`, `"lines":["no"]`))); r.Sound() {
		t.Error("an unknown turn's text was made up, and the file is sound")
	}
}

func TestSharedNames(t *testing.T) {
	a := say(t, "ana", 1, "I am Ana")
	b, err := turn.Sign(group, turn.Turn{Stamp: 2, Parents: []turn.ID{a.ID()}, Name: "ana", LineIDs: []turn.LineID{{}}, Texts: []string{"no, I am"}}, key("eva"))
	if err != nil {
		t.Fatal(err)
	}
	if got := verify(t, write(t, inOrder(a, b))).Shared(); !slices.Equal(got, []string{"ana"}) {
		t.Errorf("shared %q", got)
	}
	if got := verify(t, write(t, talk(t))).Shared(); got != nil {
		t.Errorf("shared %q", got)
	}
}

// There can be more faults than are told.
func TestManyFaults(t *testing.T) {
	var ts []*turn.Signed
	for i := range 150 {
		ts = append(ts, say(t, "ana", uint64(i+1), "hello", ts[max(0, i-1):]...))
	}
	file := bytes.ReplaceAll(write(t, ts), []byte("hello"), []byte("hullo"))
	if r := verify(t, reseal(file)); len(r.Faults) != record.MaxFaults || r.MoreFaults != 50 || r.Turns != 150 {
		t.Errorf("%d faults and %d more", len(r.Faults), r.MoreFaults)
	}
	var each []*turn.Signed
	for i := 0; i < len(ts); i += 2 {
		each = append(each, ts[i])
	}
	if r := verify(t, write(t, each)); len(r.Gaps) != 74 || r.Missing != 74 {
		t.Errorf("%d gaps, %d missing", len(r.Gaps), r.Missing)
	}
}

func TestReadError(t *testing.T) {
	file := write(t, talk(t))
	for _, n := range []int{0, 10, len(file) / 2, len(file)} {
		broken := errors.New("the disk is on fire")
		r, err := record.Verify(&failing{file[:n], broken}, nil)
		if r != nil || !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// failing gives bytes and then an error.
type failing struct {
	b   []byte
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	if len(f.b) == 0 {
		return 0, f.err
	}
	n := copy(p, f.b)
	f.b = f.b[n:]
	return n, nil
}

func TestWriteWantsTheOrder(t *testing.T) {
	ts := talk(t)
	ts[0], ts[1] = ts[1], ts[0]
	if err := record.Write(&bytes.Buffer{}, header(group, ts, created), each(ts)); err == nil {
		t.Error("no error")
	}
}

func TestWriteWantsWhatTheHeaderSays(t *testing.T) {
	ts := talk(t)
	h := header(group, ts, created)
	for _, n := range []int{0, 1, len(ts) - 1} {
		if err := record.Write(&bytes.Buffer{}, h, each(ts[:n])); err == nil {
			t.Errorf("%d turns, and no error", n)
		}
	}
	gone := errors.New("the disk is gone")
	err := record.Write(&bytes.Buffer{}, h, func(yield func(*turn.Signed, error) bool) {
		if yield(ts[0], nil) {
			yield(nil, gone)
		}
	})
	if err != gone {
		t.Error(err)
	}
}

// The fingerprint, the gaps and what breaks the rule of stamps are those of
// turn.History, for any set of turns.
func TestLinksAreThoseOfHistory(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	broken, missing := 0, 0
	for range rounds {
		var all []*turn.Signed
		for i := range 30 {
			var parents []*turn.Signed
			for _, j := range rng.Perm(i)[:min(i, rng.IntN(4))] {
				parents = append(parents, all[j])
			}
			all = append(all, say(t, string(rune('a'+rng.IntN(3))), 1+uint64(i)+rng.Uint64N(12)*(1<<30), "x", parents...))
		}
		h := turn.NewHistory()
		var kept []*turn.Signed
		for _, s := range all {
			if rng.IntN(10) > 0 {
				h.Add(s)
				kept = append(kept, s)
			}
		}
		r := verify(t, write(t, inOrder(kept...)))
		invalid := 0
		for i := range h.Len() {
			if h.Shown(h.At(i).ID) == turn.Invalid {
				invalid++
			}
		}
		if !r.Sound() || r.Fingerprint != h.Fingerprint() || r.Missing != h.Missing() || r.Broken != invalid || r.Heads != len(h.Heads()) {
			t.Fatalf("%+v, want fingerprint %x, %d missing, %d broken", r, h.Fingerprint(), h.Missing(), invalid)
		}
		broken, missing = broken+r.Broken, missing+r.Missing
	}
	if broken == 0 || missing == 0 {
		t.Errorf("%d broken, %d missing: the schedules say nothing", broken, missing)
	}
}

// docs/RECORD-FILE.md has every fault.
func TestPageHasEveryFault(t *testing.T) {
	page, err := os.ReadFile("../../docs/RECORD-FILE.md")
	if err != nil {
		t.Fatal(err)
	}
	codes, err := uitest.Consts("fault.go", "FaultCode")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range codes {
		if !bytes.Contains(page, []byte("`"+c+"`")) {
			t.Errorf("the page does not explain %s", c)
		}
	}
}
