package store_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

// image is what stands in the files of a data directory at one moment.
type image map[string][]byte

// takeImage reads the checkpoint, with its write-ahead log, and the replicas. It is
// a moment at which the process may be killed: what is written meanwhile is only
// behind what was read.
func takeImage(dir string) (image, error) {
	im := image{}
	return im, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		name := filepath.Base(path)
		if err != nil || e.IsDir() || name == "lock" || strings.HasSuffix(name, "-shm") {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil {
			im[rel], err = os.ReadFile(path)
		}
		return err
	})
}

// isCheckpoint tells whether a file is of the checkpoint.
func isCheckpoint(rel string) bool { return strings.HasPrefix(rel, "checkpoint.db") }

// put makes a data directory of the checkpoint of one image and the rest of
// another.
func put(t testing.TB, dir string, checkpoint, rest image) {
	t.Helper()
	for from, im := range []image{checkpoint, rest} {
		for rel, b := range im {
			if isCheckpoint(rel) != (from == 0) {
				continue
			}
			path := filepath.Join(dir, rel)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// in gives those turns whose lines stand in a replica of an image, whole.
func (im image) in(ts []*turn.Signed) (in []*turn.Signed) {
	for _, s := range ts {
		line := string(store.AppendLine(nil, s))
		for rel, b := range im {
			if strings.HasSuffix(rel, ".log") && strings.Contains(string(b), line) {
				in = append(in, s)
				break
			}
		}
	}
	return in
}

// A real directory is copied at many moments, also while a checkpoint is being
// written. The checkpoint of any of these, older or newer, with the logs of any
// other: Open finds all turns that either has, and says no error.
func TestMixedMoments(t *testing.T) {
	store.Synchronous(false)
	store.Batch(t, 10)
	all := chain(t, group, 60)
	o := options(nil)
	o.Dir = t.TempDir()
	o.Checkpoint, o.Recent, o.Parse = filepath.Join(o.Dir, "checkpoint.db"), 4, parseOnce
	s, _ := open(t, o)
	type moment struct {
		image
		covered int // turns that its checkpoint has at least
	}
	var moments []moment
	covered := 0
	take := func() {
		im, err := takeImage(o.Dir)
		if err != nil {
			t.Fatal(err)
		}
		moments = append(moments, moment{im, covered})
	}
	rnd := rand.New(rand.NewPCG(9, 9))
	take()
	for ts := all; len(ts) > 0; {
		n := min(len(ts), 1+rnd.IntN(6))
		if res := s.Append(ts[:n]); res.Kept() != 3 {
			t.Fatal(res)
		}
		ts = ts[n:]
		take()
		if rnd.IntN(2) == 0 {
			done := make(chan error)
			go func() { _, err := s.Advance(t.Context(), nil); done <- err }()
			take() // somewhere in it
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			covered = len(all) - len(ts)
			take()
		}
		if rnd.IntN(6) == 0 { // then SQLite has put its log into the file
			s.Close()
			take()
			s, _ = open(t, o)
		}
	}
	for n := range 150 {
		a, b := moments[rnd.IntN(len(moments))], moments[rnd.IntN(len(moments))]
		mixed := o
		mixed.Dir = t.TempDir()
		mixed.Checkpoint = filepath.Join(mixed.Dir, "checkpoint.db")
		put(t, mixed.Dir, a.image, b.image)
		what := fmt.Sprintf("%d: a checkpoint of %d and logs of %d", n, a.covered, len(b.in(all)))
		s, r, err := store.Open(mixed)
		if err != nil || r.Checkpoint.Problem != nil {
			t.Fatal(what, err, r)
		}
		got := everything(t, s, r)
		want := max(a.covered, len(b.in(all)))
		if len(got) < want || !slices.Equal(ids(got), ids(all[:len(got)])) {
			t.Fatalf("%s: %d turns", what, len(got))
		}
		isRestored(t, what, s, r, got, 4)
		for _, st := range r.Replicas {
			if st.Err != nil || st.NotMended != nil || !st.Consistent() && !st.Repaired {
				t.Fatalf("%s: %+v", what, st)
			}
		}
		if rep := s.Repair(t.Context(), nil); !rep.Consistent() {
			t.Fatalf("%s: %+v", what, rep)
		}
		s.Close()
	}
}
