package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/lab"
	"github.com/papo-chat/papo/internal/ui/words"
)

// played runs a part of papo lab whose output is no terminal.
func played(t *testing.T, lang string, do func(p *program) int) (out, complaint string, code int) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var complaints strings.Builder
	p := &program{words: words.For(lang), stdin: os.Stdin, stdout: f, stderr: &complaints}
	code = do(p)
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b), complaints.String(), code
}

func play(t *testing.T, lang string, args ...string) (out, complaint string, code int) {
	t.Helper()
	return played(t, lang, func(p *program) int { return p.labScenario(args) })
}

// rawKey is a key of the catalogue that has no sentence.
var rawKey = regexp.MustCompile(`\b(scenario|broken|play|story|code)\.[a-z]`)

func wellFormed(t *testing.T, out string) {
	t.Helper()
	if key := rawKey.FindString(out); key != "" || strings.Contains(out, "<no value>") || strings.Contains(out, "\x1b") {
		t.Errorf("a sentence is missing (%q), or there are colours in a file", key)
	}
	for line := range strings.Lines(out) {
		if line = strings.TrimSuffix(line, "\n"); ansi.StringWidth(line) > 80 {
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
}

func TestPlay(t *testing.T) {
	kept := map[string]string{words.English: "All promises are kept", words.Portuguese: "Todas as promessas são cumpridas"}
	wrong := map[string]string{words.English: "HERE A PROMISE IS BROKEN", words.Portuguese: "AQUI UMA PROMESSA É QUEBRADA"}
	why := map[string]string{words.English: "Why the rule is there: ", words.Portuguese: "Por que a regra existe: "}
	for lang := range kept {
		for _, sc := range lab.Scenarios {
			out, complaint, code := play(t, lang, sc.Name)
			if code != exitOK || complaint != "" || !strings.Contains(out, kept[lang]) || strings.Contains(out, wrong[lang]) {
				t.Errorf("%s, %s: %d, %s\n%s", sc.Name, lang, code, complaint, out)
			}
			wellFormed(t, out)
			for _, rule := range sc.Breaks {
				out, complaint, code := play(t, lang, "--break", rule.String())
				if code != exitOK || complaint != "" || !strings.Contains(out, wrong[lang]) || !strings.Contains(out, why[lang]) || strings.Contains(out, kept[lang]) {
					t.Errorf("%s, %s: %d, %s\n%s", rule, lang, code, complaint, out)
				}
				wellFormed(t, out)
			}
		}
	}
}

// The floor is told at each change, also when two have it at once.
func TestPlayTellsTheFloor(t *testing.T) {
	out, _, _ := play(t, words.English, "two-want-to-stay")
	for _, want := range []string{"floor: free · waiting: Rafael and Brenda\n", "floor: Rafael · waiting: Brenda\n", "floor: Brenda\n", "floor: free\n"} {
		i := strings.Index(out, want)
		if i < 0 {
			t.Fatalf("%q does not come in its place", want)
		}
		out = out[i:]
	}
	out, _, _ = play(t, words.English, "two-want-to-stay", "--break", "f7-tie-by-id")
	if !strings.Contains(out, "!! floor: Rafael and Brenda\n") {
		t.Errorf("two have the floor, and it is not told\n%s", out)
	}
	if out, _, _ = play(t, words.English, "two-copies", "--break", "f7-tie-by-id"); !strings.Contains(out, "papo lab two-want-to-stay --break f7-tie-by-id") {
		t.Errorf("where the rule is missed is not told\n%s", out)
	}
}

func TestPlayRefuses(t *testing.T) {
	for _, args := range [][]string{
		{}, {"nothing"}, {"--break", "nothing"}, {"--break", "f7-queue-order"}, {"bridge", "--speed", "0"}, {"bridge", "--speed", "NaN"}, {"bridge", "bridge"},
	} {
		if out, complaint, code := play(t, words.English, args...); code != exitUsage || out != "" || complaint == "" {
			t.Errorf("%q: %d, %s%s", args, code, out, complaint)
		}
	}
}

func TestPlayWritesFiles(t *testing.T) {
	dir := t.TempDir()
	tr, svg := filepath.Join(dir, "a.trace"), filepath.Join(dir, "a.svg")
	if _, complaint, code := play(t, words.English, "bridge", "--trace", tr, "--diagram", svg); code != exitOK {
		t.Fatal(complaint)
	}
	out, _, code := played(t, words.English, func(p *program) int { return p.trace([]string{"show", tr}) })
	if code != exitOK || !strings.Contains(out, "Trace of a simulation: bridge (seed 0). Members: Ana, Brenda and Caio.") || !strings.Contains(out, "Hello from the left.") {
		t.Errorf("%d\n%s", code, out)
	}
	if b, err := os.ReadFile(svg); err != nil || !bytes.Contains(b, []byte("<svg")) {
		t.Error(err, "no picture")
	}
	notes := filepath.Join(dir, "notes")
	if err := os.WriteFile(notes, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, code := play(t, words.English, "bridge", "--trace", notes); code != exitFailure {
		t.Error("a file that is no trace is replaced")
	}
}

// All scenarios and rules are listed, with a sentence in both languages. In English that of
// a rule is the one of its table.
func TestLabList(t *testing.T) {
	for _, lang := range []string{words.English, words.Portuguese} {
		w := words.For(lang)
		out, _, code := played(t, lang, (*program).labList)
		if code != exitOK {
			t.Error(code)
		}
		wellFormed(t, out)
		for _, sc := range lab.Scenarios {
			for _, key := range []string{"scenario." + sc.Name, "scenario." + sc.Name + ".look"} {
				if w.T(words.Key(key)) == key {
					t.Errorf("%s: no %s", lang, key)
				}
			}
			if !strings.Contains(out, "papo lab "+sc.Name+"\n") {
				t.Errorf("%s is not listed", sc.Name)
			}
			for _, rule := range sc.Breaks {
				if key := "broken." + rule.String() + ".why"; w.T(words.Key(key)) == key {
					t.Errorf("%s: no %s", lang, key)
				}
			}
		}
		for _, e := range broken.All() {
			s := w.T(words.Key("broken." + e.Name))
			if lang == words.English && s != e.Without || lang != words.English && (s == e.Without || s == "broken."+e.Name) {
				t.Errorf("%s: %s is %q", lang, e.Name, s)
			}
			if !strings.Contains(out, "  "+e.Name) {
				t.Errorf("%s is not listed", e.Name)
			}
		}
	}
}

// The lesson plan has all scenarios in their order, and what to take out of each.
func TestLessonPlan(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "CLASSROOM.md"))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(b), "\n## ")
	for i, sc := range lab.Scenarios {
		if i+1 >= len(parts) || !strings.HasPrefix(parts[i+1], fmt.Sprintf("%d. %s\n", i+1, sc.Name)) {
			t.Fatalf("%s is not number %d", sc.Name, i+1)
		}
		if n := strings.Count(parts[i+1], "--break"); n != len(sc.Breaks) {
			t.Errorf("%s: %d rules to take out, and the scenario shows %d", sc.Name, n, len(sc.Breaks))
		}
		for _, rule := range sc.Breaks {
			if !strings.Contains(parts[i+1], "`papo lab "+sc.Name+" --break "+rule.String()+"`") {
				t.Errorf("%s: no %s", sc.Name, rule)
			}
		}
	}
}

// pictures are the scenarios of which docs has a picture.
var pictures = []string{"two-ask-at-once", "holder-crashes", "partition-heals"}

var updatePictures = flag.Bool("update-pictures", false, "draw the pictures of docs anew")

// The pictures of docs are what papo lab NAME --diagram docs/NAME.svg --lang en draws.
func TestPicturesOfDocs(t *testing.T) {
	for _, name := range pictures {
		path := filepath.Join("..", "..", "docs", name+".svg")
		drawn := path
		if !*updatePictures {
			drawn = filepath.Join(t.TempDir(), name+".svg")
		}
		if _, complaint, code := play(t, words.English, name, "--diagram", drawn); code != exitOK {
			t.Fatal(complaint)
		}
		got, err := os.ReadFile(drawn)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))) {
			t.Errorf("%s is not what the scenario gives (%v): go test ./cmd/papo -run TestPicturesOfDocs -update-pictures", path, err)
		}
	}
}
