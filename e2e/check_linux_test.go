package e2e

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"unicode"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/turn"
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

func TestLastAppend(t *testing.T) {
	for _, c := range []struct {
		what string
		logs string // of ana: own turns are upper case
		want string
	}{
		{"equal", "aBc aBc aBc", ""},
		{"nothing yet", "  ", ""},
		{"an own turn in one", "aBcD aBc aBc", "D"},
		{"an own turn in two", "aBcD aBcD aBc", "D"},
		{"an own turn torn in the first", "aBc aBcD aBc", "D"},
		{"turns of others", "aBcde aBcd aB", "cde"},
		{"two own turns", "aBcDE aBc aBc", "error"},
		{"an own turn and one before", "aBcD aBcD aB", "error"},
		{"an own turn and one after", "aBc aBc a", "error"},
		{"one in the middle", "aBc aBc aB ac", "error"},
		{"another order", "abc acb abc", "error"},
		{"another turn", "abc abd abc", "error"},
	} {
		var logs [][]event
		for _, log := range strings.Split(c.logs, " ") {
			var turns []event
			for _, id := range log {
				e := event{ID: string(id), Author: "bia"}
				if unicode.IsUpper(id) {
					e.Author = "ana"
				}
				turns = append(turns, e)
			}
			logs = append(logs, turns)
		}
		last, err := lastAppend("ana", logs)
		got := ""
		for _, e := range last {
			got += e.ID
		}
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q (%v)", c.what, got, c.want, err)
		}
	}
}

func TestLogReader(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	group := turn.GroupID{1, 2, 3}
	s, err := turn.Sign(group, turn.Turn{
		Name: "ana", Stamp: 7, Time: 1_000_000_001_234, LineIDs: []turn.LineID{{1}, {2}}, Texts: []string{`a\n|b`, "c\nd"},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	line := func(group turn.GroupID, begin string) string {
		body := begin + base64.RawURLEncoding.EncodeToString(s.Bytes())
		return fmt.Sprintf("papo-log 1|%x|00\n%s|%08x\n", group, body, crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli)))
	}
	begin := `2001-09-09T01:46:41.234Z|ana|a\\n|b\nc\nd|`
	good := line(group, begin)
	r := logReader{turns: map[string]*turn.Signed{}}
	turns, err := r.read(logFile{text: []byte(good + good[strings.Index(good, "\n")+1:])})
	if err != nil || len(turns) != 1 {
		t.Fatalf("%v: %v", turns, err)
	}
	want := fmt.Sprintf("stamp 7, id %s, after , author %x, time 2001-09-09T01:46:41.234000000Z, lines %q", s.ID(), key.Public(), s.Turn().Texts)
	if got := turnOf(turns[0]); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for what, text := range map[string]string{
		"nothing":         "",
		"another header":  strings.Replace(good, "papo-log 1", "papo-log 2", 1),
		"no group":        strings.Replace(good, "|0102", "|02", 1),
		"another group":   line(turn.GroupID{9}, begin),
		"another time":    line(group, strings.Replace(begin, "234Z", "235Z", 1)),
		"another name":    line(group, strings.Replace(begin, "ana", "bia", 1)),
		"another text":    line(group, strings.Replace(begin, "b", "B", 1)),
		"a flipped bit":   strings.Replace(good, "2001", "2000", 1),
		"a torn end":      good[:len(good)-1],
		"an empty line":   good + "\n",
		"no more columns": good + "ana\n",
	} {
		// A reader that knows the turn already must be no less strict.
		for _, r := range []logReader{{turns: map[string]*turn.Signed{}}, r} {
			if got, err := r.read(logFile{text: []byte(text)}); err == nil {
				t.Errorf("%s was read: %v", what, got)
			}
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
