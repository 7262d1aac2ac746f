package storetest_test

import (
	"bytes"
	"testing"

	"github.com/papo-chat/papo/internal/store/storetest"
)

// BenchmarkSync is a log of 300 lines, each of them written and synced.
func BenchmarkSync(b *testing.B) {
	line := bytes.Repeat([]byte{'x'}, 400)
	b.ReportAllocs()
	for b.Loop() {
		d := storetest.New()
		d.Put("/log", nil)
		f, err := d.Append("/log")
		if err != nil {
			b.Fatal(err)
		}
		for range 300 {
			if _, err := f.Write(line); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
