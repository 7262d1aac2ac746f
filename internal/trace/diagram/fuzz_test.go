package diagram

import (
	"bytes"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/fuzzloop"
	"github.com/papo-chat/papo/internal/trace"
)

// Whatever a file says, the picture of it is XML and the log can be read, or there is an
// error.
//
// The first byte chooses whether all is drawn, the next two from when to when, in tenths
// of a second; the rest is the file.
func FuzzDraw(f *testing.F) {
	fuzzloop.Schedule(f, func(t testing.TB, b []byte) {
		if len(b) < 3 {
			return
		}
		o := Options{All: b[0]&1 != 0, From: time.Duration(b[1]) * 100 * time.Millisecond, To: time.Duration(b[2]) * 100 * time.Millisecond}
		for _, draw := range drawings {
			h, events, err := trace.Read(bytes.NewReader(b[3:]))
			if err != nil {
				return
			}
			var out bytes.Buffer
			err = draw(&out, h, events, o)
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
