//go:build testclock

package noticeaction

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The environment of a build for tests. The clock begins at a time and stands still until a connection to the
// socket sends another one, in a line as RFC 3339 has it. It is told "ok" once what is due by then is committed.
const (
	clockSocket = "NOTICEACTION_TEST_CLOCK"
	clockStart  = "NOTICEACTION_TEST_TIME"
)

var (
	clockTime  atomic.Pointer[time.Time] // nil: as it really is
	clockMoves sync.Mutex
)

func init() {
	path := os.Getenv(clockSocket)
	if path == "" {
		return
	}
	start, err := time.Parse(time.RFC3339, os.Getenv(clockStart))
	if err != nil {
		panic(clockStart + ": " + err.Error())
	}
	clockTime.Store(&start)
	_ = os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		panic(clockSocket + ": " + err.Error())
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveClock(c)
		}
	}()
}

func now() time.Time {
	if t := clockTime.Load(); t != nil {
		return *t
	}
	return time.Now()
}

func serveClock(c net.Conn) {
	defer c.Close()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		answer := "ok"
		if err := moveClock(strings.TrimSpace(lines.Text())); err != nil {
			answer = err.Error()
		}
		fmt.Fprintln(c, answer)
	}
}

func moveClock(to string) error {
	t, err := time.Parse(time.RFC3339, to)
	if err != nil {
		return err
	}
	clockMoves.Lock()
	defer clockMoves.Unlock()
	clockTime.Store(&t)
	desks.Lock()
	defer desks.Unlock()
	for _, d := range desks.open {
		if err := d.tick(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// tick has the desk do what is due.
func (d *desk) tick(ctx context.Context) error {
	if f := d.replication.follower.Load(); f != nil {
		return f.Tick(ctx)
	}
	return d.work.Tick(ctx)
}
