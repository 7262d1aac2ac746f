package memnet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/papo-chat/papo/internal/transport/transporttest"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func suite() transporttest.Suite {
	return transporttest.Suite{
		Open: func(tb testing.TB, members int) []transporttest.Transport {
			tb.Helper()
			n := New(seeded(1), 0)
			trs := make([]transporttest.Transport, members)
			for i := range trs {
				node, err := n.Listen(fmt.Sprintf("10.0.0.%d:5007", i+1))
				if err != nil {
					tb.Fatal(err)
				}
				trs[i] = node
			}
			return trs
		},
		Keeps:       func(transporttest.Transport, int) int { return DefaultLimit },
		MaxDatagram: MaxDatagram,
	}
}

func TestConformance(t *testing.T) { suite().Run(t) }

func BenchmarkEcho(b *testing.B) { suite().BenchmarkEcho(b) }

// heard is one delivery, with the virtual time since the start.
type heard struct {
	at   time.Duration
	from string
	text string
}

// listen starts a node whose deliveries go to the channel.
func listen(t *testing.T, n *Net, addr string) (*Node, <-chan heard) {
	t.Helper()
	node, err := n.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	ch := make(chan heard, 10000)
	node.Start(func(from string, b []byte) { ch <- heard{time.Since(start), from, string(b)} },
		func(err error) { t.Error(err) })
	return node, ch
}

func TestNetInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(seeded(1), 0)
		a, heardByA := listen(t, n, "a")
		b, heardByB := listen(t, n, "b")
		defer a.Close()
		defer b.Close()
		if err := n.SetLink("a", "b", Faults{MinDelay: 30 * time.Millisecond, MaxDelay: 30 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"one", "two"} {
			if err := a.Send("", []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []heard{{0, "a", "one"}, {0, "a", "two"}} {
			if got := <-heardByA; got != want {
				t.Errorf("a heard %v, want %v", got, want)
			}
		}
		time.Sleep(10 * time.Millisecond)
		// What comes sooner is not kept waiting by what was sent before.
		if err := n.SetLink("b", "b", Faults{MinDelay: time.Millisecond, MaxDelay: time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		if err := b.Send("b", []byte("own")); err != nil {
			t.Fatal(err)
		}
		for _, want := range []heard{{11 * time.Millisecond, "b", "own"}, {30 * time.Millisecond, "a", "one"}, {30 * time.Millisecond, "a", "two"}} {
			if got := <-heardByB; got != want {
				t.Errorf("b heard %v, want %v", got, want)
			}
		}
		if err := n.SetLink("a", "b", Faults{Cut: true}); err != nil {
			t.Fatal(err)
		}
		if err := a.Send("", []byte("cut")); err != nil {
			t.Fatal(err)
		}
		if err := b.Send("a", []byte("the other way")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := <-heardByA; got.text != "cut" {
			t.Errorf("a heard %v", got)
		}
		if got := <-heardByA; got.text != "the other way" {
			t.Errorf("a heard %v", got)
		}
		if len(heardByB) != 0 {
			t.Errorf("b heard %v by a cut link", <-heardByB)
		}
		want := Stats{Sent: 5, Delivered: 7, Lost: 1}
		if got := n.Stats(); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

func TestNetLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 5
		n := New(seeded(1), limit)
		a, _ := listen(t, n, "a")
		defer a.Close()
		b, err := n.Listen("b") // not started yet
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		for i := range 2 * limit {
			if err := a.Send("b", []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		var got []byte
		b.Start(func(_ string, b []byte) { got = append(got, b...) }, nil)
		synctest.Wait()
		if string(got) != "\x00\x01\x02\x03\x04" {
			t.Errorf("kept %v, want the first %d", got, limit)
		}
		if s := n.Stats(); s.Overflowed != limit {
			t.Errorf("%+v", s)
		}
	})
}

func TestNetErrors(t *testing.T) {
	n := New(seeded(1), 0)
	a, err := n.Listen("a")
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"", "a"} {
		if _, err := n.Listen(addr); !errors.Is(err, ErrAddress) {
			t.Errorf("Listen(%q): %v, want ErrAddress", addr, err)
		}
	}
	if err := a.Send("", make([]byte, MaxDatagram+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("%v, want ErrTooLong", err)
	}
	if err := a.Send("nobody", nil); err != nil {
		t.Errorf("sending to nobody: %v", err)
	}
	if s := n.Stats(); s.Nowhere != 1 {
		t.Errorf("%+v", s)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if again, err := n.Listen("a"); err != nil {
		t.Errorf("using an address again: %v", err)
	} else {
		again.Close()
	}
	if n.SetAll(Faults{Loss: 2}) == nil || n.SetLink("a", "b", Faults{MinDelay: -1}) == nil {
		t.Error("faults that cannot be were taken")
	}
}

// A node that is closed and comes again does not get what its predecessor did
// not take.
func TestNetRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(seeded(1), 0)
		a, _ := listen(t, n, "a")
		defer a.Close()
		b, _ := listen(t, n, "b")
		if err := n.SetAll(Faults{MinDelay: time.Second, MaxDelay: time.Second}); err != nil {
			t.Fatal(err)
		}
		if err := a.Send("b", []byte("to the first")); err != nil {
			t.Fatal(err)
		}
		b.Close()
		b, heardByB := listen(t, n, "b")
		defer b.Close()
		if err := a.Send("b", []byte("to the second")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := <-heardByB; got.text != "to the second" || len(heardByB) != 0 {
			t.Errorf("heard %v and %d more", got, len(heardByB))
		}
	})
}
