// Package seal keeps a group's datagrams secret and authentic, and members'
// identities their own. docs/PROTOCOL.md says the same in prose, with the
// threat model.
//
// A datagram, with the bytes of each part under it:
//
//	version key-tag nonce sealed( incarnation counter message ) authenticator
//	   1       4      24                8         4      n            16
//
// Version is 1. Numbers are big-endian. What is sealed is encrypted and
// authenticated with XChaCha20-Poly1305 under the group's key; version and key
// tag are its additional data. The key tag is derived from the group's key, so
// that other groups' datagrams on the same address are dropped without an
// attempt to open them.
//
//   - Key seals and opens datagrams.
//   - Window refuses a datagram that was opened before.
//   - Identity is a member's own signing key, and the file that keeps it.
package seal
