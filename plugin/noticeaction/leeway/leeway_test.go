package leeway

import (
	"runtime"
	"testing"
)

func TestProcessors(t *testing.T) {
	type step struct {
		does string // "enter", "leave", or "other": somebody else sets them
		n    int    // what they are afterwards
	}
	tests := []struct {
		name    string
		machine int
		procs   int
		steps   []step
	}{
		{"one CPU", 1, 1, []step{{"enter", 4}, {"leave", 1}}},
		{"two CPUs", 2, 2, []step{{"enter", 4}, {"leave", 2}, {"enter", 4}, {"leave", 2}}},
		{"works at once", 2, 2, []step{{"enter", 4}, {"enter", 5}, {"leave", 4}, {"enter", 5}, {"leave", 4}, {"leave", 2}}},
		{"as many as it takes", 4, 4, []step{{"enter", 4}, {"enter", 5}, {"leave", 4}, {"leave", 4}}},
		{"many CPUs", 64, 64, []step{{"enter", 64}, {"leave", 64}}},
		{"a quota below the machine", 8, 2, []step{{"enter", 2}, {"leave", 2}}},
		{"more than the machine on purpose", 2, 6, []step{{"enter", 6}, {"leave", 6}}},
		{"set by somebody else meanwhile", 2, 2, []step{{"enter", 4}, {"other", 3}, {"leave", 3}, {"enter", 4}, {"leave", 3}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			procs := test.procs
			var stops int // of the world
			p := pool{machine: func() int { return test.machine }, set: func(n int) int {
				was := procs
				if n > 0 {
					procs = n
					stops++
				}
				return was
			}}
			for i, s := range test.steps {
				was := procs
				stops = 0
				switch s.does {
				case "enter":
					p.enter()
				case "leave":
					p.leave()
				case "other":
					procs, was = s.n, s.n
				}
				if procs != s.n {
					t.Errorf("step %d, %s: got %d processors, expected %d", i, s.does, procs, s.n)
				}
				if (stops > 0) != (was != s.n) {
					t.Errorf("step %d, %s: from %d processors to %d the world was stopped %d times", i, s.does, was, s.n, stops)
				}
			}
		})
	}
}

// The work is done, while there are the processors, and they are there no more once all have left.
func TestFor(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	during := 0
	For(func() { during = runtime.GOMAXPROCS(0) })
	want := before
	if before >= runtime.NumCPU() {
		want = max(before, 1+beside)
	}
	if during != want {
		t.Errorf("got %d processors during the work, expected %d", during, want)
	}
}
