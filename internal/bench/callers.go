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

const manyCallers = 64

// callerRates are flags a second, of one caller and of many, in turn.
type callerRates struct{ one, many samples }

func (c *callerRates) add(socket, prefix string) error {
	one, err := flagRate(socket, 1, 100, prefix+"-1")
	if err != nil {
		return err
	}
	many, err := flagRate(socket, manyCallers, 40*manyCallers, prefix+"-many")
	c.one, c.many = append(c.one, one), append(c.many, many)
	return err
}

func (c *callerRates) row(what string) []string {
	return []string{what, fmt.Sprintf("%.0f", c.one.median()), fmt.Sprintf("%.0f", c.many.median()), c.many.over(c.one).String()}
}

// measureCallers: many callers at once beside one, with a server on both cores, as it would run, one of which it shares with the
// callers; and with s, which has the other to itself, where bare takes turns with it.
func (l *lab) measureCallers(s *server, b *bare, zone string) error {
	var onBoth, onOne, nothing callerRates
	for round := range 5 * l.long {
		prefix := fmt.Sprint("one-", round)
		if err := errors.Join(onOne.add(s.socket(), prefix), nothing.add(b.socket, prefix)); err != nil {
			return err
		}
	}
	s.stop() // its database goes on
	if err := l.callBothCores(&onBoth, zone); err != nil {
		return err
	}
	what := fmt.Sprint(manyCallers, " concurrent flag calls of the API, the server on ")
	l.report.goalAtLeast(what+"both cores", "one caller", "rate", onBoth.many.over(onBoth.one), 10)
	l.report.goalAtLeast(what+"one", "one caller", "rate", onOne.many.over(onOne.one), 10)
	l.say("  1 caller %.0f flags a second, %d callers %.0f; on one core %.0f and %.0f", onBoth.one.median(), manyCallers, onBoth.many.median(), onOne.one.median(), onOne.many.median())
	t := table{title: "Callers", note: fmt.Sprintf("%s flags. Callers have the second core, which a server on both shares with them. The desk itself and bare commits have one core, no HTTP and no other flags.", count(l.many)),
		head: []string{"", "one caller, flags a second", fmt.Sprint(manyCallers, " callers, flags a second"), "×"}}
	t.rows = append(t.rows, onBoth.row("the API, the server on both cores"), onOne.row("the API, the server on one"), nothing.row("net/http with nothing to do, on one"))
	if !l.smoke {
		rows, err := l.measureCallsOfDesk()
		if err != nil {
			return err
		}
		t.rows = append(t.rows, rows...)
	}
	l.report.add(t)
	return nil
}

// callBothCores calls a server on both cores, once it rests.
func (l *lab) callBothCores(rates *callerRates, zone string) error {
	s, err := l.startCoreDNS("desk", noticeaction, zone, bothCores)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.settle(); err != nil {
		return err
	}
	if _, err := flagRate(s.socket(), 1, 10, "both-warm"); err != nil {
		return err
	}
	for round := range 5 * l.long {
		if err := rates.add(s.socket(), fmt.Sprint("both-", round)); err != nil {
			return err
		}
	}
	return nil
}

// measureCallsOfDesk: the same without HTTP.
func (l *lab) measureCallsOfDesk() (rows [][]string, err error) {
	r, err := l.goBench("./plugin/noticeaction/casework", "BenchmarkFlag$")
	if err != nil {
		return nil, err
	}
	rate := func(name string) samples { return samples{1e9 / r.ns("Flag/"+name)} }
	c := callerRates{rate("callers=1"), rate(fmt.Sprint("callers=", manyCallers))}
	l.report.goalAtLeast(fmt.Sprint(manyCallers, " concurrent calls of the desk itself"), "one caller", "rate", exactly(c.many[0]/c.one[0]), 10)
	return [][]string{c.row("the desk itself"), {"bare commits", fmt.Sprintf("%.0f", rate("bare").median()), "", ""}}, nil
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
