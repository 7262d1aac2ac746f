package e2e

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/floor"
)

// written makes holds of lines like "ana 10 20 abc 5 6 7": ana holds from 10 to 20
// with the view {a, b, c}, has the clock 5 at entry and says turns with the
// stamps 6 and 7. "15~20" for the end: killed, left in that time. A capital letter is the
// same member after a restart. The id of a turn is its stamp.
func written(t *testing.T, lines ...string) (all []hold, book viewBook, stamps map[string]uint64) {
	t.Helper()
	book, stamps = viewBook{}, map[string]uint64{}
	for _, line := range lines {
		var h hold
		var end, view string
		words := strings.Fields(line)
		if _, err := fmt.Sscan(line, &h.who, &h.from, &end, &view, &h.clock); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if n, _ := fmt.Sscanf(end, "%d~%d", &h.to, &h.latest); n == 1 {
			h.latest = h.to
		}
		var members []floor.Member
		for _, letter := range view {
			m := floor.Member{Key: [32]byte{byte(letter &^ 0x20)}, Incarnation: uint64(letter)}
			members = append(members, m)
		}
		v := floor.NewView(members...)
		hash := v.Hash()
		h.view = hex.EncodeToString(hash[:])
		book[h.view] = v
		for i, word := range words[5:] {
			var stamp uint64
			if _, err := fmt.Sscan(word, &stamp); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			stamps[word] = stamp
			h.turns = append(h.turns, saying{word, h.from + int64(i) + 1})
		}
		all = append(all, h)
	}
	return all, book, stamps
}

func TestFencedMutex(t *testing.T) {
	for _, c := range []struct {
		what  string
		holds []string
		bad   string // which lock, "" for none
	}{
		{"nothing", nil, ""},
		{"one after the other", []string{"ana 10 20 abc 5 6 7", "bia 20 30 abc 7 8", "ana 31 40 abc 8 9"}, ""},
		{"sides of a partition", []string{"ana 10 20 ab 5 6", "caio 12 18 cd 5 6"}, ""},
		{"lower stamps in another view", []string{"ana 10 20 ab 100 101", "caio 30 40 bc 5 6"}, ""},
		{"lower stamps after a restart", []string{"ana 10 20 ab 100 101", "ana 30 40 Ab 5 6"}, ""},
		{"nothing said in between", []string{"ana 10 20 ab 5", "bia 30 40 ab 5 6"}, ""},
		{"back in the former view", []string{"ana 10 20 ab 5 6", "caio 30 40 bc 3 4", "bia 50 60 ab 6 7"}, ""},
		{"told after it left", []string{"ana 10 10 ab 5 6", "bia 12 20 ab 6 7"}, ""},
		{"killed, and left before it could tell", []string{"ana 10 15~30 ab 5 6", "bia 16 20 ab 6 7"}, ""},
		{"entered too late for its leases", []string{"ana 10 5 ab 5", "bia 10 20 ab 6 7"}, ""},

		{"two at once", []string{"ana 10 20 ab 5 6", "bia 19 30 ab 6 7"}, "member"},
		{"one inside of the other", []string{"ana 10 40 ab 5 6", "bia 20 30 ab 6 7"}, "member"},
		{"two at once, of whom one says nothing", []string{"ana 10 20 ab 5", "bia 19 30 ab 6"}, "member"},
		{"views with one member in common", []string{"ana 10 20 ab 5 6", "caio 15 30 bc 6 7"}, "member"},
		{"a member that neither of them is", []string{"ana 10 20 aw 5 6", "caio 15 30 cw 6 7"}, "member"},
		{"one in common that was restarted", []string{"ana 10 20 ab 5 6", "caio 15 30 Bc 6 7"}, "member"},
		{"restarted while its lease ran", []string{"ana 10 20 ab 5 6", "ana 15 30 Ab 6 7"}, "member"},
		{"never left", []string{"ana 10 1000000 ab 5 6", "bia 50 60 ab 6 7"}, "member"},
		{"killed, but not before it told more", []string{"ana 10 15~30 ab 5 6", "bia 14 20 ab 6 7"}, "member"},
		{"a third in the last moment of a killed one", []string{"ana 10 15~30 ab 5 6", "bia 16 40 ab 6 7", "bia 35 50 ab 7 8"}, "member"},
		{"the clock goes back", []string{"ana 10 20 ab 5 6 7", "bia 30 40 ab 6 8"}, "view"},
		{"the same stamp again", []string{"ana 10 20 ab 5 6 7", "bia 30 40 ab 7 7"}, "view"},
		{"a lower stamp", []string{"ana 10 20 ab 5 9", "bia 30 40 ab 9 8"}, "view"},
		{"a stamp that the clock had", []string{"ana 10 20 ab 5 5"}, "view"},
		{"stamps fall in one hold", []string{"ana 10 20 ab 5 8 7"}, "view"},
		{"another turn after its leases had ended", []string{"ana 10 11 ab 5 6 7"}, "view"},
		{"a token of long ago, in the former view", []string{"ana 10 20 ab 5 6", "caio 30 40 bc 3 4", "bia 50 60 ab 4 5"}, "view"},
	} {
		all, book, stamps := written(t, c.holds...)
		for range 2 { // the order in which the processes told must not matter
			histories, err := lockHistories(all, book, stamps)
			if err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
			bad, _ := checkLocks(histories)
			got := ""
			if bad != nil {
				got, _, _ = strings.Cut(bad.lock, " ")
			}
			if got != c.bad {
				t.Errorf("%s: the lock that is broken is %q, want %q", c.what, got, c.bad)
			}
			slices.Reverse(all)
		}
	}
}

func TestFencedMutexNeedsToKnow(t *testing.T) {
	all, book, stamps := written(t, "ana 10 20 ab 5 6")
	if _, err := lockHistories(all, viewBook{}, stamps); err == nil {
		t.Error("a hold with an unknown view was taken")
	}
	if _, err := lockHistories(all, book, nil); err == nil {
		t.Error("a turn that is not in the record was taken")
	}
}

// TestFencedMutexSeesOneWrongHold changes one thing in long histories that are well.
func TestFencedMutexSeesOneWrongHold(t *testing.T) {
	views := []string{"abc", "abcd", "bcd", "acd"}
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		var lines []string
		at, clock := int64(10), 5
		for range 40 {
			to := at + 10 + r.Int64N(10)
			line := fmt.Sprintf("%c %d %d %s %d", 'a'+r.IntN(4), at, to, views[r.IntN(len(views))], clock)
			for range 1 + r.IntN(3) {
				clock += 1 + r.IntN(3)
				line += fmt.Sprint(" ", clock)
			}
			lines = append(lines, line)
			at = to + r.Int64N(3)
		}
		all, book, stamps := written(t, lines...)
		verdict := func(all []hold) bool {
			histories, err := lockHistories(all, book, stamps)
			if err != nil {
				t.Fatal(err)
			}
			bad, _ := checkLocks(histories)
			return bad == nil
		}
		if !verdict(all) {
			t.Fatalf("seed %d: refused\n%s", seed, strings.Join(lines, "\n"))
		}
		i := r.IntN(len(all) - 1)
		longer := slices.Clone(all)
		longer[i].to = longer[i+1].from + 1
		longer[i].latest = longer[i].to
		if verdict(longer) {
			t.Errorf("seed %d: hold %d runs into the next, which was taken\n%s", seed, i, strings.Join(lines, "\n"))
		}
		lower := slices.Clone(all)
		lower[i+1].clock = 1
		later := slices.ContainsFunc(all[:i+1], func(h hold) bool { return h.view == all[i+1].view })
		if verdict(lower) == later {
			t.Errorf("seed %d: hold %d has a clock that goes back, its view had a hold before: %v, which is not what was found\n%s",
				seed, i+1, later, strings.Join(lines, "\n"))
		}
	}
}
