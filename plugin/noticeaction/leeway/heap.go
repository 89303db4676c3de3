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
// nothing to free. With a Heap it waits, until the heap has grown by as much as all works keep beyond what it may grow by anyway: what
// they free meanwhile stays. GOMEMLIMIT holds all the same, and where GOGC is off nothing changes.
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
	// Before GOGC is as it was: with a heap beyond its goal, whoever allocates has to mark first, and waits until
	// all is marked when there is nothing left for him to do.
	if h.share.leave(h.kept) {
		h.share.collect()
	}
	h.share.settle()
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
	if s.kept == 0 && s.now == s.before {
		s.before = s.percent()
		s.now = s.before
	}
	s.kept += bytes
	s.adjust()
	s.await()
}

// leave counts so many bytes no more, and reports whether the collector has waited for them: for the last work, for one that
// he waits for by itself, or for those that he waits for only together.
func (s *share) leave(bytes int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept -= bytes
	return s.now > s.before && (s.of(s.kept) <= uint64(s.before) || s.of(bytes) > uint64(s.before))
}

// settle has GOGC follow what was left.
func (s *share) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adjust()
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

// of is how many percent of what is alive so many bytes are.
func (s *share) of(bytes int) uint64 {
	const least = 4 << 20 // bytes alive that the collector reckons with
	return uint64(bytes) * 100 / max(s.live(), least)
}

// adjust sets GOGC so that the heap may grow by what is kept beyond what it may anyway, for others allocate meanwhile; unless
// somebody else set it. What is kept within that changes nothing.
func (s *share) adjust() {
	if s.before < 0 || s.percent() != s.now {
		return
	}
	want := s.before
	if kept := s.of(s.kept); kept > uint64(s.before) {
		want = int(min(uint64(s.before)+kept, math.MaxInt32))
	}
	if want != s.now {
		s.set(want)
		s.now = want
	}
}
