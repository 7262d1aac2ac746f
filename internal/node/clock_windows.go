package node

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var queryInterruptTime = windows.NewLazySystemDLL("kernelbase.dll").NewProc("QueryInterruptTimePrecise")

// bootTime is QueryInterruptTimePrecise, in units of 100 ns: it counts sleep,
// and is fine enough, which GetTickCount64 is not.
func bootTime() time.Duration {
	var t uint64
	_, _, _ = queryInterruptTime.Call(uintptr(unsafe.Pointer(&t)))
	return time.Duration(t) * 100
}
