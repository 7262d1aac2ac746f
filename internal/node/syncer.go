package node

import (
	"sync"
	"time"

	"github.com/papo-chat/papo/internal/store"
)

// What follows a failed fsync is the log written anew, whole. While the disk is ill that
// fails too: a replica gets a fifth of the time for it, and failedPause between two
// tries.
const (
	failedPause = time.Second
	failedShare = 4 // so much longer than the try is the pause after it
)

// fsyncWithin is how long a turn of another member may stay only appended.
const fsyncWithin = 200 * time.Millisecond

// syncer fsyncs the replicas in the background: at once for an own turn,
// within fsyncWithin for others'. Nothing waits for it but a line's state said.
type syncer struct {
	store *store.Store
	tell  func(replica int, upto uint64, err error)
	now   []chan struct{} // one a replica, room for one
	soon  []chan struct{}
	stop  chan struct{}
	done  sync.WaitGroup
}

func newSyncer(s *store.Store, replicas int, tell func(replica int, upto uint64, err error)) *syncer {
	y := &syncer{store: s, tell: tell, stop: make(chan struct{})}
	for range replicas {
		y.now = append(y.now, make(chan struct{}, 1))
		y.soon = append(y.soon, make(chan struct{}, 1))
	}
	for i := range replicas { // once both are whole: the goroutines read them
		y.done.Go(func() { y.run(i) })
	}
	return y
}

// appended notes that there is something to fsync.
func (y *syncer) appended(own bool) {
	for i := range y.now {
		c := y.soon[i]
		if own {
			c = y.now[i]
		}
		select {
		case c <- struct{}{}:
		default: // it is asked for already
		}
	}
}

func (y *syncer) run(i int) {
	for {
		select {
		case <-y.stop:
			return
		case <-y.now[i]:
		case <-y.soon[i]:
			t := time.NewTimer(fsyncWithin)
			select {
			case <-y.stop:
				t.Stop()
				return
			case <-y.now[i]:
				t.Stop()
			case <-t.C:
			}
		}
		began := time.Now()
		upto, err := y.store.Sync(i)
		y.tell(i, upto, err)
		if err != nil && !y.pause(max(failedPause, failedShare*time.Since(began))) {
			return
		}
	}
}

// pause waits; it is false if that was ended.
func (y *syncer) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-y.stop:
		return false
	case <-t.C:
		return true
	}
}

// close ends the goroutines; it does not sync.
func (y *syncer) close() {
	close(y.stop)
	y.done.Wait()
}
