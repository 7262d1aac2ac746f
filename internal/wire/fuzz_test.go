package wire

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A fuzz target without its seeds checks nothing.
func TestSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	for target, least := range map[string]int{"FuzzDecode": len(samples()), "FuzzReassemble": 3} {
		files, err := os.ReadDir(filepath.Join("testdata", "fuzz", target))
		if err != nil || len(files) < least {
			t.Errorf("%d seeds of %s, want %d at least: %v", len(files), target, least, err)
		}
	}
}

func writeSeeds(t *testing.T) {
	write := func(target, name string, b []byte) {
		dir := filepath.Join("testdata", "fuzz", target)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", b)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range samples() {
		write("FuzzDecode", fmt.Sprintf("%02d-%v", i, m.Kind()), encode(t, m))
	}
	write("FuzzReassemble", "in-order", []byte{0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3})
	write("FuzzReassemble", "lost-and-asked", []byte{0, 5, 1, 1, 5, 0, 3, 25, 0, 3, 50, 0, 0, 5, 1, 3, 255, 255})
	write("FuzzReassemble", "hostile", []byte{2, 64, 0, 2, 3, 1, 2, 255, 9, 0, 1, 0, 2, 1, 200, 3, 255, 0, 3, 255, 255})
}

func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
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
		if turns, ok := m.(Turns); ok && TurnsSize(turns) != len(b) {
			t.Fatalf("TurnsSize is %d, encoded are %d", TurnsSize(turns), len(b))
		}
	})
}

// FuzzReassemble reads a schedule, three bytes a step: honest pieces of twelve
// messages of three senders, hostile pieces under other numbers, time.
func FuzzReassemble(f *testing.F) {
	const senders, numbers = 3, 4
	var messages [senders][numbers][]byte
	var pieces [senders][numbers][]Frag
	for s := range messages {
		for n := range messages[s] {
			size := 1 + (s*numbers+n)*600
			messages[s][n], pieces[s][n] = cut(f, uint64(s), uint32(n), size)
		}
	}
	data := make([]byte, MaxFragData)
	f.Fuzz(func(t *testing.T, steps []byte) {
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
				frag := pieces[s][n][b%len(pieces[s][n])]
				got, complete := r.Add(now, key.from, frag)
				came[key] |= 1 << frag.Index
				if !complete {
					break
				}
				if completed[key] || !bytes.Equal(got, messages[s][n]) {
					t.Fatalf("message %v: complete again %v, %d bytes", key, completed[key], len(got))
				}
				if came[key] != ^uint64(0)>>(64-len(pieces[s][n])) {
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
	})
}
