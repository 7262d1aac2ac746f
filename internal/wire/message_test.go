package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/turn"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// samples is one of each message, some in several shapes, with values that show
// an exchange of fields or of byte order.
func samples() []Message {
	rep := Rep{
		View:  floor.ViewHash{0x3f, 0x9a, 0x01, 0xbc, 15: 0xee},
		Clock: 0x0102030405060708,
		Heads: []turn.ID{{0xaa, 0xbb, 0xcc, 0xdd, 31: 1}, {0x11, 31: 2}},
		Grants: []Grant{
			{To: floor.Member{Key: [32]byte{0xde, 31: 3}, Incarnation: 0xa1}, TS: 7, K: 2},
			{To: floor.Member{Key: [32]byte{0xdf, 31: 4}, Incarnation: 0xb2}, TS: 9, K: 3},
		},
	}
	handOver := rep
	handOver.HandOver = true
	empty := handOver
	empty.Grants = nil
	return []Message{
		Hello{Key: turn.Key{0x3f, 0x9a, 31: 7}, Name: "bréndá", Signature: [64]byte{1, 63: 2}, Want: true},
		Beat{Interval: 250 * time.Millisecond, Quiet: true},
		Beat{
			Interval:     time.Second,
			Activity:     Asking,
			TS:           77,
			View:         rep.View,
			Leader:       0xc3,
			Heard:        []Heard{{0xa1, 5, true}, {0xb2, math.MaxUint32, false}, {0xc3d4, 6, true}},
			Heads:        rep.Heads,
			SettledStamp: 70,
			Settled:      [16]byte{0x99, 0x88, 15: 0x77},
			Gaps:         0xe1e2030405060708,
		},
		Beat{Interval: 250 * time.Millisecond, Activity: Holding, TS: 8, Left: 90 * time.Second},
		Req{TS: 7, K: 2, View: rep.View},
		rep,
		handOver,
		empty,
		Wait{To: 0xa1, TS: 7, Place: 0x0102, Why: floor.WhyAsking, Left: 1234 * time.Millisecond},
		Release{TS: 1<<53 - 1},
		Turns{Turns: [][]byte{[]byte("first"), []byte("second turn")}},
		Turns{Rep: &handOver, Turns: [][]byte{[]byte("turn")}},
		Want{IDs: rep.Heads},
		Frag{Number: 5, Index: 2, Count: 3, Data: []byte("the end")},
		FragWant{Of: 0xa1, Number: 5, Missing: 0x8000000000000005},
		Recon{Session: 4, Round: 2, From: 10, To: 1 << 53, Data: []byte{0x61, 0}},
		Recon{Session: 4, Round: 2, Response: true, From: 10, To: 20},
		Ping{Origin: 0xa1, Target: 0xb2},
		Pong{Of: 0xb2, To: 0xa1, Counter: 99},
		Bye{},
	}
}

func encode(t testing.TB, m Message) []byte {
	t.Helper()
	b, err := Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes of the protocol stay: messages.txt holds a summary and the hex of
// each sample.
func TestGolden(t *testing.T) {
	var got strings.Builder
	kinds := map[Kind]bool{}
	for _, m := range samples() {
		kinds[m.Kind()] = true
		fmt.Fprintf(&got, "%v\n%x\n\n", m, encode(t, m))
	}
	for k := KindHello; k <= KindBye; k++ {
		if !kinds[k] {
			t.Errorf("no sample of %v", k)
		}
	}
	path := filepath.Join("testdata", "messages.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the bytes or summaries have changed:\n%s\nwant:\n%s", got.String(), want)
	}

	// And back, from the file.
	var decoded []Message
	for line := range strings.Lines(string(want)) {
		b, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil || len(b) == 0 {
			continue
		}
		m, err := Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		decoded = append(decoded, m)
	}
	if len(decoded) != len(samples()) {
		t.Fatalf("%d messages read from %s, want %d", len(decoded), path, len(samples()))
	}
	for i, m := range samples() {
		wantEqual(t, decoded[i], m)
	}
}

// A summary is one line, and names the kind first.
func TestString(t *testing.T) {
	for _, m := range samples() {
		s := m.String()
		if !strings.HasPrefix(s, m.Kind().String()) || strings.ContainsAny(s, "\n\r") {
			t.Errorf("summary of %v: %q", m.Kind(), s)
		}
	}
	if s := (Req{TS: 7, K: 2, View: floor.ViewHash{0x3f, 0x9a, 0x01, 0xbc}}).String(); s != "REQ ts=7 k=2 view=3f9a01bc" {
		t.Errorf("summary of a REQ: %q", s)
	}
	if s := (Hello{Name: "a\n\x1b[2J"}).String(); strings.ContainsAny(s, "\n\x1b") {
		t.Errorf("a name reaches the log unescaped: %q", s)
	}
	for a, want := range map[Activity]string{Idle: "idle", Asking: "asking", Holding: "holding", 3: "activity-3"} {
		if a.String() != want {
			t.Errorf("Activity(%d) is %q, want %q", uint8(a), a, want)
		}
	}
	for k, want := range map[Kind]string{0: "kind-0", KindBye: "BYE", KindBye + 1: "kind-15", 255: "kind-255"} {
		if k.String() != want {
			t.Errorf("Kind(%d) is %q, want %q", uint8(k), k, want)
		}
	}
}

// Append writes after what is there, and gives dst back unchanged on an error.
func TestAppendDst(t *testing.T) {
	prefix := []byte("before")
	b, err := Append(prefix, Release{TS: 1})
	if err != nil || !bytes.Equal(b, append([]byte("before"), encode(t, Release{TS: 1})...)) {
		t.Errorf("Append after a prefix: %x, %v", b, err)
	}
	b, err = Append(prefix, Want{})
	if err == nil || string(b) != "before" {
		t.Errorf("Append of a bad message: %q, %v", b, err)
	}
	if _, err := Append(nil, &Release{TS: 1}); err != nil {
		t.Errorf("Append of a pointer: %v", err)
	}
}
