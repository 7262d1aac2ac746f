package e2e

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"unicode"

	"github.com/papo-chat/papo/internal/turn"
)

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
