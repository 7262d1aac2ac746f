package store_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/fuzzloop"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// genuine stands for turn.Parse where only these turns were ever signed: any other
// bytes cannot have a signature that holds. It takes a twentieth of the time.
func genuine(signed ...*turn.Signed) func(turn.GroupID, []byte) (*turn.Signed, error) {
	good := map[string]bool{}
	for _, s := range signed {
		good[string(s.Bytes())] = true
	}
	return func(g turn.GroupID, b []byte) (*turn.Signed, error) {
		s, err := turn.ParseTrusted(g, b)
		if err == nil && (g != group || !good[string(b)]) {
			return nil, fmt.Errorf("%w: it is forged", turn.ErrSignature)
		}
		return s, err
	}
}

func fuzzTurns(t testing.TB) []*turn.Signed { return append(variety(t), chain(t, group, 3)...) }

// lines gives what stands between the newlines of a file.
func lines(file []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(file, []byte("\n")), []byte("\n"))
}

// resummed gives a line with the checksum that its other columns have.
func resummed(line []byte) []byte {
	body := line[:max(0, bytes.LastIndexByte(line, '|'))]
	return []byte(sum(string(body)))
}

// The seeds reach what each decoder tells apart.
func TestSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	met := map[string]int{}
	decode := store.NewDecoder(group, genuine(fuzzTurns(t)...))
	for _, b := range fuzzloop.Seeds(t, "FuzzLine") {
		for _, b := range [][]byte{b, resummed(b)} {
			_, why := decode(b)
			why, _, _ = strings.Cut(why, ":")
			met[why]++
		}
	}
	for _, why := range []string{
		"", "this is no line of a log", "the checksum is wrong, and the signed turn cannot be read", "the signed turn is no base64url",
		"the turn is not valid", "the checksum is wrong", "what people read is not what was signed",
	} {
		if met[why] == 0 {
			t.Errorf("no line is refused because %q: %v", why, met)
		}
	}
	versions := map[int]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzHeader") {
		version, _, _ := store.ReadHeader(b)
		versions[version]++
	}
	if versions[0] == 0 || versions[1] == 0 || versions[2] == 0 {
		t.Errorf("headers of version: %v", versions)
	}
	queued := map[int]int{}
	refused := 0
	for _, b := range fuzzloop.Seeds(t, "FuzzUnsentLine") {
		now, ok := store.TakeUnsent(fuzzFirst, b)
		queued[len(now)]++
		if !ok {
			refused++
		}
	}
	if queued[0] == 0 || queued[1] == 0 || queued[2] == 0 || refused == 0 {
		t.Errorf("after a line of unsent.log so many are queued: %v, %d are refused", queued, refused)
	}
	states := map[bool]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzState") {
		_, ok := store.ReadState(b)
		states[ok]++
	}
	if states[true] == 0 || states[false] == 0 {
		t.Errorf("states: %v", states)
	}
	logs := map[string]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzLog") {
		r, err := openLog(b, genuine(fuzzTurns(t)...))
		switch {
		case errors.Is(err, store.ErrOtherGroup):
			logs["other group"]++
		case errors.Is(err, store.ErrNewerLog):
			logs["newer"]++
		case err != nil:
			t.Error(err)
		default:
			st := r.Replicas[0]
			for what, is := range map[string]bool{
				"whole": !reported(st) && st.Turns > 0, "torn": st.Torn, "damaged": len(st.Damaged) > 0, "empty": st.Turns == 0,
			} {
				if is {
					logs[what]++
				}
			}
		}
	}
	for _, what := range []string{"other group", "newer", "whole", "torn", "damaged", "empty"} {
		if logs[what] == 0 {
			t.Errorf("no log is %s: %v", what, logs)
		}
	}
	clear(queued)
	for _, b := range fuzzloop.Seeds(t, "FuzzUnsent") {
		queued[min(2, len(readUnsentPlainly(b)))]++
	}
	if len(queued) < 3 {
		t.Errorf("files with so many lines queued: %v", queued)
	}
	if n := len(fuzzloop.Seeds(t, "FuzzWords")); n < 10 {
		t.Errorf("%d seeds of words", n)
	}
}

func writeSeeds(t *testing.T) {
	write := func(target string, seeds map[string][]byte) {
		for name, b := range seeds {
			fuzzloop.WriteSeed(t, target, name, b)
		}
	}
	for i, s := range fuzzTurns(t) {
		line := bytes.TrimSuffix(store.AppendLine(nil, s), []byte("\n"))
		write("FuzzLine", map[string][]byte{fmt.Sprintf("%d", i): line})
		if i == 0 {
			body := line[:len(line)-9]
			encoded := body[bytes.LastIndexByte(body, '|')+1:]
			write("FuzzLine", map[string][]byte{
				"torn": line[:len(line)-30], "no-checksum": body, "return": append(slices.Clone(line), '\r'),
				"return-inside": append(slices.Clone(body), "\r|"...), "padding": append(slices.Clone(body), "=|"...),
				"other-text":  append(bytes.Replace(body, []byte("hello"), []byte("hullo"), 1), '|'),
				"no-text":     append(bytes.Replace(body, []byte("hello"), nil, 1), '|'),
				"turn-only":   append(append([]byte("|"), encoded...), '|'),
				"forged":      append(slices.Clone(body[:len(body)-4]), "AAAA|"...),
				"twice":       append(slices.Clone(line), line...),
				"upper-case":  append(slices.Clone(line[:len(line)-8]), bytes.ToUpper(line[len(line)-8:])...),
				"no-bar":      []byte("hello"),
				"bars":        []byte("||"),
				"short-turn":  []byte("|||AAAA|"),
				"other-group": bytes.TrimSuffix(store.AppendLine(nil, sign(t, otherGroup, turn.Turn{Name: "ana", Stamp: 1, LineIDs: []turn.LineID{{1}}, Texts: []string{"x"}})), []byte("\n")),
			})
		}
	}
	ts := chain(t, group, 3)
	whole, _ := written(t, 1, ts[:2]).Get(replica(0))
	header := lines(whole)[0]
	other, _ := written(t, 1, nil).Get(replica(0))
	foreign := bytes.Replace(other, []byte("|0102"), []byte("|ff02"), 1)
	foreign = store.AppendLine(foreign, sign(t, turn.GroupID{0xff, 2, 3}, turn.Turn{Name: "ana", Stamp: 1, LineIDs: []turn.LineID{{1}}, Texts: []string{"x"}}))
	write("FuzzHeader", map[string][]byte{
		"whole": header, "newer": []byte("papo-log 2|anything"), "newest": []byte("papo-log 9223372036854775807"), "beyond": []byte("papo-log 9223372036854775808|"),
		"zero": bytes.Replace(header, []byte(" 1|"), []byte(" 0|"), 1), "plus": bytes.Replace(header, []byte(" 1|"), []byte(" +1|"), 1),
		"upper": bytes.ToUpper(header), "cut": header[:len(header)-1], "more": append(slices.Clone(header), "|x"...), "nothing": nil,
	})
	write("FuzzLog", map[string][]byte{
		"nothing": nil, "whole": whole, "torn": whole[:len(whole)-20], "no-newline": whole[:len(whole)-1], "no-header": whole[90:], "newer": []byte("papo-log 2|\nx\n"),
		"returns": bytes.ReplaceAll(whole, []byte("\n"), []byte("\r\n")), "other-group": foreign, "header": other,
		"twice":   append(slices.Clone(whole), whole...),
		"swapped": slices.Concat(header, []byte("\n"), lines(whole)[2], []byte("\n"), lines(whole)[1], []byte("\n")),
		"empty":   []byte("\n\n\n"), "nul": make([]byte, 100),
	})
	queue := []store.Unsent{{Line: turn.LineID{1}, Text: "plain"}, {Line: turn.LineID{2}, Text: "a|b\\n\n\\\r\t🙂"}, {Line: turn.LineID{3}, Text: "\xff"}}
	var file []byte
	file = append(append(file, store.UnsentHeader(group)...), '\n')
	for i, u := range queue {
		write("FuzzUnsentLine", map[string][]byte{fmt.Sprintf("queued-%d", i): store.QueuedLine(u)})
		file = append(append(file, store.QueuedLine(u)...), '\n')
	}
	done := append(append(slices.Clone(file), store.DoneLine(queue[1].Line)...), '\n')
	write("FuzzUnsentLine", map[string][]byte{
		"done": store.DoneLine(fuzzFirst.Line), "done-other": store.DoneLine(queue[0].Line), "again": store.QueuedLine(fuzzFirst),
		"header": store.UnsentHeader(group), "escape": []byte(`queued|0100000000000000|\x|`), "short": []byte("queued|01|x|"), "nothing": nil,
		"other": []byte("posted|0100000000000000|x|"), "upper": []byte("queued|ABCDEF0000000000|x|"),
	})
	write("FuzzUnsent", map[string][]byte{
		"nothing": nil, "header": append(store.UnsentHeader(group), '\n'), "queued": file, "done": done, "torn": file[:len(file)-4], "no-newline": file[:len(file)-1],
		"no-header": file[bytes.IndexByte(file, '\n')+1:], "other-group": append(store.UnsentHeader(otherGroup), file[bytes.IndexByte(file, '\n'):]...),
		"damaged": bytes.Replace(file, []byte("plain"), []byte("PLAIN"), 1), "returns": bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")),
		"twice": append(slices.Clone(file), file...), "one": append(store.QueuedLine(queue[0]), '\n'),
	})
	id := strings.Repeat("ab", 32)
	write("FuzzState", map[string][]byte{
		"empty":  []byte(`{}`),
		"whole":  []byte(`{"group":"` + id + `","member":"ana","turns":2,"sum":[1,2,3,18446744073709551615],"missing":1,"missing_sum":[1,0,0,0],"odd":1,"odd_sum":[0,0,0,1],"heads":[{"stamp":2,"id":"` + id + `"}],"peers":[{"name":"bia","key":"` + id + `"}],"logs":{"0":{"generation":"0102030405060708","offset":300,"start":200,"sum":"` + id + `","lines":3}},"said":["0102030405060708"]}`),
		"short":  []byte(`{"group":"abcd"}`),
		"group":  []byte(`{"group":"` + id + `","heads":null,"logs":{"x":{}}}`),
		"less":   []byte(`{"group":"` + id + `","turns":-1}`),
		"nohex":  []byte(`{"group":"` + strings.Repeat("xy", 32) + `"}`),
		"number": []byte(`{"group":"` + id + `","sum":[1,2,3,4,5],"turns":1e3}`),
	})
	for i, words := range []string{
		"", "rack", "RACK* sev*", `"he said"`, `"open`, `a AND NOT (b OR "c`, "joão olá", "日本", "👍", "x\x00y", "\xff", "-rack name:ana", "a^2 NEAR(b c, 5)", "''; --", "*", `""`, "\ue000",
	} {
		write("FuzzWords", map[string][]byte{fmt.Sprintf("%02d", i): []byte(words)})
	}
}

// FuzzLine takes lines of logs, as they are and with their checksum put right. What is
// accepted is what is written, but for the text, which may be missing.
func FuzzLine(f *testing.F) {
	decode := store.NewDecoder(group, genuine(fuzzTurns(f)...))
	check := func(t testing.TB, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return // then it is two
		}
		s, why := decode(line)
		if s == nil && why == "" {
			t.Fatal("neither a turn nor a reason")
		}
		if why != "" || !s.Known() {
			return
		}
		again := bytes.TrimSuffix(store.AppendLine(nil, s), []byte("\n"))
		if !bytes.Equal(again, line) && !bytes.Contains(line, []byte("||")) {
			t.Fatalf("%q is taken for %q", line, again)
		}
	}
	fuzzloop.Decoder(f, func(t testing.TB, line []byte) {
		check(t, line)
		check(t, resummed(line))
	})
}

// FuzzHeader takes first lines of logs. One of this version is taken only as it is
// written.
func FuzzHeader(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, line []byte) {
		version, again, ok := store.ReadHeader(line)
		if ok != (version > 0) || ok && version == 1 && !bytes.Equal(again, line) || version > 1 && !bytes.HasPrefix(line, fmt.Appendf(nil, "papo-log %d", version)) {
			t.Fatalf("%q: version %d, %q, %v", line, version, again, ok)
		}
	})
}

var fuzzFirst = store.Unsent{Line: turn.LineID{0xaa, 7: 0xbb}, Text: "first"}

// FuzzUnsentLine takes lines of unsent.log, as they are and with their checksum put
// right: what queues a line is what is written for it, and what ends one too.
func FuzzUnsentLine(f *testing.F) {
	check := func(t testing.TB, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return // then it is two
		}
		queued, ok := store.TakeUnsent(fuzzFirst, line)
		want := readUnsentPlainly(slices.Concat(store.QueuedLine(fuzzFirst), []byte("\n"), line, []byte("\n")))
		if !slices.Equal(queued, want) {
			t.Fatalf("%q leaves %q, not %q", line, queued, want)
		}
		if !ok && (len(queued) != 1 || queued[0] != fuzzFirst) {
			t.Fatalf("%q is refused, and leaves %q", line, queued)
		}
		if len(queued) == 2 && !bytes.Equal(store.QueuedLine(queued[1]), line) {
			t.Fatalf("%q queues %q", line, queued[1])
		}
		if len(queued) == 0 && !bytes.Equal(store.DoneLine(fuzzFirst.Line), line) {
			t.Fatalf("%q says that it is done", line)
		}
	}
	fuzzloop.Decoder(f, func(t testing.TB, line []byte) {
		check(t, line)
		check(t, resummed(line))
	})
}

var (
	withoutEscapes = strings.NewReplacer(`\\`, "", `\n`, "")
	unescaped      = strings.NewReplacer(`\\`, `\`, `\n`, "\n")
)

// readUnsentPlainly reads a whole unsent.log.
func readUnsentPlainly(file []byte) []store.Unsent {
	var queued []store.Unsent
	index := func(id turn.LineID) int {
		return slices.IndexFunc(queued, func(u store.Unsent) bool { return u.Line == id })
	}
	for line := range strings.SplitSeq(string(file), "\n") {
		if len(line) > store.MaxUnsentLine || len(line) < 9 || line != sum(line[:len(line)-9]) {
			continue
		}
		line = line[:len(line)-9]
		verb, rest, _ := strings.Cut(line, "|")
		var id turn.LineID
		digits := rest[:min(len(rest), 16)]
		if n, _ := hex.Decode(id[:], []byte(digits)); n < len(id) || strings.ToLower(digits) != digits {
			continue
		}
		text, more := strings.CutPrefix(rest[16:], "|")
		bare := withoutEscapes.Replace(text)
		switch {
		case verb == "queued" && more && !strings.Contains(bare, `\`) && index(id) < 0 && len(queued) < store.MaxUnsent:
			queued = append(queued, store.Unsent{Line: id, Text: unescaped.Replace(text)})
		case verb == "done" && len(rest) == 16 && index(id) >= 0:
			queued = slices.Delete(queued, index(id), index(id)+1)
		}
	}
	return queued
}

// FuzzUnsent takes whole files of unsent.log. What a plain reader finds is restored,
// and stays so when the file is written anew; so does what is queued behind it.
func FuzzUnsent(f *testing.F) {
	fuzzloop.Schedule(f, func(t testing.TB, content []byte) {
		d := storetest.New()
		d.Put(unsentPath, content)
		o := options(d)
		o.Replicas = 1
		want := readUnsentPlainly(content)
		for i := range 3 {
			s, r, err := store.Open(o)
			if errors.Is(err, store.ErrOtherGroup) && bytes.HasPrefix(content, []byte("papo-unsent 1|")) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.Unsent, want) {
				t.Fatalf("%q is restored, not %q", r.Unsent, want)
			}
			u := store.Unsent{Line: turn.LineID{0xee, byte(i)}, Text: "queued behind it"}
			if known := slices.ContainsFunc(want, func(v store.Unsent) bool { return v.Line == u.Line }); !known && len(want) < store.MaxUnsent {
				if err := s.Queue(u.Line, u.Text); err != nil {
					t.Fatal(err)
				}
				want = append(want, u)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzState takes the state of a checkpoint: what is read is written so that it is
// read again as the same.
func FuzzState(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, text []byte) {
		again, ok := store.ReadState(text)
		if !ok {
			return
		}
		if third, ok := store.ReadState(again); !ok || !bytes.Equal(third, again) {
			t.Fatalf("%s is read as\n%s, and then as\n%s", text, again, third)
		}
	})
}

// openLog opens a store whose one replica is this.
func openLog(content []byte, parse func(turn.GroupID, []byte) (*turn.Signed, error)) (*store.Restored, error) {
	o := logOptions(content, parse)
	s, r, err := store.Open(o)
	if err == nil {
		s.Close()
	}
	return r, err
}

func logOptions(content []byte, parse func(turn.GroupID, []byte) (*turn.Signed, error)) store.Options {
	d := storetest.New()
	d.Put(replica(0), content)
	o := options(d)
	o.Replicas, o.Parse = 1, parse
	return o
}

// FuzzLog takes any file at all as a log: it is opened without a panic, in bounded
// memory, and what is appended after it is found.
func FuzzLog(f *testing.F) {
	ts := chain(f, group, 4)
	parse := genuine(append(fuzzTurns(f), ts...)...)
	fuzzloop.Schedule(f, func(t testing.TB, content []byte) {
		o := logOptions(content, parse)
		s, first, err := store.Open(o)
		if err != nil {
			if !errors.Is(err, store.ErrOtherGroup) && !errors.Is(err, store.ErrNewerLog) {
				t.Fatal(err)
			}
			return
		}
		s.Append(ts[3:])
		if reports, n := compared(s); n == 0 || reports[0].Missing > 0 && len(reports[0].Damaged) == 0 {
			t.Fatalf("%+v of %d", reports, n)
		}
		s.Close()
		s, r, err := store.Open(o)
		if err != nil || !subset(ts[3:], r.New) || !subset(first.New, r.New) {
			t.Fatalf("a turn that was there is lost: %v", err)
		}
		s.Close()
	})
}

// FuzzWords takes what is typed to be searched for: nothing in it is a fault of
// syntax.
func FuzzWords(f *testing.F) {
	store.Synchronous(false)
	o := options(nil)
	o.Dir = f.TempDir()
	o.Checkpoint = filepath.Join(o.Dir, "checkpoint.db")
	s, _ := open(f, o)
	ts := spoken(f, "Olá, João! Está tudo bem?", `he said "rack" AND left`, "日本語 テスト", "rack seven")
	s.Append(ts)
	fuzzloop.Schedule(f, func(t testing.TB, words []byte) {
		found, err := s.Find(t.Context(), store.Filter{Words: string(words)})
		if err != nil && !errors.Is(err, store.ErrNoWords) || len(found) > len(ts) {
			t.Fatalf("%q: %d turns, %v", words, len(found), err)
		}
	})
}
