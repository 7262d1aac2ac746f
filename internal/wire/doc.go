// Package wire turns the messages of the protocol into bytes and back: what
// stands in a datagram once it is opened (see package seal), after the
// incarnation and the counter. docs/PROTOCOL.md says the same in prose, with
// the reasons.
//
// All numbers are unsigned and big-endian; durations are whole milliseconds.
// The first byte is the kind. A count of bytes stands under each field, "n"
// marks as many as the count before says, ".." the rest of the message:
//
//	 1 HELLO     kind flags key signature len name
//	               1     1  32      64     1    n      flags: 1 want
//	 2 BEAT      kind flags interval ts left view leader settledStamp settled
//	               1     1        2  8    4   16      8            8      16
//	             gaps count head  count inView (incarnation counter)
//	                8     1 n*32      1      8     n*(8       4)
//	               flags: 1 quiet, 2 asking, 4 holding (never both of these);
//	               bit i of inView (of value 1<<i) stands for heard member i
//	 3 REQ       kind ts k view
//	               1   8 4   16
//	 4 REP       kind rep
//	             rep: flags view clock count head  count (key incarnation ts k)
//	                     1   16     8     1 n*32      1  n*(32         8  8 4)
//	               flags: 1 hand-over
//	 5 WAIT      kind to ts place why left
//	               1   8  8     2   1    4
//	 6 RELEASE   kind ts
//	               1   8
//	 7 TURN      kind flags [rep] count (len turn)
//	               1     1             1  n*(2    n)   flags: 1 a rep follows
//	 8 WANT      kind count id
//	               1      1 n*32
//	 9 FRAG      kind number index count data
//	               1       4     1     1   ..
//	10 FRAGWANT  kind of number missing
//	               1   8      4       8
//	11 RECON     kind flags session round from to data
//	               1     1        4     4    8  8   ..   flags: 1 response
//	12 PING      kind origin target
//	               1       8      8
//	13 PONG      kind of to counter
//	               1   8  8       4
//	14 BYE       kind
//	               1
//
// There is one encoding of each message: what Decode accepts, Append gives
// back to the byte. So Decode refuses bytes left over, flags that mean
// nothing, counts out of their bounds and lists out of order. Every bound is a
// constant here, and who exceeds one gets an error, in both directions.
//
// A message of more than MaxPayload bytes travels in pieces: Fragment cuts it,
// a Reassembler at the receiver puts it together and says which pieces to ask
// for again, an Outbox at the sender remembers them.
package wire
