package lab

import (
	"errors"
	"syscall"
	"time"

	"github.com/papo-chat/papo/internal/store/storetest"
)

var (
	errFull  error = syscall.ENOSPC
	errIO    error = syscall.EIO
	errFsync       = errors.New("the device could not write it")
)

// illness is what is wrong with a machine's disk.
type illness struct {
	m                 *machine
	full              time.Duration // until then
	io, fsync         int           // so many of 1000 operations fail
	ioUntil, fsyncEnd time.Duration
	slow              time.Duration // so long an append takes at most
	lies              time.Duration // until then fsyncs do nothing
}

func (l *illness) heal() { l.full, l.io, l.fsync, l.slow, l.lies = 0, 0, 0, 0, 0 }

// fault decides what becomes of an operation of the disk.
func (l *illness) fault(op storetest.Op) storetest.Fault {
	m := l.m
	w := m.w
	if m.act() {
		w.some(SomeKilledWrite)
		f := storetest.Fault{Kill: true}
		if op.Kind == storetest.OpWrite {
			f.Torn = w.rng.IntN(op.Size + 1)
		}
		return f
	}
	writes := op.Kind == storetest.OpWrite || op.Kind == storetest.OpCreate
	switch {
	case writes && w.now < l.full:
		w.some(SomeDiskFull)
		return l.torn(op, errFull)
	case op.Kind == storetest.OpSync && w.now < l.fsyncEnd && happens(w.rng, l.fsync):
		w.some(SomeFsyncFailed)
		return storetest.Fault{Err: errFsync}
	case op.Kind == storetest.OpSync && w.now < l.lies:
		return storetest.Fault{Lies: true}
	case op.Kind != storetest.OpClose && w.now < l.ioUntil && happens(w.rng, l.io):
		w.some(SomeDiskError)
		return l.torn(op, errIO)
	}
	return storetest.Fault{}
}

// torn has a write that fails get a part of it onto the disk.
func (l *illness) torn(op storetest.Op, err error) storetest.Fault {
	f := storetest.Fault{Err: err}
	if op.Kind == storetest.OpWrite && op.Size > 0 {
		if f.Torn = l.m.w.rng.IntN(op.Size); f.Torn > 0 {
			l.m.w.some(SomeDiskTorn)
		}
	}
	return f
}
