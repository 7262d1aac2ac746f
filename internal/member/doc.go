// Package member knows who is there: it says hello, sends and reads heartbeats,
// asks by PING before it suspects, and chooses the view, which is the set of
// members that the floor counts on. docs/PROTOCOL.md, "Views", is what it
// implements.
//
// Nothing here does I/O, reads a clock or starts a goroutine. The caller passes
// in each datagram and the time, and takes out what is to be sent:
//
//	m.Heard(now, from, counter) // any authentic datagram, first
//	m.Beat(now, from, counter, beat) // then what it says
//	ready := m.Ready(now) // send ready.Send, and call Tick at ready.Wake
//
// Times are Boot times: they count from the start of the machine and go on
// while it sleeps.
//
// # Counting on each other
//
// In the following, the *suspect* of two members is the larger of
// Config.Suspect and four times the larger of their two beats.
//
// x hears y while its last sign of life is younger than suspect and the last
// one that came from y itself is younger than 3/2 suspect. The second bound
// ends a link that works only through others: their PONGs bridge a burst of
// loss, but the floor needs datagrams that arrive.
//
// x counts on y while x hears y, y is not quiet, and y has confirmed, less than
// suspect ago, that it hears x: by a heartbeat or a PONG that gives a counter
// that x sent less than two suspects ago. A newer heartbeat that no longer
// names x takes the confirmation back.
//
// Of two others, z and w, x knows what their heartbeats say. In its eyes they
// count on each other while x counts on both, the newest heartbeat of each is
// younger than three suspects, and each names the other at a counter that was
// not out of date when that heartbeat came: two suspects before, x itself had
// not yet heard a higher one. (Three suspects: heartbeats are lost, and what
// PING finds out in the meantime does not tell whom the other hears. With one
// suspect, no group of 8 or more was seen to rest for 30 s at a loss of 20 %.)
//
// # The view
//
// The lowest key leads: see choose.
package member
