package seal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

const (
	testGroup = "224.1.1.1:5007"
	testRoom  = "papo"
	testPass  = "correct horse battery staple"
)

// testKey is derived once: it takes a while.
var testKey = sync.OnceValue(func() *Key {
	k, err := FromPassphrase([]byte(testPass), testGroup, testRoom)
	if err != nil {
		panic(err)
	}
	return k
})

// testNonce is 0, 1, 2 ... 23.
func testNonce() []byte {
	b := make([]byte, nonceSize)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// Other programs must derive the same keys and seal the same bytes: keys.txt
// was checked against a second implementation, in another language.
func TestGolden(t *testing.T) {
	var got bytes.Buffer
	line := func(name string, b []byte) { fmt.Fprintf(&got, "%s %x\n", name, b) }
	salt := groupSalt(testGroup, testRoom)
	line("salt", salt[:])
	for _, c := range []struct {
		name string
		key  *Key
	}{{"open", OpenRoom(testGroup, testRoom)}, {"passphrase", testKey()}} {
		id := c.key.GroupID()
		line(c.name+" key-tag", c.key.tag[:])
		line(c.name+" group-id", id[:])
		k := withRand(c.key, bytes.NewReader(testNonce()))
		line(c.name+" datagram", k.Seal(nil, 0x0102030405060708, 0x090a0b0c, []byte("\x0e")))
	}
	identity, err := newIdentity(bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	key := identity.Key()
	group := testKey().GroupID()
	signature := SignHello(identity.Private(), group, 0x0102030405060708, "brenda")
	line("identity key", key[:])
	line("hello bytes", helloBytes(group, 0x0102030405060708, "brenda"))
	line("hello signature", signature[:])
	line("identity file", formatIdentity(make([]byte, 32)))

	path := filepath.Join("testdata", "keys.txt")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
	}
}

// The group id is in every log's header: it must not change by accident.
func TestGroupID(t *testing.T) {
	id := OpenRoom(testGroup, testRoom).GroupID()
	for name, other := range map[string]*Key{
		"room":       OpenRoom(testGroup, "papo2"),
		"address":    OpenRoom("224.1.1.1:5008", testRoom),
		"passphrase": testKey(),
		// Where one ends and the other begins counts too.
		"boundary": OpenRoom(testGroup+"p", "apo"),
	} {
		if other.GroupID() == id || other.tag == OpenRoom(testGroup, testRoom).tag {
			t.Errorf("another %s gives the same group %s", name, hex.EncodeToString(id[:4]))
		}
	}
	if OpenRoom(testGroup, testRoom).GroupID() != id {
		t.Error("the same room gives two groups")
	}
	if !OpenRoom(testGroup, testRoom).Open() || testKey().Open() {
		t.Error("Open does not tell the open room from one with a passphrase")
	}
}
