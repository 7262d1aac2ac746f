package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// script is a socket that gives what it is told to, in virtual time.
type script func(call int, b []byte) (int, netip.AddrPort, error)

type scripted struct {
	calls int
	do    script
}

func (s *scripted) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	s.calls++
	return s.do(s.calls, b)
}

func TestReadErrorsEndNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const errorsInARow = 60
		var fails, delivered int
		conn := &scripted{do: func(call int, b []byte) (int, netip.AddrPort, error) {
			switch {
			case call == errorsInARow+3:
				return 0, netip.AddrPort{}, fmt.Errorf("read: %w", net.ErrClosed)
			case call == errorsInARow+1:
				return copy(b, "heard"), netip.MustParseAddrPort("192.0.2.1:7"), nil
			}
			return 0, netip.AddrPort{}, errors.New("broken")
		}}
		r := &receiver{
			conn:    conn,
			deliver: func(string, []byte) { delivered++ },
			fail:    func(error) { fails++ },
			tooLong: func() { t.Error("counted as too long") },
		}
		start := time.Now()
		r.run()
		if fails != errorsInARow+1 || delivered != 1 {
			t.Errorf("%d errors told and %d datagrams delivered, want %d and 1", fails, delivered, errorsInARow+1)
		}
		// 1 ms doubling to 1 s, each second from the 11th on, and 1 ms again after the datagram.
		want := 1023*time.Millisecond + (errorsInARow-10)*time.Second + time.Millisecond
		if got := time.Since(start); got != want {
			t.Errorf("backed off for %v, want %v", got, want)
		}
	})
}

func TestBackOffEndsAtClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		var fails atomic.Int32
		r := &receiver{
			conn:    &scripted{do: func(int, []byte) (int, netip.AddrPort, error) { return 0, netip.AddrPort{}, errors.New("broken") }},
			done:    done,
			fail:    func(error) { fails.Add(1) },
			deliver: func(string, []byte) { t.Error("delivered") },
		}
		ended := make(chan struct{})
		go func() { r.run(); close(ended) }()
		time.Sleep(time.Minute + time.Millisecond/2)
		before := fails.Load()
		close(done)
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Fatal("still running")
		}
		if fails.Load() != before {
			t.Error("failed again after Close")
		}
	})
}

func TestTooLongIsCounted(t *testing.T) {
	lengths := []int{MaxDatagram, MaxDatagram + 1, 5}
	counted := 0
	var got []int
	r := &receiver{
		conn: &scripted{do: func(call int, b []byte) (int, netip.AddrPort, error) {
			if call > len(lengths) {
				return 0, netip.AddrPort{}, net.ErrClosed
			}
			return min(lengths[call-1], len(b)), netip.MustParseAddrPort("192.0.2.1:7"), nil
		}},
		deliver: func(_ string, b []byte) { got = append(got, len(b)) },
		fail:    func(err error) { t.Error(err) },
		tooLong: func() { counted++ },
	}
	r.run()
	if fmt.Sprint(got) != "[1500 5]" || counted != 1 {
		t.Errorf("delivered %v, counted %d too long", got, counted)
	}
}

func TestNamesAreBoundedAndStable(t *testing.T) {
	r := &receiver{names: make(map[netip.AddrPort]string)}
	base := netip.MustParseAddr("10.0.0.0")
	for i := range 10 * maxNames {
		a := netip.AddrPortFrom(base, uint16(1+i%60000))
		if got, want := r.name(a), fmt.Sprintf("10.0.0.0:%d", 1+i%60000); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
		if len(r.names) > maxNames {
			t.Fatalf("%d names kept", len(r.names))
		}
	}
	for in, want := range map[string]string{
		"192.0.2.1:7":          "192.0.2.1:7",
		"[::ffff:192.0.2.1]:7": "192.0.2.1:7",
		"[fe80::1%eth0]:7":     "[fe80::1%eth0]:7",
	} {
		if got := r.name(netip.MustParseAddrPort(in)); got != want {
			t.Errorf("%s is written %q, want %q", in, got, want)
		}
	}
}
