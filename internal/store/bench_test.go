package store_test

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

// BenchmarkAppend appends a turn of one line to three logs. The metric "x-raw" is
// how many times as long that takes as one write of the same size to a file, and
// "x-three" as such a write to each of three files; "x-one" compares it with an append
// to one log, "x-durable" with one write that is followed by an fsync. They are medians of short
// batches that take turns, so that what else the machine does meets all of them,
// and most batches not at all.
func BenchmarkAppend(b *testing.B) {
	ts := chain(b, group, 1)
	o := options(nil)
	o.Dir = b.TempDir()
	s, _ := open(b, o)
	single := options(nil)
	single.Dir, single.Replicas = b.TempDir(), 1
	alone, _ := open(b, single)
	files := make([]*os.File, 5)
	for i := range files {
		f, err := os.OpenFile(filepath.Join(b.TempDir(), fmt.Sprint("raw", i)), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	line := store.AppendLine(nil, ts[0])
	write := func(f *os.File) {
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
	}
	const batch = 8
	timed := func(f func()) time.Duration {
		start := time.Now()
		for range batch {
			f()
		}
		return time.Since(start) / batch
	}
	var ours, one, raw, three, durable []time.Duration
	for b.Loop() {
		if len(ours)%1000 == 999 { // as a chat does: what is not durable is kept in memory
			if err := errors.Join(s.SyncAll(), alone.SyncAll()); err != nil {
				b.Fatal(err)
			}
			start := time.Now()
			write(files[4])
			if err := files[4].Sync(); err != nil {
				b.Fatal(err)
			}
			durable = append(durable, time.Since(start))
		}
		ours = append(ours, timed(func() {
			if res := s.Append(ts); res.Kept() != 3 {
				b.Fatal(res.Replicas)
			}
		}))
		one = append(one, timed(func() {
			if res := alone.Append(ts); res.Kept() != 1 {
				b.Fatal(res.Replicas)
			}
		}))
		raw = append(raw, timed(func() { write(files[3]) }))
		three = append(three, timed(func() {
			for _, f := range files[:3] {
				write(f)
			}
		}))
	}
	b.ReportMetric(float64(median(ours)), "ns/append")
	b.ReportMetric(float64(median(raw)), "ns/write")
	b.ReportMetric(float64(median(ours))/float64(median(raw)), "x-raw")
	b.ReportMetric(float64(median(ours))/float64(median(three)), "x-three")
	b.ReportMetric(float64(median(ours))/float64(median(one)), "x-one")
	if len(durable) > 0 {
		b.ReportMetric(float64(median(ours))/float64(median(durable)), "x-durable")
	}
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

// BenchmarkCheck100000 compares three logs of 100,000 turns. The metric "x-raw" is
// how many times as long that takes as reading the same files, one after the other,
// and computing their CRC-32C, in
// the same run.
func BenchmarkCheck100000(b *testing.B) {
	for _, checkpoint := range []bool{false, true} {
		b.Run(fmt.Sprint("checkpoint=", checkpoint), func(b *testing.B) {
			o, _ := big(b, 100_000)
			o.Parse = turn.ParseTrusted
			if !checkpoint {
				o.Checkpoint = ""
			}
			s, _ := open(b, o)
			var took, raw []time.Duration
			for b.Loop() {
				start := time.Now()
				if rep := s.Check(); !rep.Consistent() || rep.Turns != 100_000 || rep.Missing != 0 {
					b.Fatalf("%+v", rep)
				}
				took = append(took, time.Since(start))
			}
			buf := make([]byte, 256<<10)
			for range 5 {
				start := time.Now()
				for _, st := range s.Status() {
					f, err := os.Open(st.Path)
					if err != nil {
						b.Fatal(err)
					}
					sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
					if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{f}, buf); err != nil {
						b.Fatal(err)
					}
					f.Close()
				}
				raw = append(raw, time.Since(start))
			}
			b.ReportMetric(float64(median(took))/float64(median(raw)), "x-raw")
		})
	}
}

// median gives the middle one of some durations.
func median(of []time.Duration) time.Duration {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
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

// BenchmarkOpenCheckpoint is the time until a member can chat, with n turns in the
// checkpoint and none behind it. The metric "x-floor" compares it, in the same run,
// with opening the database, reading its state and the sizes of the logs, and
// closing it: both must stay as they are however long the record. Preparing takes
// the longest, a minute for 1,000,000: that is for -million only.
func BenchmarkOpenCheckpoint(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n == 1_000_000 && !*million {
				b.Skip("-million is not set")
			}
			o, took := big(b, n)
			b.Logf("making the checkpoint took %v", took)
			var raw time.Duration
			for b.Loop() {
				s, r, err := store.Open(o)
				if err != nil || r.Count != n || r.Summary.Count != n || len(r.Recent) != 64 || len(r.New) != 0 {
					b.Fatalf("%+v %v", r, err)
				}
				b.StopTimer()
				s.Close()
				raw += floor(b, o)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed())/float64(raw), "x-floor")
		})
	}
}

// floor is what no start can do without.
func floor(b *testing.B, o store.Options) time.Duration {
	start := time.Now()
	db, err := sql.Open("sqlite", o.Checkpoint+"?_pragma=journal_mode(wal)")
	if err != nil {
		b.Fatal(err)
	}
	var text string
	if err := db.QueryRow("SELECT json FROM state").Scan(&text); err != nil {
		b.Fatal(err)
	}
	for i := range 3 {
		if _, err := os.Stat(filepath.Join(o.Dir, "replicas", fmt.Sprintf("replica_ana_%d.log", i))); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// BenchmarkGet gets one random turn of 100,000, as the event loop does.
func BenchmarkGet(b *testing.B) {
	o, _ := big(b, 100_000)
	s, _ := open(b, o)
	var all []turn.ID
	if err := s.Items(b.Context(), func(it turn.Item) bool { all = append(all, it.ID); return true }); err != nil {
		b.Fatal(err)
	}
	rnd, next := rand.New(rand.NewPCG(3, 3)), 0
	for what, choose := range map[string]func() int{
		"random": func() int { return rnd.IntN(len(all)) },
		"along":  func() int { next++; return next % len(all) },
	} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				if ts, err := s.Get([]turn.ID{all[choose()]}); err != nil || ts[0] == nil {
					b.Fatal(err)
				}
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
	var least time.Duration
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
		least += time.Since(start)
		b.StartTimer()
		if a, err := s.Advance(b.Context(), nil); err != nil || a.New != 100 {
			b.Fatal(a, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(least), "x-raw")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(100*b.N), "µs/turn")
}
