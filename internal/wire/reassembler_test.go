package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

// cut gives the pieces of a message of n bytes that only seed and n decide.
func cut(t testing.TB, seed uint64, number uint32, n int) (message []byte, frags []Frag) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	message = make([]byte, n)
	fill(r, message)
	message[0] = byte(KindTurns)
	encoded, err := Fragment(number, message)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range encoded {
		if len(b) > MaxPayload {
			t.Fatalf("a piece of %d bytes", len(b))
		}
		m, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		frags = append(frags, m.(Frag))
	}
	return message, frags
}

// checkBounds looks at everything that a Reassembler promises of itself.
func checkBounds(t testing.TB, r *Reassembler) {
	t.Helper()
	all := 0
	count, size := map[uint64]int{}, map[uint64]int{}
	keys := map[fragKey]bool{}
	for _, p := range r.partials {
		if p.missing == 0 || keys[p.fragKey] || slices.Contains(r.finished, p.fragKey) {
			t.Fatalf("partial %v: missing %x, twice %v", p.fragKey, p.missing, keys[p.fragKey])
		}
		keys[p.fragKey] = true
		count[p.from]++
		size[p.from] += cap(p.data)
		all += cap(p.data)
		// The first partial of a sender is always let in.
		if count[p.from] > MaxPartialsPerSender || count[p.from] > 1 && size[p.from] > MaxPartialBytes+1024 {
			t.Fatalf("sender %x has %d partials of %d bytes", p.from, count[p.from], size[p.from])
		}
	}
	if len(r.partials) > MaxPartials || r.bytes > MaxAllPartialBytes || len(r.finished) > MaxFinished {
		t.Fatalf("%d partials of %d bytes, %d finished", len(r.partials), r.bytes, len(r.finished))
	}
	if all < r.bytes || all > r.bytes*5/4 {
		t.Fatalf("%d bytes are counted, %d are held", r.bytes, all)
	}
}

func TestFragmentSizes(t *testing.T) {
	for _, n := range []int{1, MaxFragData - 1, MaxFragData, MaxFragData + 1, MaxPayload, 2 * MaxFragData, 33000, MaxMessage - 1, MaxMessage} {
		message, frags := cut(t, 1, 7, n)
		if want := (n-1)/MaxFragData + 1; len(frags) != want {
			t.Errorf("%d bytes: %d pieces, want %d", n, len(frags), want)
		}
		for _, backwards := range []bool{false, true} {
			r := NewReassembler()
			if backwards {
				slices.Reverse(frags)
			}
			for i, f := range frags {
				got, complete := r.Add(0, 1, f)
				if complete != (i == len(frags)-1) {
					t.Fatalf("%d bytes: complete is %v after piece %d of %d", n, complete, i, len(frags))
				}
				if complete && !bytes.Equal(got, message) {
					t.Fatalf("%d bytes come back as %d others", n, len(got))
				}
			}
			if r.bytes != 0 || len(r.partials) != 0 {
				t.Errorf("%d bytes: %d are still held", n, r.bytes)
			}
		}
	}
	for _, c := range []struct {
		message []byte
		want    error
	}{
		{nil, ErrTruncated},
		{make([]byte, MaxMessage+1), ErrTooLarge},
		{encode(t, Frag{Count: 1, Data: []byte{1}}), ErrNested},
	} {
		if _, err := Fragment(1, c.message); !errors.Is(err, c.want) {
			t.Errorf("Fragment of %d bytes: %v, want %v", len(c.message), err, c.want)
		}
	}
}

// Members send each other messages over a network that loses, repeats and
// mixes pieces. What is asked for is sent again from the Outbox, with the same
// losses. Every message arrives, once, as it was.
func TestReassembleLossy(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 9))
		type packet struct {
			at   time.Duration
			from uint64
			frag []byte
		}
		var network []packet
		send := func(now time.Duration, from uint64, frag []byte) {
			for range 1 + r.IntN(2) {
				if r.Float64() < 0.3 {
					continue
				}
				network = append(network, packet{now + time.Duration(r.IntN(15))*ms, from, frag})
			}
		}
		want := map[string]bool{}
		outboxes := map[uint64]*Outbox{}
		for from := range uint64(4) {
			outboxes[from] = &Outbox{}
			for number := range uint32(3) {
				message := make([]byte, 1+r.IntN(40000))
				fill(r, message)
				message[0] = byte(KindTurns)
				want[string(message)] = true
				frags, err := Fragment(number, message)
				if err != nil {
					t.Fatal(err)
				}
				outboxes[from].Keep(number, frags)
				for i, f := range frags {
					send(0, from, f)
					if i == 0 { // without any piece nobody knows of the message
						network = append(network, packet{0, from, f})
					}
				}
			}
		}
		reassembler := NewReassembler()
		asked := 0
		for now := time.Duration(0); now < 2*time.Second; now += ms {
			var later []packet
			for _, p := range network {
				if p.at > now {
					later = append(later, p)
					continue
				}
				m, err := Decode(p.frag)
				if err != nil {
					t.Fatal(err)
				}
				message, complete := reassembler.Add(now, p.from, m.(Frag))
				checkBounds(t, reassembler)
				if complete {
					if !want[string(message)] {
						t.Fatalf("seed %d: a message that nobody sent, or twice", seed)
					}
					delete(want, string(message))
				}
			}
			network = later
			if wake, ok := reassembler.NextWake(); !ok || wake > now {
				continue
			}
			for _, w := range reassembler.Missing(now) {
				asked++
				for _, f := range outboxes[w.Of].Get(w.Number, w.Missing) {
					send(now, w.Of, f)
				}
			}
		}
		stats := reassembler.Stats()
		if len(want) > 0 || stats.GivenUp > 0 || stats.DroppedFull > 0 {
			t.Fatalf("seed %d: %d messages did not come: %+v", seed, len(want), stats)
		}
		if asked == 0 || stats.Duplicates == 0 {
			t.Fatalf("seed %d: nothing was lost or repeated: %+v", seed, stats)
		}
	}
}

// When missing pieces are asked for, to the millisecond.
func TestMissingSchedule(t *testing.T) {
	_, frags := cut(t, 1, 7, 4*MaxFragData)
	r := NewReassembler()
	if _, ok := r.NextWake(); ok {
		t.Error("an empty Reassembler wants to be woken")
	}
	r.Add(100*ms, 5, frags[0])
	r.Add(110*ms, 5, frags[2])
	r.Add(115*ms, 5, frags[2]) // a repeated piece is no progress

	var at []time.Duration
	run := func(to time.Duration) {
		for {
			wake, ok := r.NextWake()
			if !ok || wake > to {
				return
			}
			if got := r.Missing(wake - 1); got != nil {
				t.Fatalf("asked before it is due: %v", got)
			}
			for _, w := range r.Missing(wake) {
				at = append(at, wake)
				if w.Of != 5 || w.Number != 7 {
					t.Fatalf("asks %v", w)
				}
			}
		}
	}
	run(200 * ms)
	if got := fmt.Sprint(at); got != "[130ms 170ms]" {
		t.Errorf("asked at %v", got)
	}
	// A new piece begins the waits anew.
	at = nil
	r.Add(200*ms, 5, frags[1])
	wake, _ := r.NextWake()
	if got := r.Missing(wake); len(got) != 1 || got[0] != (FragWant{Of: 5, Number: 7, Missing: 1 << 3}) {
		t.Errorf("asks %v", got)
	}
	at = append(at, wake)
	run(2 * time.Second)
	if got := fmt.Sprint(at); got != "[220ms 260ms 340ms 500ms 820ms 1.46s]" {
		t.Errorf("asked at %v", got)
	}
	if wake, ok := r.NextWake(); !ok || wake != 2100*ms {
		t.Errorf("to be given up at %v, %v", wake, ok)
	}
	run(2100 * ms)
	if s := r.Stats(); s.GivenUp != 1 || len(r.partials) != 0 {
		t.Errorf("not given up: %+v", s)
	}
	// A late piece does not start it anew.
	r.Add(3*time.Second, 5, frags[3])
	if _, ok := r.NextWake(); ok {
		t.Error("a message given up has come back")
	}
}

func TestAddDrops(t *testing.T) {
	message, frags := cut(t, 1, 7, 3*MaxFragData)
	other, otherFrags := cut(t, 2, 7, 3*MaxFragData)
	_, four := cut(t, 3, 7, 4*MaxFragData)
	r := NewReassembler()
	r.Add(0, 1, frags[0])
	r.Add(0, 1, four[1])                                               // another count
	r.Add(0, 1, Frag{Number: 7, Index: 3, Count: 3, Data: []byte{1}})  // no such piece
	r.Add(0, 1, Frag{Number: 7, Index: 1, Count: 3, Data: []byte{1}})  // short
	r.Add(0, 1, Frag{Number: 7, Index: 0, Count: 65, Data: []byte{1}}) // too many
	r.Add(0, 1, frags[0])                                              // twice
	r.Add(0, 1, otherFrags[0])                                         // twice, and different
	r.Add(0, 1, frags[1])
	// The same number of another sender is another message.
	for i, f := range otherFrags {
		got, complete := r.Add(0, 2, f)
		if complete != (i == 2) || complete && !bytes.Equal(got, other) {
			t.Fatalf("piece %d of sender 2: %v", i, complete)
		}
	}
	got, complete := r.Add(0, 1, frags[2])
	if !complete || !bytes.Equal(got, message) {
		t.Fatalf("complete %v, equal %v", complete, bytes.Equal(got, message))
	}
	if _, complete := r.Add(0, 1, frags[2]); complete {
		t.Error("completed twice")
	}
	want := ReassemblerStats{Duplicates: 3, Inconsistent: 1, Malformed: 3}
	if r.Stats() != want {
		t.Errorf("stats %+v, want %+v", r.Stats(), want)
	}
	checkBounds(t, r)

	// What comes out is not a piece again.
	nested := Frag{Number: 8, Count: 1, Data: encode(t, Frag{Count: 1, Data: []byte{1}})}
	if _, complete := r.Add(0, 1, nested); complete || r.Stats().Malformed != 4 {
		t.Errorf("a piece in a piece: complete %v, %+v", complete, r.Stats())
	}
	// What comes out is the caller's own.
	m, f := cut(t, 4, 9, 100)
	got, _ = r.Add(0, 1, f[0])
	clear(f[0].Data)
	if !bytes.Equal(got, m) {
		t.Error("the message shares memory with the piece")
	}
}

func TestReassemblerBounds(t *testing.T) {
	first := func(number uint32, count uint8) Frag {
		return Frag{Number: number, Count: count, Data: make([]byte, MaxFragData)}
	}
	t.Run("partials of a sender", func(t *testing.T) {
		r := NewReassembler()
		r.Add(0, 2, first(0, 2))
		for n := range uint32(MaxPartialsPerSender + 3) {
			r.Add(0, 1, first(n, 2))
			checkBounds(t, r)
		}
		if r.Stats().DroppedFull != 3 || r.partials[0].from != 2 || r.partials[1].number != 3 {
			t.Errorf("%+v, oldest %v", r.Stats(), r.partials[1].fragKey)
		}
		if r.Add(0, 1, first(2, 2)); r.Stats().Duplicates != 1 {
			t.Error("a piece of a dropped message starts it anew")
		}
	})
	t.Run("bytes of a sender", func(t *testing.T) {
		r := NewReassembler()
		for n := range uint32(5) {
			r.Add(0, 1, first(n, MaxFragments))
			checkBounds(t, r)
		}
		if r.Stats().DroppedFull != 2 || r.partials[0].number != 2 {
			t.Errorf("%+v, oldest %v", r.Stats(), r.partials[0].fragKey)
		}
	})
	t.Run("partials of all", func(t *testing.T) {
		r := NewReassembler()
		for from := range uint64(MaxPartials + 3) {
			r.Add(0, from, first(0, 2))
			checkBounds(t, r)
		}
		if r.Stats().DroppedFull != 3 || r.partials[0].from != 3 {
			t.Errorf("%+v, oldest %v", r.Stats(), r.partials[0].fragKey)
		}
	})
	t.Run("bytes of all", func(t *testing.T) {
		r := NewReassembler()
		fit := uint64(MaxAllPartialBytes / (MaxFragments * MaxFragData))
		for from := range fit + 3 {
			r.Add(0, from, first(0, MaxFragments))
			checkBounds(t, r)
		}
		if r.Stats().DroppedFull != 3 || r.partials[0].from != 3 {
			t.Errorf("%+v, oldest %v", r.Stats(), r.partials[0].fragKey)
		}
	})
	t.Run("finished", func(t *testing.T) {
		r := NewReassembler()
		for n := range uint32(MaxFinished + 2) {
			r.Add(0, 1, Frag{Number: n, Count: 1, Data: []byte{1}})
			checkBounds(t, r)
		}
		if r.Add(0, 1, first(2, 2)); r.Stats().Duplicates != 1 {
			t.Error("a remembered message is started anew")
		}
		if r.Add(0, 1, first(1, 2)); r.Stats().Duplicates != 1 || len(r.partials) != 1 {
			t.Error("the oldest finished message is not forgotten")
		}
	})
}

func TestOutbox(t *testing.T) {
	var o Outbox
	pieces := func(number uint32, n, size int) [][]byte {
		frags := make([][]byte, n)
		for i := range frags {
			frags[i] = make([]byte, size)
			frags[i][0], frags[i][1] = byte(number), byte(i)
		}
		return frags
	}
	o.Keep(3, pieces(3, 4, 10))
	got := o.Get(3, 1<<3|1<<1|1<<63)
	if len(got) != 2 || got[0][1] != 1 || got[1][1] != 3 {
		t.Errorf("pieces 1 and 3 asked, got %v", got)
	}
	if got := o.Get(4, 1); got != nil {
		t.Errorf("pieces of a message never kept: %v", got)
	}
	o.Keep(3, pieces(3, 2, 10))
	if len(o.Get(3, 0xff)) != 2 || o.bytes != 20 || len(o.kept) != 1 {
		t.Errorf("kept again: %d pieces, %d bytes", len(o.Get(3, 0xff)), o.bytes)
	}
	for n := range uint32(MaxKept + 2) {
		o.Keep(100+n, pieces(n, 1, 10))
	}
	if len(o.kept) != MaxKept || o.Get(3, 1) != nil || o.Get(101, 1) != nil || o.Get(102, 1) == nil {
		t.Errorf("%d messages kept", len(o.kept))
	}
	o = Outbox{}
	const each = MaxFragments * MaxPayload
	for n := range uint32(MaxKeptBytes/each + 2) {
		o.Keep(n, pieces(n, MaxFragments, MaxPayload))
		if o.bytes > MaxKeptBytes {
			t.Fatalf("%d bytes kept", o.bytes)
		}
	}
	if len(o.kept) != MaxKeptBytes/each || o.Get(1, 1) != nil || o.Get(2, 1) == nil {
		t.Errorf("%d messages of %d bytes kept", len(o.kept), each)
	}
}
