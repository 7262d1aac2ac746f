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
	of := func(who string, from, to int64, view string) hold {
		return hold{who: who, from: from, to: to, view: view}
	}
	one := of("ana", 10, 20, "v")
	for _, c := range []struct {
		what  string
		other hold
		want  bool
	}{
		{"after", of("bia", 20, 30, "v"), false},
		{"before", of("bia", 5, 10, "v"), false},
		{"at the end", of("bia", 19, 30, "v"), true},
		{"at the beginning", of("bia", 5, 11, "v"), true},
		{"inside", of("bia", 12, 13, "v"), true},
		{"around", of("bia", 1, 100, "v"), true},
		{"of no length", of("bia", 12, 12, "v"), false},
		{"one's own", of("ana", 12, 13, "v"), false},
		{"with nobody in common", of("bia", 12, 13, "w"), false},
	} {
		// Others before and after must not hide it.
		all := []hold{of("caio", 0, 3, "v"), one, c.other, of("caio", 200, 300, "v")}
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
	if twice := newViewBook(append(members, floor.Member{Key: members[0].Key, Incarnation: 77})); len(twice) != 23 {
		t.Errorf("4 members of whom one was there twice can form %d views, want 23", len(twice))
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
