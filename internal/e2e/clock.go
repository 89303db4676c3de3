package e2e

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// clocked is coredns-na with a clock that a test sets.
const clocked = "coredns-na-testclock"

// clockSocket is where the clock is set, in the server's folder.
const clockSocket = "clock.sock"

// StartClocked is Start of a program whose clock begins at a time and stands still until SetClock.
// It needs BuildClocked.
func StartClocked(dir, corefile string, at time.Time, env ...string) (*Server, error) {
	return start(clocked, dir, corefile, append(env,
		"NOTICEACTION_TEST_CLOCK="+filepath.Join(dir, clockSocket), "NOTICEACTION_TEST_TIME="+at.Format(time.RFC3339)))
}

// SetClock moves the clock of the server that StartClocked runs in dir, and returns once what is due by
// then is committed.
func SetClock(dir string, to time.Time) error {
	c, err := net.DialTimeout("unix", filepath.Join(dir, clockSocket), patience)
	if err != nil {
		return fmt.Errorf("setting the clock: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("setting the clock: %w", err)
	}
	if _, err := fmt.Fprintln(c, to.Format(time.RFC3339)); err != nil {
		return fmt.Errorf("setting the clock: %w", err)
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "ok" {
		return fmt.Errorf("setting the clock: expected ok, got %q, %w", answer, err)
	}
	return nil
}
