package leeway

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// slice is the longest that the kernel knows. A thread that wakes up goes before those with longer slices; of equals
// it waits for what is left of theirs, 3 ms on two CPUs.
const slice = 100 * time.Millisecond

// aside has the thread of this goroutine let others go first, until back is called on the same goroutine. Kernels
// before 6.12 know no slices of a thread's own, and nothing changes.
func aside() (back func()) {
	runtime.LockOSThread()
	before, err := unix.SchedGetAttr(0, 0)
	if err != nil || before.Policy != unix.SCHED_NORMAL || before.Runtime == uint64(slice) || !setSlice(slice) {
		return runtime.UnlockOSThread
	}
	return func() {
		if setSlice(0) {
			runtime.UnlockOSThread()
		}
	}
}

// setSlice sets the slice of this thread, 0 being the kernel's own, and nothing else.
func setSlice(d time.Duration) bool {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return false
	}
	attr.Runtime = uint64(d)
	return unix.SchedSetAttr(0, attr, 0) == nil
}
