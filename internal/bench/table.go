package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// results are the benchmarks of one package: by name and by unit.
type results map[string]map[string]samples

// goBench runs benchmarks of a package on the server's core.
func (l *lab) goBench(pkg, pattern string) (results, error) {
	cmd := exec.Command("taskset", "-c", serverCore, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", "200ms", "-count", "3", "-cpu", "1", pkg)
	cmd.Dir = l.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("benchmarking %s: %w\n%s", pkg, err, out[max(0, len(out)-2000):])
	}
	return parseBench(out)
}

// parseBench reads what "go test -bench" prints.
func parseBench(out []byte) (results, error) {
	found := make(results)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if found[name] == nil {
			found[name] = make(map[string]samples)
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("reading %q: %w", lines.Text(), err)
			}
			found[name][fields[i+1]] = append(found[name][fields[i+1]], value)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("expected results of benchmarks, got:\n%s", out)
	}
	return found, nil
}

// of is the median of a benchmark in some unit; 0 if there is none of that name.
func (r results) of(name, unit string) float64 {
	if s := r[name][unit]; len(s) > 0 {
		return s.median()
	}
	return 0
}

func (r results) ns(name string) float64 { return r.of(name, "ns/op") }

// net is what a look-up takes beyond the loop around it.
func (r results) net(prefix, name, chained string) float64 {
	return r.ns(prefix+name+chained) - r.ns(prefix+"loop"+chained)
}

// measureTable: look-ups and memory, from the benchmarks of the table itself
// and of this package.
func (l *lab) measureTable() error {
	r, err := l.goBench("./plugin/noticeaction/redirect", "Lookup/1M")
	if err != nil {
		return err
	}
	l.tabulateLookups(r)
	if r, err = l.goBench("./internal/bench", "."); err != nil {
		return err
	}
	l.tabulateBeside(r)
	l.tabulateGrowth(r)
	l.tabulateMemory(r)
	if r, err = l.goBench("./plugin/noticeaction", "Passing|Answering"); err != nil {
		return err
	}
	l.tabulateChains(r)
	return nil
}

// tabulateChains reports what the plugin adds within CoreDNS's server.
func (l *lab) tabulateChains(r results) {
	t := table{title: "Within CoreDNS's server", note: "CPU time of a query from the server's entrance to the answer handed to the socket, which are left out with unpacking and packing; the tenth with the least of many short turns. " +
		"The peer of a query that passes is the zone alone, of a flagged one a fixed answer. The stack has grown beforehand.",
		head: []string{"query", "peer ns", "noticeaction ns", "added ns", "an idle plugin adds ns"}}
	for _, kind := range []struct{ what, of, name, peer, own string }{
		{"passes, a delegation", "Passing", "glue.be.", "without", "with"},
		{"passes, below it", "Passing", "www.glue.be.", "without", "with"},
		{"passes, no such name", "Passing", "not-there.be.", "without", "with"},
		{"flagged", "Answering", "example.be.", "fixed", "flagged"},
		{"flagged, below the name", "Answering", "www.example.be.", "fixed", "flagged"},
		{"flagged, in mixed case", "Answering", "wWw.eXample.be.", "fixed", "flagged"},
	} {
		name := kind.of + "/" + kind.name
		peer, idle := r.of(name, kind.peer+"-ns"), ""
		if kind.of == "Passing" {
			idle = fmt.Sprintf("%.0f", r.of(name, "idle-ns")-peer)
		}
		t.rows = append(t.rows, []string{kind.what, fmt.Sprintf("%.0f", peer), fmt.Sprintf("%.0f", r.of(name, kind.own+"-ns")), fmt.Sprintf("%.0f", r.of(name, "added-ns")), idle})
	}
	l.report.add(t)
}

func (l *lab) tabulateLookups(r results) {
	t := table{title: "Look-up, 1M names", note: "Net of the same loop without a look-up. In a chain each query waits for the answer before; else the processor overlaps them.",
		head: []string{"queries", "table ns", "table under an overlay ns", "map after ToLower ns", "× map", "allocations"}}
	for _, kind := range []struct{ name, label string }{{"hit", "hit"}, {"miss", "miss"}, {"hit-mixed-case", "hit in mixed case"}} {
		for _, chained := range []string{"", "-chained"} {
			prefix, label := "Lookup/1M/"+kind.name+"/", kind.label
			own, peer := r.net(prefix, "table", chained), r.net(prefix, "map", chained)
			if chained == "" {
				l.report.goal("look-up, "+label, "Go map after lower-casing", "net time", exactly(own/peer), 0.6)
			} else {
				label += ", in a chain"
			}
			t.rows = append(t.rows, []string{label, fmt.Sprintf("%.0f", own), fmt.Sprintf("%.0f", r.net(prefix, "table-overlaid", chained)),
				fmt.Sprintf("%.0f", peer), fmt.Sprintf("%.2f", own/peer), fmt.Sprintf("%.0f", r.of(prefix+"table", "allocs/op"))})
		}
	}
	l.report.add(t)
}

func (l *lab) tabulateBeside(r results) {
	t := table{title: "Look-up, beside other structures", note: "1M names, net of the loop, not chained.",
		head: []string{"queries", "table ns", "sync.Map ns", "× sync.Map", "suffix walk ns", "× suffix walk"}}
	for _, kind := range []string{"hit", "miss", "mixed case"} {
		prefix := "Beside/" + strings.ReplaceAll(kind, " ", "_") + "/"
		own, sync, walk := r.net(prefix, "table", ""), r.net(prefix, "sync.Map", ""), r.net(prefix, "walk", "")
		t.rows = append(t.rows, []string{kind, fmt.Sprintf("%.0f", own), fmt.Sprintf("%.0f", sync), fmt.Sprintf("%.2f", own/sync), fmt.Sprintf("%.0f", walk), fmt.Sprintf("%.2f", own/walk)})
	}
	l.report.add(t)
}

func (l *lab) tabulateGrowth(r results) {
	t := table{title: "Growth of the table", note: "Names of 4 to 18 letters; a hit in random order, the loop included.", head: []string{"names", "zones", "bytes a name", "ns a hit"}}
	for _, size := range growth {
		for _, zones := range []int{1, 16} {
			name := fmt.Sprintf("Growth/%d_names/%d_zones", size, zones)
			if r[name] == nil {
				continue
			}
			t.rows = append(t.rows, []string{fmt.Sprint(size), fmt.Sprint(zones), fmt.Sprintf("%.1f", r.of(name, "bytes/name")), fmt.Sprintf("%.0f", r.ns(name))})
		}
	}
	l.report.add(t)
}

func (l *lab) tabulateMemory(r results) {
	t := table{title: "Memory and the collector", note: "1M names; a whole collection while they are held.", head: []string{"holding", "bytes a name", "ms a collection", "µs of pause"}}
	for _, held := range []string{"nothing", "table", "map"} {
		name := "Collect/" + held
		t.rows = append(t.rows, []string{held, fmt.Sprintf("%.1f", r.of(name, "bytes/name")), fmt.Sprintf("%.2f", r.ns(name)/1e6), fmt.Sprintf("%.0f", r.of(name, "pause-ns/op")/1e3)})
	}
	l.report.add(t)
	l.report.goal("memory, 1M names of 4 to 18 letters", "28 bytes", "bytes a name", exactly(r.of("Collect/table", "bytes/name")/28), 1)
}

// growth are the numbers of names that the table is measured at.
var growth = []int{1, 1000, 1_000_000, 2_000_000}
