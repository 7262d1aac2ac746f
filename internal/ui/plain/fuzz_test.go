package plain

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/fuzzloop"
)

// The seeds reach lines that are too long, and all line endings.
func TestSeeds(t *testing.T) {
	long, lines := 0, 0
	for _, b := range fuzzloop.Seeds(t, "FuzzLineReader") {
		b = repeated(b)
		for line := range bytes.SplitSeq(b, []byte("\n")) {
			if len(line) > maxRead {
				long++
			}
			lines++
		}
	}
	if long == 0 || lines < 10 {
		t.Errorf("%d lines, %d of them too long", lines, long)
	}
}

// repeated makes of a few bytes enough for a line that is too long: the first says how
// often the others are there.
func repeated(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Repeat(b[1:], 1+int(b[0])*8)
}

// FuzzLineReader compares with cutting the whole input at newlines.
func FuzzLineReader(f *testing.F) {
	fuzzloop.Schedule(f, func(t testing.TB, b []byte) {
		b = repeated(b)
		want := strings.Split(string(b), "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		r := newLineReader(bytes.NewReader(b))
		for _, w := range want {
			line, long, err := r.next()
			if err != nil {
				t.Fatalf("%v, want %.40q", err, w)
			}
			if long != (len(w) >= maxRead) {
				t.Fatalf("a line of %d bytes: long is %v", len(w), long)
			}
			if !long && line != strings.TrimSuffix(w, "\r") || long && line != w[:maxRead] {
				t.Fatalf("got %.40q, want %.40q", line, w)
			}
		}
		if line, _, err := r.next(); err != io.EOF {
			t.Fatalf("after the end: %q, %v", line, err)
		}
	})
}
