//go:build unix && !linux

package node

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is CLOCK_MONOTONIC, which counts sleep on macOS. (Go's own monotonic
// time there is mach_absolute_time, which does not.)
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("node: this system has no monotonic clock: " + err.Error())
	}
	return time.Duration(ts.Nano())
}
