package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// sameReport fails unless reading all logs side by side gives what reading each by
// itself gives, or nothing. It tells whether nothing was amiss, and whether that
// was seen side by side.
func sameReport(t *testing.T, what string, s *store.Store) (consistent, alike bool) {
	t.Helper()
	quick, each := s.CheckAlike(), s.CheckEach()
	if quick != nil && fmt.Sprintf("%+v", quick) != fmt.Sprintf("%+v", each) {
		t.Fatalf("%s: %+v is taken for alike, and is %+v", what, quick, each)
	}
	return each.Consistent() && each.Checkpoint.Consistent(), quick != nil
}

// spoiltLogs are ways to spoil a log: everywhere, or, if step is more than 1, at each
// so many-th byte.
func spoiltLogs(log []byte, step int) map[string][]byte {
	all := map[string][]byte{"gone": nil, "empty": {}, "longer": append(bytes.Clone(log), "x"...)}
	for i := 0; i < len(log); i += step {
		for _, bits := range []byte{1, 0x20, 0xff} {
			b := bytes.Clone(log)
			b[i] ^= bits
			all[fmt.Sprintf("byte %d ^ %x", i, bits)] = b
		}
		all[fmt.Sprint("cut at ", i)] = log[:i]
		all[fmt.Sprint("without byte ", i)] = slices.Delete(bytes.Clone(log), i, i+1)
	}
	lines := bytes.SplitAfter(log, []byte("\n"))
	lines = lines[:len(lines)-1]
	for i := range lines {
		join := func(l [][]byte) []byte { return bytes.Join(l, nil) }
		all[fmt.Sprint("line twice ", i)] = join(slices.Insert(slices.Clone(lines), i, lines[i]))
		all[fmt.Sprint("line again at the end ", i)] = join(append(slices.Clone(lines), lines[i]))
		all[fmt.Sprint("line instead of the last ", i)] = join(append(slices.Clone(lines[:len(lines)-1]), lines[i]))
		all[fmt.Sprint("without line ", i)] = join(slices.Delete(slices.Clone(lines), i, i+1))
		all[fmt.Sprint("empty line before ", i)] = join(slices.Insert(slices.Clone(lines), i, []byte("\n")))
		for j := range i {
			swapped := slices.Clone(lines)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			all[fmt.Sprint("swapped ", i, " and ", j)] = join(swapped)
		}
	}
	return all
}

// Whatever is done to one replica or to all in the same way: comparing them side
// by side finds it, and says what reading each by itself says.
func TestAlikeEverywhere(t *testing.T) {
	ts := chain(t, group, 4)
	for kind, step := range map[string]int{"no checkpoint": 1, "checkpoint": 13, "some in hand": 17} {
		d := storetest.New()
		o := withCheckpoint(t, d)
		if kind == "no checkpoint" {
			o.Checkpoint = ""
		}
		s, _ := open(t, o)
		s.Append(ts[:2])
		if kind == "some in hand" {
			s.Advance(t.Context(), nil)
		}
		s.Append(ts[2:])
		if kind == "checkpoint" {
			s.Advance(t.Context(), nil)
		}
		if consistent, alike := sameReport(t, kind, s); !consistent || !alike {
			t.Fatal("nothing is amiss, and it is not seen")
		}
		var logs [3][]byte
		for i := range logs {
			logs[i], _ = d.Get(replica(i))
		}
		for _, scope := range []string{"first", "last", "all"} {
			found := 0
			for what, b := range spoiltLogs(logs[0], step) {
				for i := range logs {
					switch {
					case scope != "all" && i != map[string]int{"first": 0, "last": 2}[scope]:
					case b == nil:
						d.Delete(replica(i))
					default:
						d.Put(replica(i), b)
					}
				}
				if consistent, _ := sameReport(t, kind+", "+scope+", "+what, s); !consistent {
					found++
				}
				for i := range logs {
					d.Put(replica(i), logs[i])
				}
			}
			if found < 4*len(logs[0])/step {
				t.Errorf("%s, %s: only %d were found", kind, scope, found)
			}
		}
	}
}

// The same with logs of many chunks, damaged anywhere.
func TestAlikeLong(t *testing.T) {
	var ts []*turn.Signed
	for i := range 400 {
		v := turn.Turn{
			Name: "ana", Stamp: uint64(i + 1), Time: 1_767_323_045_678, LineIDs: []turn.LineID{{byte(i >> 8), byte(i)}},
			Texts: []string{strings.Repeat("é", i)},
		}
		if i%9 == 0 {
			v.Texts[0] = strings.Repeat("x", turn.MaxLine) // the longest
		}
		if i > 0 {
			v.Parents = []turn.ID{ts[i-1].ID()}
		}
		ts = append(ts, sign(t, group, v))
	}
	d := storetest.New()
	o := options(d)
	o.Parse = turn.ParseTrusted
	s, _ := open(t, o)
	s.Append(ts)
	log, _ := d.Get(replica(0))
	if len(log) < 3*store.AlikeChunk {
		t.Fatalf("%d bytes are too few", len(log))
	}
	if _, alike := sameReport(t, "nothing", s); !alike {
		t.Fatal("nothing is amiss, and it is not seen")
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		b, at, in := bytes.Clone(log), rnd.IntN(len(log)), rnd.IntN(3)
		b[at] ^= 1 << rnd.IntN(8)
		old, _ := d.Get(replica(in))
		d.Put(replica(in), b)
		if consistent, _ := sameReport(t, fmt.Sprintf("byte %d of %d", at, in), s); consistent && at > 93 {
			t.Errorf("byte %d of %d: not found", at, in)
		}
		d.Put(replica(in), old)
	}
}

// Turns that were appended twice, and such as come before their parents: the
// number, the missing parents and the fingerprint are right all the same.
func TestAlikeTurns(t *testing.T) {
	all := chain(t, group, 8)
	for _, checkpoint := range []bool{false, true} {
		d := storetest.New()
		o := withCheckpoint(t, d)
		if !checkpoint {
			o.Checkpoint = ""
		}
		s, _ := open(t, o)
		var has []*turn.Signed
		for _, i := range []int{0, 3, 5, 1, 7, 2, 6} {
			s.Append(all[i : i+1])
			has = append(has, all[i])
			if _, alike := sameReport(t, fmt.Sprint("turn ", i), s); !alike {
				t.Fatal("not alike")
			}
			if rep := s.Check(); rep.Turns != len(has) || rep.Fingerprint != history(has).Fingerprint() && rep.Missing == 0 {
				t.Fatalf("%+v", rep)
			}
			if i == 3 { // those that follow stay in hand, parents behind their children
				s.Advance(t.Context(), nil)
			}
		}
		s.Append(all[3:4])
		if _, alike := sameReport(t, "a turn that is there", s); alike {
			t.Error("a line that stands there twice is taken for a turn")
		}
		s.Append(all[4:5])
		if rep := s.Check(); rep.Turns != 8 || rep.Missing != 0 || !rep.Consistent() || rep.Fingerprint != history(all).Fingerprint() {
			t.Errorf("%+v", rep)
		}
	}
}

// Beside Appends, Advances and rebuilding, nothing seems amiss, and each of the
// reports is one of a moment between two Appends.
func TestCheckWhileAdvancing(t *testing.T) {
	ts := chain(t, group, 400)
	d := storetest.New()
	o := withCheckpoint(t, d)
	o.Parse = turn.ParseTrusted
	s, _ := open(t, o)
	prints := map[int][32]byte{0: history(nil).Fingerprint()}
	for i := range ts {
		prints[i+1] = history(ts[:i+1][max(0, i-1):]).Fingerprint() // of its head
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	loop := func(f func()) {
		wg.Go(func() {
			for {
				f()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	checks := 0
	check := func() {
		rep := s.Check()
		if !rep.Consistent() || !rep.Checkpoint.Consistent() || rep.Missing != 0 || rep.Fingerprint != prints[rep.Turns] {
			t.Errorf("%+v", rep)
		}
		checks++
	}
	loop(check)
	loop(func() {
		if rep := s.CheckEach(); !rep.Checkpoint.Consistent() || rep.Missing != 0 {
			t.Errorf("%+v", rep.Checkpoint)
		}
	})
	loop(func() {
		if _, err := s.Advance(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
	for _, v := range ts {
		s.Append([]*turn.Signed{v})
	}
	close(done)
	wg.Wait()
	check()
	if rep := s.CheckAlike(); rep == nil || rep.Turns != len(ts) || checks < 2 {
		t.Errorf("%+v after %d checks", rep, checks)
	}
}
