package floor

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// Member is one running program: its identity key (Ed25519, public) and its
// incarnation, a random number that is new at every start. Two Members are the
// same only when both are equal: a program that restarts is a new Member.
type Member struct {
	Key         [32]byte
	Incarnation uint64
}

// Less orders members by key, then by incarnation. It is the order in which a
// View lists them; it is not the order of requests, see Stamp.
func (m Member) Less(o Member) bool { return m.compare(o) < 0 }

func (m Member) compare(o Member) int {
	if c := bytes.Compare(m.Key[:], o.Key[:]); c != 0 {
		return c
	}
	switch {
	case m.Incarnation < o.Incarnation:
		return -1
	case m.Incarnation > o.Incarnation:
		return 1
	}
	return 0
}

// ViewHash names a view: the first 16 bytes of the SHA-256 of "papo view v1"
// and then, of each member in order of key, the key and the incarnation in
// big-endian order. Members with equal hashes have the same view.
type ViewHash [16]byte

// String gives the first four bytes in hex: enough for people to tell views apart.
func (h ViewHash) String() string { return hex.EncodeToString(h[:4]) }

// View is the set of members that one member counts on at one time, itself
// included. It is immutable: a change makes a new View.
type View struct {
	members []Member
	hash    ViewHash
}

// NewView returns the view of these members. The order given does not matter
// and a member given twice counts once; the slice is not kept.
func NewView(members ...Member) View {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, Member.compare)
	sorted = slices.Compact(sorted)
	h := sha256.New()
	h.Write([]byte("papo view v1"))
	var n [8]byte
	for _, m := range sorted {
		h.Write(m.Key[:])
		binary.BigEndian.PutUint64(n[:], m.Incarnation)
		h.Write(n[:])
	}
	v := View{members: sorted}
	copy(v.hash[:], h.Sum(nil))
	return v
}

// Members returns the members in order of key. The caller must not change it.
func (v View) Members() []Member { return v.members }

// Hash returns the name of the view.
func (v View) Hash() ViewHash { return v.hash }

// Len returns the number of members.
func (v View) Len() int { return len(v.members) }

// Has tells whether m, in that very incarnation, is in the view.
func (v View) Has(m Member) bool {
	for i := range v.members { // a few dozen at the most: faster than a search
		if o := &v.members[i]; o.Incarnation == m.Incarnation && o.Key == m.Key {
			return true
		}
	}
	return false
}
