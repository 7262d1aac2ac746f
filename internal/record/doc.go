// Package record writes the record of a group as one file, and checks such a
// file with nothing else at hand: no data directory, no key, no network.
//
// The format is that of docs/RECORD-FILE.md: JSON lines, a header first, then one
// line a turn in the order, then an end that makes it evident if something is cut
// off. Each turn's line has what people read and the signed bytes; the bytes are
// the truth, and what people read follows from them. There is one way only to write
// a record, so a check is: read the signed bytes, write the line again, compare.
//
// What a whole file proves: the holders of the listed keys signed exactly these
// turns, for this group, each knowing of the turns that it names as parents; and
// what the file has no turn says is missing. It does not prove who holds a key, that
// the times are right, nor that nothing else was said: turns that no other names can
// be left out. For that, compare the keys and the fingerprint with what the members
// have.
package record
