package leeway

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// machine is one of a test: its processors, and timers that go off when the test says so.
type machine struct {
	pool
	procs  int
	stops  int // of the world
	timers []func()
}

func newMachine(t *testing.T, cpus, procs int) *machine {
	m := &machine{procs: procs}
	m.pool.machine = func() int { return cpus }
	m.set = func(n int) int {
		was := m.procs
		if n > 0 {
			m.procs = n
			m.stops++
		}
		return was
	}
	m.restore = func(before int) { m.set(before) }
	m.after = func(d time.Duration, do func()) {
		if d != linger {
			t.Errorf("a timer of %s, expected %s", d, linger)
		}
		m.timers = append(m.timers, do)
	}
	return m
}

func TestProcessors(t *testing.T) {
	type step struct {
		does string // "enter", "leave", "timer": all that were set go off, or "other": somebody else sets processors
		n    int    // what they are afterwards
	}
	tests := []struct {
		name        string
		cpus, procs int
		steps       []step
		stops       int // of the world, in all
	}{
		{"one CPU", 1, 1, []step{{"enter", 4}, {"leave", 4}, {"timer", 1}}, 2},
		{"two CPUs, twice", 2, 2, []step{{"enter", 4}, {"leave", 4}, {"timer", 2}, {"enter", 4}, {"leave", 4}, {"timer", 2}}, 4},
		{"one after the other", 2, 2, []step{{"enter", 4}, {"leave", 4}, {"enter", 4}, {"leave", 4}, {"enter", 4}, {"leave", 4}, {"timer", 2}}, 2},
		{"a timer while another works", 2, 2, []step{{"enter", 4}, {"leave", 4}, {"enter", 4}, {"timer", 4}, {"leave", 4}, {"timer", 2}}, 2},
		{"works at once", 2, 2, []step{{"enter", 4}, {"enter", 5}, {"leave", 5}, {"enter", 5}, {"leave", 5}, {"leave", 5}, {"timer", 2}}, 3},
		{"many at once", 2, 2, []step{{"enter", 4}, {"enter", 5}, {"enter", 6}, {"enter", 6}}, 3},
		{"as many as it takes", 4, 4, []step{{"enter", 4}, {"enter", 5}, {"leave", 5}, {"leave", 5}, {"timer", 4}}, 2},
		{"many CPUs", 64, 64, []step{{"enter", 64}, {"leave", 64}, {"timer", 64}}, 0},
		{"a quota below the machine", 8, 2, []step{{"enter", 2}, {"leave", 2}, {"timer", 2}}, 0},
		{"more than the machine on purpose", 2, 6, []step{{"enter", 6}, {"leave", 6}, {"timer", 6}}, 0},
		{"set by somebody else meanwhile", 2, 2, []step{{"enter", 4}, {"other", 3}, {"leave", 3}, {"timer", 3}, {"enter", 4}, {"leave", 4}, {"timer", 3}}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newMachine(t, test.cpus, test.procs)
			for i, s := range test.steps {
				switch s.does {
				case "enter":
					m.enter()
				case "leave":
					m.leave()
				case "timer":
					for _, off := range slices.Clone(m.timers) {
						off()
					}
				case "other":
					m.procs = s.n
				}
				if m.procs != s.n {
					t.Errorf("step %d, %s: got %d processors, expected %d", i, s.does, m.procs, s.n)
				}
			}
			if m.stops != test.stops {
				t.Errorf("the world was stopped %d times, expected %d", m.stops, test.stops)
			}
		})
	}
}

// The work is done while there are the processors, which are given back whatever became of it.
func TestRun(t *testing.T) {
	m := newMachine(t, 2, 2)
	func() {
		defer func() { _ = recover() }()
		m.run(func() {
			if m.procs != 1+beside {
				t.Errorf("got %d processors during the work, expected %d", m.procs, 1+beside)
			}
			panic("failed")
		})
	}()
	for _, off := range m.timers {
		off()
	}
	if m.procs != 2 || len(m.timers) != 1 {
		t.Errorf("got %d processors and %d timers after it, expected 2 and 1", m.procs, len(m.timers))
	}
}

// The process's own processors are more during a work where they are few, and as before when it is over.
func TestTheProcess(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU()))
	p := pool{machine: shared.machine, set: shared.set, restore: shared.restore}
	rest := func() {}
	p.after = func(_ time.Duration, do func()) { rest = do }
	during := 0
	p.run(func() { during = runtime.GOMAXPROCS(0) })
	if want := max(runtime.NumCPU(), 1+beside); during != want {
		t.Errorf("got %d processors during the work, expected %d", during, want)
	}
	rest()
	if got := runtime.GOMAXPROCS(0); got != runtime.NumCPU() {
		t.Errorf("got %d processors after it, expected %d", got, runtime.NumCPU())
	}
}
