// Package reconcile makes two sets of turns equal while sending little more
// than what differs: range-based set reconciliation (Aljoscha Meyer, "Range-Based
// Set Reconciliation", 2022), in the bytes of the Negentropy Protocol V1
// (github.com/hoytech/negentropy, docs/negentropy-protocol-v1.md). The
// protocol's timestamp is a turn's stamp, its id the turn's id.
//
// One side is the initiator: it learns which ids it has and the other has not,
// and which it needs. The other answers each message from the message alone and
// keeps nothing between them. Turns themselves travel by other means.
//
//	message     = version (0x61)  range*
//	range       = bound  mode (varint)  payload
//	bound       = stamp (varint)  n (varint, 0-32)  n bytes of id, the rest are 0
//	              stamp: 0 is infinity, else 1 + difference to the stamp before
//	payload     = mode 0, skip:         nothing
//	              mode 1, fingerprint:  16 bytes
//	              mode 2, id list:      count (varint)  count * 32 bytes
//	varint      = base 128, most significant digit first, high bit on all but
//	              the last, as few digits as possible
//	fingerprint = first 16 bytes of SHA-256(sum of the ids, little-endian, mod
//	              2^256, 32 bytes  count (varint))
//
// A bound ends its range (exclusive) and begins the next. The first range begins
// at stamp 0 and id 0; what follows the last is skipped.
//
// The fingerprints are sums, so an insider can make two different sets look
// equal. They save bytes and prove nothing; heads prove that records are equal.
//
// No function here reads a clock, does I/O or may be called at the same time as
// another on the same set.
package reconcile
