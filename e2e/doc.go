// Package e2e tests papo as people run it: it builds the program, starts real
// processes on networks of its own and judges what they told on standard output and
// what they left on disk.
//
// Every network is a set of new, unnamed network namespaces, joined by a switch
// that is in a namespace too: nothing leaves them, and nothing is left behind.
// One switch is the kernel's bridge, which drops with nftables; the other is
// written here, over TAP devices. For each directed link, by a seed, it loses frames, one by
// one or in bursts, repeats and delays them, lets later ones overtake them, flips their bits, so that the
// program gets them or so that the kernel drops them, and is cut: one way, in two, or
// around a member that hears nothing.
//
// TestE2EMixedFaults mixes all of it with processes that are killed, stopped or short of disk, by
// a schedule that a seed decides and that is printed, and judges the history with
// porcupine: fencedmutex_test.go says what of. -mixedruns and -mixedseed say how many runs, and which.
//
// The tests need Linux, root, iproute2, ethtool and nftables, and take minutes. They run when
// PAPO_E2E is set: 1 skips what the machine cannot do, must fails there.
//
//	PAPO_E2E=must go test -count=1 -v ./e2e/
package e2e
