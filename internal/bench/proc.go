package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// The cores of the machine: what is measured has the first to itself, and where it
// is to run as it would both; what measures has the second.
const (
	serverCore = "0"
	loadCore   = "1"
	bothCores  = "0,1"
)

// patience is how long a server may take to give its first answer.
const patience = 2 * time.Minute

// server is a name server under measurement. It leads a process group, and
// what its children use counts as its own.
type server struct {
	name string
	port string // of DNS
	dir  string // its working folder

	again     func() error // starts it once more as it was
	processes []int        // once it answers
	*program
	took time.Duration // from start to the first answer
}

// program leads a process group, which ends with the bench.
type program struct {
	cmd  *exec.Cmd
	gone chan struct{} // closed once it has ended
	err  error         // how; not before
}

// launch starts a command.
func (l *lab) launch(cmd *exec.Cmd) (*program, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &program{cmd: cmd, gone: make(chan struct{})}
	l.started.Store(p, nil)
	go func() {
		p.err = cmd.Wait()
		l.started.Delete(p)
		close(p.gone)
	}()
	return p, nil
}

func (p *program) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// signal tells all of the group, if it has not ended: it may be another's by then.
func (p *program) signal(signal syscall.Signal) {
	if !p.ended() {
		_ = syscall.Kill(-p.cmd.Process.Pid, signal)
	}
}

// startServer runs a command on the given cores until it answers for name.
func (l *lab) startServer(s *server, cores, name string, command string, args ...string) error {
	cmd := exec.Command("taskset", append([]string{"-c", cores, command}, args...)...)
	cmd.Dir = s.dir
	out, err := os.Create(filepath.Join(s.dir, "output"))
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	s.again = func() error { return l.startServer(s, cores, name, command, args...) }
	begin := time.Now()
	p, err := l.launch(cmd)
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	s.program = p
	if err := s.await(name); err != nil {
		s.stop()
		printed, _ := os.ReadFile(out.Name())
		return fmt.Errorf("starting %s: %w; it printed:\n%s", s.name, err, printed[max(0, len(printed)-2000):])
	}
	s.took = time.Since(begin)
	s.processes, err = group(s.cmd.Process.Pid)
	return err
}

// await asks for the A record of name until there is an answer without error.
func (s *server) await(name string) error {
	c := dns.Client{Timeout: time.Second}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(patience); ; {
		reply, _, err := c.Exchange(m, "127.0.0.1:"+s.port)
		if err == nil && reply.Rcode == dns.RcodeSuccess {
			return nil
		}
		if err == nil {
			err = errors.New(dns.RcodeToString[reply.Rcode])
		}
		select {
		case <-again.C:
		case <-s.gone:
			return errors.New("it ended")
		case <-deadline:
			return fmt.Errorf("no answer within %s: %w", patience, err)
		}
	}
}

// stop ends the server and its children, if it has not ended, and waits.
func (s *server) stop() {
	s.signal(syscall.SIGTERM)
	select {
	case <-s.gone:
	case <-time.After(20 * time.Second):
		s.signal(syscall.SIGKILL)
		<-s.gone
	}
}

// abandon ends everything that was started, when the program itself is asked
// to end.
func (l *lab) abandon() {
	l.started.Range(func(p, _ any) bool {
		p.(*program).signal(syscall.SIGKILL)
		return true
	})
	_ = os.RemoveAll(l.dir)
}

// cpu is the user and system time that the server has used so far: what
// /proc/PID/stat rounds to hundredths of a second.
func (s *server) cpu() (time.Duration, error) {
	total := time.Duration(0)
	for _, pid := range s.processes {
		var used unix.Timespec
		// The CPU clock of a process by its id, as clock_getcpuclockid(3) makes it.
		if err := unix.ClockGettime(int32(^pid<<3|2), &used); err != nil {
			return 0, fmt.Errorf("reading the CPU time of %s: %w", s.name, err)
		}
		total += time.Duration(used.Nano())
	}
	return total, nil
}

// rest waits until the server has done what it was asked for, or for some milliseconds in which it does something else.
func (s *server) rest() {
	const most = 10
	before, _ := s.cpu()
	looks := time.NewTicker(time.Millisecond)
	defer looks.Stop()
	for range most {
		<-looks.C
		after, err := s.cpu()
		if err != nil || after-before < 50*time.Microsecond {
			return
		}
		before = after
	}
}

// settle waits until the server does nothing any more, as it does for seconds
// after its start: it reads its zone, and the collector follows.
func (s *server) settle() error {
	const window, idle = 200 * time.Millisecond, 2 * time.Millisecond
	windows := time.NewTicker(window)
	defer windows.Stop()
	before, err := s.cpu()
	for deadline := time.Now().Add(patience); err == nil && time.Now().Before(deadline); {
		<-windows.C
		var after time.Duration
		if after, err = s.cpu(); after-before < idle {
			return err
		}
		before = after
	}
	return errors.Join(err, fmt.Errorf("expected %s to come to rest within %s", s.name, patience))
}

// group returns the processes of a process group.
func group(leader int) (pids []int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // gone since
		}
		pid, of, err := parseStat(string(text))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if of == leader {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// parseStat returns the process and its group of a line of /proc/PID/stat,
// proc_pid_stat(5).
func parseStat(line string) (pid, group int, err error) {
	state := line[strings.LastIndexByte(line, ')')+1:] // what is before may hold anything
	if _, err := fmt.Sscanf(line, "%d ", &pid); err != nil {
		return 0, 0, fmt.Errorf("expected a process id in %q: %w", line, err)
	}
	if _, err := fmt.Sscanf(state, " %1s %d %d", new(string), new(int), &group); err != nil {
		return 0, 0, fmt.Errorf("expected a process group in %q: %w", line, err)
	}
	return pid, group, nil
}

// memory is the resident size of the server's first process in bytes.
func (s *server) memory() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("reading statm of %s: expected 2 fields or more, got %q", s.name, text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// stepAside moves every thread of this program to the load's core; threads
// and programs started later inherit it.
func stepAside() error {
	var set unix.CPUSet
	set.Set(1)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("pinning to core %s: %w", loadCore, err)
		}
	}
	return nil
}
