package udp

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// iface is what matters here of one network interface at one moment.
type iface struct {
	Name  string
	Index int // a new one under an old name means a new interface
	Flags net.Flags
	Addrs string // the addresses of the group's family, sorted; empty: none
}

// ready tells whether datagrams can be sent and heard there.
func (i iface) ready() bool { return i.Flags&net.FlagUp != 0 && i.Addrs != "" }

// source gives the address that multicast must be told to come from: the IPv4
// address of a loopback interface. Linux chooses none that is only valid on this
// machine, and takes one of another interface, or 0.0.0.0, which cannot be
// answered. Everywhere else the system's choice is right, and stays right when
// addresses change.
func (i iface) source() [4]byte {
	first, _, _ := strings.Cut(i.Addrs, " ")
	p, err := netip.ParsePrefix(first)
	if i.Flags&net.FlagLoopback == 0 || err != nil || !p.Addr().Is4() {
		return [4]byte{}
	}
	return p.Addr().As4()
}

// interfaces lists the interfaces of this machine by index.
func interfaces(v6 bool) ([]iface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	list := make([]iface, 0, len(all))
	for _, ni := range all {
		i := iface{Name: ni.Name, Index: ni.Index, Flags: ni.Flags}
		if ni.Flags&net.FlagUp != 0 {
			// An interface may go between the two calls: it then has no address.
			addrs, _ := ni.Addrs()
			i.Addrs = familyAddrs(addrs, v6)
		}
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b iface) int { return cmp.Compare(a.Index, b.Index) })
	return list, nil
}

// familyAddrs gives the addresses of one family, sorted, with their prefixes.
func familyAddrs(addrs []net.Addr, v6 bool) string {
	var of []string
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is6() == v6 {
			of = append(of, p.String())
		}
	}
	slices.Sort(of)
	return strings.Join(of, " ")
}

// choose picks the interfaces to use. Those asked for are used if they are
// ready, whatever they are. If none is asked for, loopback is used only when
// nothing else can be; an interface without a carrier cannot.
func choose(all []iface, asked []string) []iface {
	var outward, loopback, named []iface
	const wanted = net.FlagMulticast | net.FlagRunning
	for _, i := range all {
		switch {
		case !i.ready():
		case slices.Contains(asked, i.Name):
			named = append(named, i)
		case i.Flags&net.FlagLoopback != 0:
			loopback = append(loopback, i)
		case i.Flags&wanted == wanted:
			outward = append(outward, i)
		}
	}
	switch {
	case len(asked) > 0:
		return named
	case len(outward) > 0:
		return outward
	}
	return loopback
}

// unknown gives the names asked for that no interface has.
func unknown(all []iface, asked []string) []string {
	var missing []string
	for _, name := range asked {
		if !slices.ContainsFunc(all, func(i iface) bool { return i.Name == name }) {
			missing = append(missing, name)
		}
	}
	return missing
}

func names(list []iface) []string {
	out := make([]string, len(list))
	for n, i := range list {
		out[n] = i.Name
	}
	return out
}
