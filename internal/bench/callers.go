package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// measureCallers: many callers at once beside one, and what bare would take of them.
func (l *lab) measureCallers(s *server, b *bare) error {
	var one, many, bareOne, bareMany samples
	const callers = 64
	for round := range 5 * l.long {
		for _, r := range []struct {
			socket  string
			callers int
			calls   int
			rates   *samples
		}{{s.socket(), 1, 100, &one}, {b.socket, 1, 100, &bareOne}, {s.socket(), callers, 40 * callers, &many}, {b.socket, callers, 40 * callers, &bareMany}} {
			rate, err := flagRate(r.socket, r.callers, r.calls, fmt.Sprintf("of-%d-%d", r.callers, round))
			if err != nil {
				return err
			}
			*r.rates = append(*r.rates, rate)
		}
	}
	l.report.goalAtLeast(fmt.Sprintf("%d concurrent flag calls of the API", callers), "one caller", "rate", many.over(one), 10)
	t := table{title: "Callers", note: "The API with the server on one core and " + count(l.many) + " flags.",
		head: []string{"", "flags a second"}}
	add := func(what string, rate float64) { t.rows = append(t.rows, []string{what, fmt.Sprintf("%.0f", rate)}) }
	add("one caller", one.median())
	add(fmt.Sprint(callers, " callers"), many.median())
	add("one caller of net/http with nothing to do", bareOne.median())
	add(fmt.Sprint(callers, " callers of net/http with nothing to do"), bareMany.median())
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

// caller flags names over a connection of its own. An http.Client, which has two goroutines for each connection,
// takes more CPU time for a call than the server does.
type caller struct {
	conn net.Conn
	in   *bufio.Reader
}

func newCaller(socket string) (*caller, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return &caller{conn: conn, in: bufio.NewReader(conn)}, nil
}

func (c *caller) flag(name string) error {
	req, err := http.NewRequest(http.MethodPut, "http://desk/v1/flags/"+name+"?force=not-delegated",
		strings.NewReader(`{"authority":"apd-gba","reference":"DOS-2026-00412"}`))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if err := req.Write(c.conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.in, req)
	if err != nil {
		return err
	}
	return readReply(req, resp)
}

// close ends the connection, if there is one.
func (c *caller) close() {
	if c != nil {
		c.conn.Close()
	}
}

// flagRate is flags a second when callers share n calls.
func flagRate(socket string, callers, n int, prefix string) (float64, error) {
	numbers, failed := make(chan int), make(chan error, callers)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			c, err := newCaller(socket)
			defer c.close()
			for i := range numbers {
				if err == nil {
					err = c.flag(fmt.Sprintf("%s-%d.be", prefix, i))
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
