package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// measureCallers: many callers at once beside one.
func (l *lab) measureCallers(s *server) error {
	var one, many samples
	const callers = 64
	for round := range 5 * l.long {
		alone, err := flagRate(s, 1, 100, fmt.Sprintf("one-%d", round))
		if err != nil {
			return err
		}
		together, err := flagRate(s, callers, 40*callers, fmt.Sprintf("many-%d", round))
		if err != nil {
			return err
		}
		one, many = append(one, alone), append(many, together)
	}
	l.report.goalAtLeast(fmt.Sprintf("%d concurrent flag calls of the API", callers), "one caller", "rate", many.over(one), 10)
	t := table{title: "Callers", note: "The API with the server on one core and " + count(l.many) + " flags.",
		head: []string{"", "flags a second"}}
	add := func(what string, rate float64) { t.rows = append(t.rows, []string{what, fmt.Sprintf("%.0f", rate)}) }
	add("one caller", one.median())
	add(fmt.Sprint(callers, " callers"), many.median())
	l.say("  1 caller %.0f flags a second, %d callers %.0f", one.median(), callers, many.median())
	if !l.smoke {
		r, err := l.goBench("./plugin/noticeaction/casework", "BenchmarkFlag$")
		if err != nil {
			return err
		}
		alone, together := r.ns("Flag/callers=1"), r.ns(fmt.Sprintf("Flag/callers=%d", callers))
		l.report.goalAtLeast(fmt.Sprintf("%d concurrent calls of the desk itself", callers), "one caller", "rate", exactly(alone/together), 10)
		add("one caller of the desk itself, no other flags", 1e9/alone)
		add(fmt.Sprint(callers, " callers of the desk itself, no other flags"), 1e9/together)
		add("bare commits, no other records", 1e9/r.ns("Flag/bare"))
	}
	l.report.add(t)
	return nil
}

// flagRate is flags a second when callers share n calls.
func flagRate(s *server, callers, n int, prefix string) (float64, error) {
	d := newDesk(s)
	defer d.CloseIdleConnections()
	numbers, failed := make(chan int), make(chan error, callers)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			var err error
			for i := range numbers {
				if err == nil {
					err = d.flag(fmt.Sprintf("%s-%d.be", prefix, i))
				}
			}
			failed <- err
		})
	}
	begin := time.Now()
	for i := range n {
		numbers <- i
	}
	close(numbers)
	all.Wait()
	took := time.Since(begin)
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return float64(n) / took.Seconds(), errors.Join(errs...)
}
