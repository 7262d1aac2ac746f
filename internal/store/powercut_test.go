package store_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

var (
	cutsFlag = flag.Int("cuts", 300, "how often TestPowerCuts cuts the power")
	lifeFlag = flag.Int("life", -1, "the one life that TestPowerCuts goes through; -1: as many as -cuts needs")
)

// cutsALife is how often the power is cut on one disk, one start after the other.
const cutsALife = 6

// TestPowerCuts goes through many lives of a record. In each generation of one,
// a member does at random all that it does with a store, on a disk on which
// operations fail, until the power is cut, or it is killed, at a random operation. What
// was not synced is kept, lost or torn, and the next generation begins on what is
// left, with the checkpoint of that moment or of another one.
func TestPowerCuts(t *testing.T) {
	if *lifeFlag >= 0 {
		liveOnce(t, *lifeFlag, &tally{})
		return
	}
	cuts := *cutsFlag
	if testing.Short() {
		cuts = min(cuts, 60)
	}
	var all tally
	for n := 0; all["cuts"] < cuts; n++ {
		liveOnce(t, n, &all)
		if t.Failed() {
			t.Fatalf("again: go test ./internal/store -run TestPowerCuts -life %d", n)
		}
	}
	t.Logf("%v", all)
	if cuts < 300 {
		return
	}
	for _, what := range []string{
		"kills", "torn writes", "unsynced turns lost", "unsynced turns kept", "logs mended", "logs torn", "logs damaged", "failed fsyncs", "failed writes", "failed others",
		"turns appended while the disk failed", "turns no log kept", "logs rebuilt", "durable by a log", "durable by a checkpoint alone", "checkpoint older", "checkpoint newer", "checkpoint torn",
		"checkpoint ahead of the logs", "lines offered again", "lines carried", "unsent.log damaged", "one replica", "no checkpoint", "checkpoint not advanced", "honest disk",
		"turns lost to failing fsyncs and a kill", "fsync of what a failed one had left",
	} {
		if all[what] == 0 {
			t.Errorf("in %d power cuts this never happened: %s", all["cuts"], what)
		}
	}
}

// tally counts what happened.
type tally map[string]int

func (s *tally) count(what string, n int) {
	if *s == nil {
		*s = tally{}
	}
	(*s)[what] += n
}

// moment is a checkpoint as its files were at some time.
type moment struct {
	path string
	has  []*turn.Signed // what it has for certain
}

// end cuts the power, or kills the process, and says what must be there then.
func (l *life) end() (cut bool) {
	before := l.has
	there := l.d
	if l.rnd.IntN(6) == 0 {
		l.seen.count("kills", 1)
		l.has = l.afterKill()
		if l.d.Forgets && l.failed[unsentPath] {
			clear(l.noted) // they were in memory alone
		}
		maps.Copy(l.inherited, l.failed)
		l.lied = l.lied || len(l.inherited) > 0
		l.d = there.Crash()
	} else {
		l.seen.count("cuts", 1)
		cut = true
		clear(l.inherited)
		l.d = there.PowerCut(l.rnd)
		l.has = slices.Clone(l.logs)
		for id, durable := range l.noted {
			if !durable {
				delete(l.noted, id)
			}
		}
	}
	there.Fault = nil
	clear(l.failed)
	in := set(l.has)
	if l.o.Checkpoint != "" {
		l.endCheckpoint(cut)
		for _, v := range l.has {
			if !in[v.ID()] {
				l.seen.count("durable by a checkpoint alone", 1)
			}
		}
	}
	if err := l.s.Close(); err != nil && !errors.Is(err, storetest.ErrKilled) {
		l.fail("closing: %v", err)
	}
	if cut {
		l.countLost(before)
	}
	return cut
}

// afterKill are the turns that a kill cannot take: all that a log kept, but not
// what was in memory alone, because each log that had it was lost to a failed
// fsync and not written anew yet.
func (l *life) afterKill() (kept []*turn.Signed) {
	good := func(i int) bool { return !l.d.Forgets || !l.failed[replica(i)] }
	for i := range l.o.Replicas {
		if l.complete[i] && good(i) {
			kept = slices.Clone(l.restored)
			break
		}
	}
	for _, a := range l.appends {
		for i, err := range a.res.Replicas {
			if err == nil && good(i) {
				kept = append(kept, a.ts...)
				break
			}
		}
	}
	l.seen.count("turns lost to failing fsyncs and a kill", len(l.has)-len(kept))
	return append(kept, l.logs...)
}

// endCheckpoint leaves the checkpoint of this moment to the next generation, or
// that of another one.
func (l *life) endCheckpoint(cut bool) {
	path := filepath.Join(l.dir, fmt.Sprintf("checkpoint-%d.db", l.generation))
	switch p := l.rnd.IntN(10); {
	case cut && p < 2 && len(l.moments) > 1:
		l.seen.count("checkpoint older", 1)
		l.now = l.moments[l.rnd.IntN(len(l.moments))]
		copyFiles(l.t, l.now.path, path)
	case cut && p < 4 && !l.d.Killed():
		l.seen.count("checkpoint torn", 1)
		copyFiles(l.t, l.o.Checkpoint, path)
		if info, err := os.Stat(path + "-wal"); err == nil {
			if err := os.Truncate(path+"-wal", l.rnd.Int64N(info.Size()+1)); err != nil {
				l.t.Fatal(err)
			}
		}
		l.now = moment{} // it may be any before
	case cut && p < 6 && len(l.has) > 0:
		// The checkpoint comes of a moment after that of the logs, which were
		// durable by then.
		if advance(l.s) == nil {
			l.lied = true
			l.seen.count("checkpoint newer", 1)
		}
		fallthrough
	default:
		copyFiles(l.t, l.o.Checkpoint, path)
	}
	l.o.Checkpoint = path
	in := set(l.has)
	for _, v := range l.now.has {
		if !in[v.ID()] {
			l.has = append(l.has, v)
		}
	}
}

// countLost looks how much of what was not durable the cut left.
func (l *life) countLost(before []*turn.Signed) {
	durable := set(l.has)
	var left []byte
	for i := range l.o.Replicas {
		log, _ := l.d.Get(replica(i))
		left = append(left, log...)
	}
	for _, v := range before {
		switch {
		case durable[v.ID()]:
		case bytes.Contains(left, store.AppendLine(nil, v)):
			l.seen.count("unsynced turns kept", 1)
		default:
			l.seen.count("unsynced turns lost", 1)
		}
	}
}
