package leeway

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// The thread that works lets others go first, and no longer when it is done, whatever became of the work.
func TestAside(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := attrOf(t)
	var during unix.SchedAttr
	func() {
		defer func() { _ = recover() }()
		Aside(func() {
			Aside(func() {})
			during = attrOf(t)
			panic("failed")
		})
	}()
	want := before
	if before.Policy == unix.SCHED_NORMAL && before.Runtime > 0 {
		want.Runtime = uint64(slice)
	} else {
		t.Logf("no slice is to be seen, for the kernel knows none or the thread has none: %+v", before)
	}
	if during != want {
		t.Errorf("the work had %+v, expected %+v", during, want)
	}
	if after := attrOf(t); after != before {
		t.Errorf("after the work the thread has %+v, expected %+v", after, before)
	}
}

func attrOf(t *testing.T) unix.SchedAttr {
	t.Helper()
	a, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return *a
}
