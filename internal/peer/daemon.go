package peer

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// patience is how long a server may take to answer at all, and pause how long
// to wait between two questions that ask whether it does.
const (
	patience = 30 * time.Second
	pause    = 20 * time.Millisecond
)

// Folder returns a new folder that goes with the test. Its path is short, for
// the Unix sockets in it.
func Folder(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Write writes a file that a server reads, and returns its path.
func Write(tb testing.TB, dir, name, text string) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// output is what a daemon prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) tail() []byte {
	const most = 16 << 10
	o.mu.Lock()
	defer o.mu.Unlock()
	b := bytes.Clone(o.text.Bytes())
	return b[max(0, len(b)-most):]
}

// start runs a daemon in the foreground, in dir, until the test ends. What it
// printed is shown if the test failed.
func start(tb testing.TB, dir, command string, args ...string) {
	tb.Helper()
	cmd := exec.Command(command, args...)
	out := new(output)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	if err := cmd.Start(); err != nil {
		tb.Fatalf("starting %s: %v (make peers installs what is missing)", command, err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if tb.Failed() {
			tb.Logf("%s printed last:\n%s", command, out.tail())
		}
	})
}

// tool runs a program to its end and returns what it printed.
func tool(tb testing.TB, dir, command string, args ...string) string {
	tb.Helper()
	out, err := try(dir, command, args...)
	if err != nil {
		tb.Fatalf("%s %q: %v\n%s", command, args, err, out)
	}
	return out
}

// try is tool for a program that may fail.
func try(dir, command string, args ...string) (string, error) {
	cmd := exec.Command(command, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Await asks addr until its answer satisfies, and returns that answer.
func Await(tb testing.TB, addr, name string, qtype uint16, satisfies func(*dns.Msg) bool) *dns.Msg {
	tb.Helper()
	last := "no answer"
	for end := time.Now().Add(patience); time.Now().Before(end); {
		m, err := Exchange(addr, NewQuery(name, qtype))
		switch {
		case err != nil:
			last = err.Error()
		case satisfies(m):
			return m
		default:
			last = m.String()
		}
		<-time.After(pause)
	}
	tb.Fatalf("%s %s: not as expected from %s within %s, last:\n%s", name, dns.Type(qtype), addr, patience, last)
	return nil
}

// Exchange asks the server at port 53 of addr over UDP, and over TCP when the
// answer was truncated.
func Exchange(addr string, m *dns.Msg) (*dns.Msg, error) {
	c := dns.Client{Timeout: 10 * time.Second}
	reply, _, err := c.Exchange(m, addr+":53")
	if err == nil && reply.Truncated {
		c.Net = "tcp"
		reply, _, err = c.Exchange(m, addr+":53")
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", addr, err)
	}
	return reply, nil
}

// NewQuery is what a validating client asks: RD and DO.
func NewQuery(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	m.SetEdns0(1232, true)
	return m
}

// Answers reports whether m holds an answer.
func Answers(m *dns.Msg) bool { return m.Rcode == dns.RcodeSuccess && len(m.Answer) > 0 }
