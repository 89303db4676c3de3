package leeway

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// collector is one of a test, which collects when the test says so.
type collector struct {
	share
	gogc    int
	alive   uint64
	forced  int // collections
	early   int // of these, with GOGC as it was
	waiting []func()
}

func newCollector(gogc int) *collector {
	c := &collector{gogc: gogc, alive: 100 << 20}
	c.percent = func() int { return c.gogc }
	c.set = func(p int) { c.gogc = p }
	c.live = func() uint64 { return c.alive }
	c.share.collect = func() {
		c.forced++
		if c.gogc == gogc {
			c.early++
		}
		c.run(c.alive)
	}
	c.after = func(do func()) { c.waiting = append(c.waiting, do) }
	return c
}

// run is a collection that finds so many bytes alive.
func (c *collector) run(alive uint64) {
	c.alive = alive
	waiting := c.waiting
	c.waiting = nil
	for _, do := range waiting {
		do()
	}
}

func TestGOGC(t *testing.T) {
	type step struct {
		does string // "grow" or "release" of heap 0 or 1, "collect", or "other": somebody else sets GOGC
		heap int
		n    int // MB to grow by or found alive, or GOGC
		gogc int // afterwards
	}
	tests := []struct {
		name   string
		gogc   int
		steps  []step
		forced int
	}{
		{"less than what is alive", 100, []step{{"grow", 0, 50, 100}, {"grow", 0, 50, 100}, {"release", 0, 0, 100}}, 0},
		{"more than that", 100, []step{{"grow", 0, 1000, 1100}, {"release", 0, 0, 100}}, 1},
		{"little by little", 100, []step{{"grow", 0, 1000, 1100}, {"grow", 0, 900, 2000}, {"grow", 0, 200, 2200}, {"release", 0, 0, 100}}, 1},
		{"a collection meanwhile", 100, []step{{"grow", 0, 1000, 1100}, {"collect", 0, 500, 300}, {"collect", 0, 5000, 100}, {"release", 0, 0, 100}}, 0},
		{"a collection that leaves less than before", 100, []step{{"grow", 0, 1000, 1100}, {"collect", 0, 50, 2100}, {"release", 0, 0, 100}}, 1},
		{"a collection that leaves next to nothing", 100, []step{{"grow", 0, 1000, 1100}, {"collect", 0, 0, 25100}, {"release", 0, 0, 100}}, 1},
		{"two works", 100, []step{{"grow", 0, 1000, 1100}, {"grow", 1, 3000, 4100}, {"release", 0, 0, 3100}, {"release", 1, 0, 100}}, 2},
		{"one work that is small", 100, []step{{"grow", 0, 1000, 1100}, {"grow", 1, 10, 1110}, {"release", 0, 0, 100}, {"release", 1, 0, 100}}, 1},
		{"two that are large only together", 100, []step{{"grow", 0, 60, 100}, {"grow", 1, 60, 220}, {"release", 0, 0, 100}, {"release", 1, 0, 100}}, 1},
		{"a small one ends first", 100, []step{{"grow", 0, 1000, 1100}, {"grow", 1, 10, 1110}, {"release", 1, 0, 1100}, {"release", 0, 0, 100}}, 1},
		{"one after the other", 100, []step{{"grow", 0, 1000, 1100}, {"release", 0, 0, 100}, {"grow", 1, 1000, 1100}, {"release", 1, 0, 100}}, 2},
		{"a collector that waits longer anyway", 3000, []step{{"grow", 0, 1000, 3000}, {"release", 0, 0, 3000}}, 0},
		{"GOGC=off", -1, []step{{"grow", 0, 1000, -1}, {"release", 0, 0, -1}}, 0},
		{"set by somebody else meanwhile", 100, []step{{"grow", 0, 1000, 1100}, {"other", 0, 150, 150}, {"grow", 0, 9000, 150}, {"collect", 0, 10, 150}, {"release", 0, 0, 150}}, 1},
		{"more than can be said", 100, []step{{"grow", 0, 1 << 33, math.MaxInt32}, {"release", 0, 0, 100}}, 1},
		{"nothing", 100, []step{{"release", 0, 0, 100}}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newCollector(test.gogc)
			heaps := []Heap{{share: &c.share}, {share: &c.share}}
			for i, s := range test.steps {
				switch s.does {
				case "grow":
					heaps[s.heap].Grow(s.n << 20)
				case "release":
					heaps[s.heap].Release()
				case "collect":
					c.run(uint64(s.n) << 20)
				case "other":
					c.gogc = s.n
				}
				if c.gogc != s.gogc {
					t.Errorf("step %d, %s: got GOGC=%d, expected %d", i, s.does, c.gogc, s.gogc)
				}
				if len(c.waiting) > 1 {
					t.Errorf("step %d, %s: %d wait for a collection, expected at most one", i, s.does, len(c.waiting))
				}
			}
			if c.early > 0 {
				t.Error("a collection was forced with GOGC as it was, expected while the heap may still grow")
			}
			if c.forced != test.forced {
				t.Errorf("%d collections were forced, expected %d", c.forced, test.forced)
			}
		})
	}
}

// The process's own collector does not run while a work adds to the heap what it said, and then has cleared up.
func TestTheCollector(t *testing.T) {
	if gogc.percent() < 0 {
		t.Fatal("expected a collector, got GOGC=off")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40))
	runtime.GC()
	const piece, pieces = 1 << 20, 64
	var h Heap
	h.Grow(2 * piece * pieces)
	before, kept := cycles(), make([][]byte, 0, pieces)
	for range pieces {
		kept = append(kept, make([]byte, piece))
	}
	if n := cycles() - before; n != 0 {
		t.Errorf("the collector ran %d times during the work, expected that it waits", n)
	}
	runtime.KeepAlive(kept)
	h.Release()
	if alive := gogc.live(); alive > piece*pieces/2 {
		t.Errorf("%d bytes are alive after the work, expected that most of %d were freed", alive, piece*pieces)
	}
	if p := gogc.percent(); p != 100 {
		t.Errorf("got GOGC=%d after the work, expected 100", p)
	}
}

func cycles() uint64 { return metric("/gc/cycles/total:gc-cycles") }
