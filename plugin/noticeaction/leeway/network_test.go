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
// itself after more than ten milliseconds; on a busy machine some wait as long whoever looks, so a quarter must not, in one of three tries.
func TestLookAtNetwork(t *testing.T) {
	const soon = 10 * time.Millisecond
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // the work, who watches it, and two idle
	var quarter time.Duration
	for range 3 {
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
	before := inNetwork()
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
		go func() {
			if _, err := works.Read(make([]byte, 1)); err != nil {
				t.Error(err)
			}
			LookAtNetwork()
			begun := time.Now()
			if _, err := asks.Write([]byte{0}); err != nil {
				t.Error(err)
			}
			for heard.Load() <= i && time.Since(begun) < time.Minute {
			}
			took.Store(int64(time.Since(begun)))
		}()
		for inNetwork() < before+2 {
			runtime.Gosched()
		}
		if _, err := begins.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
		for took.Load() == 0 { // no rest, or this one's thread would be who looks
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
func inNetwork() int {
	all := make([]byte, 1<<16)
	return bytes.Count(all[:runtime.Stack(all, true)], []byte("[IO wait"))
}
