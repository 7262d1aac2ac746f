package store_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

var update = flag.Bool("update", false, "write the golden files anew")

// variety are turns with all that makes a line difficult.
func variety(t testing.TB) []*turn.Signed {
	id := func(n int) []turn.LineID {
		ids := make([]turn.LineID, n)
		for i := range ids {
			ids[i][0] = byte(i + 1)
		}
		return ids
	}
	var ts []*turn.Signed
	for i, v := range []turn.Turn{
		{Name: "ana", Texts: []string{"hello"}},
		{Name: "Conceição 🙂", Texts: []string{"bars | in || it|", `back\slash \n`, "two\nlines\t"}},
		{Name: "ana", Texts: []string{"|"}, Time: turn.MaxTime},
		{Name: "ana", Texts: []string{"\n"}, Stamp: turn.MaxStamp},
		{Name: "ana", Kind: 7, Texts: []string{"from the future"}},
		{Name: "ana", Version: 2, Texts: []string{"from the future"}},
	} {
		if v.Stamp == 0 {
			v.Stamp = uint64(i + 1)
		}
		v.LineIDs = id(len(v.Texts))
		ts = append(ts, sign(t, group, v))
	}
	return ts
}

func TestLineText(t *testing.T) {
	want := []string{
		"1970-01-01T00:00:00.000Z|ana|hello|",
		`1970-01-01T00:00:00.000Z|Conceição 🙂|bars | in || it|\nback\\slash \\n\ntwo\nlines` + "\t|",
		"9999-12-31T23:59:59.999Z|ana|||",
		`1970-01-01T00:00:00.000Z|ana|\n|`,
		"1970-01-01T00:00:00.000Z|ana||",
		"1970-01-01T00:00:00.000Z|ana||",
	}
	for i, s := range variety(t) {
		line := string(store.AppendLine([]byte("before\n"), s))
		line, ok := strings.CutPrefix(line, "before\n")
		if !ok || !strings.HasPrefix(line, want[i]) || strings.Count(line, "\n") != 1 || line[len(line)-1] != '\n' {
			t.Errorf("%q, want it to begin with %q and to end with its only newline", line, want[i])
		}
		got, why := store.DecodeLine(group, []byte(line[:len(line)-1]))
		if why != "" || got.ID() != s.ID() {
			t.Errorf("%q: read as %v (%s)", line, got, why)
		}
	}
}

func TestLineTime(t *testing.T) {
	for _, ms := range []int64{0, 1, 10, 100, 999, 1000, 1_767_323_045_678, 951_782_400_007, turn.MaxTime} {
		s := sign(t, group, turn.Turn{Name: "ana", Stamp: 1, Time: ms, LineIDs: []turn.LineID{{1}}, Texts: []string{"x"}})
		want := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") + "|ana|"
		if line := string(store.AppendLine(nil, s)); !strings.HasPrefix(line, want) {
			t.Errorf("%d: %q, not %q", ms, line, want)
		}
	}
}

func TestLongestLine(t *testing.T) {
	var texts []string
	for range 4 {
		texts = append(texts, strings.Repeat(`\`, turn.MaxLine))
	}
	v := turn.Turn{
		Name: strings.Repeat("🙂", turn.MaxName), Stamp: turn.MaxStamp, Time: turn.MaxTime,
		Texts: texts, LineIDs: make([]turn.LineID, len(texts)),
	}
	for i := range turn.MaxParents {
		v.Parents = append(v.Parents, turn.ID{byte(i)})
	}
	line := store.AppendLine(nil, sign(t, group, v))
	if len(line) > store.MaxLogLine {
		t.Fatalf("%d bytes, over the bound of %d", len(line), store.MaxLogLine)
	}
	if _, why := store.DecodeLine(group, line[:len(line)-1]); why != "" {
		t.Fatal(why)
	}
}

func TestGolden(t *testing.T) {
	d := written(t, 1, variety(t))
	got, _ := d.Get(replica(0))
	path := filepath.Join("testdata", "replica_ana_0.log")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("a log is written otherwise than it was:\n%s\nwas\n%s", got, want)
	}
}

// A line whose checksum was made for it, but which says something else than
// the turn in it.
func TestDecodeRefuses(t *testing.T) {
	s := chain(t, group, 1)[0]
	good := strings.TrimSuffix(string(store.AppendLine(nil, s)), "\n")
	other := sign(t, otherGroup, turn.Turn{Name: "ana", Stamp: 1, LineIDs: []turn.LineID{{1}}, Texts: []string{"x"}})
	body := good[:strings.LastIndexByte(good, '|')]
	encoded := body[strings.LastIndexByte(body, '|')+1:]
	tests := []struct {
		name, line string
		why        string
		turn       bool
	}{
		{"text", sum(strings.Replace(body, "line 0", "line 1", 1)), "what people read is not what was signed", true},
		{"name", sum(strings.Replace(body, "|ana|", "|bob|", 1)), "what people read is not what was signed", true},
		{"time", sum("3" + body[1:]), "what people read is not what was signed", true},
		{"upper-case checksum", body + "|" + strings.ToUpper(good[len(body)+1:]), "the checksum is wrong", true},
		{"CR", good + "\r", "the checksum is wrong", true},
		{"CR in base64", sum(body + "\r"), "what people read is not what was signed", true},
		{"padding", sum(body + "="), "the signed turn is no base64url", false},
		{"two lines in one", good + good, "the checksum is wrong", true},
		{"other group", strings.TrimSuffix(string(store.AppendLine(nil, other)), "\n"), "the turn is not valid", false},
		{"signature", sum(body[:len(body)-4] + "AAAA"), "the turn is not valid", false},
		{"torn turn", good[:len(good)-30], "the checksum is wrong, and", false},
		{"no bars", "hello", "no line of a log", false},
		{"one bar", sum("hello"), "no line of a log", false},
		{"turn only", sum("|" + encoded), "what people read", true},
		{"empty", "", "no line of a log", false},
	}
	for _, tt := range tests {
		got, why := store.DecodeLine(group, []byte(tt.line))
		if !strings.Contains(why, tt.why) || why == "" || (got != nil) != tt.turn {
			t.Errorf("%s: %v, %q; want a turn: %v, and %q", tt.name, got, why, tt.turn, tt.why)
		}
	}
	// An older program had no text for it.
	empty := sum(strings.Replace(body, `line 0|\\`, "", 1))
	if _, why := store.DecodeLine(group, []byte(empty)); why != "" {
		t.Errorf("empty text: %s", why)
	}
}
