// Package store keeps the record on disk: the same turns in several replica
// logs, the checkpoint made of them, and the lines that are typed but not yet said
// in unsent.log.
//
// # The log of a replica
//
// A log is UTF-8 text that only grows, so that cat, grep, tail -f and diff are
// of use:
//
//	papo-log 1|<group id, 64 hex digits>|<generation, 16 hex digits>
//	2026-01-02T15:04:05.678Z|ana|hello|<signed turn, base64url>|1b2c3d4e
//
// One line is one turn: its time (RFC 3339, UTC, milliseconds), its author's
// name, its texts, the bytes of the signed turn (RFC 4648, section 5, without
// padding), and the CRC-32C (RFC 3720, appendix B.4) of all that stands before
// the last bar, in eight hex digits. In a text, `\` is written `\\` and a
// newline `\n`; several texts of one turn are joined by `\n`. A text may contain
// bars, a name cannot: time and name are found from the left, checksum and turn
// from the right. A turn of a version or kind that this program does
// not know has an empty text.
//
// The base64 part is the truth; the rest of the line follows from it and must
// match, else the line is damaged. An empty text is accepted with any turn: an
// older program may have written it. The generation is random and new whenever
// a log is written anew; it tells two files at one path apart.
//
// # What reading a log makes of a file
//
//   - A missing or empty file is a log without turns.
//   - A damaged line is skipped, and reported with its place. Reading goes on
//     behind the next newline. If the turn in it still bears its author's
//     signature, nothing of it is lost: it counts in the union, as missing in
//     this log. So a log whose newlines became CR LF is damaged in every line,
//     and gives every turn.
//   - NULs and other garbage are damaged lines. A line longer than any turn's
//     is passed over without being held in memory.
//   - What stands behind the last newline is a torn line: nobody was told that
//     it was kept. Opening copies it to a file with the ending .torn (the
//     newest only) and cuts it off. It stays, and a newline is put behind it
//     at the next append, if a whole turn can be read from it, or if it is
//     longer than a line can be, and so is no torn line but damage. Reading
//     without the lock passes over it: it may be in writing.
//   - An empty line means nothing: it comes of the newline with which writing
//     begins behind a torn line that could not be cut off.
//   - A damaged or missing header is damage of line 1. The turns are read, and
//     appending goes on. A header that names another group is damaged if a
//     turn of this group follows or if nothing does; the log is of another
//     group (ErrOtherGroup) if a turn of that group follows. A header of a
//     higher format version is damaged likewise, else ErrNewerLog.
//
// # Mending
//
// Opening makes all replicas alike, and Repair does while the program runs:
//
//   - What is mended has one sequence of lines: that of the replica that has
//     most turns of those without damage, then what only others have, by
//     (stamp, id). If no replica is without damage, all turns are by (stamp,
//     id). Behind the header, which bears the generation, all replicas are the
//     same to the byte.
//   - A log that only lacks the end of that sequence, as a kill in the middle of
//     an append leaves it, gets it appended.
//   - Any other log is written anew: a new file, fsynced and read again, renamed
//     over the old one. One with damaged lines stays beside it with the ending
//     .damaged (the first two and the newest), one of another group with the
//     ending .foreign, always.
//   - A log of another group is taken for a mistake where another replica is of
//     this group; else it is ErrOtherGroup, and nothing is touched.
//   - A log that cannot be read is not replaced, and takes no turns until it can.
//     One that cannot be written anew stays as it is, and takes turns.
//
// Turns come from the other logs or from the checkpoint, verified; Append brings
// in what members have.
//
// # The checkpoint
//
// checkpoint.db is the record once more, as a SQLite database: turns, heads,
// missing parents, peers, and for each log the position that it covers. The logs
// are its write-ahead log. Open reads the checkpoint's state and what the logs
// have behind their positions; only if a log is not as the checkpoint says, or
// needs more than an append, are all logs read whole, and then the checkpoint is
// one more place to mend them from. So:
//
//   - Missing: made of the logs. Damaged: kept with the ending .damaged, and made
//     of the logs. Of another group or member, while the logs are not: kept with
//     the ending .foreign. With a newer schema: ErrNewerCheckpoint. It cannot be
//     opened: papo goes on without, and says so.
//   - Ahead of the logs, as after a power cut or when logs were put back from a
//     copy: the logs get what they lack.
//   - All logs lost: they are made of the checkpoint.
//   - Behind the logs by more than 20,000 turns: Open puts them in, in batches, and
//     keeps none of them in memory.
//   - Damage that is seen later, by whatever reads: noted, with what was seen, in a
//     file with the ending .spoiled. The next Advance, Repair or Open makes it anew.
//
// Making it anew, while it is in use, is done beside it, in a file with the ending
// .new, of logs of which at least one has all turns and no damage; that takes its
// place when it is complete, and is removed if it cannot be. What a checkpoint says
// that it covers of the logs, it has: that is written only with the last of it. What
// is appended while there is none is kept in memory, without a bound: nothing else
// could give it.
//
// Advance makes the logs durable before it notes their positions, and unsent.log
// before it forgets which of its lines were said: else a power cut could leave a
// hole before a position, where no start looks, or bring back a line that was said.
//
// A turn in the checkpoint was verified before it was put in. What is read from
// it is proved by hashes and checksums (see migrations), not by its signature
// again, but where it goes into a log.
//
// Two things cannot be seen in one log alone: that it was cut exactly between
// two lines, and that its generation changed. The first is found by comparing
// the logs (Compare), the second harms nothing.
//
// # Durability
//
// Append writes to all replicas with one call each: from then on a crash of
// the program loses nothing. Sync makes what one replica has durable against a
// power cut. Append never waits for a Sync, a Compare, a rebuild or an Advance, nor
// does Get. No goroutine of the store outlives the call that started it: those that
// verify signatures, on all cores, end with it.
//
// One thing is beyond that: where the fsync of every replica fails, none can be
// written anew and the program ends, the next start reads from the system's memory
// what may not be on the disk, and cannot know it.
package store
