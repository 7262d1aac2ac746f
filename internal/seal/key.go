package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"runtime/debug"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/text/unicode/norm"
)

// Argon2id's cost (RFC 9106, section 4, the second recommended choice). Part
// of the protocol: members with another cost have another key.
const (
	argonPasses  = 3
	argonKiB     = 64 << 10
	argonThreads = 4
)

// What the parts of a key are derived with.
const (
	saltLabel    = "papo v1"
	openSecret   = "papo v1 open room"
	aeadInfo     = "papo v1 datagram"
	tagInfo      = "papo v1 key tag"
	groupIDInfo  = "papo v1 group id"
	keySize      = chacha20poly1305.KeySize
	groupIDBytes = 32
)

// Why a passphrase makes no key.
var (
	ErrEmptyPassphrase = errors.New("the passphrase is empty: write one, or leave the option out for the open room")
	ErrPassphraseText  = errors.New("the passphrase is not valid UTF-8 text: save it as UTF-8")
)

// Key is what the members of a group share. It is immutable and safe for
// concurrent use.
type Key struct {
	aead    cipher.AEAD
	tag     [tagSize]byte
	groupID [groupIDBytes]byte
	open    bool
	rand    io.Reader // of the nonces: crypto/rand's, but for tests
}

// OpenRoom returns the key of a room without passphrase. Everyone can derive
// it: it tells groups apart and protects nothing. Group is the group's IPv4
// address as A:P, whatever carries the datagrams; room is the room's name. Both
// count byte by byte, so they must be normalised.
func OpenRoom(group, room string) *Key {
	return newKey([]byte(openSecret), group, room, true)
}

// FromPassphrase returns the key of a group with a passphrase; group and room
// are as for OpenRoom. One newline at the end (\n or \r\n) does not count, and
// different ways to write the same characters (Unicode NFC) make the same key.
// The error is ErrEmptyPassphrase or ErrPassphraseText.
//
// It takes 64 MiB of memory, which it gives back to the system, and some tenths
// of a second: so is each guess of an attacker made dear.
func FromPassphrase(pass []byte, group, room string) (*Key, error) {
	pass, err := normalise(pass)
	if err != nil {
		return nil, err
	}
	salt := groupSalt(group, room)
	secret := argon2.IDKey(pass, salt[:], argonPasses, argonKiB, argonThreads, keySize)
	debug.FreeOSMemory()
	return newKey(secret, group, room, false), nil
}

// weakUnder is the least length of a passphrase, in characters, that is not Weak.
const weakUnder = 12

// Weak tells whether a passphrase has less than 12 characters. One recorded
// datagram is enough to try guesses against it without the group's knowledge,
// so users should be warned. It judges the length only: a long passphrase can
// be easy to guess too.
func Weak(pass []byte) bool {
	pass, err := normalise(pass)
	return err != nil || utf8.RuneCount(pass) < weakUnder
}

func normalise(pass []byte) ([]byte, error) {
	if !utf8.Valid(pass) {
		return nil, ErrPassphraseText
	}
	if line, ok := bytes.CutSuffix(pass, []byte("\n")); ok {
		pass = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(pass) == 0 {
		return nil, ErrEmptyPassphrase
	}
	return norm.NFC.Bytes(pass), nil
}

// groupSalt binds a key to the address and the room.
func groupSalt(group, room string) [sha256.Size]byte {
	var b []byte
	for _, part := range []string{saltLabel, group, room} {
		b = appendPrefixed(b, part)
	}
	return sha256.Sum256(b)
}

// newKey derives a key for each use from the secret (HKDF, RFC 5869).
func newKey(secret []byte, group, room string, open bool) *Key {
	salt := groupSalt(group, room)
	prk, err := hkdf.Extract(sha256.New, secret, salt[:])
	if err != nil {
		panic("seal: HKDF-SHA256 is not available: " + err.Error())
	}
	k := &Key{open: open, rand: rand.Reader}
	k.aead, err = chacha20poly1305.NewX(expand(prk, aeadInfo, keySize))
	if err != nil {
		panic("seal: XChaCha20-Poly1305 is not available: " + err.Error())
	}
	copy(k.tag[:], expand(prk, tagInfo, len(k.tag)))
	copy(k.groupID[:], expand(prk, string(appendPrefixed([]byte(groupIDInfo), room)), len(k.groupID)))
	return k
}

func expand(prk []byte, info string, n int) []byte {
	out, err := hkdf.Expand(sha256.New, prk, info, n)
	if err != nil {
		panic("seal: HKDF-SHA256 is not available: " + err.Error())
	}
	return out
}

// GroupID names the group: a hash of its key and room. It tells nothing of the
// key that a datagram does not tell.
func (k *Key) GroupID() [32]byte { return k.groupID }

// Open tells whether the room is open to everyone.
func (k *Key) Open() bool { return k.open }

// appendPrefixed appends the length of s, in four bytes, and s.
func appendPrefixed(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}
