package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// Version is the first byte of every datagram.
const Version = 1

// Sizes in bytes.
const (
	tagSize    = 4
	adSize     = 1 + tagSize // what stands in clear and is authenticated
	nonceSize  = chacha20poly1305.NonceSizeX
	headerSize = adSize + nonceSize
	innerSize  = 8 + 4 // incarnation, counter

	// MaxDatagram is the largest datagram: it passes every usual network in
	// one packet.
	MaxDatagram = 1200
	// Overhead is what sealing adds to a message.
	Overhead = headerSize + innerSize + chacha20poly1305.Overhead
	// MaxMessage is the largest message that a datagram carries.
	MaxMessage = MaxDatagram - Overhead
)

// Why a datagram is dropped. They carry no detail and cost no memory, so that
// a flood of bad datagrams is cheap to refuse.
var (
	// ErrLength: shorter than an empty message sealed, or over MaxDatagram.
	ErrLength = errors.New("the datagram is too short or too long to be one of papo's")
	// ErrVersion: it is of another protocol, or of another version of ours.
	ErrVersion = errors.New("the datagram is of another protocol version")
	// ErrOtherGroup: the key tag is another group's.
	ErrOtherGroup = errors.New("the datagram is of another group: another passphrase, room or address")
	// ErrNotAuthentic: nobody who has the key sealed this.
	ErrNotAuthentic = errors.New("the datagram is damaged or forged")
)

// Seal appends to dst a datagram that says message, from the incarnation and
// with its counter, which must not repeat. No memory is allocated if dst has
// room for len(message) + Overhead. Message must not overlap that room, and
// be at most MaxMessage bytes long: receivers refuse more.
//
// It panics if the source of nonces fails, as a repeated nonce would give the
// key's secrecy away; crypto/rand does not fail.
func (k *Key) Seal(dst []byte, incarnation uint64, counter uint32, message []byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, len(message)+Overhead)
	dst = append(dst, Version)
	dst = append(dst, k.tag[:]...)
	dst = dst[:start+headerSize]
	nonce := dst[start+adSize:]
	if _, err := io.ReadFull(k.rand, nonce); err != nil {
		panic("seal: no random bytes for a nonce: " + err.Error())
	}
	dst = binary.BigEndian.AppendUint64(dst, incarnation)
	dst = binary.BigEndian.AppendUint32(dst, counter)
	dst = append(dst, message...)
	return k.aead.Seal(dst[:start+headerSize], nonce, dst[start+headerSize:], dst[start:start+adSize])
}

// Unseal opens a datagram. The message stands in memory after dst, in its own
// array if that has room for len(datagram); dst and datagram must not overlap.
// The error is one of ErrLength, ErrVersion, ErrOtherGroup and ErrNotAuthentic.
//
// An opened datagram was sealed by a member of the group at some time, perhaps
// long ago, and perhaps seen before: see Window.
func (k *Key) Unseal(dst, datagram []byte) (incarnation uint64, counter uint32, message []byte, err error) {
	switch {
	case len(datagram) < Overhead || len(datagram) > MaxDatagram:
		return 0, 0, nil, ErrLength
	case datagram[0] != Version:
		return 0, 0, nil, ErrVersion
	case !bytes.Equal(datagram[1:adSize], k.tag[:]):
		return 0, 0, nil, ErrOtherGroup
	}
	out, err := k.aead.Open(dst, datagram[adSize:headerSize], datagram[headerSize:], datagram[:adSize])
	if err != nil {
		return 0, 0, nil, ErrNotAuthentic
	}
	inner := out[len(dst):]
	return binary.BigEndian.Uint64(inner), binary.BigEndian.Uint32(inner[8:]), inner[innerSize:], nil
}
