package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/turn"
)

func wantEqual(t testing.TB, got, want Message) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

func fill(r *rand.Rand, b []byte) {
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, r.Uint64())
		b = b[8:]
	}
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

// random gives any message that Append takes. Lists are nil when empty, and
// durations whole milliseconds, as Decode gives them.
func random(r *rand.Rand, kind Kind) Message {
	ids := func(least, most int) []turn.ID {
		var ids []turn.ID
		for range least + r.IntN(most-least+1) {
			var id turn.ID
			fill(r, id[:])
			ids = append(ids, id)
		}
		return ids
	}
	data := func(least, most int) []byte {
		n := least + r.IntN(most-least+1)
		if n == 0 {
			return nil
		}
		b := make([]byte, n)
		fill(r, b)
		return b
	}
	var view floor.ViewHash
	fill(r, view[:])
	millis := func(limit uint32) time.Duration { return time.Duration(r.Uint32()&limit) * time.Millisecond }
	rep := func() Rep {
		m := Rep{View: view, Clock: r.Uint64(), HandOver: r.IntN(2) == 0, Heads: ids(0, MaxRepHeads)}
		least := 1
		if m.HandOver {
			least = 0
		}
		for range least + r.IntN(MaxGrants) {
			g := Grant{TS: r.Uint64(), K: r.Uint32()}
			fill(r, g.To.Key[:])
			g.To.Incarnation = r.Uint64()
			m.Grants = append(m.Grants, g)
		}
		return m
	}
	switch kind {
	case KindHello:
		m := Hello{Want: r.IntN(2) == 0, Name: string(data(1, MaxNameBytes))}
		fill(r, m.Key[:])
		fill(r, m.Signature[:])
		return m
	case KindBeat:
		m := Beat{
			Interval: millis(math.MaxUint16),
			Quiet:    r.IntN(2) == 0,
			Gaps:     r.Uint64() >> r.IntN(65),
			Activity: Activity(r.IntN(3)),
			TS:       r.Uint64(),
			Left:     millis(math.MaxUint32),
			View:     view,
			Leader:   r.Uint64(),
			Heads:    ids(0, MaxBeatHeads),
		}
		m.SettledStamp = r.Uint64()
		fill(r, m.Settled[:])
		heard := map[uint64]bool{}
		for range r.IntN(MaxHeard + 1) {
			heard[r.Uint64()] = true
		}
		for inc := range heard {
			m.Heard = append(m.Heard, Heard{inc, r.Uint32(), r.IntN(2) == 0})
		}
		slices.SortFunc(m.Heard, func(a, b Heard) int {
			if a.Incarnation < b.Incarnation {
				return -1
			}
			return 1
		})
		return m
	case KindReq:
		return Req{TS: r.Uint64(), K: r.Uint32(), View: view}
	case KindRep:
		return rep()
	case KindWait:
		return Wait{
			To: r.Uint64(), TS: r.Uint64(), Place: uint16(r.Uint32()),
			Why: floor.Why(1 + r.IntN(3)), Left: millis(math.MaxUint32),
		}
	case KindRelease:
		return Release{TS: r.Uint64()}
	case KindTurns:
		var m Turns
		if r.IntN(2) == 0 {
			rep := rep()
			m.Rep = &rep
		}
		for range 1 + r.IntN(MaxTurns) {
			m.Turns = append(m.Turns, data(1, 600))
		}
		return m
	case KindWant:
		return Want{IDs: ids(1, MaxWant)}
	case KindFrag:
		m := Frag{Number: r.Uint32(), Count: uint8(1 + r.IntN(MaxFragments))}
		m.Index = uint8(r.IntN(int(m.Count)))
		if m.Index < m.Count-1 {
			m.Data = data(MaxFragData, MaxFragData)
		} else {
			m.Data = data(1, MaxFragData)
		}
		return m
	case KindFragWant:
		return FragWant{Of: r.Uint64(), Number: r.Uint32(), Missing: r.Uint64() | 1}
	case KindRecon:
		from := r.Uint64() >> 1
		return Recon{
			Session: r.Uint32(), Round: r.Uint32(), Response: r.IntN(2) == 0,
			From: from, To: from + 1 + r.Uint64()>>1, Data: data(0, MaxReconData),
		}
	case KindPing:
		return Ping{Origin: r.Uint64(), Target: r.Uint64()}
	case KindPong:
		return Pong{Of: r.Uint64(), To: r.Uint64(), Counter: r.Uint32()}
	}
	return Bye{}
}

// Decode gives back what was encoded. Cut short at any place it is refused,
// and so is one byte more; for FRAG and RECON, whose data is the rest, a cut in
// the data of the last piece is another message.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		m := random(r, Kind(1+i%int(KindBye)))
		b := encode(t, m)
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		wantEqual(t, got, m)
		if i > 300 {
			continue
		}
		header := len(b)
		switch m := m.(type) {
		case Turns:
			if TurnsSize(m) != len(b) {
				t.Errorf("TurnsSize is %d, encoded are %d", TurnsSize(m), len(b))
			}
		case Recon:
			header = reconHeader
		case Frag:
			header = fragHeader + 1
			if m.Index < m.Count-1 {
				header = len(b)
			}
		}
		for n := range header {
			if got, err := Decode(b[:n]); err == nil {
				t.Fatalf("%v cut to %d of %d bytes is read as %v", m, n, len(b), got)
			}
		}
		if header == len(b) {
			if _, err := Decode(append(b, 0)); err == nil {
				t.Fatalf("%v and a byte more is accepted", m)
			}
		}
	}
}

// Whatever bytes are accepted are the one encoding of what they say.
func TestCanonical(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	accepted, refused := 0, 0
	for i := range 20000 {
		b := encode(t, random(r, Kind(1+i%int(KindBye))))
		for range 1 + r.IntN(3) {
			// Mostly at the front, where flags and counts stand.
			at := r.IntN(len(b))
			if r.IntN(2) == 0 {
				at = r.IntN(min(len(b), 80))
			}
			b[at] ^= 1 << r.IntN(8)
		}
		m, err := Decode(b)
		if err != nil {
			refused++
			continue
		}
		accepted++
		if again := encode(t, m); !bytes.Equal(again, b) {
			t.Fatalf("%v:\nread from %x\nwritten   %x", m, b, again)
		}
	}
	if accepted < 1000 || refused < 1000 {
		t.Errorf("accepted %d, refused %d: the test says little", accepted, refused)
	}
}

func TestDecodeErrors(t *testing.T) {
	change := func(m Message, at int, to byte) []byte {
		b := encode(t, m)
		b[at] = to
		return b
	}
	view := floor.ViewHash{1}
	two := Beat{Heard: []Heard{{Incarnation: 5}, {Incarnation: 9}}}
	rep := Rep{View: view, Grants: []Grant{{TS: 1}}}
	turns := Turns{Turns: [][]byte{{1, 2, 3}}}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, ErrTruncated},
		{"kind 0", []byte{0}, ErrUnknownKind},
		{"kind after the last", []byte{byte(KindBye) + 1, 1, 2}, ErrUnknownKind},
		{"too large", make([]byte, MaxMessage+1), ErrTooLarge},
		{"HELLO flags", change(Hello{Name: "a"}, 1, 2), ErrFlags},
		{"HELLO no name", change(Hello{Name: "a"}, 98, 0), ErrBounds},
		{"HELLO long name", change(Hello{Name: "a"}, 98, MaxNameBytes+1), ErrBounds},
		{"HELLO short name", change(Hello{Name: "a"}, 98, 2), ErrTruncated},
		{"HELLO trailing", change(Hello{Name: "ab"}, 98, 1), ErrTrailing},
		{"BEAT flags", change(two, 1, 8), ErrFlags},
		{"BEAT asking and holding", change(two, 1, 6), ErrFlags},
		{"BEAT heads", change(two, 72, MaxBeatHeads+1), ErrBounds},
		{"BEAT heads cut", change(two, 72, MaxBeatHeads), ErrTruncated},
		{"BEAT heard", change(two, 73, MaxHeard+1), ErrBounds},
		{"BEAT heard cut", change(two, 73, MaxHeard), ErrTruncated},
		{"BEAT heard trailing", change(two, 73, 1), ErrTrailing},
		{"BEAT in view without heard", change(two, 81, 4), ErrFlags},
		{"BEAT in view without heard, high", change(two, 74, 0x80), ErrFlags},
		{"BEAT unsorted", change(two, 82+7, 10), ErrUnsorted},
		{"BEAT repeated", change(two, 82+7, 9), ErrUnsorted},
		{"REQ short", encode(t, Req{})[:28], ErrTruncated},
		{"REQ trailing", append(encode(t, Req{}), 0), ErrTrailing},
		{"REP flags", change(rep, 1, 2), ErrFlags},
		{"REP heads", change(rep, 26, MaxRepHeads+1), ErrBounds},
		{"REP no grant", change(rep, 27, 0), ErrBounds},
		{"REP grants", change(rep, 27, MaxGrants+1), ErrBounds},
		{"REP grants cut", change(rep, 27, 2), ErrTruncated},
		{"WAIT why 0", change(Wait{Why: 1}, 19, 0), ErrBounds},
		{"WAIT why 4", change(Wait{Why: 1}, 19, 4), ErrBounds},
		{"TURN flags", change(turns, 1, 2), ErrFlags},
		{"TURN without the REP it tells", change(turns, 1, 1), ErrTruncated},
		{"TURN none", []byte{byte(KindTurns), 0, 0}, ErrBounds},
		{"TURN many", change(turns, 2, MaxTurns+1), ErrBounds},
		{"TURN cut", change(turns, 4, 4), ErrTruncated},
		{"TURN empty", []byte{byte(KindTurns), 0, 1, 0, 0}, ErrBounds},
		{"TURN long", slices.Concat([]byte{byte(KindTurns), 0, 1, 0x84, 1}, make([]byte, MaxTurnBytes+1)), ErrBounds},
		{"TURN trailing", change(turns, 4, 2), ErrTrailing},
		{"WANT none", []byte{byte(KindWant), 0}, ErrBounds},
		{"WANT many", change(Want{IDs: []turn.ID{{}}}, 1, MaxWant+1), ErrBounds},
		{"WANT cut", change(Want{IDs: []turn.ID{{}}}, 1, 2), ErrTruncated},
		{"FRAG no count", change(Frag{Count: 1, Data: []byte{1}}, 6, 0), ErrBounds},
		{"FRAG many", change(Frag{Count: 1, Data: []byte{1}}, 6, MaxFragments+1), ErrBounds},
		{"FRAG index", change(Frag{Count: 1, Data: []byte{1}}, 5, 1), ErrBounds},
		{"FRAG short in the middle", change(Frag{Count: 1, Data: []byte{1}}, 6, 2), ErrBounds},
		{"FRAG no data", []byte{byte(KindFrag), 0, 0, 0, 0, 0, 1}, ErrBounds},
		{"FRAG long", append(encode(t, Frag{Count: 1, Data: make([]byte, MaxFragData)}), 0), ErrBounds},
		{"FRAGWANT none", change(FragWant{Missing: 1}, 20, 0), ErrBounds},
		{"RECON flags", change(Recon{To: 1}, 1, 2), ErrFlags},
		{"RECON window", change(Recon{To: 1}, 25, 0), ErrBounds},
		{"RECON long", append(encode(t, Recon{To: 1, Data: make([]byte, MaxReconData)}), 0), ErrBounds},
		{"BYE trailing", []byte{byte(KindBye), 0}, ErrTrailing},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Decode(c.b)
			if m != nil || !errors.Is(err, c.want) {
				t.Errorf("got %v, %v; want %v", m, err, c.want)
			}
		})
	}
}

func TestAppendErrors(t *testing.T) {
	grants := []Grant{{}}
	for _, c := range []struct {
		name string
		m    Message
		want error
	}{
		{"HELLO no name", Hello{}, ErrBounds},
		{"HELLO long name", Hello{Name: string(make([]byte, MaxNameBytes+1))}, ErrBounds},
		{"BEAT activity", Beat{Activity: 3}, ErrBounds},
		{"BEAT heads", Beat{Heads: make([]turn.ID, MaxBeatHeads+1)}, ErrBounds},
		{"BEAT heard", Beat{Heard: make([]Heard, MaxHeard+1)}, ErrBounds},
		{"BEAT unsorted", Beat{Heard: []Heard{{Incarnation: 2}, {Incarnation: 1}}}, ErrUnsorted},
		{"BEAT repeated", Beat{Heard: []Heard{{Incarnation: 2}, {Incarnation: 2}}}, ErrUnsorted},
		{"REP heads", Rep{Heads: make([]turn.ID, MaxRepHeads+1), Grants: grants}, ErrBounds},
		{"REP no grant", Rep{}, ErrBounds},
		{"REP grants", Rep{Grants: make([]Grant, MaxGrants+1)}, ErrBounds},
		{"WAIT why 0", Wait{}, ErrBounds},
		{"WAIT why 4", Wait{Why: 4}, ErrBounds},
		{"TURN none", Turns{Rep: &Rep{Grants: grants}}, ErrBounds},
		{"TURN many", Turns{Turns: make([][]byte, MaxTurns+1)}, ErrBounds},
		{"TURN empty", Turns{Turns: [][]byte{{1}, {}}}, ErrBounds},
		{"TURN long", Turns{Turns: [][]byte{make([]byte, MaxTurnBytes+1)}}, ErrBounds},
		{"TURN too large", Turns{Turns: slices.Repeat([][]byte{make([]byte, MaxTurnBytes)}, 3)}, ErrTooLarge},
		{"TURN with a bad REP", Turns{Rep: &Rep{}, Turns: [][]byte{{1}}}, ErrBounds},
		{"WANT none", Want{}, ErrBounds},
		{"WANT many", Want{IDs: make([]turn.ID, MaxWant+1)}, ErrBounds},
		{"FRAG index", Frag{Index: 1, Count: 1, Data: []byte{1}}, ErrBounds},
		{"FRAG count", Frag{Count: MaxFragments + 1, Data: make([]byte, MaxFragData)}, ErrBounds},
		{"FRAGWANT none", FragWant{}, ErrBounds},
		{"RECON window", Recon{From: 1, To: 1}, ErrBounds},
		{"RECON long", Recon{To: 1, Data: make([]byte, MaxReconData+1)}, ErrBounds},
	} {
		t.Run(c.name, func(t *testing.T) {
			if b, err := Append(nil, c.m); b != nil || !errors.Is(err, c.want) {
				t.Errorf("got %d bytes, %v; want %v", len(b), err, c.want)
			}
		})
	}
}

// Durations are cut to what the field says, never wrapped.
func TestSaturate(t *testing.T) {
	for _, c := range []struct{ in, interval, left time.Duration }{
		{-time.Second, 0, 0},
		{1999 * time.Microsecond, time.Millisecond, time.Millisecond},
		{65535 * time.Millisecond, 65535 * time.Millisecond, 65535 * time.Millisecond},
		{65536 * time.Millisecond, 65535 * time.Millisecond, 65536 * time.Millisecond},
		{math.MaxInt64, 65535 * time.Millisecond, math.MaxUint32 * time.Millisecond},
	} {
		m, err := Decode(encode(t, Beat{Interval: c.in, Left: c.in}))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, m, Beat{Interval: c.interval, Left: c.left})
		m, err = Decode(encode(t, Wait{Why: 1, Left: c.in}))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, m, Wait{Why: 1, Left: c.left})
	}
}

// What must fit, fits.
func TestSizes(t *testing.T) {
	if MaxPayload != seal.MaxMessage {
		t.Errorf("MaxPayload is %d, and seal leaves %d", MaxPayload, seal.MaxMessage)
	}
	beat := Beat{Heads: make([]turn.ID, MaxBeatHeads)}
	for i := range MaxHeard {
		beat.Heard = append(beat.Heard, Heard{uint64(i), math.MaxUint32, true})
	}
	if n := len(encode(t, beat)); n != 978 || n > MaxPayload {
		t.Errorf("the largest BEAT takes %d bytes", n)
	}
	if n := len(encode(t, Want{IDs: make([]turn.ID, MaxWant)})); n > MaxPayload || n+32 <= MaxPayload {
		t.Errorf("the largest WANT takes %d bytes", n)
	}
	rep := &Rep{Heads: make([]turn.ID, MaxRepHeads), Grants: make([]Grant, MaxGrants)}
	b := encode(t, Turns{Rep: rep, Turns: [][]byte{make([]byte, MaxTurnBytes)}})
	frags, err := Fragment(1, b)
	if err != nil || len(frags) > MaxFragments {
		t.Errorf("the largest turn takes %d bytes in %d pieces, %v", len(b), len(frags), err)
	}
	if n := len(encode(t, Recon{To: 1, Data: make([]byte, MaxReconData)})); n > MaxMessage {
		t.Errorf("the largest RECON takes %d bytes", n)
	}
}

// The data of a decoded message lies in the input, and appending to it does not
// write into what follows.
func TestDecodeShares(t *testing.T) {
	b := encode(t, Turns{Turns: [][]byte{[]byte("one"), []byte("two")}})
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	turns := m.(Turns).Turns
	_ = append(turns[0], "XXXXX"...)
	if string(turns[1]) != "two" {
		t.Errorf("appending to the first turn made the second %q", turns[1])
	}
}

func TestSplitGrants(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := 1; n <= MaxGrants; n++ {
		for heads := range MaxRepHeads + 1 {
			m := random(r, KindRep).(Rep)
			m.Heads = make([]turn.ID, heads)
			m.HandOver = true
			m.Grants = make([]Grant, n)
			for i := range m.Grants {
				m.Grants[i].K = uint32(i)
			}
			parts := SplitGrants(m)
			lead := min(n, 2)
			all := slices.Clone(m.Grants[:lead])
			for i, p := range parts {
				b := encode(t, p)
				if len(b) > MaxPayload {
					t.Fatalf("%d grants and %d heads: a part of %d bytes", n, heads, len(b))
				}
				if i < len(parts)-1 && len(b)+grantSize <= MaxPayload {
					t.Fatalf("%d grants and %d heads: part %d has room left", n, heads, i)
				}
				if p.View != m.View || p.Clock != m.Clock || len(p.Heads) != heads || !p.HandOver {
					t.Fatalf("part %d is %v", i, p)
				}
				if !slices.Equal(p.Grants[:lead], m.Grants[:lead]) {
					t.Fatalf("part %d begins with %v", i, p.Grants[:lead])
				}
				all = append(all, p.Grants[lead:]...)
			}
			if !slices.Equal(all, m.Grants) {
				t.Fatalf("%d grants and %d heads: the parts carry %v", n, heads, all)
			}
		}
	}
}
