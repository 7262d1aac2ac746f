package floor

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/broken"
)

// rush is a group in which everybody always wants the floor, on a network that
// delays every message by exactly the same time and loses none.
type rush struct {
	now, delay, hold time.Duration
	floors           []*Floor
	wakes            []time.Duration
	mail             []parcel // ordered by arrival: the delay is the same for all
	leaving          []departure

	holds     int
	left      time.Duration // when the latest hold ended; 0: before the first
	waits     bool          // somebody waited then
	slowest   time.Duration // from that to the next entry
	datagrams int           // a multicast is one, a unicast to n is n
	messages  int           // as the paper counts: requests and replies, one for each receiver
	waitings  int           // WAITs, which the paper does not have
}

type parcel struct {
	at       time.Duration
	to, from int
	msg      Message
	n        uint32
}

type departure struct {
	at  time.Duration
	who int
}

func newRush(size int, delay, hold time.Duration, without broken.Rules) *rush {
	r := &rush{now: time.Hour, delay: delay, hold: hold, wakes: make([]time.Duration, size)}
	var members []Member
	for i := range size {
		members = append(members, Member{Key: [32]byte{byte(i)}, Incarnation: uint64(100 + i)})
	}
	for _, m := range members {
		f := New(Config{Self: m, View: NewView(members...), Without: without}, r.now)
		r.floors = append(r.floors, f)
	}
	r.now += Quiet
	for i, f := range r.floors {
		f.Tick(r.now)
		f.Ready(r.now)
		f.Ask(r.now)
		r.perform(i)
	}
	return r
}

func (r *rush) perform(i int) {
	f := r.floors[i]
	ready := f.Ready(r.now)
	for _, e := range ready.Events {
		switch e.Kind {
		case Entered:
			if r.left != 0 && r.waits {
				r.slowest = max(r.slowest, r.now-r.left)
			}
			r.holds++
			r.leaving = append(r.leaving, departure{r.now + r.hold, i})
		case Left:
			r.left = r.now
			r.waits = slices.ContainsFunc(r.floors, func(o *Floor) bool { return o != f && o.state == asking })
		}
	}
	for k, s := range ready.Send {
		r.count(s)
		for to, o := range r.floors {
			if to != i && (s.To == nil || slices.Contains(s.To, o.self)) {
				r.mail = append(r.mail, parcel{r.now + r.delay, to, i, s.Msg, uint32(k)})
			}
		}
	}
	r.wakes[i] = ready.Wake
}

func (r *rush) count(s Send) {
	receivers := len(s.To)
	if s.To == nil {
		receivers = len(r.floors) - 1
		r.datagrams++
	} else {
		r.datagrams += receivers
	}
	switch m := s.Msg.(type) {
	case Req:
		r.messages += receivers
	case Rep:
		r.messages += len(m.Grants)
	case Wait:
		r.waitings++
	}
}

// run goes on until there have been that many holds more.
func (r *rush) run(holds int) error {
	holds += r.holds
	for r.holds < holds {
		r.step()
		if r.left != 0 && r.now > r.left+time.Minute {
			return fmt.Errorf("nobody holds the floor for a minute after hold %d", r.holds)
		}
	}
	return nil
}

// step lets time pass until the next thing happens.
func (r *rush) step() {
	next := time.Duration(1<<63 - 1)
	if len(r.mail) > 0 {
		next = r.mail[0].at
	}
	if len(r.leaving) > 0 {
		next = min(next, r.leaving[0].at)
	}
	for _, w := range r.wakes {
		if w != 0 {
			next = min(next, w)
		}
	}
	r.now = next
	switch {
	case len(r.mail) > 0 && r.mail[0].at == next:
		p := r.mail[0]
		r.mail = r.mail[1:]
		r.floors[p.to].Receive(r.now, r.floors[p.from].self, p.n, p.msg)
		r.perform(p.to)
	case len(r.leaving) > 0 && r.leaving[0].at == next:
		who := r.leaving[0].who
		r.leaving = r.leaving[1:]
		r.floors[who].Leave(r.now)
		r.floors[who].Ask(r.now)
		r.perform(who)
	default:
		i := slices.IndexFunc(r.wakes, func(w time.Duration) bool { return w == next })
		r.floors[i].Tick(r.now)
		r.perform(i)
	}
}

// steady lets everybody have a turn or three, because the first requests come
// all at once, and then counts anew.
func (r *rush) steady() error {
	err := r.run(3 * len(r.floors))
	r.slowest, r.datagrams, r.messages, r.waitings = 0, 0, 0, 0
	return err
}

// TestHandOverTakesOneDelay checks the two figures of Ricart and Agrawala
// (1981, on message traffic and on the delay in granting requests): when
// somebody waits, the floor passes on in the time of one message; and a hold
// costs at most 2(N-1) messages from member to member. The second holds as long
// as nobody waits so long that it asks again, for which the paper, whose network
// is free of errors, has no reason.
func TestHandOverTakesOneDelay(t *testing.T) {
	const holds = 400
	for _, net := range []struct{ delay, hold time.Duration }{
		{300 * time.Microsecond, 500 * time.Microsecond},
		{2 * time.Millisecond, time.Millisecond},
		{15 * time.Millisecond, 5 * time.Millisecond},
		{3 * time.Millisecond, 300 * time.Millisecond}, // the wait is longer than a lease
	} {
		for size := 2; size <= 10; size++ {
			t.Run(fmt.Sprintf("delay %v, hold %v, %d members", net.delay, net.hold, size), func(t *testing.T) {
				r := newRush(size, net.delay, net.hold, broken.Rules{})
				if err := r.steady(); err != nil {
					t.Fatal(err)
				}
				if err := r.run(holds); err != nil {
					t.Fatal(err)
				}
				most := 2 * (size - 1)
				t.Logf("hand-over in %v; a hold: %.2f datagrams, %.2f messages (2(N-1) = %d), %.2f WAITs", r.slowest,
					float64(r.datagrams)/holds, float64(r.messages)/holds, most, float64(r.waitings)/holds)
				if r.slowest != net.delay {
					t.Errorf("a hand-over took %v, not the delay of one message, %v", r.slowest, net.delay)
				}
				quick := time.Duration(size)*(net.delay+net.hold) < resendFirst
				if quick && (r.messages > holds*most || r.datagrams > 2*holds) {
					t.Errorf("%d messages in %d datagrams for %d holds", r.messages, r.datagrams, holds)
				}
			})
		}
	}
}

// TestHalfOfTheDeferredAnswered plants the bug that a member on leaving answers
// only every other one of those that it has deferred. The others hear of it when
// they ask again, so nobody starves and no two hold the floor at once: only the
// delay shows it, and only where two can wait at a time.
func TestHalfOfTheDeferredAnswered(t *testing.T) {
	const delay, hold = 300 * time.Microsecond, 500 * time.Microsecond
	for size := 2; size <= 10; size++ {
		r := newRush(size, delay, hold, broken.Of(broken.F7AllDeferred))
		if err := r.steady(); err != nil {
			t.Fatalf("%d members: %v", size, err)
		}
		if err := r.run(100); err != nil {
			t.Fatalf("%d members: %v", size, err)
		}
		if found := r.slowest > delay; found != (size > 2) {
			t.Errorf("%d members: the slowest hand-over took %v", size, r.slowest)
		}
	}
}

// TestLongHoldIsQuiet counts what 31 members that wait for one cost the network:
// its renewals and their replies, those of the first in line, and one question
// a second of everybody else. If each asked all that defer it, it would be five
// times as much.
func TestLongHoldIsQuiet(t *testing.T) {
	const size, seconds, most = 32, 20, 240
	r := newRush(size, 200*time.Microsecond, time.Minute, broken.Rules{})
	end := r.now + 3*time.Second // they settle
	for r.now < end {
		r.step()
	}
	r.datagrams = 0
	for r.now < end+seconds*time.Second {
		r.step()
	}
	t.Logf("%d datagrams a second", r.datagrams/seconds)
	if r.datagrams > most*seconds {
		t.Errorf("%d datagrams a second while %d members wait, not %d", r.datagrams/seconds, size-1, most)
	}
}
