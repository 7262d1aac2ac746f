package record_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/record"
	"github.com/papo-chat/papo/internal/turn"
)

// What waits for its parents is not kept in memory as it is: who writes the file
// chooses how many such turns there are, and how long.
func TestLongTurnsAreNotKept(t *testing.T) {
	const n = 500
	text := strings.Repeat("x", turn.MaxLine-200)
	var ts []*turn.Signed
	for i := range n {
		ts = append(ts, sign(t, "eva", turn.Turn{
			Stamp: uint64(i + 1), Parents: []turn.ID{{byte(i), byte(i >> 8), 1}}, Texts: []string{text, text, text, text},
		}))
	}
	file := write(t, ts)
	ts = nil
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, after, seen := heap(), uint64(0), 0
	if _, err := record.Verify(bytes.NewReader(file), func(*turn.Signed) {
		if seen++; seen == n {
			after = heap()
		}
	}); err != nil {
		t.Fatal(err)
	}
	if grown := int(after) - int(before); seen != n || grown > len(file)/5 {
		t.Errorf("after %d turns, %d bytes of %d are kept", seen, grown, len(file))
	}
}

// A first line that never ends is read no further than a header can reach.
func TestEndlessFirstLine(t *testing.T) {
	in := &endless{left: 1 << 20}
	r, err := record.Verify(in, nil)
	if err != nil || !slices.Equal(r.Faults, []record.Fault{{Line: 1, Code: record.FaultHeader}}) {
		t.Errorf("%+v, %v", r, err)
	}
}

// endless gives x, and an error if too much is read.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left < 0 {
		return 0, errors.New("read on and on")
	}
	for i := range p {
		p[i] = 'x'
	}
	e.left -= len(p)
	return len(p), nil
}

// That a file is cut, or goes on, is told however many lines are damaged.
func TestCutIsToldAfterManyFaults(t *testing.T) {
	file := bytes.ReplaceAll(write(t, long(t, 150)), []byte("usual"), []byte("USUAL"))
	for code, changed := range map[record.FaultCode][]byte{
		record.FaultCut:      file[:len(file)-1],
		record.FaultAfterEnd: append(slices.Clone(reseal(file)), "more\n"...),
		record.FaultEndForm:  replace(file, 152, ",", ", "),
	} {
		r := verify(t, changed)
		want := record.Fault{Line: map[bool]int{true: 153, false: 152}[code == record.FaultAfterEnd], Code: code}
		if len(r.Faults) != record.MaxFaults+1 || r.Faults[record.MaxFaults] != want || r.MoreFaults != 50 {
			t.Errorf("%s: %d faults and %d more, the last %+v", code, len(r.Faults), r.MoreFaults, r.Faults[len(r.Faults)-1])
		}
	}
}

// Who signs with many names first hides no name that is another's.
func TestNamesBehindManyNames(t *testing.T) {
	ts := []*turn.Signed{named(t, "ana", "ana", 1)}
	for i := range record.MaxNames {
		ts = append(ts, named(t, "eva", fmt.Sprint("eva ", i), 2+uint64(i)))
	}
	r := verify(t, write(t, append(ts, named(t, "eva", "ana", 50), named(t, "eva", "ana", 51))))
	if !slices.Equal(r.Shared(), []string{"ana"}) {
		t.Errorf("shared %q", r.Shared())
	}
	if a := r.Authors[0]; len(a.Names) != record.MaxNames || a.MoreNames != 1 {
		t.Errorf("%d names and %d more", len(a.Names), a.MoreNames)
	}
}

// Names that look the same are the same for people.
func TestSharedNamesThatLookTheSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"João", "Joa\u0303o", true}, {"ana b", "ana\u00a0b", true}, {"ana", "ana\ufe0f", true}, {"ana", "a\u034fna", true}, {"ana", "ana\u3164", true},
		{"ana", "Ana", false}, {"ana", "anna", false},
	} {
		r := verify(t, write(t, []*turn.Signed{named(t, "ana", c.a, 1), named(t, "eva", c.b, 2)}))
		if got := r.Shared(); c.same != slices.Equal(got, []string{c.a}) || !c.same && got != nil {
			t.Errorf("%+q and %+q: shared %q", c.a, c.b, got)
		}
	}
	// One key with both is no other.
	r := verify(t, write(t, []*turn.Signed{named(t, "ana", "João", 1), named(t, "ana", "Joa\u0303o", 2)}))
	if got := r.Shared(); got != nil {
		t.Errorf("shared %q", got)
	}
}
