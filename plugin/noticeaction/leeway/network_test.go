package leeway

import (
	"bytes"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// Who asks beside a work finds somebody though the work itself waited for the network before. The runtime looks at the network by
// itself ten milliseconds after the time before; on a busy machine some wait as long whoever looks, so a quarter must not, in one of ten tries.
func TestLookAtNetwork(t *testing.T) {
	const soon = 4 * time.Millisecond
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // the work, who watches it, and two idle
	var quarter time.Duration
	for range 10 {
		all := besideWork(t, 40)
		slices.Sort(all)
		if quarter = all[len(all)/4]; quarter < soon {
			return
		}
	}
	t.Errorf("of those who asked beside a work the soonest quarter was heard within %s, expected less than %s", quarter, soon)
}

// besideWork is how long it takes, each of so many times, until somebody is heard who asks while a goroutine computes that
// waited for the network.
func besideWork(t *testing.T, times int64) (all []time.Duration) {
	t.Helper()
	stacks := make([]byte, 1<<18)
	before := inNetwork(stacks)
	hears, asks := connected(t)
	var heard, took atomic.Int64
	go func() {
		for {
			if _, err := hears.Read(make([]byte, 1)); err != nil {
				return
			}
			heard.Add(1)
		}
	}()
	works, begins := connected(t)
	for i := range times {
		took.Store(0)
		deadline := time.Now().Add(10 * time.Second)
		go func() {
			if _, err := works.Read(make([]byte, 1)); err != nil {
				return
			}
			LookAtNetwork()
			begun := time.Now()
			if _, err := asks.Write([]byte{0}); err != nil {
				return
			}
			for heard.Load() <= i && time.Now().Before(deadline) {
			}
			took.Store(int64(time.Since(begun)))
		}()
		// no rest for this goroutine until the work ends, or its thread would be who looks
		for inNetwork(stacks) < before+2 {
			if time.Now().After(deadline) {
				t.Fatal("expected the work to wait for the network")
			}
		}
		// to look at the stacks stopped all, and who goes on finds what there is to do once more
		for settled := time.Now().Add(time.Millisecond / 2); time.Now().Before(settled); {
		}
		if _, err := begins.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
		for took.Load() == 0 {
			if time.Now().After(deadline.Add(time.Second)) {
				t.Fatal("expected the work to end")
			}
		}
		all = append(all, time.Duration(took.Load()))
	}
	return all
}

// connected returns both ends of a connection.
func connected(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Close()
		b.Close()
	})
	return a, b
}

// inNetwork is how many goroutines wait for the network.
func inNetwork(stacks []byte) int {
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("[IO wait"))
}
