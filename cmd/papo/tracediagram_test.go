package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/ui/words"
)

// drawTrace runs papo trace diagram, with what it writes.
func drawTrace(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var errs bytes.Buffer
	p := &program{words: words.For(languageOf(args)), stdin: os.Stdin, stdout: out, stderr: &errs}
	code = p.traceDiagram(args)
	b, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return code, string(b), errs.String()
}

func TestTraceDiagram(t *testing.T) {
	file := filepath.Join("..", "..", "internal", "trace", "diagram", "testdata", "partition.jsonl")
	svg := filepath.Join(t.TempDir(), "out.svg")
	read := func() string {
		b, err := os.ReadFile(svg)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if code, out, errs := drawTrace(t, file, "-o", svg); code != exitOK || out != "" || errs != "" || !strings.HasPrefix(read(), "<svg") {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	whole := read()
	if code, out, _ := drawTrace(t, file); code != exitOK || out != whole {
		t.Errorf("standard output is not the file")
	}
	if code, _, _ := drawTrace(t, file, "--out", svg, "--from", "2.6", "--to=4200ms", "--member", "caio", "--member", "ana"); code != exitOK {
		t.Error("no part")
	}
	part, err := os.ReadFile("../../internal/trace/diagram/testdata/partition.part.svg")
	if err != nil {
		t.Fatal(err)
	}
	if read() != string(part) {
		t.Error("the part is not the one that was chosen, or does not replace the file")
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitUsage, "papo trace diagram trace.jsonl -o out.svg"},
		{[]string{file, "-o", svg, "--member", "rui"}, exitUsage, "no member “rui”. It has ana, bia, caio and davi."},
		{[]string{file, "-o", svg, "--from", "100"}, exitFailure, "nothing that would be drawn"},
		{[]string{file, "-o", svg, "--from", "3", "--to", "2"}, exitUsage, "--to is before --from"},
		{[]string{file, "-o", svg, "--from", "soon"}, exitUsage, "as 2.5 or 2500ms"},
		{[]string{file, "-o", svg, "--from", "NaN"}, exitUsage, "as 2.5 or 2500ms"},
		{[]string{file, "-o", svg, "--format", "png"}, exitUsage, "svg, shiviz"},
		{[]string{"nowhere.jsonl", "-o", svg}, exitFailure, "Cannot read nowhere.jsonl"},
		{[]string{svg, "-o", svg}, exitFailure, "no trace"},
		{[]string{file, "-o", filepath.Join(svg, "x")}, exitFailure, "Cannot write"},
		{[]string{file, "-o", svg, "--member", "rui", "--lang", "pt-BR"}, exitUsage, "O rastro não tem o membro “rui”. Ele tem ana, bia, caio e davi."},
	} {
		code, out, errs := drawTrace(t, c.args...)
		if code != c.code || out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("%v: %d %q %q", c.args, code, out, errs)
		}
		if read() != string(part) {
			t.Errorf("%v: the file is not what it was", c.args)
		}
	}
	if code, out, _ := drawTrace(t, file, "--format", "shiviz", "--message", "req"); code != exitOK || !strings.HasPrefix(out, "(?<host>") || !strings.Contains(out, "sends REQ(2) to all") || strings.Contains(out, "sends TURN") {
		t.Errorf("the log is %q", out)
	}
}

func TestParseMoment(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"2.5": 2500 * time.Millisecond, "2,5": 2500 * time.Millisecond, "2500ms": 2500 * time.Millisecond, "0": 0,
		"2.503417": 2503417 * time.Microsecond, "1m": time.Minute, "-1": -1, "": -1, "soon": -1, "NaN": -1, "1e300": -1, "Inf": -1,
	} {
		got, err := parseMoment(s)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}
