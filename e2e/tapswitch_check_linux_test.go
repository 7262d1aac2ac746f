package e2e

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestE2ESwitchHarms sends datagrams through the switch and the kernel: those that it
// corrupts reach a program with flipped bits, those that it damages reach none.
func TestE2ESwitchHarms(t *testing.T) {
	sw := newTapSwitch(t, 2, 1, faults{})
	group := &net.UDPAddr{IP: net.IPv4(224, 1, 1, 1), Port: 5007}
	var from, to *net.UDPConn
	var err error
	sw.hosts[0].do(func() { from, err = net.DialUDP("udp4", nil, group) })
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	sw.hosts[1].do(func() {
		var card *net.Interface
		if card, err = net.InterfaceByName("eth0"); err == nil {
			to, err = net.ListenMulticastUDP("udp4", card, group)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	whole, last := bytes.Repeat([]byte("papo"), 50), []byte("last")
	l := sw.links[0][1]
	// The kernel may have something of its own to say to the network at first.
	own := func() int { return l.did().frames }
	before := own()
	intact, harmed, sent := 0, 0, 0
	const round = 50 // far less than a socket's buffer takes
	for range 40 {
		l.set(faults{corrupt: 0.2, damage: 0.2})
		for range round {
			if _, err := from.Write(whole); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		for deadline := time.Now().Add(patience); own() < before+sent; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d frames came to the switch", own()-before, sent)
			}
		}
		l.set(faults{})
		if _, err := from.Write(last); err != nil {
			t.Fatal(err)
		}
		sent++
		for buffer := make([]byte, 2000); ; {
			if err := to.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			n, err := to.Read(buffer)
			if err != nil {
				t.Fatalf("after %d frames: %v", sent, err)
			}
			if bytes.Equal(buffer[:n], last) {
				break
			}
			if bytes.Equal(buffer[:n], whole) {
				intact++
			} else {
				harmed++
			}
		}
	}
	did := l.did()
	t.Logf("%d intact, %d harmed: %+v", intact, harmed, did)
	// A checksum of 16 bits sees all but a few of what is flipped.
	if missed := harmed - did.corrupted; did.corrupted < sent/10 || did.damaged < sent/10 || missed < 0 || missed > did.damaged/10 {
		t.Errorf("%d harmed datagrams arrived, of %d corrupted and %d damaged ones", harmed, did.corrupted, did.damaged)
	}
	if want := 40*round - did.corrupted - did.damaged; intact != want {
		t.Errorf("%d intact datagrams arrived, want %d", intact, want)
	}
	if dropped := sw.hosts[1].bad(t); dropped == 0 {
		t.Error("the kernel says that no checksum was bad")
	}
}

// bad is how many datagrams the namespace's kernel dropped for their UDP checksum.
func (ns *namespace) bad(t *testing.T) (n int) {
	t.Helper()
	var names []string
	for _, line := range strings.Split(ns.feed("cat /proc/net/snmp", ""), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] != "Udp:":
		case names == nil:
			names = words
		default:
			for i, name := range names {
				if name == "InCsumErrors" {
					if _, err := fmt.Sscan(words[i], &n); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	return n
}
