package main

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/record"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/words"
)

// imported adds turns to a record on a disk that fails as fault says once the record
// is open. It gives the exit code and what was told.
func imported(t *testing.T, d *storetest.Disk, turns []*turn.Signed, fault func(storetest.Op) storetest.Fault) (code int, out, errs string) {
	t.Helper()
	s, found, err := store.Open(store.Options{FS: d, Dir: "d", Name: "ana", Group: turn.GroupID{1}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stdout, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	var stderr bytes.Buffer
	d.Fault = fault
	p := &program{words: words.For(words.English), stdout: stdout, stderr: &stderr}
	code = p.add(s, found.New, turns, &record.Report{Turns: len(turns)})
	d.Fault = nil
	told, err := os.ReadFile(stdout.Name())
	if err != nil {
		t.Fatal(err)
	}
	return code, string(told), stderr.String()
}

// chain makes turns of one text, each after the one before it.
func chain(t *testing.T, n int, text string) []*turn.Signed {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	var turns []*turn.Signed
	for i := range n {
		d := turn.Turn{Name: "bia", Stamp: uint64(i + 1), LineIDs: []turn.LineID{{byte(i)}}, Texts: []string{text}}
		if i > 0 {
			d.Parents = []turn.ID{turns[i-1].ID()}
		}
		s, err := turn.Sign(turn.GroupID{1}, d, ed25519.NewKeyFromSeed(seed))
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, s)
	}
	return turns
}

// Long turns go into smaller batches.
func TestImportBatchesAreBounded(t *testing.T) {
	most := 0
	code, out, _ := imported(t, storetest.New(), chain(t, 200, strings.Repeat("x", turn.MaxLine)), func(op storetest.Op) storetest.Fault {
		most = max(most, op.Size)
		return storetest.Fault{}
	})
	// A line has the text twice, once of it in base64.
	if code != exitOK || most == 0 || most > 3*importBytes {
		t.Errorf("exit %d, %q, writes of up to %d bytes", code, out, most)
	}
}

func TestImportOnFailingDisks(t *testing.T) {
	turns := chain(t, 600, "hello")
	full := errors.New("no space left")
	fail := func(kind storetest.Kind, name string) func(storetest.Op) storetest.Fault {
		return func(op storetest.Op) storetest.Fault {
			if op.Kind == kind && strings.Contains(op.Path, name) {
				return storetest.Fault{Err: full}
			}
			return storetest.Fault{}
		}
	}
	writes, failed := 0, false
	for _, c := range []struct {
		name  string
		fault func(storetest.Op) storetest.Fault
		code  int
		out   string
		errs  []string
		kept  []int // turns that each replica has after a power cut
	}{
		{"a good disk", func(op storetest.Op) storetest.Fault {
			if op.Kind == storetest.OpWrite && strings.HasSuffix(op.Path, "_0.log") {
				writes++
			}
			return storetest.Fault{}
		}, exitOK, "600 turns of 600 were new, and are in 3 replicas now.\n", nil, []int{600, 600, 600}},
		{"one replica is full", fail(storetest.OpWrite, "_1.log"), exitOK, "in 2 replicas now.\n", []string{"_1.log did not take all of it: "}, []int{600, 0, 600}},
		{"one replica fails once", func(op storetest.Op) storetest.Fault {
			if op.Kind == storetest.OpWrite && strings.HasSuffix(op.Path, "_1.log") && !failed {
				failed = true
				return storetest.Fault{Err: full}
			}
			return storetest.Fault{}
		}, exitOK, "in 2 replicas now.\n", []string{"_1.log did not take all of it: "}, nil},
		{"all are full", fail(storetest.OpWrite, ".log"), exitFailure, "", []string{"No replica takes turns any more", "no space left"}, nil},
		{"nothing can be made durable", fail(storetest.OpSync, "replica"), exitFailure, "", []string{"may not outlast a power cut"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := storetest.New()
			code, out, errs := imported(t, d, turns, c.fault)
			if code != c.code || !strings.HasSuffix(out, c.out) || c.out == "" && out != "" {
				t.Errorf("exit %d, %q, %q", code, out, errs)
			}
			for _, e := range c.errs {
				if !strings.Contains(errs, e) {
					t.Errorf("%q does not tell %q", errs, e)
				}
			}
			if c.errs == nil && errs != "" {
				t.Errorf("told %q", errs)
			}
			if c.kept != nil {
				found, err := store.Look(store.Options{FS: d.PowerCut(rand.New(rand.NewPCG(1, 1))), Dir: "d"})
				if err != nil {
					t.Fatal(err)
				}
				for i, r := range found.Restored.Replicas {
					if r.Turns != c.kept[i] {
						t.Errorf("replica %d has %d turns, want %d", i, r.Turns, c.kept[i])
					}
				}
			}
			// Once the disk is well, a second time brings what is missing, and no more.
			if code, out, errs := imported(t, d, turns, nil); code != exitOK || !strings.Contains(out, "in 3 replicas now") || errs != "" {
				t.Errorf("again: exit %d, %q, %q", code, out, errs)
			}
			found, err := store.Look(store.Options{FS: d, Dir: "d"})
			if err != nil {
				t.Fatal(err)
			}
			if r := found.Restored; len(r.New) != 600 || !r.Replicas[1].Consistent() {
				t.Errorf("in the end: %+v", r.Replicas)
			}
		})
	}
	if writes != 3 {
		t.Errorf("600 turns were written with %d writes, not in 3 batches", writes)
	}
}
