package turn

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

const signatureSize = ed25519.SignatureSize

// idPrefix keeps the hashes of turns apart from all others.
const idPrefix = "papo turn v1"

// Signed is a turn that is valid by itself, with the bytes that never change. It
// is made by Sign, Parse and ParseTrusted only. It must not be changed, nor what
// its methods give.
type Signed struct {
	id    ID
	turn  Turn
	bytes []byte // array | signature
}

// ID names the turn.
func (s *Signed) ID() ID { return s.id }

// Turn gives what it says. LineIDs and Texts are nil unless Known.
func (s *Signed) Turn() Turn { return s.turn }

// Bytes gives the signed bytes, as they travel and are stored.
func (s *Signed) Bytes() []byte { return s.bytes }

// Signature gives the last bytes, which sign the id.
func (s *Signed) Signature() [64]byte { return [64]byte(s.bytes[len(s.bytes)-signatureSize:]) }

// Stamp gives the Lamport time.
func (s *Signed) Stamp() uint64 { return s.turn.Stamp }

// Item gives the place in the order.
func (s *Signed) Item() Item { return Item{Stamp: s.turn.Stamp, ID: s.id} }

// Known tells whether this version of papo understands the version and the kind.
// A turn that it does not understand is kept and passed on like any other.
func (s *Signed) Known() bool { return s.turn.known() }

// Sign makes t a signed turn of group g. A zero Version or Author is filled in.
// It refuses what Parse would refuse, with the same errors; a name that
// CheckName would not give (ErrName); and a key that is not t.Author's
// (ErrAuthor).
//
// The signature is over the 32 bytes of the id and nothing else, so the same key
// must sign nothing else that is 32 bytes long.
func Sign(g GroupID, t Turn, key ed25519.PrivateKey) (*Signed, error) {
	return SignWith(g, t, key, func(id ID) [64]byte { return [64]byte(ed25519.Sign(key, id[:])) })
}

// SignWith is Sign with another signature than Ed25519's: sign makes it, of the id.
// Parse refuses it. Simulations, which run faster without signatures, have their own.
func SignWith(g GroupID, t Turn, key ed25519.PrivateKey, sign func(ID) [64]byte) (*Signed, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("%w: a private key has %d bytes, not %d", ErrAuthor, ed25519.PrivateKeySize, len(key))
	}
	public := Key(key[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
	if t.Author == (Key{}) {
		t.Author = public
	}
	if t.Author != public {
		return nil, fmt.Errorf("%w: %s cannot sign for %s", ErrAuthor, public.Short(), t.Author.Short())
	}
	if t.Version == 0 {
		t.Version = Version
	}
	name, err := CheckName("name", t.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrName, err)
	}
	if name != t.Name {
		return nil, fmt.Errorf("%w: %q is not in NFC: pass it through CheckName", ErrName, t.Name)
	}
	array, err := encoder.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCanonical, err)
	}
	id := identify(g, array)
	// Parsing what was written is what keeps the two from disagreeing.
	signature := sign(id)
	return parse(g, append(array, signature[:]...))
}

// Parse reads a signed turn of group g and checks all that makes it valid by
// itself, the signature last. It keeps a copy of b. Its errors wrap one of the
// Err values.
func Parse(g GroupID, b []byte) (*Signed, error) {
	s, err := parse(g, b)
	if err != nil {
		return nil, err
	}
	if signature := s.Signature(); !ed25519.Verify(s.turn.Author[:], s.id[:], signature[:]) {
		return nil, fmt.Errorf("%w: %s", ErrSignature, s.turn.Author.Short())
	}
	return s, nil
}

// ParseTrusted is Parse without a look at the signature, which takes most of the
// time. The caller must know that exactly these bytes passed Parse before, for
// this group: as with a line of one's own replica whose checksum holds.
func ParseTrusted(g GroupID, b []byte) (*Signed, error) { return parse(g, b) }

// Claimed gives the id that b has if it is a signed turn of group g, for the price
// of a hash: to ask whether the turn is there already before Parse is paid for. The
// error is ErrSize.
//
// It looks at nothing but the length. So it does not say that b is a turn, or whose,
// nor that its signature is good: the id does not cover that, and whoever saw a turn
// can claim its id with another signature. Only if a turn of this id is stored, and
// so passed Parse once, is it certain that b says the same and brings nothing new.
func Claimed(g GroupID, b []byte) (ID, error) {
	array, err := arrayOf(b)
	if err != nil {
		return ID{}, err
	}
	return identify(g, array), nil
}

// arrayOf gives what stands before the signature.
func arrayOf(b []byte) ([]byte, error) {
	if len(b) <= signatureSize || len(b) > MaxSigned {
		return nil, fmt.Errorf("%w: %d bytes, the most is %d", ErrSize, len(b), MaxSigned)
	}
	return b[:len(b)-signatureSize], nil
}

func parse(g GroupID, b []byte) (*Signed, error) {
	array, err := arrayOf(b)
	if err != nil {
		return nil, err
	}
	b = bytes.Clone(b)
	array = b[:len(array)]
	t, err := decode(array)
	if err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return &Signed{id: identify(g, array), turn: t, bytes: b}, nil
}

// identify computes the id of a turn of group g.
func identify(g GroupID, array []byte) (id ID) {
	h := sha256.New()
	h.Write([]byte(idPrefix))
	h.Write(g[:])
	h.Write(array)
	h.Sum(id[:0])
	return id
}

// The encoder writes RFC 8949's core deterministic encoding. The decoder bounds
// what hostile bytes can cost; that they are canonical is known only when the
// encoder gives them back.
var (
	encoder = mustMode(encOptions().EncMode())
	decoder = mustMode(decOptions().DecMode())
)

func encOptions() cbor.EncOptions {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	return o
}

func decOptions() cbor.DecOptions {
	return cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		NaN:              cbor.NaNDecodeForbidden, // not equal to itself: a map can have it twice, and then has no one order
		MaxNestedLevels:  16,
		MaxArrayElements: MaxSigned,
		MaxMapPairs:      MaxSigned,
	}
}

func mustMode[M any](m M, err error) M {
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}

// decode reads the array of a turn and checks that it is canonical.
func decode(array []byte) (Turn, error) {
	var t Turn
	if err := decoder.Unmarshal(array, &t); err != nil || !t.known() {
		return decodeNewer(array)
	}
	if !canonical(array, t) {
		return Turn{}, ErrCanonical
	}
	return t, nil
}

// stable is the part of a turn that every version has.
type stable struct {
	_ struct{} `cbor:",toarray"`

	Version uint64
	Author  Key
	Name    string
	Stamp   uint64
	Parents []ID
	Time    int64
	Kind    uint64
}

// stableElements is how many elements stable has.
const stableElements = 7

// decodeNewer reads the array of a turn that this version does not understand.
// What follows the kind can be anything that is canonical, not nested deeper
// than 16 arrays and maps, without tags and without NaN.
func decodeNewer(array []byte) (Turn, error) {
	var elements []cbor.RawMessage
	if err := decoder.Unmarshal(array, &elements); err != nil {
		return Turn{}, fmt.Errorf("%w: %v", ErrCanonical, err)
	}
	if len(elements) < stableElements {
		return Turn{}, fmt.Errorf("%w: %d elements", ErrCanonical, len(elements))
	}
	first := []byte{0x80 | stableElements} // the head of an array
	for _, e := range elements[:stableElements] {
		first = append(first, e...)
	}
	var t stable
	if err := decoder.Unmarshal(first, &t); err != nil {
		return Turn{}, fmt.Errorf("%w: %v", ErrCanonical, err)
	}
	if t.Version == Version && t.Kind == KindChat {
		return Turn{}, fmt.Errorf("%w: a turn of version %d and kind %d with other elements", ErrCanonical, Version, KindChat)
	}
	var all any
	if err := decoder.Unmarshal(array, &all); err != nil {
		return Turn{}, fmt.Errorf("%w: %v", ErrCanonical, err)
	}
	if !canonical(first, t) || !canonical(array, all) {
		return Turn{}, ErrCanonical
	}
	return Turn{
		Version: t.Version, Author: t.Author, Name: t.Name, Stamp: t.Stamp,
		Parents: t.Parents, Time: t.Time, Kind: t.Kind,
	}, nil
}

// canonical tells whether b is the deterministic encoding of v.
func canonical(b []byte, v any) bool {
	again, err := encoder.Marshal(v)
	return err == nil && bytes.Equal(again, b)
}
