package seal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// repeat gives the same nonce for ever: for tests only.
type repeat struct{ nonce []byte }

func (r repeat) Read(b []byte) (int, error) { return copy(b, r.nonce), nil }

// withRand is k with nonces from r.
func withRand(k *Key, r io.Reader) *Key {
	c := *k
	c.rand = r
	return &c
}

func TestSealUnseal(t *testing.T) {
	if Overhead != 57 || MaxMessage != 1143 {
		t.Errorf("Overhead is %d, MaxMessage %d", Overhead, MaxMessage)
	}
	r := rand.New(rand.NewPCG(1, 2))
	k := testKey()
	for n := range MaxMessage + 1 {
		message := make([]byte, n)
		for i := range message {
			message[i] = byte(r.Uint32())
		}
		inc, counter := r.Uint64(), r.Uint32()
		d := k.Seal([]byte("before"), inc, counter, message)
		if len(d) != len("before")+n+Overhead || string(d[:6]) != "before" {
			t.Fatalf("%d bytes are sealed in %d", n, len(d))
		}
		d = d[6:]
		gotInc, gotCounter, got, err := k.Unseal(make([]byte, 3), d)
		if err != nil || gotInc != inc || gotCounter != counter || !bytes.Equal(got, message) {
			t.Fatalf("%d bytes: got %x %x %x, %v", n, gotInc, gotCounter, got, err)
		}
	}
}

// Nonces are not repeated.
func TestNonces(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		d := testKey().Seal(nil, 1, 1, nil)
		seen[string(d[adSize:headerSize])] = true
	}
	if len(seen) != 1000 {
		t.Errorf("1000 datagrams have %d nonces", len(seen))
	}
	defer func() {
		if recover() == nil {
			t.Error("sealed without random bytes")
		}
	}()
	withRand(testKey(), bytes.NewReader(make([]byte, 23))).Seal(nil, 1, 1, nil)
}

// The bytes are those of the cipher used plainly, part by part.
func TestDatagramLayout(t *testing.T) {
	nonce := testNonce()
	d := withRand(testKey(), repeat{nonce}).Seal(nil, 0x0102030405060708, 0x090a0b0c, []byte("message"))
	tag := testKey().tag
	want := append([]byte{1}, tag[:]...)
	want = append(want, nonce...)
	inner := []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0cmessage")
	want = testKey().aead.Seal(want, nonce, inner, want[:5])
	if !bytes.Equal(d, want) {
		t.Errorf("got  %x\nwant %x", d, want)
	}
}

func TestUnsealRefuses(t *testing.T) {
	k := testKey()
	d := k.Seal(nil, 1, 2, []byte("a message of some length"))
	refused := func(name string, d []byte, want error) {
		t.Helper()
		inc, counter, message, err := k.Unseal(nil, d)
		if !errors.Is(err, want) || inc != 0 || counter != 0 || message != nil {
			t.Errorf("%s: got %d %d %q, %v; want %v", name, inc, counter, message, err, want)
		}
	}
	for i := range d {
		for bit := range 8 {
			bad := bytes.Clone(d)
			bad[i] ^= 1 << bit
			want := ErrNotAuthentic
			switch {
			case i == 0:
				want = ErrVersion
			case i < adSize:
				want = ErrOtherGroup
			}
			refused("flipped bit", bad, want)
		}
	}
	for n := range d {
		want := ErrNotAuthentic
		if n < Overhead {
			want = ErrLength
		}
		refused("cut", d[:n], want)
	}
	refused("a byte more", append(bytes.Clone(d), 0), ErrNotAuthentic)
	refused("largest of zeros", make([]byte, MaxDatagram), ErrVersion)
	refused("too long", k.Seal(nil, 1, 2, make([]byte, MaxMessage+1)), ErrLength)
	refused("open room's", OpenRoom(testGroup, testRoom).Seal(nil, 1, 2, nil), ErrOtherGroup)

	// A forger who knows the tag, but not the key.
	forger := *OpenRoom(testGroup, "other")
	forger.tag = k.tag
	refused("forged", forger.Seal(nil, 1, 2, []byte("m")), ErrNotAuthentic)

	// The key, but another version and tag as additional data.
	aead := k.aead
	other := append([]byte{Version}, k.tag[:]...)
	other = append(other, testNonce()...)
	other = aead.Seal(other, testNonce(), make([]byte, innerSize), []byte{2, 0, 0, 0, 0})
	refused("additional data", other, ErrNotAuthentic)
}

// A flood costs no memory, nor does the usual way.
func TestNoAllocations(t *testing.T) {
	k := testKey()
	message := make([]byte, 300)
	sealed := make([]byte, 0, MaxDatagram)
	opened := make([]byte, 0, MaxDatagram)
	d := k.Seal(nil, 1, 2, message)
	bad := bytes.Clone(d)
	bad[100] ^= 1
	for name, f := range map[string]func(){
		"Seal":             func() { k.Seal(sealed, 1, 2, message) },
		"Unseal":           func() { _, _, _, _ = k.Unseal(opened, d) },
		"Unseal of forged": func() { _, _, _, _ = k.Unseal(opened, bad) },
	} {
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func benchmarkMessage() ([]byte, *Key) {
	return make([]byte, 300), OpenRoom(testGroup, testRoom)
}

func BenchmarkSeal(b *testing.B) {
	b.ReportAllocs()
	message, k := benchmarkMessage()
	buf := make([]byte, 0, MaxDatagram)
	for b.Loop() {
		k.Seal(buf, 1, 2, message)
	}
}

func BenchmarkUnseal(b *testing.B) {
	b.ReportAllocs()
	message, k := benchmarkMessage()
	d := k.Seal(nil, 1, 2, message)
	buf := make([]byte, 0, MaxDatagram)
	for b.Loop() {
		if _, _, _, err := k.Unseal(buf, d); err != nil {
			b.Fatal(err)
		}
	}
}
