package main

import (
	"errors"
	"fmt"
	"time"
)

const (
	// calmRate leaves the machine, which dnsperf is on as well, some room beside an import. Where all of it is in use the
	// host may stop it as a whole.
	calmRate       = 1000 // queries a second
	busyRate       = 4000
	calmRounds     = 3    // for each of the others
	latencySeconds = 12   // of each load; a window has as many as it takes for one import
	judgedLoads    = 2    // at least, in windows whose p99.9 are compared for a goal: of one load it is the twelfth latest answer
	latencyMerge   = 2100 // names of an import that makes a merge due
)

// window is a time in which latencies are taken while something else goes on.
type window struct {
	name           string
	reach          float64      // × of its p99.9 to that of the first window; 0: no goal
	loads          int          // at least
	meanwhile      func() error // done again and again; nil: nothing
	p50, p99, p999 samples      // ms
	times          int          // how often it was done
}

// measureLatency: how long answers take while names come in and while the
// table is merged, beside an idle desk. The server has both cores here, as it
// would have: on one, it would wait for its own import.
func (l *lab) measureLatency() error {
	zone, below, err := l.writeZone(l.few)
	if err != nil {
		return err
	}
	names := randomNames(l.many)
	s, profiles, err := l.profiledServer("latency", zone, bothCores, names)
	if err != nil {
		return err
	}
	defer s.stop()
	file, err := l.queries("latency.queries", append(below, names[:len(below)]...))
	if err != nil {
		return err
	}
	b, err := l.startBareBeside(s, bothCores)
	if err != nil {
		return err
	}
	calm := l.windows(newDesk(s), b, profiles, names)
	var busy []*window
	for _, w := range calm {
		busy = append(busy, &window{name: w.name, meanwhile: w.meanwhile})
	}
	for range l.long {
		if err = l.openAll(calm, calmRounds, s, load{file: file, rate: calmRate}); err == nil {
			err = l.openAll(busy, 1, s, load{file: file, rate: busyRate})
		}
		if err != nil {
			return errors.Join(err, b.stop())
		}
	}
	if err := b.stop(); err != nil {
		return err
	}
	for _, w := range calm {
		if w.reach > 0 {
			l.report.goal("p99.9 of answers, "+w.name, fmt.Sprintf("the same load, %d queries a second, idle", calmRate), "time", w.p999.over(calm[0].p999), w.reach)
		}
	}
	l.report.add(latencyTable("Latency", calm, fmt.Sprintf("%d queries a second, half of them flagged, %s flagged; the server and dnsperf share two cores, with bbolt alone too when it puts. Beside the collector a profile of the heap is made each time.", calmRate, count(l.many))))
	l.report.add(latencyTable("Latency, the machine in full use", busy, fmt.Sprintf("The same with %d queries a second, for which dnsperf takes half of a core, and who reads what it prints some more.", busyRate)))
	return nil
}

// openAll opens each window in turn, so many times.
func (l *lab) openAll(windows []*window, rounds int, s *server, work load) error {
	for range rounds {
		if err := s.settle(); err != nil {
			return err
		}
		for _, w := range windows {
			if err := w.open(s.port, work); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			l.say("  %d q/s %-50s p50 %.3f ms p99 %.3f ms p99.9 %.3f ms", work.rate, w.name, w.p50[len(w.p50)-1], w.p99[len(w.p99)-1], w.p999[len(w.p999)-1])
		}
	}
	return nil
}

func latencyTable(title string, windows []*window, note string) table {
	t := table{title: title, note: note, head: []string{"while", "p50 ms", "p99 ms", "p99.9 ms", "p99.9 × idle", "done in all windows"}}
	for _, w := range windows {
		t.rows = append(t.rows, []string{w.name, fmt.Sprintf("%.3f", w.p50.median()), fmt.Sprintf("%.3f", w.p99.median()), fmt.Sprintf("%.3f", w.p999.median()),
			w.p999.over(windows[0].p999).String(), fmt.Sprint(w.times)})
	}
	return t
}

// windows are what goes on; beside the import, what bbolt alone does with the same records in a program of its own, and beside
// small imports, which leave much for the collector, the collector alone. All import names that are flagged already, under another
// reference, so that the last window finds as many flags as the first.
func (l *lab) windows(d *desk, b *bare, profiles string, names []string) []*window {
	now, next := importBody(names, "A"), importBody(names, "B")
	importAll := func() error {
		now, next = next, now
		return d.imports(now)
	}
	small := 0
	importSmall := func() error {
		small++
		from := small * latencyMerge % (len(names) - latencyMerge)
		return d.imports(importBody(names[from:from+latencyMerge], fmt.Sprint("C", small)))
	}
	onceASecond := func() error {
		second := time.After(time.Second)
		defer func() { <-second }()
		return importSmall()
	}
	put := func() error {
		_, err := b.time("put")
		return err
	}
	collect := func() error {
		_, err := takeProfile(profiles, "heap?gc=1")
		return err
	}
	return []*window{
		{name: "idle", loads: judgedLoads},
		{name: "while " + count(l.many) + " names are imported", reach: 1.5, loads: judgedLoads, meanwhile: importAll},
		{name: "while the table is merged once a second", reach: 1.5, loads: judgedLoads, meanwhile: onceASecond},
		{name: fmt.Sprintf("while imports of %d names follow one another", latencyMerge), meanwhile: importSmall},
		{name: "while bbolt alone puts as many records", meanwhile: put},
		{name: "while the collector alone runs again and again", meanwhile: collect},
	}
}

// repeat does what goes on until stop closes, and closes done after the first time.
func (w *window) repeat(stop <-chan struct{}, done chan<- struct{}) error {
	if w.meanwhile == nil {
		close(done)
		return nil
	}
	once := func() error {
		w.times++
		return w.meanwhile()
	}
	err := once()
	close(done)
	for err == nil {
		select {
		case <-stop:
			return nil
		default:
			err = once()
		}
	}
	return err
}

// open takes latencies for as many loads as the window has, and until what goes on meanwhile was done from its beginning to its
// end at least once: the beginning of an import is another kind of work than its commit.
func (w *window) open(port string, work load) error {
	stop, done, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { ended <- w.repeat(stop, done) }()
	var latencies []time.Duration
	var err error
	for n, whole := 1, false; !whole && err == nil; n++ {
		var t tally
		t, err = work.send(port, latencySeconds*time.Second, true)
		latencies = append(latencies, t.latencies...)
		select {
		case <-done:
			whole = n >= w.loads
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
	w.p50, w.p99, w.p999 = append(w.p50, ms(0.5)), append(w.p99, ms(0.99)), append(w.p999, ms(0.999))
	return nil
}
