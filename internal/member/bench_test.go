package member

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// benchGroup returns the leader of a full mesh of n, and the heartbeats of the others.
func benchGroup(n int) (*Membership, []wire.Beat) {
	m := New(Config{Self: floor.Member{Incarnation: 1}, Name: "m", Rand: rand.New(rand.NewPCG(1, 1))}, 0)
	m.Sent(0, 1)
	m.SetQuiet(0, false)
	var heard []wire.Heard
	for i := range n {
		heard = append(heard, wire.Heard{Incarnation: uint64(i + 1), Counter: 1})
	}
	beats := make([]wire.Beat, 0, n)
	for i := range n {
		b := wire.Beat{Interval: 250 * time.Millisecond, Leader: uint64(i + 1)}
		b.Heard = append(append(b.Heard, heard[:i]...), heard[i+1:]...)
		beats = append(beats, b)
	}
	for range 2 {
		for i := 1; i < n; i++ {
			inc := uint64(i + 1)
			m.Heard(0, inc, 1)
			m.Hello(0, inc, wire.Hello{Key: turn.Key{byte(i)}})
			m.Beat(0, inc, 1, beats[i])
		}
	}
	m.Ready(0)
	return m, beats
}

func BenchmarkBeat(b *testing.B) {
	for _, n := range []int{3, 16, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, beats := benchGroup(n)
			if m.View().Len() != n {
				b.Fatalf("the view has %d members", m.View().Len())
			}
			b.ReportAllocs()
			i, counter := 0, uint32(1)
			for b.Loop() {
				if i++; i >= n {
					i = 1
				}
				counter++
				m.Heard(0, uint64(i+1), counter)
				m.Beat(0, uint64(i+1), counter, beats[i])
				m.Ready(0)
			}
		})
	}
}

func BenchmarkTick(b *testing.B) {
	for _, n := range []int{3, 16, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, _ := benchGroup(n)
			b.ReportAllocs()
			for b.Loop() {
				m.Tick(0)
				m.Ready(0)
			}
		})
	}
}
