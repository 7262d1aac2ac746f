package diagram

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/trace"
)

// Whatever a file says, the picture of it is XML and the log can be read, or there is an
// error.
func FuzzDraw(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range seeds {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, int64(0), int64(0), true)
		f.Add(b, int64(3e9), int64(5e9), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, from, to int64, all bool) {
		for _, draw := range drawings {
			h, events, err := trace.Read(bytes.NewReader(b))
			if err != nil {
				return
			}
			var out bytes.Buffer
			err = draw(&out, h, events, Options{From: max(time.Duration(from), 0), To: max(time.Duration(to), 0), All: all})
			switch {
			case err != nil && out.Len() > 0:
				t.Fatalf("%v, and %d bytes", err, out.Len())
			case err != nil:
			case bytes.HasPrefix(out.Bytes(), []byte("<svg")):
				wellFormed(t, out.String())
			default:
				parse(t, out.String())
			}
		}
	})
}
