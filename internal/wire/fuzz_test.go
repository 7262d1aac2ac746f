package wire

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/fuzzloop"
)

// The seeds reach each kind of message and each reason to refuse one.
func TestSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	kinds, refusals := map[Kind]bool{}, map[error]bool{}
	for _, b := range fuzzloop.Seeds(t, "FuzzDecode") {
		m, err := Decode(b)
		if err == nil {
			kinds[m.Kind()] = true
		}
		refusals[errors.Unwrap(err)] = true
	}
	for k := range kindNames {
		if k := Kind(k); k > 0 && !kinds[k] {
			t.Errorf("no seed is a whole %v", k)
		}
	}
	// All but ErrTooLarge: such a seed would make all mutants slow.
	for _, err := range []error{ErrTruncated, ErrTrailing, ErrBounds, ErrUnsorted, ErrFlags, ErrUnknownKind} {
		if !refusals[err] {
			t.Errorf("no seed is refused because %v", err)
		}
	}
	var all ReassemblerStats
	complete := 0
	for _, b := range fuzzloop.Seeds(t, "FuzzReassemble") {
		stats, n := reassemble(t, newLetters(t), b)
		complete += n
		all.Duplicates += stats.Duplicates
		all.Inconsistent += stats.Inconsistent
		all.Malformed += stats.Malformed
		all.DroppedFull += stats.DroppedFull
		all.GivenUp += stats.GivenUp
	}
	if complete == 0 || all.Duplicates == 0 || all.Inconsistent == 0 || all.Malformed == 0 || all.DroppedFull == 0 || all.GivenUp == 0 {
		t.Errorf("the seeds complete %d messages and reach %+v", complete, all)
	}
}

func writeSeeds(t *testing.T) {
	for i, m := range samples() {
		fuzzloop.WriteSeed(t, "FuzzDecode", fmt.Sprintf("%02d-%v", i, m.Kind()), encode(t, m))
	}
	for name, b := range map[string][]byte{
		"empty":         nil,
		"kind-0":        {0},
		"kind-15":       {15},
		"cut-REQ":       encode(t, Req{TS: 1})[:12],
		"trailing":      append(encode(t, Bye{}), 0),
		"wait-why-0":    append([]byte{byte(KindWait)}, make([]byte, 23)...),
		"fragwant-none": append([]byte{byte(KindFragWant)}, make([]byte, 20)...),
		"flags-HELLO":   {byte(KindHello), 2},
	} {
		fuzzloop.WriteSeed(t, "FuzzDecode", name, b)
	}
	for name, size := range map[string]int{"one-piece": MaxFragData, "two-pieces": MaxFragData + 1, "two-whole-pieces": 2 * MaxFragData} {
		said := bytes.Repeat([]byte("a"), size-turnsFixed-turnPrefix)
		fuzzloop.WriteSeed(t, "FuzzDecode", name, encode(t, Turns{Turns: [][]byte{said}}))
	}
	unsorted := encode(t, Beat{Heard: []Heard{{1, 1, false}, {2, 2, true}}})
	copy(unsorted[len(unsorted)-heardSize:], make([]byte, heardSize))
	fuzzloop.WriteSeed(t, "FuzzDecode", "unsorted-BEAT", unsorted)
	fuzzloop.WriteSeed(t, "FuzzReassemble", "in-order", []byte{0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3})
	fuzzloop.WriteSeed(t, "FuzzReassemble", "lost-and-asked", []byte{0, 5, 1, 1, 5, 0, 3, 25, 0, 3, 50, 0, 0, 5, 1, 3, 255, 255})
	fuzzloop.WriteSeed(t, "FuzzReassemble", "other-count", []byte{2, 64, 18, 2, 61, 34})
	fuzzloop.WriteSeed(t, "FuzzReassemble", "full", []byte{2, 64, 18, 2, 64, 19, 2, 64, 20, 2, 64, 21})
	fuzzloop.WriteSeed(t, "FuzzReassemble", "hostile", []byte{2, 64, 0, 2, 3, 1, 2, 255, 9, 0, 1, 0, 2, 1, 200, 3, 255, 0, 3, 255, 255})
}

func FuzzDecode(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, b []byte) {
		m, err := Decode(b)
		if err != nil {
			if m != nil {
				t.Fatalf("%v and an error: %v", m, err)
			}
			return
		}
		if m.Kind() != Kind(b[0]) || m.String() == "" {
			t.Fatalf("%x is read as %v", b, m)
		}
		again, err := Append(nil, m)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v:\nread from %x\nwritten   %x, %v", m, b, again, err)
		}
		inPieces(t, b)
		if turns, ok := m.(Turns); ok && TurnsSize(turns) != len(b) {
			t.Fatalf("TurnsSize is %d, encoded are %d", TurnsSize(turns), len(b))
		}
	})
}

// inPieces cuts a message up, and has it put together from its pieces, last first.
func inPieces(t testing.TB, b []byte) {
	frags, err := Fragment(7, b)
	if nested := Kind(b[0]) == KindFrag; nested || err != nil {
		if !nested || !errors.Is(err, ErrNested) {
			t.Fatalf("%x cannot be cut: %v", b, err)
		}
		return
	}
	r := NewReassembler()
	var whole []byte
	for i := len(frags) - 1; i >= 0; i-- {
		m, err := Decode(frags[i])
		if err != nil || len(frags[i]) > MaxPayload {
			t.Fatalf("piece %d, %d bytes: %v", i, len(frags[i]), err)
		}
		message, complete := r.Add(0, 1, m.(Frag))
		if complete != (i == 0) {
			t.Fatalf("complete with pieces %d to %d", i, len(frags)-1)
		}
		whole = message
	}
	if !bytes.Equal(whole, b) {
		t.Fatalf("cut:  %x\nagain %x", b, whole)
	}
}

// letters are the messages of FuzzReassemble, by sender and number.
type letters struct {
	messages [3][4][]byte
	pieces   [3][4][]Frag
}

func newLetters(t testing.TB) *letters {
	var l letters
	for s := range l.messages {
		for n := range l.messages[s] {
			l.messages[s][n], l.pieces[s][n] = cut(t, uint64(s), uint32(n), 1+(s*len(l.messages[s])+n)*600)
		}
	}
	return &l
}

// FuzzReassemble reads a schedule, three bytes a step: see reassemble.
func FuzzReassemble(f *testing.F) {
	l := newLetters(f)
	fuzzloop.Schedule(f, func(t testing.TB, steps []byte) { reassemble(t, l, steps) })
}

// reassemble plays honest pieces of twelve messages of three senders, hostile pieces
// under other numbers, and time. It gives the counts, and how many messages were
// completed.
func reassemble(t testing.TB, l *letters, steps []byte) (ReassemblerStats, int) {
	data := make([]byte, MaxFragData)
	senders, numbers := len(l.messages), len(l.messages[0])
	r := NewReassembler()
	now := time.Duration(0)
	completed := map[fragKey]bool{}
	came := map[fragKey]uint64{}
	for ; len(steps) >= 3; steps = steps[3:] {
		a, b := int(steps[1]), int(steps[2])
		s := a % senders
		key := fragKey{from: uint64(s)}
		switch steps[0] % 4 {
		case 0, 1:
			n := a / senders % numbers
			key.number = uint32(n)
			frag := l.pieces[s][n][b%len(l.pieces[s][n])]
			before := r.Stats().Duplicates
			got, complete := r.Add(now, key.from, frag)
			if again := came[key]>>frag.Index&1 != 0; again && r.Stats().Duplicates != before+1 {
				t.Fatalf("piece %d of message %v came again, and is not counted so", frag.Index, key)
			}
			came[key] |= 1 << frag.Index
			if !complete {
				break
			}
			if completed[key] || !bytes.Equal(got, l.messages[s][n]) {
				t.Fatalf("message %v: complete again %v, %d bytes", key, completed[key], len(got))
			}
			if came[key] != ^uint64(0)>>(64-len(l.pieces[s][n])) {
				t.Fatalf("message %v is complete with pieces %x", key, came[key])
			}
			completed[key] = true
		case 2:
			key.number = uint32(numbers + b%16)
			hostile := Frag{Number: key.number, Index: uint8(b), Count: uint8(a), Data: data[:min(a*b, len(data))]}
			r.Add(now, key.from, hostile)
		case 3:
			now += time.Duration(a) * time.Millisecond
			for _, w := range r.Missing(now) {
				key := fragKey{w.Of, w.Number}
				if w.Missing == 0 || completed[key] || w.Missing&came[key] != 0 {
					t.Fatalf("asks %v of which %x came", w, came[key])
				}
			}
			if wake, ok := r.NextWake(); ok && wake <= now {
				t.Fatalf("to be woken at %v, which was done at %v", wake, now)
			}
		}
		checkBounds(t, r)
	}
	// With time, nothing stays behind.
	for range 10 {
		now += time.Second
		r.Missing(now)
	}
	if len(r.partials) > 0 || r.bytes != 0 {
		t.Fatalf("%d partials of %d bytes stay for ever", len(r.partials), r.bytes)
	}
	return r.Stats(), len(completed)
}
