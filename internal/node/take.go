package node

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// take gives the core one datagram and those that wait behind it, each with
// the time of its own: a time read before a datagram came would let a permission
// that is given now end too early, and an expired one be used. The signatures of
// their turns are what takes time, so they are checked first, on all processors.
func (n *Node) take(p opened) {
	n.taken, n.buffers = append(n.taken[:0], p.Packet), append(n.buffers[:0], p.buf)
	for some := true; some && len(n.taken) < batch; {
		select {
		case p = <-n.inbox:
			n.taken, n.buffers = append(n.taken, p.Packet), append(n.buffers, p.buf)
		default:
			some = false
		}
	}
	n.core.Verify(n.taken, onAllProcessors)
	for i, p := range n.taken {
		now := n.cfg.Clock.Now()
		n.tracer.received(now.Boot, n.core.Self().Incarnation, p)
		n.core.Receive(now, p)
		n.tracer.look(now.Boot, n.core)
		n.pool.Put(n.buffers[i])
	}
}

// onAllProcessors calls do with 0 to n-1, several at the same time.
func onAllProcessors(n int, do func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := next.Add(1); i <= int64(n); i = next.Add(1) {
			do(int(i - 1))
		}
	}
	var others sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
}
