package floor

import (
	"fmt"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/broken"
)

var sizes = []int{3, 16, 64}

// benchGroup is a group that is up, of which the first floor is measured.
func benchGroup(size int) (now time.Duration, floors []*Floor) {
	now = time.Hour
	var members []Member
	for i := range size {
		members = append(members, Member{Key: [32]byte{byte(i)}, Incarnation: uint64(100 + i)})
	}
	view := NewView(members...)
	for _, m := range members {
		f := New(Config{Self: m, View: view}, now)
		f.Tick(now + Quiet)
		f.Ready(now + Quiet)
		floors = append(floors, f)
	}
	return now + Quiet, floors
}

// BenchmarkEnter is a request that nobody contends: the REQ, the replies of all
// others, entry, and leaving.
func BenchmarkEnter(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			now, floors := benchGroup(size)
			f := floors[0]
			rep := Rep{View: f.view.hash, Grants: make([]Grant, 1)}
			b.ReportAllocs()
			for b.Loop() {
				now += time.Millisecond
				f.AskAll(now)
				f.Ready(now)
				for _, o := range floors[1:] {
					rep.Grants[0] = Grant{To: f.self, TS: f.ts, K: f.k}
					f.Receive(now, o.self, 1, rep)
					f.Ready(now)
				}
				if _, ok := f.Holds(now); !ok {
					b.Fatal("it did not enter")
				}
				f.Leave(now)
				f.Ready(now)
			}
		})
	}
}

// BenchmarkEnterKept is entry on permissions kept from before, and leaving.
func BenchmarkEnterKept(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			now, floors := benchGroup(size)
			f := floors[0]
			f.AskAll(now)
			for _, o := range floors[1:] {
				f.Receive(now, o.self, 1, Rep{View: f.view.hash, Grants: []Grant{{To: f.self, TS: f.ts, K: f.k}}})
			}
			f.Leave(now)
			f.Ready(now)
			b.ReportAllocs()
			for b.Loop() {
				f.Ask(now)
				if _, ok := f.Holds(now); !ok {
					b.Fatal("it did not enter")
				}
				f.Leave(now)
				f.Ready(now)
			}
		})
	}
}

// BenchmarkAnswer is a REQ that is received and answered.
func BenchmarkAnswer(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			now, floors := benchGroup(size)
			f, k := floors[0], uint32(0)
			b.ReportAllocs()
			for b.Loop() {
				now += time.Millisecond
				k++
				o := floors[1+int(k)%(size-1)]
				f.Receive(now, o.self, k, Req{TS: uint64(k), K: k, View: f.view.hash})
				if r := f.Ready(now); len(r.Send) != 1 {
					b.Fatal("it did not answer")
				}
			}
		})
	}
}

// BenchmarkHandOver is one hold of a group in which all the others wait: the
// work of all members together, from one entry to the next.
func BenchmarkHandOver(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r := newRush(size, 50*time.Microsecond, 50*time.Microsecond, broken.Rules{})
			if err := r.steady(); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := r.run(1); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(r.datagrams)/float64(b.N), "datagrams/op")
		})
	}
}
