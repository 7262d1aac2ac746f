package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// bridge is the kernel's own switch, in a namespace of its own.
type bridge struct {
	ns    *namespace
	hosts []*namespace
}

// newBridge connects n hosts. The kernel drops loss percent of the frames on
// each directed link, at random.
func newBridge(t *testing.T, n, loss int) *bridge {
	t.Helper()
	need(t, "nft", "ethtool")
	b := &bridge{ns: newNamespace(t)}
	b.ns.command("ip link add br0 type bridge mcast_snooping 0")
	b.ns.command("ip link set br0 addrgenmode none up")
	for i := range n {
		host := newNamespace(t)
		b.hosts = append(b.hosts, host)
		b.ns.command(fmt.Sprintf("ip link add %s type veth peer name eth0 netns %d", port(i), host.tid))
		b.ns.command(fmt.Sprintf("ip link set %s addrgenmode none master br0 up", port(i)))
		host.command("ethtool -K eth0 tx off rx off")
		host.address(i)
	}
	b.ns.feed("nft -f -", b.rules(loss))
	return b
}

func port(i int) string { return fmt.Sprintf("p%d", i) }

// rules counts all frames on each directed link, and drops some.
func (b *bridge) rules(loss int) string {
	var rules strings.Builder
	for i := range b.hosts {
		for j := range b.hosts {
			if i == j {
				continue
			}
			link := fmt.Sprintf("iifname %q oifname %q", port(i), port(j))
			fmt.Fprintf(&rules, "%s counter comment \"all\"\n", link)
			if loss > 0 {
				fmt.Fprintf(&rules, "%s numgen random mod 100 < %d counter drop comment \"lost\"\n", link, loss)
			}
		}
	}
	return fmt.Sprintf("table bridge papo {\nchain links {\ntype filter hook forward priority 0\n%s}\n}\n", rules.String())
}

// frames tells how many frames came to the switch for each directed link, and
// how many of them it dropped.
func (b *bridge) frames() (all, lost int) {
	b.ns.t.Helper()
	var ruleset struct {
		NFTables []struct {
			Rule *struct {
				Comment string
				Expr    []struct{ Counter *struct{ Packets int } }
			}
		}
	}
	if err := json.Unmarshal([]byte(b.ns.feed("nft -j list table bridge papo", "")), &ruleset); err != nil {
		b.ns.t.Fatalf("what nft prints: %v", err)
	}
	for _, o := range ruleset.NFTables {
		if o.Rule == nil {
			continue
		}
		for _, e := range o.Rule.Expr {
			switch {
			case e.Counter == nil:
			case o.Rule.Comment == "all":
				all += e.Counter.Packets
			case o.Rule.Comment == "lost":
				lost += e.Counter.Packets
			}
		}
	}
	return all, lost
}
