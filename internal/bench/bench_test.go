package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const dnsperfOutput = `DNS Performance Testing Tool
> NOERROR foo.be A 0.000250
> NOERROR www.foo.be A 0.000100

Statistics:

  Queries sent:         2
  Queries completed:    2 (100.00%)
  Queries lost:         0 (0.00%)

  Response codes:       NOERROR 2 (100.00%)
  Average packet size:  request 28, response 44
`

func TestTallyOfDnsperf(t *testing.T) {
	got, err := parseTally([]byte(dnsperfOutput))
	want := []time.Duration{100 * time.Microsecond, 250 * time.Microsecond}
	if err != nil || got.completed != 2 || got.lost != 0 || !slices.Equal(got.latencies, want) {
		t.Errorf("got %+v, %v, want 2 completed, none lost, latencies %v", got, err, want)
	}
}

func TestTallyRefuses(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"no statistics", "Queries completed:", "", "expected a line like"},
		{"nothing answered", "completed:    2", "completed:    0", "expected answers"},
		{"other answers", "NOERROR 2 (100.00%)", "NOERROR 1 (50.00%), SERVFAIL 1 (50.00%)", "nothing but NOERROR"},
		{"a latency that is no number", "0.000250", "soon", "invalid syntax"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseTally([]byte(strings.Replace(dnsperfOutput, tt.old, tt.new, 1)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestStatOfAProcess(t *testing.T) {
	pid, group, err := parseStat("4711 (name (of) x) S 1 4710 4710 0 -1 4194560 1 2 3 4 250 50\n")
	if err != nil || pid != 4711 || group != 4710 {
		t.Errorf("got %d of group %d, %v, want 4711 of 4710", pid, group, err)
	}
	for _, line := range []string{"", "1 (x) S", "x (x) S 1 2", "1 (x) S 1 a 1 0 -1 0"} {
		if _, _, err := parseStat(line); err == nil {
			t.Errorf("%q: expected an error", line)
		}
	}
}

func TestTimeOfAServerIsThatOfItsGroup(t *testing.T) {
	pids, err := group(syscall.Getpgrp())
	if err != nil || !slices.Contains(pids, os.Getpid()) {
		t.Fatalf("expected this process %d among its group's %v, %v", os.Getpid(), pids, err)
	}
	s := &server{processes: []int{os.Getpid()}}
	before, err := s.cpu()
	if err != nil || before <= 0 {
		t.Fatalf("expected some time used, got %s, %v", before, err)
	}
	for range 1000 {
		_ = randomNames(10)
	}
	if after, err := s.cpu(); err != nil || after <= before {
		t.Errorf("expected more than %s used, got %s, %v", before, after, err)
	}
}

func TestQuantileIsASample(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := samples(rapid.SliceOfN(rapid.Float64Range(-1e9, 1e9), 1, 50).Draw(t, "samples"))
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		got := s.quantile(q)
		notAbove := 0
		for _, x := range s {
			if x <= got {
				notAbove++
			}
		}
		if !slices.Contains(s, got) || float64(notAbove) < q*float64(len(s)) {
			t.Fatalf("quantile %v of %v is %v: %d are not above", q, s, got, notAbove)
		}
	})
}

func TestRatioGoesRoundByRound(t *testing.T) {
	// Both slow down together: the ratio does not.
	got := samples{2, 20, 200, 2, 30}.over(samples{1, 10, 100, 1, 10})
	if want := (ratio{2, 2, 2, 2, 3}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBenchmarksAreRead(t *testing.T) {
	got, err := parseBench([]byte("goos: linux\nBenchmarkX/a_b \t 10\t 25.5 ns/op\t 3 B/op\t 22.0 bytes/name\nBenchmarkX/a_b \t 10\t 27.5 ns/op\nPASS\n"))
	if err != nil || !slices.Equal(got["X/a_b"]["ns/op"], samples{25.5, 27.5}) || got.of("X/a_b", "bytes/name") != 22 || got.ns("X/c") != 0 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseBench([]byte("PASS\n")); err == nil {
		t.Error("expected an error for no benchmarks")
	}
}

func TestProfilesAreRead(t *testing.T) {
	top := "File: x\n      flat  flat%   sum%        cum   cum%\n     0.02s  0.55%  0.55%      2.53s 69.89%  a/b.(*S).Serve\n         0     0%  0.55%      0.36s 10.00%  a/b.small (inline)\n"
	got := parseTop([]byte(top))
	if len(got) != 2 || got["a/b.(*S).Serve"] != 69.89 || got["a/b.small"] != 10 {
		t.Errorf("got %v", got)
	}
}

func TestGoals(t *testing.T) {
	for _, tt := range []struct {
		got   float64
		reach float64
		least bool
		met   bool
	}{
		{got: 1.02, reach: 1.02, met: true},
		{got: 1.03, reach: 1.02, met: false},
		{got: 10, reach: 10, least: true, met: true},
		{got: 9.9, reach: 10, least: true, met: false},
	} {
		if g := (goal{got: exactly(tt.got), reach: tt.reach, least: tt.least}); g.met() != tt.met {
			t.Errorf("%+v: met %t, want %t", tt, g.met(), tt.met)
		}
	}
}

func TestGoalsThatChanceDecides(t *testing.T) {
	for _, tt := range []struct {
		from, mid, to float64
		least         bool
		want          string
	}{
		{from: 0.9, mid: 1, to: 1.02, want: "met"},
		{from: 1.03, mid: 1.1, to: 1.2, want: "**missed**"},
		{from: 1, mid: 1.01, to: 1.03, want: "undecided, 1.00..1.03; by the median met"},
		{from: 1, mid: 1.03, to: 1.04, want: "undecided, 1.00..1.04; by the median **missed**"},
		{from: 1, mid: 1.01, to: 1.04, least: true, want: "undecided, 1.00..1.04; by the median **missed**"},
	} {
		g := goal{got: ratio{mid: tt.mid, from: tt.from, to: tt.to}, reach: 1.02, least: tt.least}
		if got := g.verdict(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt, got, tt.want)
		}
	}
}

// The ranks are those of the sign test's tables.
func TestMedianLiesSurelyBetween(t *testing.T) {
	for _, tt := range []struct{ n, from, to int }{{1, 1, 1}, {3, 1, 3}, {5, 1, 5}, {6, 1, 6}, {9, 2, 8}, {15, 4, 12}, {45, 16, 30}, {90, 36, 55}} {
		var s samples
		for i := range tt.n {
			s = append(s, float64(tt.n-i))
		}
		if from, to := s.surely(); int(from) != tt.from || int(to) != tt.to {
			t.Errorf("of %d: from the %v. to the %v., want %d and %d", tt.n, from, to, tt.from, tt.to)
		}
	}
}

func someReport() *report {
	r := &report{machine: "A machine."}
	r.goal("pass-through <0 flags>", "without", "CPU", ratio{1.01, 1, 1.02, 1, 1.02}, 1.02)
	r.goal("pass-through, 1k flags", "without", "CPU", ratio{1.03, 0.9, 1.3, 1.01, 1.1}, 1.02)
	r.goalAtLeast("callers", "one", "rate", exactly(5), 10)
	r.add(table{title: "More", note: "A note.", head: []string{"a", "b"}, rows: [][]string{{"1", "2"}}})
	return r
}

func TestReportGoesBetweenTheMarks(t *testing.T) {
	docs := t.TempDir()
	path := filepath.Join(docs, "performance.md")
	if err := os.WriteFile(path, []byte("# Title\n"+beginMark+"old\n"+endMark+"the end\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := someReport().publish(&out, docs); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "# Title\n" + beginMark + out.String() + endMark + "the end\n"; err != nil || string(got) != want {
		t.Errorf("got\n%s%v, want\n%s", got, err, want)
	}
	for _, line := range []string{
		"| pass-through <0 flags> | without | CPU | 1.01 (1.00..1.02) | at most 1.02 | met |",
		"| pass-through, 1k flags | without | CPU | 1.03 (0.90..1.30) | at most 1.02 | undecided, 1.01..1.10; by the median **missed** |",
		"| callers | one | rate | 5.00 | at least 10 | **missed** |",
		"### More", "A note.", "| 1 | 2 |",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("the report has no line %q:\n%s", line, &out)
		}
	}
}

func TestReportWantsTheMarks(t *testing.T) {
	for _, doc := range []string{"", beginMark, endMark, endMark + beginMark} {
		if _, err := between([]byte(doc), nil); err == nil {
			t.Errorf("%q: expected an error", doc)
		}
	}
}

func TestChartIsWellFormed(t *testing.T) {
	var out bytes.Buffer
	if err := drawGoals(&out, someReport().goals); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for decoder := xml.NewDecoder(&out); ; {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	// 1.01 of 1.02 ends left of the line, half of what was wanted is cut.
	for _, part := range []string{`width="237" height="18" fill="#2a7f62"`, `width="400" height="18" fill="#c8553d"`, "&lt;0 flags&gt;"} {
		if !strings.Contains(text, part) {
			t.Errorf("the chart has no %q:\n%s", part, text)
		}
	}
}

func TestNamesAreTheGoalsOwn(t *testing.T) {
	names := randomNames(1000)
	if !slices.Equal(names, randomNames(1000)) {
		t.Error("expected the same names each time")
	}
	seen := make(map[string]bool)
	for _, name := range names {
		if n := len(name) - len(".be"); n < 4 || n > 18 || seen[name] {
			t.Errorf("%q: expected different labels of 4 to 18 letters", name)
		}
		seen[name] = true
	}
}

func TestQueriesOfAZoneAreForItsDelegations(t *testing.T) {
	l := &lab{dir: t.TempDir()}
	_, below, err := l.writeZone(100)
	if err != nil {
		t.Fatal(err)
	}
	if len(below) < 2*100 || slices.Contains(below, "@.be") || !slices.Contains(below, "www.example.be") {
		t.Errorf("expected two queries for each of 100 delegations, got %q", below)
	}
}

// TestAbandonEndsLoads has a stopped load end with the servers when the program is asked to end.
func TestAbandonEndsLoads(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "taskset"), []byte("#!/bin/sh\nexec sleep 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	l := &lab{dir: t.TempDir()}
	load, err := l.start(&rival{server: &server{processes: []int{os.Getpid()}}}, load{}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	l.abandon()
	<-load.gone
	if load.err == nil || !strings.Contains(load.err.Error(), "killed") {
		t.Errorf("it ended with %v, want a kill", load.err)
	}
}
