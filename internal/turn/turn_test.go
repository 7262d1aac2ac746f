package turn

import (
	"strings"
	"testing"
)

// TestFitReckonsExactly: the largest turn that there can be takes just what Fit
// reckons with.
func TestFitReckonsExactly(t *testing.T) {
	largest := plain()
	largest.Name, largest.Stamp, largest.Time = strings.Repeat("\U0001f600", MaxName), MaxStamp, MaxTime
	largest.Parents, largest.LineIDs, largest.Texts = make([]ID, MaxParents), nil, nil
	size := fixedSize
	for i := range 300 { // so many that the heads of both arrays have three bytes
		text := strings.Repeat("x", i)
		largest.LineIDs, largest.Texts = append(largest.LineIDs, LineID{}), append(largest.Texts, text)
		size += lineIDSize + textSize(len(text))
	}
	if n := len(marshal(t, largest)) + signatureSize; n != size {
		t.Errorf("%d bytes, reckoned with %d", n, size)
	}
}

// TestFitFillsAll: what fills the room to the last byte fits, one byte more does not.
func TestFitFillsAll(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	room := MaxSigned - fixedSize - 4*(lineIDSize+3+MaxLine) - lineIDSize - 3
	for more, want := range []int{5, 4} {
		if n := Fit([]string{long, long, long, long, long[:room+more]}); n != want {
			t.Errorf("with %d bytes more than fit: %d lines", more, n)
		}
	}
}

// TestFaultsNameTheLine: people count lines from 1.
func TestFaultsNameTheLine(t *testing.T) {
	for _, bad := range []string{"", strings.Repeat("x", MaxLine+1), "\x1b"} {
		said := plain()
		said.LineIDs, said.Texts = make([]LineID, 2), []string{"x", bad}
		if _, err := Sign(testGroup, said, testKey); err == nil || !strings.Contains(err.Error(), "line 2 ") {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
}
