package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// load is what dnsperf sends.
type load struct {
	file   string   // of queries, one a line
	parts  []string // such files; each round asks from the next
	edns   bool
	dnssec bool // EDNS with DO
	rate   int  // queries a second; 0: as fast as answers come
}

// tally is what came of a load.
type tally struct {
	completed int
	lost      int
	latencies []time.Duration // sorted; only if asked for
}

// of is the load of a round.
func (l load) of(round int) load {
	if len(l.parts) > 0 {
		l.file = l.parts[round%len(l.parts)]
	}
	return l
}

// arguments are dnsperf's: one thread, as many sockets and outstanding
// queries as keep any server busy without a loss.
func (l load) arguments(port string, lasts time.Duration, verbose bool) []string {
	args := []string{"-c", loadCore, "dnsperf", "-s", "127.0.0.1", "-p", port, "-d", l.file, "-l", strconv.FormatFloat(lasts.Seconds(), 'f', -1, 64), "-T", "1", "-c", "8", "-q", "64", "-t", "2"}
	if l.edns {
		args = append(args, "-e")
	}
	if l.dnssec {
		args = append(args, "-D")
	}
	if l.rate > 0 {
		args = append(args, "-Q", strconv.Itoa(l.rate))
	}
	if verbose {
		args = append(args, "-v")
	}
	return args
}

// send runs dnsperf against a port.
func (l load) send(port string, lasts time.Duration, verbose bool) (tally, error) {
	return tallyOf(exec.Command("taskset", l.arguments(port, lasts, verbose)...).CombinedOutput())
}

// tallyOf reads what dnsperf printed before it ended so.
func tallyOf(out []byte, ended error) (tally, error) {
	if ended != nil {
		return tally{}, fmt.Errorf("running dnsperf: %w\n%s", ended, out[max(0, len(out)-2000):])
	}
	t, err := parseTally(out)
	if err != nil {
		return t, fmt.Errorf("reading what dnsperf printed: %w\n%s", err, out[max(0, len(out)-2000):])
	}
	return t, nil
}

var (
	completedLine = regexp.MustCompile(`(?m)^\s*Queries completed:\s+(\d+)`)
	lostLine      = regexp.MustCompile(`(?m)^\s*Queries lost:\s+(\d+)`)
	rcodeLine     = regexp.MustCompile(`(?m)^\s*Response codes:\s+NOERROR \d+ \(100\.00%\)\s*$`)
)

// parseTally reads dnsperf's statistics, and the latency of each query where
// it printed them. An answer that is not NOERROR is an error: the servers
// would not be doing the same work.
func parseTally(out []byte) (t tally, err error) {
	for _, f := range []struct {
		line *regexp.Regexp
		to   *int
	}{{completedLine, &t.completed}, {lostLine, &t.lost}} {
		m := f.line.FindSubmatch(out)
		if m == nil {
			return t, fmt.Errorf("expected a line like %s", f.line)
		}
		if *f.to, err = strconv.Atoi(string(m[1])); err != nil {
			return t, err
		}
	}
	if t.completed == 0 {
		return t, errors.New("expected answers, got none")
	}
	if !rcodeLine.Match(out) {
		return t, errors.New("expected nothing but NOERROR")
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "> NOERROR ") {
			continue
		}
		fields := strings.Fields(lines.Text())
		seconds, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			return t, err
		}
		t.latencies = append(t.latencies, time.Duration(seconds*float64(time.Second)))
	}
	slices.Sort(t.latencies)
	return t, nil
}
