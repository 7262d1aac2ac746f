// Package lab runs whole groups of papo in one goroutine, in virtual time, from one
// seed, and breaks them in every way in which networks, machines, clocks and disks
// break.
//
// What runs is what ships: peer.Core, peer.Perform, store.Store. Simulated are the
// clock, the network, the disk (storetest.Disk under the real store) and all chance.
// The same schedule gives the same run, event for event.
//
//   - Schedule is what happens to a group from outside, as a plain value: Generate makes
//     one from a seed.
//   - Run carries it out, checks every promise after every step, ends the faults, and
//     sees whether the group finds together.
//   - Shrink makes a schedule that breaks a promise as small as it gets.
package lab
