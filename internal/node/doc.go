// Package node runs one member: it puts a peer.Core, a store and a transport
// together in one event loop. What is decided is decided in the core; here is
// only what touches the world: the clock, sockets, files, goroutines.
package node
