package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/papo-chat/papo/internal/fuzzloop"
)

// The seeds reach what each decoder tells apart.
func TestSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	met := map[error]int{}
	k := fuzzKey()
	for _, b := range fuzzloop.Seeds(t, "FuzzUnseal") {
		_, _, _, err := k.Unseal(nil, b)
		met[err]++
	}
	if met[nil] < 2 || met[ErrLength] == 0 || met[ErrVersion] == 0 || met[ErrOtherGroup] == 0 || met[ErrNotAuthentic] == 0 {
		t.Errorf("datagrams: %v", met)
	}
	clear(met)
	for _, b := range fuzzloop.Seeds(t, "FuzzIdentity") {
		_, err := parseIdentity(b)
		met[err]++
	}
	if met[nil] == 0 || met[ErrIdentityDamaged] == 0 || met[ErrIdentityNewer] == 0 {
		t.Errorf("identity files: %v", met)
	}
	clear(met)
	for _, b := range fuzzloop.Seeds(t, "FuzzPassphrase") {
		_, err := normalise(b)
		met[err]++
	}
	if met[nil] == 0 || met[ErrEmptyPassphrase] == 0 || met[ErrPassphraseText] == 0 {
		t.Errorf("passphrases: %v", met)
	}
	hellos := map[bool]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzHello") {
		incarnation, name, signature := cutHello(b)
		hellos[VerifyHello(helloKey, helloGroup, incarnation, name, signature)]++
	}
	if hellos[true] == 0 || hellos[false] == 0 {
		t.Errorf("hellos: %v", hellos)
	}
	taken := map[bool]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzWindow") {
		for _, fresh := range playWindow(t, b) {
			taken[fresh]++
		}
	}
	if taken[true] == 0 || taken[false] == 0 {
		t.Errorf("counters: %v", taken)
	}
}

func writeSeeds(t *testing.T) {
	k := fuzzKey()
	d := k.Seal(nil, 7, 8, []byte("message"))
	bad := bytes.Clone(d)
	bad[len(bad)-1] ^= 1
	for name, b := range map[string][]byte{
		"whole":   d,
		"forged":  bad,
		"cut":     d[:Overhead-1],
		"long":    append(bytes.Clone(d), make([]byte, MaxDatagram)...),
		"most":    k.Seal(nil, 1<<63, 1<<32-1, make([]byte, MaxMessage)),
		"other":   withRand(testKey(), repeat{testNonce()}).Seal(nil, 7, 8, nil),
		"version": append([]byte{2}, d[1:]...),
		"empty":   k.Seal(nil, 7, 8, nil),
	} {
		fuzzloop.WriteSeed(t, "FuzzUnseal", name, b)
	}
	file := formatIdentity(bytes.Repeat([]byte{0xa5}, 32))
	for name, b := range map[string][]byte{
		"whole":  file,
		"cut":    file[:40],
		"upper":  bytes.ToUpper(file),
		"newer":  []byte("papo-identity 2|something else\n"),
		"newest": []byte("papo-identity 65535|"),
		"zero":   []byte("papo-identity 0|" + string(file[16:])),
		"twice":  append(bytes.Clone(file), file...),
		"return": append(bytes.Clone(file[:len(file)-1]), "\r\n"...),
		"empty":  nil,
	} {
		fuzzloop.WriteSeed(t, "FuzzIdentity", name, b)
	}
	for name, s := range map[string]string{
		"plain": "abc", "line": "abc\n", "windows": "abc\r\n", "lines": "abc\n\n", "return": "abc\r", "decomposed": "e\u0301 a\u0323\u0307",
		"hangul": "\u1112\u1161\u11ab", "empty": "", "nothing": "\r\n", "invalid": "abc\xff", "cut": "\xc3\n",
	} {
		fuzzloop.WriteSeed(t, "FuzzPassphrase", name, []byte(s))
	}
	hello := func(name string, incarnation uint64, as string, signature [64]byte) {
		fuzzloop.WriteSeed(t, "FuzzHello", name, append(binary.BigEndian.AppendUint64(signature[:], incarnation), as...))
	}
	signature := SignHello(helloIdentity.Private(), helloGroup, helloIncarnation, helloName)
	hello("whole", helloIncarnation, helloName, signature)
	hello("other-name", helloIncarnation, helloName+"a", signature)
	hello("other-incarnation", helloIncarnation+1, helloName, signature)
	hello("other-group", helloIncarnation, helloName, SignHello(helloIdentity.Private(), [32]byte{9}, helloIncarnation, helloName))
	hello("unsigned", helloIncarnation, helloName, [64]byte{})
	// The second half of a signature is a number below the order of the group: with
	// the order added it would be the same number in other bytes.
	malleable := signature
	carry := 0
	for i, c := range groupOrder {
		carry += int(malleable[32+i]) + int(c)
		malleable[32+i] = byte(carry)
		carry >>= 8
	}
	hello("malleable", helloIncarnation, helloName, malleable)

	window := func(name string, counters ...uint32) {
		var b []byte
		for i, c := range counters {
			b = binary.BigEndian.AppendUint32(append(b, byte(i%2)), c)
		}
		fuzzloop.WriteSeed(t, "FuzzWindow", name, b)
	}
	window("rising", 1, 1, 2, 2, 3, 3, 4, 4)
	window("repeated", 5, 5, 5, 5, 4, 4, 4, 4)
	window("edge", 2000, 2000, 2000-WindowSize, 2001-WindowSize, 2000+WindowSize, 1999+WindowSize, 2000, 2000, 2001, 2001)
	window("end", 1<<32-1, 1<<32-2, 0, 1<<32-1, 1<<32-1, 1<<32-1-WindowSize)
	window("none")
}

// groupOrder is that of Ed25519 (RFC 8032, section 5.1), little-endian.
var groupOrder = [32]byte{
	0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	31: 0x10,
}

func fuzzKey() *Key { return withRand(OpenRoom(testGroup, testRoom), repeat{testNonce()}) }

// FuzzUnseal takes what anyone may send. Nothing is opened but what the key sealed;
// and what it seals is opened.
func FuzzUnseal(f *testing.F) {
	k := fuzzKey()
	var sealed, room []byte
	fuzzloop.Decoder(f, func(t testing.TB, d []byte) {
		before := bytes.Clone(d)
		inc, counter, message, err := k.Unseal(nil, d)
		if !bytes.Equal(d, before) {
			t.Fatal("Unseal has changed its input")
		}
		if err != nil && (message != nil || inc != 0 || counter != 0) {
			t.Fatalf("%v, and yet %x %x %x", err, inc, counter, message)
		}
		if err == nil {
			again := withRand(k, bytes.NewReader(d[adSize:headerSize])).Seal(nil, inc, counter, message)
			if !bytes.Equal(again, d) {
				t.Fatalf("opened %x\nsealed %x", d, again)
			}
		}
		if len(d) > MaxMessage {
			return
		}
		sealed = k.Seal(sealed[:0], 3, 4, d)
		room = slices.Grow(room[:0], len(sealed))
		inc, counter, message, err = k.Unseal(room[:0], sealed)
		if err != nil || inc != 3 || counter != 4 || !bytes.Equal(message, d) {
			t.Fatalf("sealed %x, opened %x %x %x, %v", d, inc, counter, message, err)
		}
	})
}

// FuzzIdentity takes what may stand in an identity file, as it is and with its
// checksum put right. What is read is what is written.
func FuzzIdentity(f *testing.F) {
	check := func(t testing.TB, b []byte) {
		id, err := parseIdentity(b)
		switch {
		case err == nil:
			if again := formatIdentity(id.Private().Seed()); !bytes.Equal(again, b) {
				t.Fatalf("%q is read, and written as %q", b, again)
			}
		case id != nil || !errors.Is(err, ErrIdentityDamaged) && !errors.Is(err, ErrIdentityNewer):
			t.Fatalf("%q: %v, %v", b, id, err)
		}
	}
	var mended []byte
	fuzzloop.Decoder(f, func(t testing.TB, b []byte) {
		check(t, b)
		if i := bytes.LastIndexByte(b, '|'); i >= 0 {
			mended = append(mended[:0], b[:i]...)
			mended = fmt.Appendf(mended, "|%08x\n", crc32.Checksum(mended, castagnoli))
			check(t, mended)
		}
	})
}

// FuzzPassphrase takes what may stand in a passphrase file: one line ending does not
// count, nor which way a character is written.
func FuzzPassphrase(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, b []byte) {
		pass, err := normalise(b)
		line := bytes.TrimSuffix(b, []byte("\n"))
		if len(line) < len(b) {
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		switch {
		case !utf8.Valid(b):
			if !errors.Is(err, ErrPassphraseText) {
				t.Fatalf("%q: %v", b, err)
			}
		case len(line) == 0:
			if !errors.Is(err, ErrEmptyPassphrase) {
				t.Fatalf("%q: %v", b, err)
			}
		case err != nil || !norm.NFC.IsNormal(pass) || string(norm.NFD.Bytes(pass)) != string(norm.NFD.Bytes(line)):
			t.Fatalf("%q is %q, %v", b, pass, err)
		}
	})
}

const (
	helloIncarnation = 0x0102030405060708
	helloName        = "brenda"
)

var (
	helloIdentity = identityOf(bytes.Repeat([]byte{0x5a}, 32))
	helloKey      = helloIdentity.Key()
	helloGroup    = [32]byte{1, 2, 3}
)

// cutHello takes apart what a seed of FuzzHello has: signature, incarnation, name.
func cutHello(b []byte) (incarnation uint64, name string, signature [64]byte) {
	var fixed [72]byte
	n := copy(fixed[:], b)
	return binary.BigEndian.Uint64(fixed[64:]), string(b[n:]), [64]byte(fixed[:64])
}

// FuzzHello takes what may be said in the name of a key of which one hello is known:
// nothing but that hello is its. A signature takes as long as a hundred decodings, so
// it counts as a schedule.
func FuzzHello(f *testing.F) {
	genuine := SignHello(helloIdentity.Private(), helloGroup, helloIncarnation, helloName)
	fuzzloop.Schedule(f, func(t testing.TB, b []byte) {
		incarnation, name, signature := cutHello(b)
		it := incarnation == helloIncarnation && name == helloName
		if same := bytes.Equal(helloBytes(helloGroup, incarnation, name), helloBytes(helloGroup, helloIncarnation, helloName)); same != it {
			t.Fatalf("%x %q is signed as the other: %v", incarnation, name, same)
		}
		if VerifyHello(helloKey, helloGroup, incarnation, name, signature) != (it && signature == genuine) {
			t.Fatalf("a hello of %x as %q with %x: not as it should be", incarnation, name, signature)
		}
	})
}

// FuzzWindow compares with a window that forgets nothing: five bytes a step, an
// incarnation and a counter.
func FuzzWindow(f *testing.F) {
	fuzzloop.Schedule(f, func(t testing.TB, b []byte) { playWindow(t, b) })
}

func playWindow(t testing.TB, b []byte) (fresh []bool) {
	w := NewWindow()
	slow := map[uint64]*slowWindow{}
	for ; len(b) >= 5; b = b[5:] {
		inc, c := uint64(b[0]%4), binary.BigEndian.Uint32(b[1:])
		if slow[inc] == nil {
			slow[inc] = &slowWindow{}
		}
		got := w.Accept(inc, c)
		if want := slow[inc].accept(c); got != want {
			t.Fatalf("incarnation %d, counter %d, highest %d: %v, want %v", inc, c, slow[inc].highest, got, want)
		}
		fresh = append(fresh, got)
	}
	return fresh
}
