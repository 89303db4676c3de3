// Command bench measures coredns-na beside others that do the same work, on
// the same machine in the same run, and reports ratios.
//
//	go run ./internal/bench [-smoke] [-only ROOM] [-docs FOLDER]
//
// Servers have the first core, and for latencies and callers both, dnsperf the
// second, and all of it stays on loopback. It judges nothing: a goal that is missed is reported and the exit
// status is 0, which is for the harness alone. It is for Linux with two cores
// and the packages of make peers.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// effort is how long to measure and on how much.
type effort struct {
	rounds int // of each comparison, of some tenths of a second for each rival
	lives  int // of servers that differ by hundredths
	long   int // rounds of what takes many seconds
	zone   int // delegations of the zone behind
	few    int // flags that servers of every kind can hold
	many   int // flags that a table must hold
	flags  int // flag calls timed
	smoke  bool
}

var (
	full  = effort{rounds: 45, lives: 13, long: 3, zone: 200_000, few: 10_000, many: 1_000_000, flags: 500}
	smoke = effort{rounds: 5, lives: 1, long: 1, zone: 10_000, few: 10_000, many: 100_000, flags: 100, smoke: true}
)

// lab is what all measurements share.
type lab struct {
	effort
	root, dir     string // the project's; of all that is written
	coredns, bare string // programs
	report        *report
	begun         time.Time
	started       sync.Map // of programs that run

	passed, answered *rival // with the most flags, once they are measured
}

// rooms are the measurements in the order in which they are made.
var rooms = []struct {
	name    string
	inSmoke bool // when nothing is asked for by name
	measure func(*lab) error
}{
	{"pass", true, (*lab).measurePass},
	{"flagged", true, (*lab).measureFlagged},
	{"desk", true, (*lab).measureDesk},
	{"signed", false, (*lab).measureSigned},
	{"others", false, (*lab).measureOthers},
	{"wire", false, (*lab).measureWire},
	{"latency", false, (*lab).measureLatency},
	{"growth", false, (*lab).measureZones},
	{"table", false, (*lab).measureTable},
	{"profile", false, (*lab).measureProfile},
}

func main() {
	short := flag.Bool("smoke", false, "only the main ratios, in less than a minute")
	only := flag.String("only", "", "measure only these, separated by commas: "+roomNames())
	docs := flag.String("docs", "", "folder of performance.md and performance.svg, to write the report into")
	temporary := flag.String("dir", "", "where to keep databases and zones while measuring; default: a temporary folder")
	flag.Parse()
	l := &lab{effort: full, report: new(report), begun: time.Now()}
	if *short {
		l.effort = smoke
	}
	if err := l.run(*temporary, *only, *docs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func roomNames() string {
	var names []string
	for _, r := range rooms {
		names = append(names, r.name)
	}
	return strings.Join(names, ", ")
}

func (l *lab) run(temporary, only, docs string) (err error) {
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("expected two cores, got %d", runtime.NumCPU())
	}
	for _, tool := range []string{"taskset", "dnsperf"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("expected %s to be installed: %w", tool, err)
		}
	}
	wanted := strings.FieldsFunc(only, func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range wanted {
		if !slices.Contains(strings.Split(roomNames(), ", "), name) {
			return fmt.Errorf("-only: expected some of %s, got %q", roomNames(), name)
		}
	}
	if l.root, err = os.Getwd(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(l.root, "internal", "bench")); err != nil {
		return fmt.Errorf("expected to run in the project's top folder: %w", err)
	}
	if l.dir, err = os.MkdirTemp(temporary, "coredns-na-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(l.dir)
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-asked
		l.abandon()
		os.Exit(1)
	}()
	if err := l.build(); err != nil {
		return err
	}
	if err := stepAside(); err != nil {
		return err
	}
	l.report.machine = machine()
	for _, r := range rooms {
		if len(wanted) == 0 && l.smoke && !r.inSmoke || len(wanted) > 0 && !slices.Contains(wanted, r.name) {
			continue
		}
		l.say("measuring %s; load %s", r.name, loadAverage())
		if err := r.measure(l); err != nil {
			return fmt.Errorf("measuring %s: %w", r.name, err)
		}
	}
	l.estimateNode()
	return l.report.publish(os.Stdout, docs)
}

// say tells how far it is on standard error.
func (l *lab) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%5.0fs "+format+"\n", append([]any{time.Since(l.begun).Seconds()}, args...)...)
}
