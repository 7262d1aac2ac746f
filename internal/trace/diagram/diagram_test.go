package diagram

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

var update = flag.Bool("update", false, "write the golden files anew")

// drawFile draws a trace of testdata.
func drawFile(t *testing.T, name string, o Options) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return drawText(t, string(b), o)
}

func drawText(t *testing.T, text string, o Options) string {
	t.Helper()
	h, events, err := trace.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Draw(&out, h, events, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed: look at the picture, then write it anew with -update", path)
	}
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		trace, file string
		options     Options
	}{
		{"two-ask", "two-ask.svg", Options{From: 2 * time.Second}},
		{"two-ask", "two-ask.pt-BR.svg", Options{From: 2 * time.Second, Words: words.For(words.Portuguese)}},
		{"two-ask", "two-ask.all.svg", Options{All: true}},
		{"crash", "crash.svg", Options{From: 2 * time.Second}},
		{"partition", "partition.svg", Options{From: 2 * time.Second}},
		{"partition", "partition.part.svg", Options{From: 2600 * time.Millisecond, To: 4200 * time.Millisecond, Members: []string{"caio", "ana"}}},
	} {
		t.Run(c.file, func(t *testing.T) {
			got := drawFile(t, c.trace, c.options)
			wellFormed(t, got)
			golden(t, c.file, got)
		})
	}
}

// wellFormed reads all of an SVG as XML.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	for dec := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("no XML: %v", err)
		}
	}
}
