// Package turn holds what members must agree on byte by byte: the signed turn
// with its id, what makes it valid, the order of turns, and History, the sorted
// set of all that a member has. A History knows the place and the state of each
// turn; most turns themselves are on disk, and come through an Archive.
//
// A signed turn is
//
//	canonical CBOR array | Ed25519 signature over the id, 64 bytes
//
// with the array (RFC 8949, section 4.2.1)
//
//	[version, author, name, stamp, parents, time, kind, [line ids], [texts]]
//
// and the id SHA-256("papo turn v1" | group id, 32 bytes | array). The first
// seven elements are the same in every version; docs/PROTOCOL.md has the rules.
//
// What is valid is decided here, and decided the same by every build of every
// version, for ever. So no rule that Parse applies rests on tables that change,
// such as those of the Unicode version a compiler brings.
//
// Nothing here does I/O, looks at a clock, starts a goroutine or draws a random
// number, but for what an Archive does when it is asked. A Signed may be read by
// many goroutines; a History belongs to one.
package turn
