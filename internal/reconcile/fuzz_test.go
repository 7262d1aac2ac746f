package reconcile

import (
	"path/filepath"
	"testing"

	"github.com/papo-chat/papo/internal/turn"
)

// fuzzItems have the stamps 0, 1, 2 and so on, as many recorded sessions have.
var fuzzItems = func() (items []turn.Item) {
	for i := range 256 {
		items = append(items, numbered(i, uint64(i)))
	}
	return items
}()

func fuzzSet(n uint8) Set { return NewSlice(fuzzItems[:n]) }

func FuzzRespond(f *testing.F) {
	f.Fuzz(func(t *testing.T, n uint8, msg []byte) { responderMustTake(t, fuzzSet(n), msg) })
}

func FuzzReconcile(f *testing.F) {
	f.Fuzz(func(t *testing.T, n uint8, msg []byte) { initiatorMustTake(t, fuzzSet(n), msg) })
}

// TestSeedCorpus: a fuzz target without seeds checks nothing in a plain test run.
func TestSeedCorpus(t *testing.T) {
	for _, target := range []string{"FuzzRespond", "FuzzReconcile"} {
		seeds, err := filepath.Glob(filepath.Join("testdata", "fuzz", target, "*"))
		if err != nil || len(seeds) < 10 {
			t.Errorf("%s: %d seeds, %v; want at least 10", target, len(seeds), err)
		}
	}
}
