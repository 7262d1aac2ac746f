package node

import (
	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
)

// compare is /sync: the replicas with each other, then the record with the
// members'.
func (n *Node) compare(now peer.Now, i int) {
	switch {
	case n.reports && n.silent && n.next == nil:
		n.next = func(now peer.Now) { n.compare(now, i) } // after the one that nobody asked for
		return
	case n.reports:
		n.core.Refuse(now, i, "sync", peer.CodeSyncRunning)
		return
	}
	n.mend(now, func(now peer.Now, r *store.Report) {
		n.core.Tell(now, LocalReport(peer.At(now.Boot), r, n.core.History().Fingerprint()))
		n.core.Reconcile(now, i)
	})
}

// compareSilently compares the replicas with each other, as /sync does, and tells
// only what was amiss. The core compares with members at times of its own.
func (n *Node) compareSilently(now peer.Now) {
	if n.reports {
		return // one is under way
	}
	n.compared, n.silent = true, true
	n.mend(now, func(now peer.Now, r *store.Report) {
		if !r.Consistent() {
			n.core.Tell(now, LocalReport(peer.At(now.Boot), r, n.core.History().Fingerprint()))
		}
	})
}

// compareInTime is compareSilently when its time has come. It may take one part in
// twenty of the time at most: a record of a million turns takes seconds to read.
func (n *Node) compareInTime(now peer.Now) {
	if now.Boot >= n.rested {
		n.compareSilently(now)
	}
}

// mend compares the replicas and mends them, beside the loop, and has the loop do
// then with what was found.
func (n *Node) mend(now peer.Now, then func(peer.Now, *store.Report)) {
	n.reports = true
	began := now.Boot
	go func() {
		r := n.cfg.Store.Repair(n.beside, nil)
		n.order(func(now peer.Now) {
			n.reports, n.silent = false, false
			n.rested = now.Boot + 19*(now.Boot-began)
			n.tellCheckpoint(now, r.Checkpoint)
			then(now, r)
			if n.partial && !n.loading {
				n.load()
			}
			if next := n.next; next != nil {
				n.next = nil
				next(now)
			}
		})
	}()
}

// LocalReport is a report of the store as the event that tells it.
func LocalReport(at peer.At, r *store.Report, fingerprint [32]byte) peer.Reconciled {
	e := peer.Reconciled{At: at, Scope: "local", Consistent: r.Healthy(), Turns: r.Turns, Fingerprint: fingerprint}
	for _, rep := range r.Replicas {
		out := peer.ReplicaReport{Path: rep.Path, Turns: rep.Turns, Missing: rep.Missing, Damaged: len(rep.Damaged) + rep.MoreDamaged}
		if rep.Repaired {
			out.Repaired = max(rep.Missing, out.Damaged)
		}
		e.Replicas = append(e.Replicas, out)
	}
	return e
}
