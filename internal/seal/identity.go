package seal

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
)

// Identity is a member's own key (Ed25519, RFC 8032). Who has it is that
// member.
type Identity struct {
	private ed25519.PrivateKey
}

// newIdentity makes one from 32 bytes of rand: crypto/rand's Reader, or a
// seeded source in tests. It is kept nowhere.
func newIdentity(rand io.Reader) (*Identity, error) {
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, fmt.Errorf("cannot make an identity key: no random bytes: %w", err)
	}
	return identityOf(seed[:]), nil
}

func identityOf(seed []byte) *Identity {
	return &Identity{private: ed25519.NewKeyFromSeed(seed)}
}

// Key returns the public key, by which others know the member.
func (id *Identity) Key() (key [32]byte) {
	copy(key[:], id.private[ed25519.SeedSize:])
	return key
}

// Private returns the key to sign with. It must not be changed.
func (id *Identity) Private() ed25519.PrivateKey { return id.private }

// helloBytes returns what the signature of a hello is over: "papo hello v1",
// the group id, the incarnation (8 bytes) and the name with its length (4
// bytes) before it; numbers are big-endian. The group is in it so that a hello
// cannot be carried to another group, the incarnation so that nobody
// else can run under it.
func helloBytes(group [32]byte, incarnation uint64, name string) []byte {
	b := append([]byte("papo hello v1"), group[:]...)
	b = binary.BigEndian.AppendUint64(b, incarnation)
	return appendPrefixed(b, name)
}

// SignHello signs that the owner of the key runs in the group as this
// incarnation, under this name.
func SignHello(private ed25519.PrivateKey, group [32]byte, incarnation uint64, name string) (signature [64]byte) {
	copy(signature[:], ed25519.Sign(private, helloBytes(group, incarnation, name)))
	return signature
}

// VerifyHello tells whether the owner of key signed just that.
func VerifyHello(key, group [32]byte, incarnation uint64, name string, signature [64]byte) bool {
	return ed25519.Verify(key[:], helloBytes(group, incarnation, name), signature[:])
}
