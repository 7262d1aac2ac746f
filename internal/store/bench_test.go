package store_test

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

// BenchmarkAppend appends a turn of one line to three logs. The metric "x-raw"
// is how many times as long that takes as one write of the same size to a file,
// measured in the same run.
func BenchmarkAppend(b *testing.B) {
	ts := chain(b, group, 1)
	o := options(nil)
	o.Dir = b.TempDir()
	s, _ := open(b, o)
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "raw"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := store.AppendLine(nil, ts[0])
	var raw time.Duration
	for b.Loop() {
		if res := s.Append(ts); res.Kept() != 3 {
			b.Fatal(res.Replicas)
		}
		b.StopTimer()
		start := time.Now()
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
		raw += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(raw), "x-raw")
}

// filled is a directory with n turns in three logs.
func filled(b *testing.B, n int) store.Options {
	o := options(nil)
	o.Dir = b.TempDir()
	s, _ := open(b, o)
	ts := chain(b, group, n)
	s.Append(ts)
	if err := s.SyncAll(); err != nil {
		b.Fatal(err)
	}
	s.Close()
	return o
}

func BenchmarkOpen10000(b *testing.B) {
	o := filled(b, 10_000)
	for b.Loop() {
		s, r, err := store.Open(o)
		if err != nil || len(r.New) != 10_000 {
			b.Fatal(err)
		}
		s.Close()
	}
}

// BenchmarkOpenUnsigned10000 is what all but the signatures costs.
func BenchmarkOpenUnsigned10000(b *testing.B) {
	o := filled(b, 10_000)
	o.Parse = turn.ParseTrusted
	for b.Loop() {
		s, _, err := store.Open(o)
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

// BenchmarkCheck compares three logs of 100,000 turns.
func BenchmarkCheck(b *testing.B) {
	for _, checkpoint := range []bool{false, true} {
		b.Run(fmt.Sprint("checkpoint=", checkpoint), func(b *testing.B) {
			o, _ := big(b, 100_000)
			o.Parse = turn.ParseTrusted
			if !checkpoint {
				o.Checkpoint = ""
			}
			s, _ := open(b, o)
			for b.Loop() {
				if rep := s.Check(); !rep.Consistent() || rep.Turns != 100_000 {
					b.Fatalf("%+v", rep)
				}
			}
		})
	}
}

func BenchmarkCompare10000(b *testing.B) {
	s, _ := open(b, filled(b, 10_000))
	for b.Loop() {
		if reports, _ := s.Compare(); !reports[2].Consistent() {
			b.Fatalf("%+v", reports)
		}
	}
}

// big is a directory with n turns in three logs and in the checkpoint, and what
// making the checkpoint took.
func big(b *testing.B, n int) (store.Options, time.Duration) {
	store.Synchronous(true)
	o := filled(b, n)
	o.Parse = turn.ParseTrusted // the first start reads all
	o.Checkpoint = filepath.Join(o.Dir, "checkpoint.db")
	o.Recent = 64
	s, r := open(b, o)
	start := time.Now()
	if a, err := s.Advance(b.Context(), nil); err != nil || a.Turns != n || r.Count != n {
		b.Fatal(a, err)
	}
	took := time.Since(start)
	s.Close()
	o.Parse = nil
	return o, took
}

// million makes benchmarks that take a minute to prepare run.
var million = flag.Bool("million", false, "also measure a record of 1,000,000 turns")

// BenchmarkOpenCheckpoint is the time until a member can chat. Preparing it takes
// the longest.
func BenchmarkOpenCheckpoint(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n == 1_000_000 && !*million {
				b.Skip("-million is not set")
			}
			o, took := big(b, n)
			b.Logf("making the checkpoint took %v", took)
			for b.Loop() {
				s, r, err := store.Open(o)
				if err != nil || r.Count != n || len(r.Recent) != 64 || len(r.New) != 0 {
					b.Fatalf("%+v %v", r, err)
				}
				b.StopTimer()
				s.Close()
				b.StartTimer()
			}
		})
	}
}

// BenchmarkItems is what follows in the background: the list of all turns.
func BenchmarkItems(b *testing.B) {
	o, _ := big(b, 100_000)
	s, _ := open(b, o)
	for b.Loop() {
		n := 0
		if err := s.Items(b.Context(), func(turn.Item) bool { n++; return true }); err != nil || n != 100_000 {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkAdvance adds 100 turns to a checkpoint of 100,000. The metric
// "x-raw" compares it with one transaction that inserts as many rows of the
// signed turns into a table of a database of its own, in the same run.
func BenchmarkAdvance(b *testing.B) {
	o, _ := big(b, 100_000)
	s, r := open(b, o)
	raw, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "raw.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	if err != nil {
		b.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Exec("CREATE TABLE t (n INTEGER PRIMARY KEY, id BLOB, signed BLOB)"); err != nil {
		b.Fatal(err)
	}
	parent, stamp := r.Heads[0].ID, r.MaxStamp
	var floor time.Duration
	for b.Loop() {
		b.StopTimer()
		var ts []*turn.Signed
		for range 100 {
			stamp++
			ts = append(ts, sign(b, group, turn.Turn{
				Name: "ana", Stamp: stamp, Parents: []turn.ID{parent}, Time: 1_767_323_045_678,
				LineIDs: []turn.LineID{{1}}, Texts: []string{fmt.Sprint("more ", stamp)},
			}))
			parent = ts[len(ts)-1].ID()
		}
		s.Append(ts)
		start := time.Now()
		tx, err := raw.Begin()
		if err != nil {
			b.Fatal(err)
		}
		insert, err := tx.Prepare("INSERT INTO t (id, signed) VALUES (?, ?)")
		if err != nil {
			b.Fatal(err)
		}
		for _, v := range ts {
			id := v.ID()
			if _, err := insert.Exec(id[:], v.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
		floor += time.Since(start)
		b.StartTimer()
		if a, err := s.Advance(b.Context(), nil); err != nil || a.New != 100 {
			b.Fatal(a, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(floor), "x-raw")
}
