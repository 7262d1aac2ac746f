package turn

import "encoding/hex"

// Key is a member's identity: an Ed25519 public key.
type Key [32]byte

// Short gives the first four hex digits: what people see behind a name (brenda#3f9a).
func (k Key) Short() string { return hex.EncodeToString(k[:2]) }

// String gives all 64 hex digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ID names a turn: the SHA-256 of ("papo turn v1", group id, canonical bytes).
type ID [32]byte

// Short gives the first eight hex digits, for people.
func (id ID) Short() string { return hex.EncodeToString(id[:4]) }

// String gives all 64 hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// GroupID names a group: a hash of the group key and the room.
type GroupID [32]byte

// LineID names one typed line from before it is said, so that it is never said twice.
type LineID [8]byte

// String gives all 16 hex digits.
func (id LineID) String() string { return hex.EncodeToString(id[:]) }
