package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/record"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/report"
	"github.com/papo-chat/papo/internal/ui/words"
)

var recordGroup = turn.GroupID{1}

// speech makes n turns, mostly a chain, by some that share names and some that do
// not. Of these turns some break the rule of stamps, some have no parents that are
// there, and some are out of reach.
func speech(t testing.TB, n int, odd bool) []*turn.Signed {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(n)))
	var turns []*turn.Signed
	stamp := uint64(0)
	for i := range n {
		who := i % 5
		seed := sha256.Sum256([]byte{byte(who)})
		stamp++
		d := turn.Turn{
			Name: []string{"ana", "bia", "ana", "João", "caio"}[who], Stamp: stamp, Time: 1_767_323_045_000 + int64(i)*1000,
			LineIDs: []turn.LineID{{byte(i), byte(i >> 8), byte(i >> 16), 1}},
			Texts:   []string{fmt.Sprintf("turn number %d of pump %d: ação %s", i, i%97, strings.Repeat("x ", i%5))},
		}
		if i > 0 {
			d.Parents = []turn.ID{turns[i-1].ID()}
		}
		if odd {
			switch r.IntN(12) {
			case 0:
				d.Stamp = 1 + max(stamp, 4) - 4 // breaks the rule
			case 1:
				d.Parents = []turn.ID{{byte(i), 9}}
			case 2:
				d.Parents, d.Stamp = []turn.ID{{byte(i), 8}}, turn.MaxStamp-uint64(i) // out of reach
			}
		}
		s, err := turn.Sign(recordGroup, d, ed25519.NewKeyFromSeed(seed[:]))
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, s)
	}
	return turns
}

// recordDir writes a record, of which the checkpoint has the first so many turns.
func recordDir(t testing.TB, turns []*turn.Signed, covered int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s, _, err := store.Open(store.Options{Dir: dir, Name: "ana", Group: recordGroup, Checkpoint: checkpointOf(dir)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for batch := range slices.Chunk(turns[:covered], 1000) {
		s.Append(batch)
	}
	if covered > 0 {
		if _, err := s.Advance(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
	}
	for batch := range slices.Chunk(turns[covered:], 1000) {
		s.Append(batch)
	}
	return dir
}

// asShown gives the turns as papo history must have them, from a record in memory.
func asShown(turns []*turn.Signed) []peer.TurnShown {
	h := turn.NewHistory()
	for _, s := range turns {
		h.Add(s)
	}
	first := map[string]turn.Key{}
	for _, s := range turns { // met in this order
		if t := s.Turn(); first[t.Name] == (turn.Key{}) {
			first[t.Name] = t.Author
		}
	}
	var out []peer.TurnShown
	for i := range h.Len() {
		s := h.Get(h.At(i).ID)
		t := s.Turn()
		if h.Shown(s.ID()) == turn.Invalid || t.Stamp > h.MaxStamp() {
			continue
		}
		after, _ := h.Before(s.ID())
		name := t.Name
		if first[name] != t.Author {
			name += "#" + t.Author.Short()
		}
		out = append(out, peer.TurnShown{
			ID: s.ID(), After: after, Stamp: t.Stamp, Name: name, Author: t.Author, Time: time.UnixMilli(t.Time), Lines: t.Texts,
		})
	}
	return out
}

func same(a, b []peer.TurnShown) bool {
	return slices.EqualFunc(a, b, func(a, b peer.TurnShown) bool {
		return a.ID == b.ID && a.After == b.After && a.Stamp == b.Stamp && a.Name == b.Name && a.Author == b.Author &&
			a.Time.Equal(b.Time) && slices.Equal(a.Lines, b.Lines)
	})
}

// Whatever the size of a page, and wherever the checkpoint ends, the same turns are
// given in the same order, each once.
func TestReadingInPages(t *testing.T) {
	turns := speech(t, 60, true)
	all := asShown(turns)
	at := func(i int) time.Time { return time.UnixMilli(turns[i].Turn().Time) }
	filters := []report.Filter{
		{}, {Names: []string{"ana"}}, {Names: []string{"joao", "#" + turns[0].Turn().Author.Short()}}, {Names: []string{"nobody"}},
		{Text: "ACAO x x"}, {Since: at(10), Until: at(40)}, {Since: at(10).Add(time.Microsecond), Until: at(40).Add(time.Microsecond)},
		{Names: []string{"bia"}, Text: "pump 1", Since: at(5)},
	}
	for _, covered := range []int{0, 1, 30, 59, 60} {
		dir := recordDir(t, turns, covered)
		for _, checkpoint := range []string{checkpointOf(dir), ""} {
			view, err := store.Look(store.Options{Dir: dir, Checkpoint: checkpoint})
			if err != nil {
				t.Fatal(err)
			}
			defer view.Close()
			for n, f := range filters {
				choice := f.Choice()
				var wanted []peer.TurnShown
				for _, s := range all {
					if choice.Wants(&s) {
						wanted = append(wanted, s)
					}
				}
				for _, page := range []int{1, 2, 3, 7, 59, 60, 1000} {
					for _, last := range []int{0, 1, 5, len(wanted), len(wanted) + 1} {
						want := wanted
						if last > 0 {
							want = wanted[max(0, len(wanted)-last):]
						}
						r := newReading(view, f, "", last, true)
						r.page = page
						var got []peer.TurnShown
						more, err := r.turns(context.Background(), func(s peer.TurnShown) { got = append(got, s) }, func() error { return nil })
						if err != nil || !same(got, want) || more != (len(want) < len(wanted)) {
							t.Fatalf("%d covered, checkpoint %q, filter %d, pages of %d, last %d: %d turns, more %v, %v; want %d",
								covered, checkpoint, n, page, last, len(got), more, err, len(want))
						}
					}
				}
			}
		}
	}
}

// ran carries out a command line in this process.
func ran(t testing.TB, args ...string) (code int, out, errs string) {
	t.Helper()
	stdout, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	var stderr bytes.Buffer
	p := &program{words: words.For(words.English), stdout: stdout, stderr: &stderr}
	code = p.run(append(args, "--lang", "en"))
	if _, err := stdout.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	return code, string(b), stderr.String()
}

// The same is printed and exported whatever became of the checkpoint and of all logs
// but one, while a chat has the lock.
func TestHistoryWhateverIsThere(t *testing.T) {
	turns := speech(t, 200, true)
	commands := [][]string{
		{"history"}, {"history", "--format", "md"}, {"history", "--format", "html"}, {"history", "--name", "ana", "--last", "7", "--text", "ACAO"},
		{"search", "pump", "acao"}, {"export", "-"},
	}
	// output is all that a command prints but the time of the export and its checksum.
	output := func(t *testing.T, dir string, command []string) string {
		code, out, errs := ran(t, append(slices.Clone(command), "--data", dir)...)
		if code != exitOK {
			t.Fatalf("%v: exit %d, %s", command, code, errs)
		}
		if lines := strings.SplitAfter(out, "\n"); command[0] == "export" {
			before, _, _ := strings.Cut(lines[0], `"created"`)
			return before + strings.Join(lines[1:len(lines)-2], "")
		}
		return out
	}
	dir := recordDir(t, turns, 150)
	if err := os.Remove(checkpointOf(dir)); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range commands {
		want = append(want, output(t, dir, c))
	}
	var plain strings.Builder
	r := ui.NewRenderer(ui.Look{Words: words.For(words.English)})
	for _, s := range asShown(turns) {
		for _, l := range r.Lines(s) {
			plain.WriteString(l + "\n")
		}
	}
	if want[0] != plain.String() {
		t.Fatalf("without a checkpoint:\n%s", want[0])
	}
	check := func(name string, covered int, spoil func(t *testing.T, dir string)) {
		t.Run(name, func(t *testing.T) {
			dir := recordDir(t, turns, covered)
			spoil(t, dir)
			for i, c := range commands {
				if got := output(t, dir, c); got != want[i] {
					t.Errorf("%v: %d bytes, want %d", c, len(got), len(want[i]))
				}
			}
		})
	}
	remove := func(t *testing.T, dir string, replicas ...int) {
		for _, i := range replicas {
			if err := os.Remove(filepath.Join(dir, "replicas", fmt.Sprintf("replica_ana_%d.log", i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	check("all is well", 150, func(*testing.T, string) {})
	check("nothing behind", 200, func(*testing.T, string) {})
	check("one replica", 150, func(t *testing.T, dir string) { remove(t, dir, 0, 2) })
	check("one replica and no checkpoint", 0, func(t *testing.T, dir string) {
		remove(t, dir, 0, 1)
		if err := os.Remove(checkpointOf(dir)); err != nil {
			t.Fatal(err)
		}
	})
	check("a replica written anew", 150, func(t *testing.T, dir string) {
		path := filepath.Join(dir, "replicas", "replica_ana_1.log")
		b, err := os.ReadFile(path)
		if err == nil {
			lines := bytes.SplitAfter(b, []byte("\n"))
			slices.Reverse(lines[1:])
			err = os.WriteFile(path, bytes.Join(lines, nil), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	check("noise", 150, func(t *testing.T, dir string) {
		if err := os.WriteFile(checkpointOf(dir), []byte("noise"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	check("in use", 150, func(t *testing.T, dir string) {
		s, _, err := store.Open(store.Options{Dir: dir, Name: "ana", Group: recordGroup, Checkpoint: checkpointOf(dir)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
	})
}

// Whichever bit of the checkpoint is wrong, the whole record is printed and exported.
func TestHistoryOfADamagedCheckpoint(t *testing.T) {
	turns := speech(t, 300, true)
	dir := recordDir(t, turns, 250)
	_, history, _ := ran(t, "history", "--data", dir)
	good, err := os.ReadFile(checkpointOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range rounds {
		bad := slices.Clone(good)
		at := r.IntN(len(bad))
		bad[at] ^= 1 << r.IntN(8)
		if err := os.WriteFile(checkpointOf(dir), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := ran(t, "history", "--data", dir); code != exitOK || out != history {
			t.Fatalf("byte %d: exit %d, %d bytes, want %d; %s", at, code, len(out), len(history), errs)
		}
		code, out, errs := ran(t, "export", "--data", dir, "-")
		report, err := record.Verify(strings.NewReader(out), nil)
		if code != exitOK || err != nil || !report.Sound() || report.Turns != len(turns) {
			t.Fatalf("byte %d: exit %d, %+v, %s", at, code, report, errs)
		}
	}
}
