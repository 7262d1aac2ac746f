package wire

import (
	"math/rand/v2"
	"testing"
)

func benchmarks() []struct {
	name string
	m    Message
} {
	r := rand.New(rand.NewPCG(1, 1))
	beat := random(r, KindBeat).(Beat)
	beat.Heard = nil
	for i := range uint64(MaxHeard) {
		beat.Heard = append(beat.Heard, Heard{Incarnation: i << 57, Counter: r.Uint32(), InView: true})
	}
	line := make([]byte, 194) // a turn of one short line
	return []struct {
		name string
		m    Message
	}{
		{"REQ", random(r, KindReq)},
		{"BEAT64", beat},
		{"TURN", Turns{Turns: [][]byte{line}}},
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range benchmarks() {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, MaxPayload)
			for b.Loop() {
				if _, err := Append(buf, c.m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchmarks() {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			buf := encode(b, c.m)
			for b.Loop() {
				if _, err := Decode(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReassemble(b *testing.B) {
	b.ReportAllocs()
	_, frags := cut(b, 1, 0, 33000)
	r := NewReassembler()
	number := uint32(0)
	for b.Loop() {
		number++
		complete := false
		for _, f := range frags {
			f.Number = number
			_, complete = r.Add(0, 1, f)
		}
		if !complete {
			b.Fatal(r.Stats())
		}
	}
}
