package fuzzloop

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var targets = regexp.MustCompile(`(?m)^func (Fuzz[A-Z]\w*)\(`)

// Every fuzz target of the module has seeds, and every folder of seeds a target:
// without the first a target tests nothing, without the second the seeds.
func TestEveryTargetHasSeeds(t *testing.T) {
	root := filepath.Join("..", "..")
	wanted, found := map[string]bool{}, map[string]int{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			for _, m := range targets.FindAllSubmatch(text, -1) {
				wanted[filepath.Join(filepath.Dir(path), "testdata", "fuzz", string(m[1]))] = true
			}
			return err
		case !d.IsDir() && filepath.Base(filepath.Dir(filepath.Dir(path))) == "fuzz":
			found[filepath.Dir(path)]++
		}
		return nil
	})
	if err != nil || len(wanted) == 0 {
		t.Fatalf("%d targets, %v", len(wanted), err)
	}
	for folder := range wanted {
		if found[folder] == 0 {
			t.Errorf("%s is empty: its target tests nothing", folder)
		}
	}
	for folder, n := range found {
		if !wanted[folder] {
			t.Errorf("%s has %d files and no target", folder, n)
		}
	}
}

// What is written as a seed is read as it was.
func TestSeedsComeBack(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("a"), []byte("\")\n`"), {0, 0xff, '\n', 0xc3, 0xa9}} {
		got, err := parse(string(format(b)))
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%q: %q, %v", b, got, err)
		}
	}
	for _, bad := range []string{"", head, head + "\"a\"", head + "\"a\")\nbyte('x')\n", "go test fuzz v1\nstring(\"a\")\n"} {
		if got, err := parse(bad); err == nil {
			t.Errorf("%q is read as %q", bad, got)
		}
	}
}

// The same seed makes the same mutants, within their bound, and many different ones.
func TestMutants(t *testing.T) {
	pool := [][]byte{nil, []byte("a"), bytes.Repeat([]byte("abc"), 20)}
	a, b := newMutator(5, pool, 64), newMutator(5, pool, 64)
	different, empty := map[string]bool{}, 0
	for i := range 10_000 {
		m := a.next()
		if !bytes.Equal(m, b.next()) {
			t.Fatalf("mutant %d is another the second time", i)
		}
		if len(m) > 64 {
			t.Fatalf("a mutant of %d bytes", len(m))
		}
		if len(m) == 0 {
			empty++
		}
		different[string(m)] = true
	}
	if len(different) < 5000 || empty > 4000 || empty == 0 {
		t.Errorf("%d different mutants, %d empty", len(different), empty)
	}
	if pool[0] != nil || string(pool[1]) != "a" || string(pool[2]) != strings.Repeat("abc", 20) {
		t.Errorf("the seeds are now %q", pool)
	}
}
