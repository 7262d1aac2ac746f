package fuzzloop

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Seeds gives the seeds of a target of the package that is tested, by their files'
// names. None is no error, a file that is no seed is.
func Seeds(t testing.TB, target string) [][]byte {
	t.Helper()
	dir := folder(target)
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	return read(t, dir)
}

func folder(target string) string { return filepath.Join("testdata", "fuzz", target) }

func read(t testing.TB, dir string) (seeds [][]byte) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		path := filepath.Join(dir, file.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		seeds = append(seeds, b)
	}
	return seeds
}

const head = "go test fuzz v1\n[]byte("

// format writes a seed as Go's own fuzzer does.
func format(b []byte) []byte { return fmt.Appendf(nil, head+"%q)\n", b) }

func parse(text string) ([]byte, error) {
	quoted, ok := strings.CutPrefix(text, head)
	quoted, whole := strings.CutSuffix(quoted, ")\n")
	s, err := strconv.Unquote(quoted)
	if !ok || !whole || err != nil {
		return nil, fmt.Errorf("this is no seed of one []byte: %q", text)
	}
	return []byte(s), nil
}

// WriteSeed writes a seed of a target of the package that is tested, for tests that
// are run with -update.
func WriteSeed(t testing.TB, target, name string, b []byte) {
	t.Helper()
	path := filepath.Join(folder(target), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, format(b), 0o644); err != nil {
		t.Fatal(err)
	}
}
