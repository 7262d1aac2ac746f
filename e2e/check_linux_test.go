package e2e

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/papo-chat/papo/floor"
)

// told makes events of lines like "granted 10 until 20", at the first number.
func told(t *testing.T, lines ...string) []event {
	t.Helper()
	var all []event
	for _, l := range lines {
		state, rest, _ := strings.Cut(l, " ")
		var at, until int64
		if n, _ := fmt.Sscanf(rest, "%d until %d", &at, &until); n == 0 {
			t.Fatalf("no time in %q", l)
		}
		raw := fmt.Sprintf(`{"v":1,"type":"floor","boot_ns":%d,"state":%q,"until_ns":%d,"view":"v"}`, at, state, until)
		e, err := parseEvent([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		what   string
		told   []string
		killed bool
		want   string
	}{
		{"two holds", []string{"requested 1", "granted 10 until 30", "released 15", "granted 40 until 60", "released 50"}, false, "[10,15) [40,50)"},
		{"the lease ends first", []string{"granted 10 until 30", "released 45"}, false, "[10,30)"},
		{"renewed", []string{"granted 10 until 30", "renewed 20 until 50", "released 45"}, false, "[10,45)"},
		{"an older lease shortens nothing", []string{"granted 10 until 30", "renewed 20 until 25", "released 45"}, false, "[10,30)"},
		{"still in it", []string{"granted 10 until 30"}, false, "[10,30)"},
		{"killed in it", []string{"granted 10 until 30", "grant 12"}, true, "[10,12)"},
		{"killed in /hold", []string{"granted 10 until 30", "held 10 until 30", "grant 12"}, true, "[10,30)"},
		{"no way in", []string{"released 45"}, false, "error"},
		{"in twice", []string{"granted 10 until 30", "granted 20 until 40"}, false, "error"},
	} {
		all, err := holds("ana", told(t, c.told...), c.killed)
		var got []string
		for _, h := range all {
			got = append(got, fmt.Sprintf("[%d,%d)", h.from, h.to))
		}
		if err != nil {
			got = []string{"error"}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.what, s, c.want)
		}
	}
}

func TestOverlap(t *testing.T) {
	one := hold{"ana", 10, 20, "v"}
	for _, c := range []struct {
		what  string
		other hold
		want  bool
	}{
		{"after", hold{"bia", 20, 30, "v"}, false},
		{"before", hold{"bia", 5, 10, "v"}, false},
		{"at the end", hold{"bia", 19, 30, "v"}, true},
		{"at the beginning", hold{"bia", 5, 11, "v"}, true},
		{"inside", hold{"bia", 12, 13, "v"}, true},
		{"around", hold{"bia", 1, 100, "v"}, true},
		{"of no length", hold{"bia", 12, 12, "v"}, false},
		{"one's own", hold{"ana", 12, 13, "v"}, false},
		{"with nobody in common", hold{"bia", 12, 13, "w"}, false},
	} {
		// Others before and after must not hide it.
		all := []hold{{"caio", 0, 3, "v"}, one, c.other, {"caio", 200, 300, "v"}}
		_, _, got := overlap(all, func(a, b string) bool { return a == b })
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

func TestViewBook(t *testing.T) {
	members := make([]floor.Member, 4)
	for i := range members {
		members[i] = floor.Member{Key: [32]byte{byte(i)}, Incarnation: uint64(i + 1)}
	}
	book := newViewBook(members)
	if len(book) != 15 {
		t.Errorf("4 members can form %d views, want 15", len(book))
	}
	view := func(in ...floor.Member) string {
		h := floor.NewView(in...).Hash()
		return hex.EncodeToString(h[:])
	}
	ab, bc, cd := view(members[:2]...), view(members[1:3]...), view(members[2:]...)
	again := view(floor.Member{Key: members[0].Key, Incarnation: 77})
	for _, c := range []struct {
		x, y string
		want bool
	}{{ab, ab, true}, {ab, bc, true}, {bc, cd, true}, {ab, cd, false}, {cd, ab, false}, {ab, again, true}} {
		if got := book.shares(c.x, c.y); got != c.want {
			t.Errorf("%s and %s share a member: %v, want %v", c.x, c.y, got, c.want)
		}
	}
}

func TestTapLinkFate(t *testing.T) {
	fates := func(f faults, seed uint64) (arrive int, l *link) {
		l = newLink(seed, 0, 1)
		for range 10_000 {
			arrive += len(l.fate(f))
		}
		return arrive, l
	}
	all := faults{loss: 0.2, repeat: 0.1, delay: 0.25, most: 1000}
	arrive, l := fates(all, 1)
	if l.frames != 10_000 || arrive != l.frames-l.lost+l.repeated {
		t.Errorf("%d arrive of %+v", arrive, l.counts)
	}
	for what, share := range map[string][2]float64{
		"lost": {float64(l.lost), 2000}, "repeated": {float64(l.repeated), 800}, "delayed": {float64(l.delayed), 2200},
	} {
		if share[0] < 0.8*share[1] || share[0] > 1.2*share[1] {
			t.Errorf("%s: %.0f of 10000, want about %.0f", what, share[0], share[1])
		}
	}
	if again, same := fates(all, 1); again != arrive || same.counts != l.counts {
		t.Errorf("the same seed gave %+v, then %+v", l.counts, same.counts)
	}
	if arrive, l := fates(faults{}, 1); arrive != 10_000 || l.lost+l.repeated+l.delayed > 0 {
		t.Errorf("without faults %d of 10000 arrive: %+v", arrive, l.counts)
	}
}
