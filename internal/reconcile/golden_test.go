package reconcile

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/turn"
)

// recorded is a session as a file in testdata tells it.
//
//	# what it is
//	step N         item i has the stamp i/N and the id SHA-256("item i")
//	limits A B     the frame limits, of the initiator first
//	sets ==a=b     a character for each item: in both sets, in a or in b; - for none
//	> HEX          a message of the initiator
//	< HEX          a message of the responder
type recorded struct {
	a, b           []turn.Item
	limitA, limitB int
	messages       []string
}

func readRecorded(t *testing.T, path string) (r recorded) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step := 0
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		switch key {
		case "#":
		case "step":
			_, err = fmt.Sscan(value, &step)
		case "limits":
			_, err = fmt.Sscan(value, &r.limitA, &r.limitB)
		case "sets":
			for i, c := range strings.Trim(value, "-") {
				it := numbered(i, uint64(i/step))
				if c != 'b' {
					r.a = append(r.a, it)
				}
				if c != 'a' {
					r.b = append(r.b, it)
				}
			}
		case ">", "<":
			r.messages = append(r.messages, value)
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	return r
}

// TestRecordedSessions: both sides write, byte for byte, what the reference
// implementation wrote for the same sets and limits.
func TestRecordedSessions(t *testing.T) {
	paths, err := filepath.Glob("testdata/sessions/*.txt")
	if err != nil || len(paths) < 9 {
		t.Fatalf("%d recorded sessions, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r := readRecorded(t, path)
			got := converse(t, NewSlice(r.a), NewSlice(r.b), r.limitA, r.limitB, nil)
			mustFind(t, got, r.a, r.b)
			if len(got.messages) != len(r.messages) {
				t.Errorf("%d messages, want %d", len(got.messages), len(r.messages))
			}
			for i, msg := range got.messages[:min(len(got.messages), len(r.messages))] {
				if hex.EncodeToString(msg) != r.messages[i] {
					t.Fatalf("message %d:\n got %x\nwant %s", i, msg, r.messages[i])
				}
			}
		})
	}
}

// TestNothingBeyondACut: both messages of a round end just where the initiator
// has nothing more and the responder has all that is new. The reference
// implementations then close with the fingerprint of nothing, on both sides, and
// never find it (see answer).
func TestNothingBeyondACut(t *testing.T) {
	r := readRecorded(t, "testdata/beyond-cut.txt")
	mustFind(t, converse(t, NewSlice(r.a), NewSlice(r.b), r.limitA, r.limitB, nil), r.a, r.b)
}

// TestClosingFingerprint: to one that has nothing at the end, a message that is
// full closes with the fingerprint of all from the last bound written, ranges
// skipped and the range taken back included.
func TestClosingFingerprint(t *testing.T) {
	var items []turn.Item
	for i := range 160 {
		items = append(items, numbered(i, uint64(i)))
	}
	set, none := NewSlice(items), NewSlice(nil)
	at := func(stamp uint64) bound { return bound{item: turn.Item{Stamp: stamp}} }

	msg := newWriter()
	msg.ids(at(110), none, 0, 0)
	msg.skip(at(112))
	msg.ids(at(117), none, 0, 0)
	msg.fingerprint(at(120), Fingerprint(set, 117, 120))
	msg.fingerprint(end, emptyFingerprint)

	want := newWriter()
	want.ids(at(110), set, 0, 110)
	want.skip(at(112))
	want.ids(at(117), set, 112, 117)
	want.fingerprint(end, Fingerprint(set, 117, 160))

	got, err := Respond(set, 4096, msg.buf)
	if err != nil || !bytes.Equal(got, want.buf) {
		t.Errorf("%v\n got %x\nwant %x", err, got, want.buf)
	}
}

// TestJustFull: a message that ends exactly where the headroom begins is not
// full yet, so that the next range is still listed.
func TestJustFull(t *testing.T) {
	var items []turn.Item
	for i := range 122 {
		items = append(items, numbered(i, uint64(i)))
	}
	set, none := NewSlice(items), NewSlice(nil)
	// The version, a list of 121 ids behind a bound with 19 bytes of an id: 3896 bytes.
	first := bound{item: turn.Item{Stamp: 121}, prefix: 19}

	msg := newWriter()
	msg.ids(first, none, 0, 0)
	msg.ids(end, none, 0, 0)

	want := newWriter()
	want.ids(first, set, 0, 121)
	if len(want.buf) != MinFrameLimit-headroom {
		t.Fatalf("the first list ends at byte %d", len(want.buf))
	}
	want.ids(end, set, 121, 122)
	want.fingerprint(end, emptyFingerprint) // now it is full

	got, err := Respond(set, MinFrameLimit, msg.buf)
	if err != nil || !bytes.Equal(got, want.buf) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(want.buf))
	}
}

// TestSpecified: messages worked out by hand from Negentropy Protocol V1.
func TestSpecified(t *testing.T) {
	id := func(first byte) string { return fmt.Sprintf("%02x", first) + strings.Repeat("00", 31) }
	item := func(stamp uint64, first byte) turn.Item {
		return turn.Item{Stamp: stamp, ID: turn.ID{first}}
	}
	for _, c := range []struct {
		name   string
		set    []turn.Item
		msg    string // "" for the first message of an initiator
		answer string
	}{
		{"nothing to say", nil, "", "61" + "00" + "00" + "02" + "00"},
		{"two items", []turn.Item{item(9, 1), item(3, 2)}, "", "61" + "00" + "00" + "02" + "02" + id(2) + id(1)},
		{"all is skipped", []turn.Item{item(9, 1)}, "61", "61"},
		{"skips at the end are left out", []turn.Item{item(9, 1)}, "61" + "0500" + "00" + "0000" + "00", "61"},
		{"skips are joined, lists are answered", []turn.Item{item(3, 1), item(9, 2)},
			"61" + "0200" + "00" + "0400" + "00" + "0000" + "02" + "00",
			"61" + "0500" + "00" + "0000" + "02" + "01" + id(2)},
		{"lists side by side have no skip between", []turn.Item{item(3, 1), item(9, 2)},
			"61" + "0500" + "02" + "00" + "0000" + "02" + "00",
			"61" + "0500" + "02" + "01" + id(1) + "0000" + "02" + "01" + id(2)},
		{"a bound is exclusive, with its prefix", []turn.Item{item(4, 1), item(4, 2), item(4, 3)},
			"61" + "050102" + "02" + "00", "61" + "050102" + "02" + "01" + id(1)},
		{"infinity may be written as a number", []turn.Item{item(9, 1)}, "61" + "0200" + "00" + "81ffffffffffffffff7f00" + "00", "61"},
		// SHA-256 of the sum 1 (31 more bytes of 0) and the count 1.
		{"an equal fingerprint is skipped", []turn.Item{item(4, 1)},
			"61" + "0000" + "01" + "2e255099d6d6bee307c8e7075acc78f9", "61"},
		{"a different fingerprint is answered by a list", []turn.Item{item(4, 1)},
			"61" + "0000" + "01" + "00000000000000000000000000000000", "61" + "0000" + "02" + "01" + id(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := NewSlice(c.set)
			got := (&Session{set: set}).Initiate()
			if c.msg != "" {
				msg, err := hex.DecodeString(c.msg)
				if err != nil {
					t.Fatal(err)
				}
				if got, err = Respond(set, 0, msg); err != nil {
					t.Fatal(err)
				}
			}
			if hex.EncodeToString(got) != c.answer {
				t.Errorf("got %x\nwant %s", got, c.answer)
			}
		})
	}
}
