package node

import (
	"net"
	"net/netip"
	"reflect"
	"testing"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/transport/transporttest"
	"github.com/papo-chat/papo/internal/transport/udp"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/uitest"
)

// untilDropped asks /peers again and again until what was dropped is what is
// wanted. It may not be there at first, as it is on its way.
func (p *person) untilDropped(want map[peer.Reason]uint64) {
	p.t.Helper()
	reasons, err := uitest.Consts("../peer/event.go", "Reason")
	if err != nil {
		p.t.Fatal(err)
	}
	var all []peer.Drop
	for _, r := range reasons {
		all = append(all, peer.Drop{Reason: peer.Reason(r), Count: want[peer.Reason(r)]})
	}
	n := 1
	p.node.Do(n, ui.Command{Name: "peers"})
	p.until("what was dropped", 0, func(e peer.Event) bool {
		r, ok := e.(peer.Result)
		if !ok || r.N != n || r.Command != "peers" {
			return false
		}
		if reflect.DeepEqual(r.Dropped, all) {
			return true
		}
		for i, d := range r.Dropped { // what is too much will not become less
			if i >= len(all) || d.Reason != all[i].Reason || d.Count > all[i].Count {
				p.t.Fatalf("%s dropped\n%v, want\n%v", p.name, r.Dropped, all)
			}
		}
		n++
		p.node.Do(n, ui.Command{Name: "peers"})
		return false
	})
}

// The answer to /peers has what was dropped before the core and in it: a number
// for every reason there is, in their order, zeros included.
func TestPeersTellsWhatWasDropped(t *testing.T) {
	network := overMemnet(t, memnet.Faults{})
	key, foreign := seal.OpenRoom("224.1.1.1:5007", t.Name()), seal.OpenRoom("224.1.1.1:5007", "another room")
	p := start(t, "ana", t.TempDir(), key, network("ana"))
	defer p.leave()
	p.untilDropped(nil)

	stranger := network("stranger")
	defer stranger.Close()
	send := func(b []byte) {
		if err := stranger.Send("", b); err != nil {
			t.Fatal(err)
		}
	}
	nonsense := []byte("no message")
	send(foreign.Seal(nil, 7, 1, nonsense))
	send([]byte("no datagram of papo's"))
	forged := key.Seal(nil, 7, 1, nonsense)
	forged[len(forged)-1] ^= 1
	send(forged)
	authentic := key.Seal(nil, 7, 1, nonsense)
	for range 4 {
		send(authentic)
	}
	p.untilDropped(map[peer.Reason]uint64{
		peer.DropForeign: 2, peer.DropForged: 1, peer.DropRepeated: 3, peer.DropUndecodable: 1,
	})
}

// What the transport itself drops for its length is counted with the foreign.
func TestPeersTellsWhatWasTooLong(t *testing.T) {
	port := transporttest.FreePort(t)
	tr, err := udp.Open(udp.Config{
		Group:      netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 1, 1, 1}), port),
		Interfaces: []string{transporttest.Loopback(t).Name},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "ana", t.TempDir(), seal.OpenRoom("224.1.1.1:5007", t.Name()), tr)
	defer p.leave()
	conn, err := net.Dial("udp4", netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(make([]byte, udp.MaxDatagram+1)); err != nil {
		t.Fatal(err)
	}
	p.untilDropped(map[peer.Reason]uint64{peer.DropForeign: 1})
}
