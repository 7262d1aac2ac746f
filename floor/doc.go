// Package floor is a distributed mutex for a local network without a server:
// the algorithm of Ricart and Agrawala ("An Optimal Algorithm for Mutual
// Exclusion in Computer Networks", CACM 24(1), 1981), with three things that
// the paper leaves out: views (members come and go), leases (a member that
// holds a permission and falls does not keep it), and permissions that are
// kept until they are asked for (Roucairol and Carvalho, 1983).
//
// The floor is the critical section: two members whose views at entry share a
// member never hold it at once, whatever the network loses, delays, repeats or
// reorders, and whoever crashes, stalls, sleeps or restarts. Assumed are
// members that follow the protocol, and clocks whose rates differ from real
// time by at most Drift.
//
// A Floor is one member's part of the algorithm. It has no I/O, no clock and
// no goroutine: the time of each input comes with it, what is to be sent comes
// out in a Ready, and the caller carries messages as it likes. A program does,
// for each input,
//
//	f.Receive(now, from, n, message)  // or Ask, Leave, SetView, Tick, ...
//	ready := f.Ready(now)
//	// send ready.Send, look at ready.Events, call Tick at ready.Wake
//
// The rules are numbered F1 to F10 as in docs/PROTOCOL.md, which gives the
// reason for each. (F5, entry by a majority of a fixed roster, is not built.)
package floor
