// Package leeway keeps a processor free for those who answer while others work long.
//
// Go's scheduler looks at the network when a processor, one of GOMAXPROCS, has nothing else to run, and
// otherwise every ten milliseconds. On a machine of few, long work on one of them and the garbage collector or
// its sweeper on the others leave none idle, and yielding does not help: who yields is found again before the
// network is looked at. So while long work goes on there are a few more processors than the machine has, and the
// kernel, which lets a thread that wakes up for a query go first, shares the machine out among them.
//
// It changes GOMAXPROCS of the process, which belongs to no one; nothing else here does while the server runs.
package leeway

import (
	"runtime"
	"sync"
	"time"
)

const (
	// beside is how many processors there are at least beside each work. The collector takes a quarter of all
	// whole, and of fewer than four a part of each; one goroutine may be sweeping, and one is to be idle.
	beside = 3

	// linger is for how long they stay: for the collector, who has yet to clear up, and so that one work
	// after the other stops the world only once.
	linger = 5 * time.Second
)

var shared = pool{machine: runtime.NumCPU, set: runtime.GOMAXPROCS}

// For does work, as what takes more than a few milliseconds, while there is leeway for others. It may be called
// concurrently. Where GOMAXPROCS is below the number of CPUs it changes nothing: the kernel would punish
// a process that went beyond its quota.
func For(work func()) {
	shared.enter()
	defer func() { time.AfterFunc(linger, shared.leave) }()
	work()
}

// pool counts who works.
type pool struct {
	machine func() int    // CPUs
	set     func(int) int // as runtime.GOMAXPROCS

	mu     sync.Mutex
	works  int
	before int // processors without any work
	now    int // processors as last set
}

func (p *pool) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.works == 0 {
		p.before = p.set(0)
		p.now = p.before
	}
	p.works++
	p.adjust()
}

func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.works--
	p.adjust()
}

// adjust sets as many processors as there should be, unless somebody else has decided otherwise. To set
// even the same number has the runtime follow a change of its quota no more.
func (p *pool) adjust() {
	want := p.before
	if p.works > 0 && p.before >= p.machine() {
		want = max(want, p.works+beside)
	}
	if want != p.now && p.set(0) == p.now {
		p.set(want)
		p.now = want
	}
}
