package leeway

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// Heap is what a work is known to keep of the heap until it ends. The collector looks at all that is alive whenever the
// heap has grown by a share of it (GOGC), so while a work only adds it looks again and again at the same and finds
// nothing to free. With a Heap it waits, until the heap has grown by as much as all works keep: what they free meanwhile
// stays. GOMEMLIMIT holds all the same, and where GOGC is off nothing changes.
//
// The zero value is ready. It is for one goroutine; any number of works may each have one.
type Heap struct {
	kept  int // bytes
	share *share
}

// Grow says that the work will allocate so many bytes more.
func (h *Heap) Grow(bytes int) {
	if h.share == nil {
		h.share = &gogc
	}
	h.kept += bytes
	h.share.grow(bytes)
}

// Release says that the work has ended and refers to what it kept no more. If the collector has waited, what there is to free is
// collected before Release returns, so that the next work finds the heap as this one did. It is not to be called Aside: sweeping
// yields often, which takes long on a thread of one's own.
func (h *Heap) Release() {
	if h.kept == 0 {
		return
	}
	if h.share.release(h.kept) {
		h.share.collect()
	}
	h.kept = 0
}

var gogc = share{
	percent: func() int {
		if p := metric("/gc/gogc:percent"); p <= math.MaxInt32 {
			return int(p)
		}
		return -1
	},
	set:     func(percent int) { debug.SetGCPercent(percent) },
	live:    func() uint64 { return metric("/gc/heap/live:bytes") },
	collect: runtime.GC,
	after: func(do func()) {
		// nothing refers to the object, so the next collection finds it
		runtime.AddCleanup(new([4]*int), func(struct{}) { do() }, struct{}{})
	},
}

func metric(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// share knows by which share of what is alive the heap may grow, and why.
type share struct {
	percent func() int      // GOGC; below 0: off
	set     func(int)       // GOGC
	live    func() uint64   // bytes that the last collection found alive
	collect func()          // as runtime.GC
	after   func(do func()) // once, after the next collection

	mu     sync.Mutex
	kept   int  // bytes, of all works
	waits  bool // for the next collection
	before int  // GOGC without any work
	now    int  // as last set
}

func (s *share) grow(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == 0 {
		s.before = s.percent()
		s.now = s.before
	}
	s.kept += bytes
	s.adjust()
	s.await()
}

// release reports whether the collector waited until now.
func (s *share) release(bytes int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	waited := s.now > s.before
	s.kept -= bytes
	s.adjust()
	return waited && s.kept == 0
}

// await has collected called after the next collection.
func (s *share) await() {
	if !s.waits {
		s.waits = true
		s.after(s.collected)
	}
}

// collected follows what is alive.
func (s *share) collected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = false
	if s.kept > 0 {
		s.adjust()
		s.await()
	}
}

// adjust sets GOGC so that the heap may grow by what is kept, unless somebody else set it.
func (s *share) adjust() {
	if s.before < 0 || s.percent() != s.now {
		return
	}
	const least = 4 << 20 // bytes alive that the collector reckons with
	want := max(s.before, int(min(uint64(s.kept)*100/max(s.live(), least), math.MaxInt32)))
	if want != s.now {
		s.set(want)
		s.now = want
	}
}
