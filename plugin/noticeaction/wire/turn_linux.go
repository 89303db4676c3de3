package wire

import (
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	// wariness is how long, after a query that waited, each query in the chain
	// has a goroutine of its own.
	wariness = 100 * time.Millisecond
	// maxWaiting is how many queries of a socket and a serving may be in goroutines
	// of their own. Beyond it queries for the chain are dropped, and the others
	// answered.
	maxWaiting = 4096
)

// places is what a socket knows of the queries that wait in the chain of a
// serving. The next serving's chain is another, and may be well.
type places struct {
	of        *serving
	taken     chan struct{} // one for each
	waryUntil atomic.Int64  // Unix nanoseconds
	fullUntil time.Time     // belongs to who has the turn
}

func newPlaces(of *serving) *places { return &places{of: of, taken: make(chan struct{}, maxWaiting)} }

// beWary has each query in the chain have its own goroutine for a while.
func (p *places) beWary() { p.waryUntil.Store(time.Now().Add(wariness).UnixNano()) }

func (p *places) wary() bool {
	until := p.waryUntil.Load()
	return until > 0 && time.Now().UnixNano() < until
}

// full tells whether a query that turns out to wait would have no place.
func (p *places) full() bool { return len(p.taken) == cap(p.taken) }

// look, when the watch runs out, gives the turn to its own goroutine if the
// query in the chain is still the one that it saw last time.
func (l *lane) look() {
	state := l.state.Load()
	if state&stateMask == reading {
		return
	}
	if state&stateMask == inChain && l.seen.Load() == state && l.state.CompareAndSwap(state, state&^stateMask+1<<stateBits|working) {
		l.armed = false
		l.places.taken <- struct{}{} // one is free, or the query had not come here
		l.places.beWary()
		l.current.depart()
		if l.finish() {
			l.run()
		}
		return
	}
	l.seen.Store(state)
	l.watch.Reset(patience)
}

// handOver runs a query in its own goroutine, or drops it when there are too
// many of them. What is left in the queue of a socket that is to end is few,
// and has a goroutine in any case.
func (l *lane) handOver(w *writer, req *dns.Msg) {
	bounded := l.takePlace()
	if !bounded && !l.isClosing() {
		l.dropped++
		return
	}
	serving, places := l.serving, l.places
	l.join(serving)
	go func() {
		begin := time.Now() // a busy processor is no reason to be wary
		defer func() {
			if bounded {
				<-places.taken
			}
			l.part(serving)
		}()
		serving.server.ServeDNS(serving.ctx, w, req)
		if time.Since(begin) > patience {
			places.beWary()
		}
	}()
}

// takePlace takes a place among the queries in goroutines of their own. It
// waits for one, and lets them run, no longer than for a query in the chain, and
// not again for a while when that was in vain.
func (l *lane) takePlace() bool {
	select {
	case l.places.taken <- struct{}{}:
		return true
	default:
	}
	if time.Now().Before(l.places.fullUntil) {
		return false
	}
	l.flush() // what is ready does not wait too
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case l.places.taken <- struct{}{}:
		return true
	case <-timeout.C:
		l.places.fullUntil = time.Now().Add(wariness)
	case <-l.closing:
	}
	return false
}

// join and part are the beginning and the end of a query in the chain.
func (l *lane) join(s *serving) { l.calls.Add(1); s.calls.Add(1) }
func (l *lane) part(s *serving) { l.calls.Done(); s.calls.Done() }
