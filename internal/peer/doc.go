// Package peer is one member without its surroundings: who is there, the
// floor, the record and its repair, put together. It has no I/O, no clock, no
// goroutine and no randomness of its own: inputs come with the time of their
// arrival, and what is to be done comes out as one plain value, a Ready, that
// Perform carries out. The program and the tests use the same Perform, so the
// order that matters in a crash is the order that is tested.
//
// A caller does, for each input,
//
//	core.Receive(now, packet)        // or Say, Tick, Hold, ...
//	for ready, ok := core.Ready(now); ok; ready, ok = core.Ready(now) {
//		core.Done(now, Perform(ready, disk, network, clock))
//	}
//
// and calls Tick at Core.Wake. One Ready is outstanding at a time.
package peer
