package node

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// While all fsyncs fail, a log is not written anew as often as somebody speaks.
func TestFailedFsyncIsNotTriedAtOnce(t *testing.T) {
	d := storetest.New()
	s, _, err := store.Open(store.Options{FS: d, Dir: "/data", Replicas: 1, Name: "ana", Group: turn.GroupID{1}})
	if err != nil {
		t.Fatal(err)
	}
	var tries atomic.Int64
	failed := make(chan struct{}, 100)
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if op.Kind == storetest.OpSync {
			tries.Add(1)
			f.Err = errors.New("the disk is ill")
		}
		return f
	}
	s.Append(nil)
	y := newSyncer(s, 1, func(int, uint64, error) { failed <- struct{}{} })
	y.appended(true)
	<-failed
	first := tries.Load()
	for range 1000 {
		s.Append(nil)
		y.appended(true)
	}
	y.close()
	if n := tries.Load(); first == 0 || n != first {
		t.Errorf("%d fsyncs, and %d more while a second had not passed", first, n-first)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
