package record_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/papo-chat/papo/internal/record"
	"github.com/papo-chat/papo/internal/turn"
)

var (
	group   = turn.GroupID(sha256.Sum256([]byte("a group")))
	created = time.Date(2026, 1, 3, 8, 0, 0, 123456789, time.UTC)
)

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// say signs a turn of one line by the key of that name, after these turns.
func say(t testing.TB, name string, stamp uint64, text string, parents ...*turn.Signed) *turn.Signed {
	t.Helper()
	var ids []turn.ID
	for _, p := range parents {
		ids = append(ids, p.ID())
	}
	return sign(t, name, turn.Turn{Stamp: stamp, Parents: ids, Texts: []string{text}})
}

func sign(t testing.TB, name string, d turn.Turn) *turn.Signed {
	t.Helper()
	d.Name, d.Time = name, time.Date(2026, 1, 2, 15, 4, 5, 678e6, time.UTC).UnixMilli()+int64(d.Stamp%1e6)*1000
	slices.SortFunc(d.Parents, func(a, b turn.ID) int { return bytes.Compare(a[:], b[:]) })
	for i := range d.Texts {
		d.LineIDs = append(d.LineIDs, turn.LineID{byte(d.Stamp), byte(i)})
	}
	s, err := turn.Sign(group, d, key(name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newer signs a turn of a kind that is not known yet.
func newer(t testing.TB, name string, stamp uint64, parents ...turn.ID) *turn.Signed {
	t.Helper()
	if parents == nil {
		parents = []turn.ID{}
	}
	author := turn.Key(key(name).Public().(ed25519.PublicKey))
	return signArray(t, name, 1, author, name, stamp, parents, 1000, 77, "a picture")
}

// named signs a turn by a key that calls itself so, also with a name that turn.Sign
// refuses and turn.Parse takes.
func named(t testing.TB, by, name string, stamp uint64) *turn.Signed {
	t.Helper()
	author := turn.Key(key(by).Public().(ed25519.PublicKey))
	return signArray(t, by, 1, author, name, stamp, []turn.ID{}, 1000, 0, []turn.LineID{{}}, []string{"hello"})
}

func signArray(t testing.TB, by string, elements ...any) *turn.Signed {
	t.Helper()
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	array, err := mode.Marshal(elements)
	if err != nil {
		t.Fatal(err)
	}
	id := sha256.Sum256(slices.Concat([]byte("papo turn v1"), group[:], array))
	s, err := turn.Parse(group, append(array, ed25519.Sign(key(by), id[:])...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// talk is a small record: two authors, a fork and its merge, and texts with all
// that must be escaped.
func talk(t testing.TB) []*turn.Signed {
	a := say(t, "ana", 1, "hello")
	b := say(t, "João", 2, `a "quoted" \ and <b>é`, a)
	c := say(t, "ana", 2, "at the same time\n\tindented \u2028 line", a)
	d := sign(t, "ana", turn.Turn{Stamp: 3, Parents: []turn.ID{b.ID(), c.ID()}, Texts: []string{"one", "two"}})
	return inOrder(a, b, c, d)
}

func inOrder(ts ...*turn.Signed) []*turn.Signed {
	slices.SortFunc(ts, func(a, b *turn.Signed) int { return a.Item().Compare(b.Item()) })
	return ts
}

func write(t testing.TB, ts []*turn.Signed) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := record.Write(&b, header(group, ts, created), each(ts)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// header is the one that goes with these turns.
func header(g turn.GroupID, ts []*turn.Signed, created time.Time) record.Header {
	h := turn.NewHistory()
	for _, s := range ts {
		h.Add(s)
	}
	return record.Header{
		Group: g, Turns: len(ts), Missing: h.Missing(), Fingerprint: h.Fingerprint(), Created: created,
	}
}

func each(ts []*turn.Signed) iter.Seq2[*turn.Signed, error] {
	return func(yield func(*turn.Signed, error) bool) {
		for _, s := range ts {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func verify(t testing.TB, file []byte) *record.Report {
	t.Helper()
	r, err := record.Verify(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// reseal writes the end of a file anew, as who wants to deceive would.
func reseal(file []byte) []byte {
	i := bytes.LastIndexByte(file[:len(file)-1], '\n') + 1
	body := file[:i]
	turns := bytes.Count(body, []byte("\n")) - 1
	return fmt.Appendf(slices.Clone(body), "{\"papo-record-end\":1,\"turns\":%d,\"sha256\":\"%x\"}\n", turns, sha256.Sum256(body))
}

// edit changes the lines of a file; a line is without its newline.
func edit(file []byte, change func(lines []string) []string) []byte {
	lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	return []byte(strings.Join(change(lines), "\n") + "\n")
}

// replace changes one line.
func replace(file []byte, line int, before, after string) []byte {
	return edit(file, func(lines []string) []string {
		changed := strings.Replace(lines[line-1], before, after, 1)
		if changed == lines[line-1] {
			panic("nothing was replaced: " + before)
		}
		lines[line-1] = changed
		return lines
	})
}

// resigned puts other signed bytes into one line.
func resigned(file []byte, line int, change func([]byte) []byte) []byte {
	return edit(file, func(lines []string) []string {
		before, encoded, _ := strings.Cut(lines[line-1], `"signed":"`)
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimSuffix(encoded, `"}`))
		if err != nil {
			panic(err)
		}
		lines[line-1] = before + `"signed":"` + base64.RawURLEncoding.EncodeToString(change(b)) + `"}`
		return lines
	})
}
