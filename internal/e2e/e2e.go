// Package e2e runs the real programs for tests: it builds them once, starts
// servers on free loopback ports, waits for their own word that they serve,
// and stops them with the test. It is imported by tests only.
package e2e

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/internal/freeport"
)

// patience is how long anything on one machine may take before a test says
// that it never came.
const patience = 60 * time.Second

const (
	serverPackage = "github.com/coredns-na/coredns-na/cmd/coredns-na"
	clientPackage = "github.com/coredns-na/coredns-na/cmd/nactl"
)

// Build compiles coredns-na and nactl into a new folder, puts it first on
// PATH, and returns what removes it. Call it from TestMain.
func Build() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "coredns-na-bin")
	if err != nil {
		return nil, err
	}
	if err := build("-o", dir, serverPackage, clientPackage); err != nil {
		return nil, err
	}
	if err := os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return nil, err
	}
	return func() { os.RemoveAll(dir) }, nil
}

// BuildClocked is Build, and compiles the program that StartClocked runs too.
func BuildClocked() (remove func(), err error) {
	if remove, err = Build(); err != nil {
		return nil, err
	}
	program, err := exec.LookPath("coredns-na")
	if err == nil {
		err = build("-tags", "testclock", "-o", filepath.Join(filepath.Dir(program), clocked), serverPackage)
	}
	if err != nil {
		remove()
		return nil, err
	}
	return remove, nil
}

func build(args ...string) error {
	args = slices.Concat([]string{"build"}, buildFlags, args)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return nil
}

// touchSources makes a cached test result depend on the programs' sources:
// the cache knows which files a test looks at, not what "go build" read.
var touchSources = sync.OnceValue(func() error {
	return filepath.WalkDir(Root(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") {
			_, err = os.Stat(path)
		}
		return err
	})
})

// Await asks again and again until the answer is yes. It is for what has no
// other way to say that it is done.
func Await(what string, done func() (bool, error)) error {
	for deadline := time.Now().Add(patience); ; {
		ok, err := done()
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: did not come within %s: %w", what, patience, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// FreePort returns a loopback port that neither UDP nor TCP uses now.
func FreePort(tb testing.TB) string {
	tb.Helper()
	port, err := freeport.New()
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

// Server is a running coredns-na. Its methods are for one goroutine.
type Server struct {
	cmd    *exec.Cmd
	output *Log
	done   chan struct{}
	err    error // once done is closed
}

// Start runs coredns-na on corefile in dir, with env added to the
// environment, and returns when all its servers listen, or the error with
// what it printed.
func Start(dir, corefile string, env ...string) (*Server, error) {
	return start("coredns-na", dir, corefile, env)
}

func start(program, dir, corefile string, env []string) (*Server, error) {
	if err := touchSources(); err != nil {
		return nil, err
	}
	s := &Server{cmd: exec.Command(program, "-conf", corefile), output: newLog(), done: make(chan struct{})}
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		s.output.close()
		close(s.done)
	}()
	// CoreDNS prints its version once everything listens.
	if err := s.output.Wait("coredns-na-"); err != nil {
		s.Signal(syscall.SIGKILL)
		<-s.done
		return nil, fmt.Errorf("coredns-na did not start: %w\n%s", err, s.Output())
	}
	return s, nil
}

// MustStart is Start that ends the test on an error, and the server with it.
func MustStart(tb testing.TB, dir, corefile string, env ...string) *Server {
	tb.Helper()
	s, err := Start(dir, corefile, env...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.Kill()
		if tb.Failed() {
			tb.Logf("coredns-na printed:\n%s", s.Output())
		}
	})
	return s
}

// Output is what the server has printed so far.
func (s *Server) Output() string { return s.output.String() }

// Running reports whether the server has not ended yet.
func (s *Server) Running() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// PID is the process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Signal sends sig; a server that is gone takes none.
func (s *Server) Signal(sig os.Signal) { _ = s.cmd.Process.Signal(sig) }

// Kill ends the server as a power cut would, and waits.
func (s *Server) Kill() {
	s.Signal(syscall.SIGKILL)
	<-s.done
}

// Stop ends the server with SIGTERM and returns how it ended.
func (s *Server) Stop() error {
	s.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
		return s.err
	case <-time.After(patience):
		s.Kill()
		return fmt.Errorf("coredns-na did not stop within %s of SIGTERM", patience)
	}
}

// Reload sends SIGUSR1 and returns when the new instance serves, or the error
// that kept it from it.
func (s *Server) Reload() error {
	mark := s.output.Mark()
	s.Signal(syscall.SIGUSR1)
	line, err := s.output.WaitSince(mark, "Reloading complete", "[ERROR] SIGUSR1:", "[PANIC] Restart:")
	if err == nil && !strings.Contains(line, "Reloading complete") {
		err = fmt.Errorf("reload failed: %s", line)
	}
	return err
}

// Log collects output and lets others wait for a line of it.
type Log struct {
	mu     sync.Mutex
	text   bytes.Buffer
	closed bool
	grew   chan struct{} // closed and replaced when text or closed changes
}

func newLog() *Log { return &Log{grew: make(chan struct{})} }

// Write implements [io.Writer].
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.grew)
	l.grew = make(chan struct{})
	return l.text.Write(b)
}

func (l *Log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	close(l.grew)
	l.grew = make(chan struct{})
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Mark is the place in the log where the next line will stand.
func (l *Log) Mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Len()
}

// Wait waits until a whole line holds one of the texts.
func (l *Log) Wait(texts ...string) error {
	_, err := l.WaitSince(0, texts...)
	return err
}

// WaitSince is Wait for what comes after mark; it returns the line.
func (l *Log) WaitSince(mark int, texts ...string) (string, error) {
	timeout := time.After(patience)
	for {
		l.mu.Lock()
		text, closed, grew := l.text.String()[mark:], l.closed, l.grew
		l.mu.Unlock()
		for line := range strings.Lines(text) {
			for _, t := range texts {
				if strings.Contains(line, t) && strings.HasSuffix(line, "\n") {
					return strings.TrimSpace(line), nil
				}
			}
		}
		if closed {
			return "", fmt.Errorf("the program ended without printing %q: %w", texts, io.ErrUnexpectedEOF)
		}
		select {
		case <-grew:
		case <-timeout:
			return "", fmt.Errorf("%q not printed within %s", texts, patience)
		}
	}
}

// Root is the project's top folder.
func Root() string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		panic(err)
	}
	return filepath.Clean(strings.TrimSpace(string(out)))
}
