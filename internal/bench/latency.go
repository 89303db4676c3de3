package main

import (
	"errors"
	"fmt"
	"time"
)

const (
	latencyRate    = 4000 // queries a second
	latencySeconds = 6    // of each load; a window has as many as it takes for one import
	latencyMerge   = 2100 // names of an import that makes a merge due
)

// window is a time in which latencies are taken while something else goes on.
type window struct {
	name      string
	meanwhile func() error // done again and again; nil: nothing
	p50, p999 samples      // ms
	times     int          // how often it was done
}

// measureLatency: how long answers take while names come in and while the
// table is merged, beside an idle desk. The server has both cores here, as it
// would have: on one, it would wait for its own import.
func (l *lab) measureLatency() error {
	zone, below, err := l.writeZone(l.few)
	if err != nil {
		return err
	}
	names := randomNames(l.many, 1)
	s, err := l.flaggedServer("latency", zone, bothCores, "", names)
	if err != nil {
		return err
	}
	defer s.stop()
	file, err := l.queries("latency.queries", append(below, names[:len(below)]...))
	if err != nil {
		return err
	}
	windows := l.windows(newDesk(s), names)
	for range l.long {
		for _, w := range windows {
			if err := w.open(s.port, load{file: file, rate: latencyRate}); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	t := table{title: "Latency", note: fmt.Sprintf("%d queries a second, half of them flagged, %s flagged; the server and dnsperf share two cores.", latencyRate, count(l.many)),
		head: []string{"while", "p50 ms", "p99.9 ms", "done in all windows"}}
	for i, w := range windows {
		if i > 0 {
			l.report.goal("p99.9 of answers, "+w.name, "the same load, idle", "time", w.p999.over(windows[0].p999), 1.5)
		}
		t.rows = append(t.rows, []string{w.name, fmt.Sprintf("%.3f", w.p50.median()), fmt.Sprintf("%.3f", w.p999.median()), fmt.Sprint(w.times)})
		l.say("  %-40s p50 %.3f ms p99.9 %.3f ms, done %d times", w.name, w.p50.median(), w.p999.median(), w.times)
	}
	l.report.add(t)
	return nil
}

func (l *lab) windows(d *desk, names []string) []*window {
	bodies := [][]byte{importBody(names, "A"), importBody(names, "B")}
	importing := &window{name: "while " + count(l.many) + " names are imported"}
	importing.meanwhile = func() error {
		importing.times++
		return d.imports(bodies[importing.times%2])
	}
	merging := &window{name: "while the table is merged"}
	merging.meanwhile = func() error {
		merging.times++
		return d.imports(importBody(randomNames(latencyMerge, uint64(100+merging.times)), "C"))
	}
	return []*window{{name: "idle"}, importing, merging}
}

// repeat does something until stop closes, and closes done after the first time.
func repeat(stop <-chan struct{}, done chan<- struct{}, do func() error) error {
	if do == nil {
		close(done)
		return nil
	}
	err := do()
	close(done)
	for err == nil {
		select {
		case <-stop:
			return nil
		default:
			err = do()
		}
	}
	return err
}

// open takes latencies until what goes on meanwhile was done from its beginning to its end at least
// once: the beginning of an import is another kind of work than its commit.
func (w *window) open(port string, work load) error {
	stop, done, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { ended <- repeat(stop, done, w.meanwhile) }()
	var latencies []time.Duration
	var err error
	for whole := false; !whole && err == nil; {
		var t tally
		t, err = work.send(port, latencySeconds*time.Second, true)
		latencies = append(latencies, t.latencies...)
		select {
		case <-done:
			whole = true
		default:
		}
	}
	close(stop)
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	if len(latencies) == 0 {
		return errors.New("expected dnsperf to print latencies")
	}
	ms := func(q float64) float64 { return float64(quantile(latencies, q)) / float64(time.Millisecond) }
	w.p50, w.p999 = append(w.p50, ms(0.5)), append(w.p999, ms(0.999))
	return nil
}
