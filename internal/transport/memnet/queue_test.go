package memnet

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

// drain takes everything out, one line each.
func drain(q *Queue) (trace []string) {
	for {
		next, more := q.Next()
		at, from, to, b, ok := q.Pop()
		if !ok {
			if more {
				panic("Next promised a datagram")
			}
			return trace
		}
		if next != at {
			panic("Next and Pop differ")
		}
		trace = append(trace, fmt.Sprintf("%v %s>%s %s", at, from, to, b))
	}
}

// nodes makes a network of nodes a, b, c ...
func nodes(seed uint64, n, limit int) *Queue {
	q := NewQueue(seeded(seed), limit)
	for i := range n {
		q.Add(string(rune('a' + n - 1 - i))) // the order of adding must not matter
	}
	return q
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestQueueWithoutFaults(t *testing.T) {
	q := nodes(1, 3, 0)
	b := []byte("all")
	q.Push(5*ms, "b", "", b)
	b[0] = 'X' // Push keeps a copy
	q.Push(5*ms, "a", "c", []byte("one"))
	q.Push(4*ms, "c", "a", []byte("earlier"))
	q.Push(4*ms, "c", "z", []byte("nobody"))
	q.Push(4*ms, "z", "a", []byte("a stranger"))
	want := []string{
		"4ms c>a earlier", "4ms z>a a stranger",
		"5ms b>a all", "5ms b>b all", "5ms b>c all", "5ms a>c one",
	}
	if got := drain(q); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got, want := q.Stats(), (Stats{Sent: 5, Delivered: 6, Nowhere: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// run sends n datagrams a millisecond apart from a to everybody.
func run(q *Queue, n int) []string {
	for i := range n {
		q.Push(time.Duration(i)*ms, "a", "", fmt.Appendf(nil, "%05d", i))
	}
	return drain(q)
}

var everything = Faults{Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, MinDelay: ms, MaxDelay: 9 * ms, HoldBack: 50 * ms}

func TestQueueRepeats(t *testing.T) {
	trace := func(seed uint64) []string {
		q := nodes(seed, 5, 0)
		must(t, q.SetAll(everything))
		must(t, q.SetLink("a", "c", Faults{Loss: 0.5}))
		return run(q, 200)
	}
	first := trace(7)
	for range 10 {
		if !slices.Equal(trace(7), first) {
			t.Fatal("the same seed gave another run")
		}
	}
	if slices.Equal(trace(8), first) {
		t.Error("another seed gave the same run")
	}
}

// Each fault happens as often as it should, alone and among others.
func TestQueueRates(t *testing.T) {
	const n = 20000
	for _, f := range []Faults{{Loss: 0.2}, {Duplicate: 0.3}, {Reorder: 0.25, HoldBack: 100 * ms}, {Loss: 1}, everything} {
		q := nodes(3, 2, 2*n)
		must(t, q.SetAll(f))
		arrivals := map[string]int{}
		overtaken, newest := 0, ""
		for _, line := range run(q, n) {
			if at, text, ok := strings.Cut(line, " a>b "); ok {
				arrivals[text]++
				if arrivals[text] == 1 && text < newest {
					overtaken++
				}
				newest = max(newest, text)
				if d, err := time.ParseDuration(at); err != nil || d < 0 {
					t.Fatal(line)
				}
			}
		}
		near := func(what string, got int, rate float64) {
			t.Helper()
			// Five standard deviations of a binomial distribution.
			if want, tolerance := rate*n, 5*math.Sqrt(rate*(1-rate)*n); math.Abs(float64(got)-want) > tolerance {
				t.Errorf("%+v: %s %d of %d, want %.0f within %.0f", f, what, got, n, want, tolerance)
			}
		}
		twice := 0
		for _, c := range arrivals {
			if c == 2 {
				twice++
			}
		}
		near("lost", n-len(arrivals), f.Loss)
		near("twice", twice, f.Duplicate*(1-f.Loss))
		s := q.Stats()
		near("counted lost", int(s.Lost), f.Loss)
		near("counted twice", int(s.Duplicated), f.Duplicate*(1-f.Loss))
		if s.Delivered != uint64(n+len(arrivals)+twice) { // a hears all of its own
			t.Errorf("%+v: counted %d delivered", f, s.Delivered)
		}
		if f.Reorder == 0 && overtaken != 0 || f.Reorder > 0 && overtaken < n/20 {
			t.Errorf("%+v: %d overtaken", f, overtaken)
		}
	}
}

// Delay alone keeps the order of each link, stays within its bounds as far as
// the order lets it, and reaches both of them nearly.
func TestQueueDelay(t *testing.T) {
	const n = 5000
	q := nodes(4, 2, 2*n)
	must(t, q.SetAll(Faults{MinDelay: 10 * ms, MaxDelay: 30 * ms}))
	for i := range n {
		q.Push(time.Duration(i)*time.Second, "a", "b", []byte{byte(i >> 8), byte(i)})
	}
	least, most := time.Hour, time.Duration(0)
	for i := range n {
		at, _, _, b, ok := q.Pop()
		if !ok || int(b[0])<<8+int(b[1]) != i {
			t.Fatalf("datagram %d: %v %v", i, b, ok)
		}
		d := at - time.Duration(i)*time.Second
		least, most = min(least, d), max(most, d)
	}
	if least < 10*ms || least > 11*ms || most > 30*ms || most < 29*ms {
		t.Errorf("delays were from %v to %v", least, most)
	}

	for i := range 200 {
		q.Push(0, "a", "b", []byte{byte(i)})
	}
	for i := range 200 {
		at, _, _, b, _ := q.Pop()
		if b[0] != byte(i) {
			t.Fatalf("datagram %d came as number %d without Reorder", b[0], i)
		}
		if at > time.Duration(n)*time.Second+30*ms {
			t.Fatalf("arrived at %v", at)
		}
	}
}

// Leaving one fault out leaves the rest of a run as it was.
func TestQueueDrawsTheSame(t *testing.T) {
	const n = 500
	copies := func(f Faults) (of [n]int) {
		q := nodes(5, 2, 0)
		must(t, q.SetAll(f))
		for _, line := range run(q, n) {
			if _, text, ok := strings.Cut(line, " a>b "); ok {
				i, err := strconv.Atoi(text)
				must(t, err)
				of[i]++
			}
		}
		return of
	}
	all, lossOnly, copyOnly := copies(everything), copies(Faults{Loss: everything.Loss}), copies(Faults{Duplicate: everything.Duplicate})
	seen := map[int]int{}
	for i, got := range all {
		seen[got]++
		want := lossOnly[i] * copyOnly[i]
		if got != want {
			t.Errorf("datagram %d came %d times under all faults, %d times by loss and duplication alone", i, got, want)
		}
	}
	if len(seen) != 3 {
		t.Errorf("not all of 0, 1 and 2 copies occurred: %v", seen)
	}
}

func TestQueueLinks(t *testing.T) {
	q := nodes(1, 3, 0)
	must(t, q.SetLink("a", "b", Faults{Cut: true})) // before the link was used
	q.Push(0, "a", "", []byte("1"))
	q.Push(0, "b", "", []byte("2"))
	if got := strings.Join(drain(q), ", "); got != "0s a>a 1, 0s a>c 1, 0s b>a 2, 0s b>b 2, 0s b>c 2" {
		t.Error(got)
	}
	must(t, q.SetAll(Faults{Cut: true}))
	q.Add("d")
	for _, from := range []string{"a", "d"} {
		q.Push(0, from, "", []byte("3"))
	}
	if got := strings.Join(drain(q), ", "); got != "0s a>a 3, 0s d>d 3" {
		t.Errorf("all cut: %s", got)
	}
	must(t, q.SetLink("a", "d", Faults{}))
	q.Push(0, "a", "d", []byte("4"))
	q.Push(0, "d", "a", []byte("4"))
	if got := strings.Join(drain(q), ", "); got != "0s a>d 4" {
		t.Errorf("one mended, one way: %s", got)
	}
}

func TestQueueRemove(t *testing.T) {
	q := nodes(1, 2, 2)
	must(t, q.SetAll(Faults{MinDelay: ms, MaxDelay: ms}))
	q.Push(0, "a", "b", []byte("1"))
	q.Push(0, "b", "a", []byte("2"))
	q.Remove("b")
	if got := strings.Join(drain(q), ", "); got != "1ms b>a 2" {
		t.Errorf("after the removal: %s", got)
	}
	q.Push(2*ms, "a", "b", []byte("3"))
	q.Add("b")
	q.Push(2*ms, "a", "b", []byte("4"))
	q.Push(2*ms, "a", "b", []byte("5")) // the limit counts only what is on its way
	if got := strings.Join(drain(q), ", "); got != "3ms a>b 4, 3ms a>b 5" {
		t.Errorf("after the return: %s", got)
	}
	if got, want := q.Stats(), (Stats{Sent: 5, Delivered: 3, Nowhere: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestQueueLimit(t *testing.T) {
	q := nodes(1, 2, 3)
	for i := range 5 {
		q.Push(0, "a", "b", []byte{byte('0' + i)})
	}
	q.Push(0, "b", "a", []byte("x")) // the limit is each receiver's own
	if got := strings.Join(drain(q), ", "); got != "0s a>b 0, 0s a>b 1, 0s a>b 2, 0s b>a x" {
		t.Error(got)
	}
	if s := q.Stats(); s.Overflowed != 2 {
		t.Errorf("%+v", s)
	}
	q.Push(0, "a", "b", []byte("y"))
	if q.Len() != 1 {
		t.Error("what was taken out still counts")
	}
}

// The heap gives what sorting gives.
func TestScheduleSorts(t *testing.T) {
	rng := seeded(9)
	for range 200 {
		var heap schedule
		var reference []datagram
		for seq := range uint64(300) {
			if rng.IntN(3) > 0 || len(heap) == 0 {
				d := datagram{at: time.Duration(rng.IntN(20)), seq: seq}
				heap.push(d)
				reference = append(reference, d)
				continue
			}
			slices.SortFunc(reference, func(x, y datagram) int {
				if x.before(&y) {
					return -1
				}
				return 1
			})
			got := heap.pop()
			if got.at != reference[0].at || got.seq != reference[0].seq {
				t.Fatalf("popped %v, want %v", got, reference[0])
			}
			reference = reference[1:]
		}
		if len(heap) != len(reference) {
			t.Fatalf("%d left, want %d", len(heap), len(reference))
		}
	}
}

func TestFaultsCheck(t *testing.T) {
	for _, f := range []Faults{{}, everything, {Loss: 1, Duplicate: 1, Reorder: 1}, {Cut: true}} {
		if err := f.Check(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
	q := nodes(1, 2, 0)
	for _, f := range []Faults{
		{Loss: -0.1}, {Loss: 1.1}, {Loss: math.NaN()}, {Duplicate: 2}, {Reorder: -1},
		{MinDelay: -1, MaxDelay: 1}, {MinDelay: 2, MaxDelay: 1}, {HoldBack: -1},
	} {
		if f.Check() == nil || q.SetAll(f) == nil || q.SetLink("a", "b", f) == nil {
			t.Errorf("%+v was taken", f)
		}
	}
	q.Push(0, "a", "b", []byte("x"))
	if got := drain(q); len(got) != 1 || got[0] != "0s a>b x" {
		t.Errorf("refused faults had an effect: %q", got)
	}
}

func BenchmarkQueue(b *testing.B) {
	q := nodes(1, 5, 0)
	if err := q.SetAll(Faults{Loss: 0.1, Duplicate: 0.1, MinDelay: ms, MaxDelay: 5 * ms}); err != nil {
		b.Fatal(err)
	}
	msg := make([]byte, 300)
	now := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		now += 100 * time.Microsecond
		q.Push(now, "a", "", msg)
		for {
			if at, ok := q.Next(); !ok || at > now {
				break
			}
			q.Pop()
		}
	}
}
