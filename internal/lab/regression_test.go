package lab

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/broken"
)

// TestRegressions runs the schedules in testdata/regressions, for good. With all rules in
// place each must keep all promises. NAME--RULE--PROMISE.json must also break that promise
// without that rule, so that a schedule that has stopped to test anything is noticed.
func TestRegressions(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "regressions", "*.json"))
	if err != nil || len(paths) < 3 {
		t.Fatalf("%d schedules, %v", len(paths), err)
	}
	toothed := 0
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if strings.Contains(name, "--") {
			toothed++
		}
		t.Run(name, func(t *testing.T) {
			s := scheduleOf(t, path)
			if r := Run(s, Options{}); r.Wrong != nil {
				t.Errorf("%v in:\n%v", r.Wrong, s)
			}
			parts := strings.Split(name, "--")
			if len(parts) == 1 {
				return
			}
			if len(parts) != 3 {
				t.Fatal("the name is neither NAME nor NAME--RULE--PROMISE")
			}
			rule, ok := broken.Lookup(parts[1])
			if !ok {
				t.Fatalf("there is no rule %q", parts[1])
			}
			if r := Run(s, Options{Without: broken.Of(rule)}); r.Wrong == nil || r.Wrong.Promise != parts[2] {
				t.Errorf("without %s: %v, and not a broken %q; papo lab run --break %s --shrink --save makes another one", rule, r.Wrong, parts[2], rule)
			}
		})
	}
	if toothed == 0 {
		t.Error("no schedule names a rule that is missed")
	}
}

func scheduleOf(t *testing.T, path string) *Schedule {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &Schedule{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return s
}
