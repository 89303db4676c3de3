// Package leeway keeps a processor free for those who answer while others work long.
//
// Go's scheduler looks at the network when a processor, one of GOMAXPROCS, has nothing else to run, and
// otherwise every ten milliseconds. On a machine of few, long work on one of them and the garbage collector or
// its sweeper on the others leave none idle, and yielding does not help: who yields is found again before the
// network is looked at. So while long work goes on there are a few more processors than the machine has, and the
// kernel shares the machine out among them. It lets a thread that wakes up for a query go first, as the work's own
// has a longer slice. Nor is the collector to look again and again at what a work only adds to, see Heap,
// nor the kernel to be busy with all that it wrote at once, see WriteBack. Where there is a processor idle all the same, it
// still has to be woken up to look, see LookAtNetwork.
//
// It changes GOMAXPROCS and GOGC of the process, which belong to no one; nothing else here does while the server runs. A
// reload meanwhile sees the former too: *multisocket* without a number then opens as many sockets.
package leeway

import (
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	// beside is how many processors there are at least beside each work. The collector takes a quarter of all
	// whole, and of fewer than four a part of each; one goroutine may be sweeping, and one is to be idle.
	beside = 3

	// most is how many processors there are at most beyond the CPUs.
	most = 4

	// linger is for how long they stay when no work goes on: for the collector, who has yet to clear up, and
	// so that works one after the other stop the world only twice.
	linger = 5 * time.Second
)

var shared = pool{
	machine: runtime.NumCPU,
	set:     runtime.GOMAXPROCS,
	after:   func(d time.Duration, do func()) { time.AfterFunc(d, do) },
	restore: func(before int) {
		// The runtime's own number follows a change of the quota, one that was set does not.
		if os.Getenv("GOMAXPROCS") == "" && before == runtime.NumCPU() {
			runtime.SetDefaultGOMAXPROCS()
			return
		}
		runtime.GOMAXPROCS(before)
	},
}

// For does work, as what takes more than a few milliseconds, while there is leeway for others. It may be called
// concurrently. Where GOMAXPROCS is below the number of CPUs it changes nothing: the kernel would punish
// a process that went beyond its quota.
func For(work func()) { shared.run(work) }

// Aside does work, which may be a part of what For waits for, on the calling goroutine's thread and has that let others go first. It
// may be called concurrently.
func Aside(work func()) {
	defer aside()()
	work()
}

// pool knows how many processors there are, and why.
type pool struct {
	machine func() int    // CPUs
	set     func(int) int // as runtime.GOMAXPROCS
	restore func(before int)
	after   func(time.Duration, func())

	mu     sync.Mutex
	works  int
	begun  uint64 // works ever
	before int    // processors without any work; 0: nobody has worked since they were as they should be
	now    int    // processors as last set
}

func (p *pool) run(work func()) {
	p.enter()
	defer p.leave()
	Aside(work)
}

func (p *pool) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.works++
	p.begun++
	if p.before == 0 {
		p.before = p.set(0)
		p.now = p.before
	}
	want := min(p.works+beside, p.machine()+most)
	// To set even the same number has the runtime follow a change of its quota no more.
	if p.before >= p.machine() && want > p.now && p.set(0) == p.now {
		p.set(want)
		p.now = want
	}
}

func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.works--; p.works == 0 {
		last := p.begun
		p.after(linger, func() { p.rest(last) })
	}
}

// rest restores what was before, unless there was work after the last known, or somebody else decided otherwise.
func (p *pool) rest(last uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun != last {
		return
	}
	if p.now != p.before && p.set(0) == p.now {
		p.restore(p.before)
	}
	p.before = 0
}
