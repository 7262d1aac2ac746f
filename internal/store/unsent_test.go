package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

const unsentPath = dir + "/unsent.log"

func TestUnsent(t *testing.T) {
	d := storetest.New()
	o := options(d)
	s, _ := open(t, o)
	lines := []store.Unsent{
		{Line: turn.LineID{1}, Text: "plain"},
		{Line: turn.LineID{2}, Text: "a|b\\n\n\\\r\t🙂"},
		{Line: turn.LineID{3}, Text: ""},
		{Line: turn.LineID{4}, Text: strings.Repeat("\\", turn.MaxLine)},
		{Line: turn.LineID{5}, Text: "\xff not UTF-8"},
	}
	for _, l := range lines {
		if err := s.Queue(l.Line, l.Text); err != nil {
			t.Fatal(err)
		}
		before, _ := d.Get(unsentPath)
		if err := s.Queue(l.Line, l.Text); err != nil {
			t.Fatal(err)
		}
		if after, _ := d.Get(unsentPath); len(after) != len(before) {
			t.Error("a line was queued twice")
		}
	}
	if err := s.Queue(turn.LineID{6}, strings.Repeat("x", turn.MaxLine+1)); err == nil {
		t.Error("a line that is too long was queued")
	}
	s.Close()

	s, r := open(t, o)
	if !slices.Equal(r.Unsent, lines) {
		t.Errorf("%q", r.Unsent)
	}
	if err := s.Done(turn.LineID{1}, turn.LineID{3}, turn.LineID{99}); err != nil {
		t.Fatal(err)
	}
	s.Close()

	s, r = open(t, o)
	if want := []store.Unsent{lines[1], lines[3], lines[4]}; !slices.Equal(r.Unsent, want) {
		t.Errorf("%q", r.Unsent)
	}
	s.Done(lines[1].Line, lines[3].Line, lines[4].Line)
	if content, _ := d.Get(unsentPath); strings.Count(string(content), "\n") != 1 {
		t.Errorf("nothing is left, but the file is %q", content)
	}
	s.Close()
}

// A line that a stored turn carries was said: never again.
func TestUnsentSaid(t *testing.T) {
	ts := chain(t, group, 3)
	d := storetest.New()
	o := options(d)
	s, _ := open(t, o)
	id := ts[1].Turn().LineIDs[0]
	s.Queue(id, "said")
	s.Queue(turn.LineID{77}, "not said")
	s.Append(ts)
	s.Close()
	_, r := open(t, o)
	if len(r.Unsent) != 1 || r.Unsent[0].Text != "not said" {
		t.Errorf("%q", r.Unsent)
	}
}

func TestUnsentFull(t *testing.T) {
	s, _ := open(t, options(storetest.New()))
	for i := range store.MaxUnsent {
		if err := s.Queue(turn.LineID{byte(i), byte(i >> 8), 1}, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Queue(turn.LineID{0, 0, 2}, "x"); !errors.Is(err, store.ErrUnsentFull) {
		t.Error(err)
	}
	s.Done(turn.LineID{0, 0, 1})
	if err := s.Queue(turn.LineID{0, 0, 2}, "x"); err != nil {
		t.Error(err)
	}
}

// While some line always waits, the file is written anew now and then.
func TestUnsentStaysSmall(t *testing.T) {
	d := storetest.New()
	o := options(d)
	s, _ := open(t, o)
	text := strings.Repeat("x", turn.MaxLine)
	for i := range 1000 {
		if err := s.Queue(turn.LineID{byte(i), byte(i >> 8)}, text); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			if err := s.Done(turn.LineID{byte(i - 1), byte((i - 1) >> 8)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if content, _ := d.Get(unsentPath); len(content) > 2<<20 {
		t.Errorf("%d bytes for one line", len(content))
	}
	s.Close()
	if _, r := open(t, o); len(r.Unsent) != 1 || r.Unsent[0].Line != (turn.LineID{231, 3}) {
		t.Errorf("%d lines", len(r.Unsent))
	}
}

// Cut at every byte and flipped at every bit: a line is there as it was, or
// not, and then it is told, or it was torn.
func TestUnsentDamaged(t *testing.T) {
	d := storetest.New()
	o := options(d)
	s, _ := open(t, o)
	texts := map[string]bool{"one": true, "t\\w\no": true, "three": true}
	s.Queue(turn.LineID{1}, "one")
	s.Queue(turn.LineID{9}, "gone")
	s.Queue(turn.LineID{2}, "t\\w\no")
	s.Done(turn.LineID{9})
	s.Queue(turn.LineID{3}, "three")
	s.Close()
	whole, _ := d.Get(unsentPath)

	check := func(what string, content []byte, told bool) {
		t.Helper()
		d := storetest.New()
		d.Put(unsentPath, content)
		s, r, err := store.Open(options(d))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		n := 0
		for _, u := range r.Unsent {
			if !texts[u.Text] && u.Text != "gone" {
				t.Fatalf("%s: %q was never queued", what, u.Text)
			}
			if texts[u.Text] {
				n++
			}
		}
		if told && n < len(texts) && len(r.UnsentDamaged) == 0 && content[len(content)-1] == '\n' {
			t.Fatalf("%s: only %d lines, and not told", what, n)
		}
		if _, kept := d.Get(unsentPath + ".damaged"); kept != (len(r.UnsentDamaged) > 0) {
			t.Fatalf("%s: damage %v, kept aside: %v", what, r.UnsentDamaged, kept)
		}
		if err := s.Queue(turn.LineID{4}, "more"); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		s.Close()
		s, again, err := store.Open(options(d))
		if err != nil || len(again.Unsent) != len(r.Unsent)+1 || len(again.UnsentDamaged) > 0 {
			t.Fatalf("%s: at the next start %q, %v, %v", what, again.Unsent, again.UnsentDamaged, err)
		}
		s.Close()
	}
	for n := range whole {
		check(fmt.Sprintf("cut at %d", n), whole[:n], false)
	}
	for i := range whole {
		for bit := range 8 {
			flipped := slices.Clone(whole)
			flipped[i] ^= 1 << bit
			check(fmt.Sprintf("bit %d of byte %d", bit, i), flipped, true)
		}
	}
}

// What was queued for another group is not said to this one.
func TestUnsentOtherGroup(t *testing.T) {
	d := storetest.New()
	o := options(d)
	s, _ := open(t, o)
	s.Queue(turn.LineID{1}, "secret")
	s.Close()
	o.Group = otherGroup
	if _, _, err := store.Open(o); !errors.Is(err, store.ErrOtherGroup) {
		t.Fatalf("lines of another group: %v", err)
	}
	o.Group = group
	s, _ = open(t, o)
	s.Done(turn.LineID{1})
	s.Close()
	o.Group = otherGroup
	s, _ = open(t, o) // nothing waits, nothing was said: it is free
	s.Close()
}

// Lines that wait survive a power cut after SyncAll.
func TestUnsentDurable(t *testing.T) {
	d := storetest.New()
	o := options(d)
	s, _ := open(t, o)
	s.Queue(turn.LineID{1}, "one")
	if err := s.SyncAll(); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		o.FS = d.PowerCut(rand.New(rand.NewPCG(seed, 1)))
		if _, r := open(t, o); len(r.Unsent) != 1 {
			t.Fatalf("seed %d: %q", seed, r.Unsent)
		}
	}

	// An fsync that fails writes the file anew.
	s.Queue(turn.LineID{2}, "two")
	fail := true
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if fail && op.Kind == storetest.OpSync && op.Path == unsentPath {
			f.Err, fail = errDisk, false
		}
		return f
	}
	if err := s.SyncAll(); err != nil || fail {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		o.FS = d.PowerCut(rand.New(rand.NewPCG(seed, 1)))
		if _, r := open(t, o); len(r.Unsent) != 2 {
			t.Fatalf("seed %d: %q", seed, r.Unsent)
		}
	}
}

// The process ends while a damaged unsent.log is put aside: the good lines are
// not lost.
func TestUnsentRepairKilled(t *testing.T) {
	d := storetest.New()
	o := options(d)
	s, _ := open(t, o)
	s.Queue(turn.LineID{1}, "one")
	s.Queue(turn.LineID{2}, "two")
	s.Close()
	content, _ := d.Get(unsentPath)
	content[len(content)-5] ^= 1
	d.Put(unsentPath, content)
	for n := 1; ; n++ {
		c := d.Crash()
		c.Fault = func(op storetest.Op) (f storetest.Fault) {
			f.Kill = op.N == n
			return f
		}
		o.FS = c
		if s, _, err := store.Open(o); err == nil {
			s.Close()
		}
		if !c.Killed() {
			break
		}
		c = c.Crash()
		o.FS = c
		s, r := open(t, o)
		if len(r.Unsent) != 1 || r.Unsent[0].Text != "one" {
			t.Fatalf("killed in operation %d: %q", n, r.Unsent)
		}
		if aside, _ := c.Get(unsentPath + ".damaged"); !slices.Equal(aside, content) {
			t.Fatalf("killed in operation %d: the damaged file is gone", n)
		}
		s.Close()
	}
}
