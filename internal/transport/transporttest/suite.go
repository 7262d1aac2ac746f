// Package transporttest holds what every transport must do, as tests, and the
// bare-socket benchmark against which they are measured.
package transporttest

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// Transport carries datagrams between the members of a group.
type Transport interface {
	// Start begins to receive. deliver gets the sender's unicast address, as
	// Send accepts it, and the bytes, which are valid only during the call.
	// fail gets read errors, none of which ends the receiving.
	Start(deliver func(from string, b []byte), fail func(error))
	// Send sends to everybody if to is empty, else to that address. It keeps
	// nothing of b.
	Send(to string, b []byte) error
	// Interfaces gives the names of what carries the datagrams now.
	Interfaces() []string
	// Close ends the receiving: when it returns, deliver is not called any
	// more. Send then fails with net.ErrClosed. A second Close is no
	// error.
	Close() error
}

// Suite is the conformance suite.
type Suite struct {
	// Open makes the members of a new group in which nobody else is. The suite
	// starts and closes them.
	Open func(tb testing.TB, members int) []Transport
	// Keeps gives how many datagrams of so many bytes a member keeps at least
	// while it does not read.
	Keeps func(tr Transport, size int) int
	// MaxDatagram is the longest datagram that is carried.
	MaxDatagram int
}

// Run runs the suite.
func (s Suite) Run(t *testing.T) {
	t.Run("everybody hears", s.everybodyHears)
	t.Run("unicast reaches one", s.unicastReachesOne)
	t.Run("from can be answered", s.fromCanBeAnswered)
	t.Run("sizes", s.sizes)
	t.Run("close ends delivery", s.closeEndsDelivery)
	t.Run("close at any time", s.closeAtAnyTime)
	t.Run("concurrent senders", s.concurrentSenders)
	t.Run("burst on a stalled receiver", s.burst)
}

// open gives started members, each with the ear that hears for it.
func (s Suite) open(t testing.TB, n int) ([]Transport, []*ear) {
	t.Helper()
	trs := s.Open(t, n)
	ears := make([]*ear, n)
	for i, tr := range trs {
		ears[i] = newEar()
		t.Cleanup(func() {
			if err := tr.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		tr.Start(ears[i].deliver, func(err error) { t.Errorf("member %d: %v", i, err) })
		if len(tr.Interfaces()) == 0 {
			t.Errorf("member %d has no interface", i)
		}
	}
	return trs, ears
}

func (s Suite) everybodyHears(t *testing.T) {
	trs, ears := s.open(t, 4)
	for i, tr := range trs {
		mustSend(t, tr, "", fmt.Sprintf("from %d", i))
	}
	for i, e := range ears {
		for j := range trs {
			if i != j { // whether one hears oneself is left open
				e.await(t, fmt.Sprintf("from %d", j))
			}
		}
	}
}

func (s Suite) unicastReachesOne(t *testing.T) {
	trs, ears := s.open(t, 4)
	addrs := addresses(t, trs, ears)
	mustSend(t, trs[0], addrs[1], "for 1 only")
	ears[1].await(t, "for 1 only")
	// What is heard after it, both ways, shows that it did not come before.
	mustSend(t, trs[0], "", "to all")
	for i, e := range ears[1:] {
		mustSend(t, trs[0], addrs[i+1], "to each")
		e.await(t, "to all")
		e.await(t, "to each")
	}
	for i, e := range ears {
		if got := e.count("for 1 only"); (i == 1) != (got == 1) {
			t.Errorf("member %d heard the datagram for member 1 %d times", i, got)
		}
	}
}

func (s Suite) fromCanBeAnswered(t *testing.T) {
	trs, ears := s.open(t, 3)
	mustSend(t, trs[0], "", "question")
	for i := range trs[1:] {
		asker := ears[i+1].await(t, "question")
		answer := fmt.Sprintf("answer of %d", i+1)
		mustSend(t, trs[i+1], asker, answer)
		answerer := ears[0].await(t, answer)
		mustSend(t, trs[0], answerer, "thanks")
		if from := ears[i+1].await(t, "thanks"); from != asker {
			t.Errorf("member 0 is %s when it sends to one, and %s when it sends to all", from, asker)
		}
	}
}

func (s Suite) sizes(t *testing.T) {
	trs, ears := s.open(t, 3)
	addrs := addresses(t, trs, ears)
	for _, size := range []int{1, 1200, s.MaxDatagram} {
		body := pattern(size)
		mustSend(t, trs[0], "", body)
		for _, e := range ears[1:] {
			e.await(t, body)
		}
		body = "u" + pattern(size-1)
		mustSend(t, trs[0], addrs[2], body)
		ears[2].await(t, body)
	}
	for _, to := range []string{"", addrs[1]} {
		if err := trs[0].Send(to, make([]byte, s.MaxDatagram+1)); err == nil {
			t.Errorf("Send(%q) took %d bytes", to, s.MaxDatagram+1)
		}
	}
}

func (s Suite) closeEndsDelivery(t *testing.T) {
	trs, ears := s.open(t, 3)
	stop := make(chan struct{})
	var talking sync.WaitGroup
	talking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := trs[0].Send("", []byte("talk")); err != nil {
					t.Errorf("Send: %v", err)
					return
				}
			}
		}
	})
	defer talking.Wait()
	defer close(stop)

	ears[1].await(t, "talk")
	if err := trs[1].Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	before := ears[1].total()
	ears[2].awaitMore(t, 100)
	if after := ears[1].total(); after != before {
		t.Errorf("%d datagrams were delivered after Close", after-before)
	}
	if err := trs[1].Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	for _, to := range []string{"", ears[1].await(t, "talk")} {
		if err := trs[1].Send(to, []byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Send(%q) after Close: %v, want net.ErrClosed", to, err)
		}
	}
}

func (s Suite) closeAtAnyTime(t *testing.T) {
	trs := s.Open(t, 2)
	if err := trs[0].Close(); err != nil {
		t.Errorf("Close before Start: %v", err)
	}
	e := newEar()
	trs[0].Start(e.deliver, func(err error) { t.Errorf("fail after Close: %v", err) })
	var closing sync.WaitGroup
	trs[1].Start(e.deliver, func(err error) { t.Errorf("fail: %v", err) })
	for range 4 {
		closing.Go(func() {
			if err := trs[1].Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	closing.Wait()
}

func (s Suite) concurrentSenders(t *testing.T) {
	const senders, each = 8, 20
	trs, ears := s.open(t, 3)
	addrs := addresses(t, trs, ears)
	text := func(sender, n int) string { return fmt.Sprintf("%d.%d %s", sender, n, pattern(50)) }
	var sending sync.WaitGroup
	for i := range senders {
		sending.Go(func() {
			to := ""
			if i%2 == 1 {
				to = addrs[1]
			}
			for n := range each {
				if err := trs[0].Send(to, []byte(text(i, n))); err != nil {
					t.Errorf("Send: %v", err)
				}
			}
		})
	}
	sending.Wait()
	for i := range senders {
		for n := range each {
			ears[1].await(t, text(i, n))
			if i%2 == 0 {
				ears[2].await(t, text(i, n))
			}
		}
	}
}

func (s Suite) burst(t *testing.T) {
	const datagrams, size = 1000, 1000
	trs, ears := s.open(t, 3)
	addrs := addresses(t, trs, ears)
	release := ears[1].stall()
	defer release()
	for n := range datagrams {
		mustSend(t, trs[0], "", fmt.Sprintf("burst %03d%s", n, strings.Repeat(".", size-9)))
	}
	release()
	// The last one is sent until it is heard, by the same way as the others.
	for _, e := range ears[1:] {
		e.awaitSent(t, trs[0], "", "end of burst")
	}
	want := min(datagrams, s.Keeps(trs[1], size))
	for i, e := range ears[1:] {
		t.Logf("member %d of %s heard %d of %d", i+1, addrs[i+1], e.prefixed("burst "), datagrams)
	}
	if got := ears[1].prefixed("burst "); got < want {
		t.Errorf("the stalled member kept %d datagrams, its buffer holds %d", got, want)
	}
}

// addresses makes each member known to the others and gives their addresses.
func addresses(t testing.TB, trs []Transport, ears []*ear) []string {
	t.Helper()
	addrs := make([]string, len(trs))
	for i, tr := range trs {
		hello := fmt.Sprintf("hello from %d", i)
		mustSend(t, tr, "", hello)
		for j, e := range ears {
			if i == j {
				continue
			}
			from := e.await(t, hello)
			if addrs[i] != "" && from != addrs[i] {
				t.Fatalf("member %d is %s to one and %s to another", i, addrs[i], from)
			}
			addrs[i] = from
		}
	}
	return addrs
}

// mustSend overwrites what it has sent: no transport may keep it.
func mustSend(t testing.TB, tr Transport, to, text string) {
	t.Helper()
	b := []byte(text)
	if err := tr.Send(to, b); err != nil {
		t.Fatalf("Send(%q): %v", to, err)
	}
	for i := range b {
		b[i] = 0xfe
	}
}

// pattern gives n bytes of which no part repeats soon.
func pattern(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13)
	}
	return string(b)
}
