// Package udp carries datagrams between the members of a group on a local
// network: to all by IP multicast, to one by unicast.
//
// It uses two sockets. One is bound to the group's port and hears the group on
// every interface in use; several programs of one machine share that port. The
// other has a port of its own, sends everything, and hears what is sent to this
// program alone: a unicast datagram to a shared port reaches only one of those
// that share it. So the address that a datagram comes from is always the one to
// answer to.
//
// The first socket is bound to any address, not to the group's, which Windows
// does not allow. Groups that others have joined on the port are kept out by the
// system (on Linux once IP_MULTICAST_ALL is off), and a datagram sent to the
// group's port of a host reaches one of the members there. Members can thus be
// found by the name of a host alone where there is no multicast.
package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// sendWait bounds how long Send may wait for room in the system's send buffer:
// half of it at least, all of it at most.
const sendWait = 200 * time.Millisecond

// Transport is one member's place in a group. Its methods may be called from
// several goroutines at once.
type Transport struct {
	cfg   Config
	v6    bool
	hear  *net.UDPConn // on the group's port
	send  *net.UDPConn // on a port of its own
	raw   syscall.RawConn
	group membership
	list  func(v6 bool) ([]iface, error)

	done    chan struct{} // closed by Close
	running sync.WaitGroup
	tooLong atomic.Uint64
	later   []error // what Open met and Start reports

	told, telling map[string]string // what was reported at the last look, and at this one

	mu       sync.Mutex // over what follows, and over choosing an interface and sending by it
	started  bool
	closed   bool
	used     []*used
	until    time.Time // the write deadline of send
	selected *used     // by which multicast leaves; nil: not known
	choosing *used     // for choose: the one wanted, and what came of it
	chosen   error
	choose   func(fd uintptr)
}

// used is an interface on which the group is joined.
type used struct {
	iface
	source [4]byte // the address to send multicast from; zero: the system chooses
	unsent int     // datagrams that could not be sent there since the last look
	why    error   // of the last of them
}

// Open joins the group. It fails with an *Error (see the kinds) if the group,
// the interfaces or the port will not do; an interface on which the group
// cannot be joined is an error only if there is no other.
func Open(cfg Config) (*Transport, error) { return open(cfg, interfaces) }

func open(cfg Config, list func(v6 bool) ([]iface, error)) (*Transport, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	v6 := cfg.Group.Addr().Is6()
	all, err := list(v6)
	if err != nil {
		return nil, &Error{Kind: ErrNoInterface, Group: cfg.Group, Interfaces: cfg.Interfaces, Err: err}
	}
	if missing := unknown(all, cfg.Interfaces); len(missing) > 0 {
		return nil, &Error{Kind: ErrUnknownInterface, Group: cfg.Group, Interfaces: missing, Existing: names(all)}
	}
	ready := choose(all, cfg.Interfaces)
	if len(ready) == 0 {
		return nil, &Error{Kind: ErrNoInterface, Group: cfg.Group, Interfaces: cfg.Interfaces, Existing: names(all)}
	}
	hear, send, err := openSockets(cfg)
	if err != nil {
		return nil, err
	}
	t := &Transport{
		cfg: cfg, v6: v6, hear: hear, send: send, list: list,
		group:   memberships(hear, cfg.Group),
		done:    make(chan struct{}),
		telling: make(map[string]string),
	}
	// One function for all sends, so that a send allocates nothing.
	t.choose = func(fd uintptr) { t.chosen = selectInterface(fd, t.v6, t.choosing.Index, t.choosing.source) }
	if t.raw, err = send.SyscallConn(); err == nil {
		_, _, t.later = t.use(ready)
		if len(t.used) == 0 {
			err = &Error{Kind: ErrNoInterface, Group: cfg.Group, Interfaces: cfg.Interfaces, Existing: names(all), Err: t.later[0]}
		}
	}
	if err != nil {
		return nil, errors.Join(err, hear.Close(), send.Close())
	}
	return t, nil
}

// Start begins to receive. deliver gets each datagram with the address of its
// sender, which Send accepts; b is valid only during the call. deliver is called
// from two goroutines, one for each socket, each one call at a time. What is not
// read in time the system drops when its buffer is full.
//
// fail gets what went wrong while receiving, in using an interface, or in
// sending on one of several; none of it ends anything. Neither function may call
// Close or wait for one who does. Only the first Start counts.
func (t *Transport) Start(deliver func(from string, b []byte), fail func(error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.started || t.closed {
		return
	}
	t.started = true
	for _, conn := range []*net.UDPConn{t.hear, t.send} {
		r := &receiver{conn: conn, done: t.done, deliver: deliver, fail: fail, tooLong: func() { t.tooLong.Add(1) }}
		t.running.Go(r.run)
	}
	t.running.Go(func() { t.follow(fail) })
}

// Send sends b to one address as Start's deliver gave it, or to everybody, on
// every interface in use, if to is empty. It keeps nothing of b and waits 200 ms
// at most. A nil error means that the system took the datagram, for everybody on
// one interface at least; it may still be lost. Errors are of the kinds
// ErrTooLong, ErrAddress, ErrNoInterface, net.ErrClosed, os.ErrDeadlineExceeded,
// or the system's.
func (t *Transport) Send(to string, b []byte) error {
	if len(b) > MaxDatagram {
		return fmt.Errorf("%w: %d bytes, and %d are the most: send it in fragments", ErrTooLong, len(b), MaxDatagram)
	}
	var addr netip.AddrPort
	if to != "" {
		var err error
		if addr, err = t.parse(to); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return fmt.Errorf("udp: sending: %w", net.ErrClosed)
	}
	if now := time.Now(); t.until.Sub(now) < sendWait/2 {
		t.until = now.Add(sendWait)
		if err := t.send.SetWriteDeadline(t.until); err != nil {
			return explain("sending", err)
		}
	}
	if to == "" {
		return t.multicast(b)
	}
	if _, err := t.send.WriteToUDPAddrPort(b, addr); err != nil {
		return explain("sending to "+to, err)
	}
	return nil
}

func (t *Transport) parse(to string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddrPort(to)
	if err != nil {
		return addr, fmt.Errorf("%w: %q: give an address and a port, such as 192.0.2.7:5007 or [2001:db8::7]:5007", ErrAddress, to)
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if addr.Addr().Is6() != t.v6 || addr.Port() == 0 {
		return addr, fmt.Errorf("%w: %q: give an address of the family of %v, and a port other than 0", ErrAddress, to, t.cfg.Group.Addr())
	}
	return addr, nil
}

// multicast sends to the group on every interface in use. t.mu is held.
func (t *Transport) multicast(b []byte) error {
	if len(t.used) == 0 {
		return &Error{Kind: ErrNoInterface, Group: t.cfg.Group, Interfaces: t.cfg.Interfaces}
	}
	var failed *used
	took := false
	for _, u := range t.used {
		if err := t.multicastOn(u, b); err != nil {
			u.unsent++
			u.why = err
			failed = u
			continue
		}
		took = true
	}
	if took {
		return nil
	}
	return explain(fmt.Sprintf("sending to %v on %s", t.cfg.Group, failed.Name), failed.why)
}

func (t *Transport) multicastOn(u *used, b []byte) error {
	if t.selected != u {
		t.selected = nil
		t.choosing = u
		if err := t.raw.Control(t.choose); err != nil {
			return err
		}
		if t.chosen != nil {
			return t.chosen
		}
		t.selected = u
	}
	_, err := t.send.WriteToUDPAddrPort(b, t.cfg.Group)
	return err
}

// Interfaces gives the names of the interfaces in use now.
func (t *Transport) Interfaces() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]string, len(t.used))
	for n, u := range t.used {
		out[n] = u.Name
	}
	return out
}

// TooLong gives how many datagrams came in that were longer than MaxDatagram.
// They are dropped.
func (t *Transport) TooLong() uint64 { return t.tooLong.Load() }

// Close leaves the group. When it returns, no call of deliver, fail or
// Config.Changed is under way and none will be made. A second Close only
// waits for the first.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		t.running.Wait()
		return nil
	}
	t.closed = true
	t.mu.Unlock()
	close(t.done)
	err := errors.Join(t.hear.Close(), t.send.Close())
	t.running.Wait()
	return err
}
