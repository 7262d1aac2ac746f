package node

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is CLOCK_BOOTTIME. (Go's own monotonic time, and CLOCK_MONOTONIC,
// stop while a Linux machine sleeps.)
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("node: this system has no clock that counts sleep (CLOCK_BOOTTIME): " + err.Error())
	}
	return time.Duration(ts.Nano())
}
