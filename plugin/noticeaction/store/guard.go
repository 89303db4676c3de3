package store

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// guard calls do and turns what a damaged file causes into an error: bbolt panics on a page that
// contradicts itself, and the memory map faults where the file ends too early. Any other panic is a fault
// of ours, and no reason to say that of the file.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		_, fault := p.(interface{ Addr() uintptr })
		bucket, gone := p.(missing)
		switch {
		case p == nil:
		case gone:
			err = fmt.Errorf("%w: bucket %s is missing", ErrDamaged, bucket)
		case fault || withinBolt():
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		default:
			err = fmt.Errorf("%w: %v\n%s", ErrInternal, p, debug.Stack())
		}
	}()
	return do()
}

// withinBolt reports whether the panic that is being recovered from began in bbolt or in what bbolt
// called, and not in a function of ours that bbolt called.
func withinBolt() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	panicking := false
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicking = true
		case !panicking:
		case strings.HasPrefix(frame.Function, "go.etcd.io/bbolt"):
			return true
		case strings.HasPrefix(frame.Function, "github.com/coredns-na/"):
			return false
		}
		if !more {
			return false
		}
	}
}
