// Package e2e tests papo as people run it: it builds the program, starts real
// processes on networks of its own and judges what they told on standard output and
// what they left on disk.
//
// Every network is a set of new, unnamed network namespaces, joined by a switch
// that is in a namespace too: nothing leaves them, and nothing is left behind.
// One switch is the kernel's bridge, which drops with nftables; the other is
// written here, over TAP devices, and drops, repeats and delays datagrams for each
// directed link by a seed, and can be cut in two.
//
// The tests need Linux, root, iproute2, ethtool and nftables, and take minutes. They run when
// PAPO_E2E is set: 1 skips what the machine cannot do, must fails there.
//
//	PAPO_E2E=must go test -count=1 -v ./e2e/
package e2e
