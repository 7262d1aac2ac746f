package peer

import (
	"crypto/ed25519"

	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/turn"
)

// Signatures makes and checks the signatures of turns and of hellos. What a
// ParseTurn accepts it must accept at any time, and its methods may be called from
// several goroutines at once: see Core.Verify.
type Signatures interface {
	// SignTurn and ParseTurn are as turn.Sign and turn.Parse.
	SignTurn(turn.GroupID, turn.Turn, ed25519.PrivateKey) (*turn.Signed, error)
	ParseTurn(turn.GroupID, []byte) (*turn.Signed, error)
	// SignHello and VerifyHello are as those of seal.
	SignHello(private ed25519.PrivateKey, group turn.GroupID, incarnation uint64, name string) [64]byte
	VerifyHello(key turn.Key, group turn.GroupID, incarnation uint64, name string, signature [64]byte) bool
}

// Ed25519 is what members have. Simulations, in which nobody forges anything, may have
// signatures that cost less.
type Ed25519 struct{}

// SignTurn implements Signatures.
func (Ed25519) SignTurn(g turn.GroupID, t turn.Turn, key ed25519.PrivateKey) (*turn.Signed, error) {
	return turn.Sign(g, t, key)
}

// ParseTurn implements Signatures.
func (Ed25519) ParseTurn(g turn.GroupID, b []byte) (*turn.Signed, error) { return turn.Parse(g, b) }

// SignHello implements Signatures.
func (Ed25519) SignHello(private ed25519.PrivateKey, group turn.GroupID, incarnation uint64, name string) [64]byte {
	return seal.SignHello(private, group, incarnation, name)
}

// VerifyHello implements Signatures.
func (Ed25519) VerifyHello(key turn.Key, group turn.GroupID, incarnation uint64, name string, signature [64]byte) bool {
	return seal.VerifyHello(key, group, incarnation, name, signature)
}
