package lab

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/papo-chat/papo/internal/turn"
)

// stubs are signatures that anybody could forge: in a simulation nobody does. They
// cost some hundred nanoseconds, Ed25519's a hundred microseconds. What was read once
// is not read again: all members of a run share it, and turns never change.
type stubs struct {
	mu   sync.Mutex // the store reads with several goroutines
	read map[string]*turn.Signed
}

func newStubs() *stubs { return &stubs{read: map[string]*turn.Signed{}} }

func stub(key, what []byte) (s [64]byte) {
	h := sha256.New()
	h.Write(key)
	h.Write(what)
	h.Sum(s[:0])
	return s
}

// SignTurn implements peer.Signatures.
func (*stubs) SignTurn(g turn.GroupID, t turn.Turn, key ed25519.PrivateKey) (*turn.Signed, error) {
	return turn.SignWith(g, t, key, func(id turn.ID) [64]byte { return stub(key[32:], id[:]) })
}

// ParseTurn implements peer.Signatures.
func (s *stubs) ParseTurn(g turn.GroupID, b []byte) (*turn.Signed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.read[string(b)]; t != nil {
		return t, nil
	}
	t, err := turn.ParseTrusted(g, b)
	if err != nil {
		return nil, err
	}
	author, id := t.Turn().Author, t.ID()
	if t.Signature() != stub(author[:], id[:]) {
		return nil, fmt.Errorf("%w: %s", turn.ErrSignature, author.Short())
	}
	s.read[string(b)] = t
	return t, nil
}

// SignHello implements peer.Signatures.
func (*stubs) SignHello(private ed25519.PrivateKey, group turn.GroupID, incarnation uint64, name string) [64]byte {
	return stub(private[32:], hello(group, incarnation, name))
}

// VerifyHello implements peer.Signatures.
func (*stubs) VerifyHello(key turn.Key, group turn.GroupID, incarnation uint64, name string, signature [64]byte) bool {
	return signature == stub(key[:], hello(group, incarnation, name))
}

func hello(group turn.GroupID, incarnation uint64, name string) []byte {
	return fmt.Appendf(nil, "%x %x %s", group, incarnation, name)
}
