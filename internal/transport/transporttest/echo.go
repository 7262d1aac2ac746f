package transporttest

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
)

// echoReceivers is how many members answer in the echo benchmarks.
const echoReceivers = 3

// BenchmarkEcho measures one round trip: a multicast of 300 bytes, which three
// members answer by unicast, until the last answer is in.
func (s Suite) BenchmarkEcho(b *testing.B) {
	trs := s.Open(b, 1+echoReceivers)
	answers := make(chan struct{}, echoReceivers)
	asked := bytes.Repeat([]byte("?"), 300)
	for i, tr := range trs {
		b.Cleanup(func() { tr.Close() })
		deliver := func(_ string, got []byte) {
			if got[0] == '!' {
				answers <- struct{}{}
			}
		}
		if i > 0 {
			answer := bytes.Repeat([]byte("!"), len(asked))
			deliver = func(from string, got []byte) {
				if got[0] != '?' {
					return
				}
				if err := tr.Send(from, answer); err != nil {
					b.Error(err)
				}
			}
		}
		tr.Start(deliver, func(err error) { b.Error(err) })
	}
	lost := time.NewTimer(patience)
	b.ReportAllocs()
	for b.Loop() {
		lost.Reset(patience)
		if err := trs[0].Send("", asked); err != nil {
			b.Fatal(err)
		}
		for range echoReceivers {
			select {
			case <-answers:
			case <-lost.C:
				b.Fatal("an answer was lost")
			}
		}
	}
}

// BenchmarkEchoLoopback measures what BenchmarkEcho does with bare sockets of
// the standard library on loopback: the floor under every other figure.
func BenchmarkEchoLoopback(b *testing.B) {
	lo := Loopback(b)
	group := netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 1, 1, 1}), FreePort(b))
	answer := bytes.Repeat([]byte("!"), 300)
	for range echoReceivers {
		// Listening on a multicast address shares the port.
		hear := bare(b, group.String())
		if err := ipv4.NewPacketConn(hear).JoinGroup(lo, &net.UDPAddr{IP: group.Addr().AsSlice()}); err != nil {
			b.Fatal(err)
		}
		go func() {
			buf := make([]byte, 2048)
			for {
				_, from, err := hear.ReadFromUDPAddrPort(buf)
				if err != nil {
					return // closed
				}
				if _, err := hear.WriteToUDPAddrPort(answer, from); err != nil {
					return
				}
			}
		}()
	}
	ask := bare(b, "127.0.0.1:0")
	p := ipv4.NewPacketConn(ask)
	if err := p.SetMulticastInterface(lo); err != nil {
		b.Fatal(err)
	}
	if err := p.SetMulticastLoopback(true); err != nil {
		b.Fatal(err)
	}
	asked := bytes.Repeat([]byte("?"), len(answer))
	buf := make([]byte, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if err := ask.SetReadDeadline(time.Now().Add(patience)); err != nil {
			b.Fatal(err)
		}
		if _, err := ask.WriteToUDPAddrPort(asked, group); err != nil {
			b.Fatal(err)
		}
		for range echoReceivers {
			if _, _, err := ask.ReadFromUDPAddrPort(buf); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func bare(b *testing.B, addr string) *net.UDPConn {
	b.Helper()
	c, err := net.ListenPacket("udp4", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c.(*net.UDPConn)
}
