package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// report collects what was measured.
type report struct {
	machine string
	goals   []goal
	tables  []table
}

// goal is one figure that has a limit.
type goal struct {
	what, against, unit string
	got                 ratio
	reach               float64
	least               bool // reach is the least that is wanted, not the most
}

func (g goal) met() bool { return g.reached(g.got.mid) }

func (g goal) reached(x float64) bool { return g.least && x >= g.reach || !g.least && x <= g.reach }

// decided reports whether the rounds agree so far that chance has no say in
// whether the goal is met.
func (g goal) decided() bool { return g.reached(g.got.from) == g.reached(g.got.to) }

// verdict says whether the goal is met; of what is not decided, on which side
// the median lies all the same.
func (g goal) verdict() string {
	verdict := "met"
	if !g.met() {
		verdict = "**missed**"
	}
	if g.decided() {
		return verdict
	}
	return fmt.Sprintf("undecided, %.2f..%.2f; by the median %s", g.got.from, g.got.to, verdict)
}

type table struct {
	title, note string
	head        []string
	rows        [][]string
}

func (r *report) goal(what, against, unit string, got ratio, reach float64) {
	r.goals = append(r.goals, goal{what: what, against: against, unit: unit, got: got, reach: reach})
}

func (r *report) goalAtLeast(what, against, unit string, got ratio, reach float64) {
	r.goals = append(r.goals, goal{what: what, against: against, unit: unit, got: got, reach: reach, least: true})
}

func (r *report) add(t table) { r.tables = append(r.tables, t) }

// String is the ratio with the quarter below and above.
func (r ratio) String() string {
	digits := 2
	if r.mid >= 100 {
		digits = 0
	} else if r.mid >= 10 {
		digits = 1
	}
	if r.low == r.high {
		return fmt.Sprintf("%.*f", digits, r.mid)
	}
	return fmt.Sprintf("%.*f (%.*f..%.*f)", digits, r.mid, digits, r.low, digits, r.high)
}

// count writes a number as people do: 200k, 1M.
func count(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n >= 1000 && n%1000 == 0:
		return fmt.Sprintf("%dk", n/1000)
	default:
		return fmt.Sprint(n)
	}
}

func (r *report) goalTable() table {
	t := table{title: "Goals", head: []string{"what", "against", "of", "×", "reach", ""}}
	for _, g := range r.goals {
		limit := "at most"
		if g.least {
			limit = "at least"
		}
		t.rows = append(t.rows, []string{g.what, g.against, g.unit, g.got.String(), fmt.Sprintf("%s %g", limit, g.reach), g.verdict()})
	}
	return t
}

// markdown writes the whole report.
func (r *report) markdown(w io.Writer) {
	fmt.Fprintf(w, "%s\n", r.machine)
	fmt.Fprintln(w, "Ratios are medians of the rounds' own, with the quartiles in brackets. A goal is undecided when the interval in which the median lies with a likelihood of 95 % holds it.")
	for _, t := range append([]table{r.goalTable()}, r.tables...) {
		t.markdown(w)
	}
}

func (t table) markdown(w io.Writer) {
	fmt.Fprintf(w, "\n### %s\n\n", t.title)
	if t.note != "" {
		fmt.Fprintf(w, "%s\n\n", t.note)
	}
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(t.head, " | "), strings.Repeat("---|", len(t.head)))
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
}

const (
	beginMark = "<!-- measured: begin -->\n"
	endMark   = "<!-- measured: end -->\n"
)

// between returns doc with what stands between the marks replaced.
func between(doc, measured []byte) ([]byte, error) {
	head, rest, ok := bytes.Cut(doc, []byte(beginMark))
	_, tail, also := bytes.Cut(rest, []byte(endMark))
	if !ok || !also {
		return nil, fmt.Errorf("expected the lines %q and %q", beginMark, endMark)
	}
	return bytes.Join([][]byte{head, []byte(beginMark), measured, []byte(endMark), tail}, nil), nil
}

// publish writes the report to w and, if docs is not empty, into that folder.
func (r *report) publish(w io.Writer, docs string) error {
	var text bytes.Buffer
	r.markdown(&text)
	if _, err := w.Write(text.Bytes()); err != nil || docs == "" {
		return err
	}
	path := filepath.Join(docs, "performance.md")
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if doc, err = between(doc, text.Bytes()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.WriteFile(path, doc, 0o644); err != nil {
		return err
	}
	var chart bytes.Buffer
	if err := drawGoals(&chart, r.goals); err != nil {
		return fmt.Errorf("drawing the chart: %w", err)
	}
	return os.WriteFile(filepath.Join(docs, "performance.svg"), chart.Bytes(), 0o644)
}

// machine describes what it was measured on.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d cores, Linux %s, %s, %s; load average at the start %s.",
		model, runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version(), time.Now().UTC().Format("2 January 2006"), loadAverage())
}

// loadAverage is the machine's of the last minute.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
