package udp

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"time"
)

// follow looks at the interfaces again and again until Close.
func (t *Transport) follow(fail func(error)) {
	for _, err := range t.later {
		fail(err)
	}
	tick := time.NewTicker(t.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case <-t.done:
			return
		case <-tick.C:
			t.look(fail)
		}
	}
}

// look brings the interfaces in use up to date and reports what happened.
func (t *Transport) look(fail func(error)) {
	t.told, t.telling = t.telling, make(map[string]string)
	for _, err := range t.unsent() {
		fail(err)
	}
	all, err := t.list(t.v6)
	if err != nil {
		if err = t.news("", fmt.Errorf("udp: the network interfaces cannot be listed: %w", err)); err != nil {
			fail(err)
		}
		return
	}
	came, went, failed := t.use(choose(all, t.cfg.Interfaces))
	for _, err := range failed {
		fail(err)
	}
	if t.cfg.Changed != nil && len(came)+len(went) > 0 {
		t.cfg.Changed(came, went)
	}
}

// use joins the group on the interfaces that are ready and leaves it on all
// others. One that was removed and made again has lost the membership without a
// word, which only its new index shows; one with new addresses may have.
//
// It returns the names that came and went, and why others could not come.
func (t *Transport) use(ready []iface) (came, went []string, failed []error) {
	t.mu.Lock()
	old := t.used
	t.mu.Unlock()

	var now []*used
	for _, u := range old {
		if slices.Contains(ready, u.iface) {
			now = append(now, u)
			continue
		}
		// What does not exist any more cannot be left, nor need it be.
		_ = t.group.LeaveGroup(u.netInterface(), t.groupAddr())
	}
	for _, i := range ready {
		if has(now, i) {
			continue
		}
		if err := t.group.JoinGroup(i.netInterface(), t.groupAddr()); err != nil {
			if err = t.news("join "+i.Name, explain(fmt.Sprintf("joining %v on %s", t.cfg.Group, i.Name), err)); err != nil {
				failed = append(failed, err)
			}
			continue
		}
		now = append(now, &used{iface: i, source: i.source()})
		if !has(old, i) {
			came = append(came, i.Name)
		}
	}
	for _, u := range old {
		if !has(now, u.iface) {
			went = append(went, u.Name)
		}
	}
	slices.SortFunc(now, func(a, b *used) int { return cmp.Compare(a.Index, b.Index) })

	t.mu.Lock()
	t.used = now
	t.mu.Unlock()
	return came, went, failed
}

// has tells whether i is in the list, with whatever addresses.
func has(list []*used, i iface) bool {
	return slices.ContainsFunc(list, func(u *used) bool { return u.Name == i.Name && u.Index == i.Index })
}

// unsent says which interfaces did not take what was sent since the last look.
func (t *Transport) unsent() []error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var failed []error
	for _, u := range t.used {
		if u.unsent == 0 {
			continue
		}
		err := explain(fmt.Sprintf("sending to %v on %s", t.cfg.Group, u.Name), u.why)
		if t.news("send "+u.Name, err) != nil {
			failed = append(failed, fmt.Errorf("%w (%d datagrams not sent there)", err, u.unsent))
		}
		u.unsent, u.why = 0, nil
	}
	return failed
}

// news returns err, or nil if the last look reported the same about this: what
// lasts is told once.
func (t *Transport) news(about string, err error) error {
	t.telling[about] = err.Error()
	if t.told[about] == err.Error() {
		return nil
	}
	return err
}

func (t *Transport) groupAddr() net.Addr {
	return &net.UDPAddr{IP: t.cfg.Group.Addr().AsSlice()}
}

func (i iface) netInterface() *net.Interface {
	return &net.Interface{Name: i.Name, Index: i.Index, Flags: i.Flags}
}
