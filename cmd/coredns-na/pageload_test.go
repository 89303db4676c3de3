package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/internal/e2e"
	"github.com/coredns-na/coredns-na/internal/soak"
)

const (
	crowd    = 2000 // connections open at once
	quiet    = 2 * time.Second
	rate     = 500 // queries a second
	answered = 0.99
	mostMiB  = 200 // that the server's memory may grow by
)

// abuses are what strangers may do to the page, each until ctx ends. They count what they did.
var abuses = []struct {
	name string
	do   func(ctx context.Context, addr string, did *atomic.Int64) error
}{
	{"a crowd that says nothing", crowdOf("", drain)},
	{"a crowd that writes slowly", crowdOf("GET / HTTP/1.1\r\nHost: example.be\r\nX: ", drip)},
	{"a crowd that reads nothing", crowdOf(strings.Repeat("GET / HTTP/1.1\r\nHost: example.be\r\n\r\n", 40), drip)},
	{"a crowd that announces bodies", crowdOf("POST / HTTP/1.1\r\nHost: example.be\r\nContent-Length: 1073741824\r\n\r\n", drain)},
	{"bodies of 1 GiB", bodies},
	{"headers without end", headers},
}

// TestSoakPage: whatever strangers do to the page, memory stays bounded, visitors get through, and queries in the
// same process are answered as they are without. More rounds take longer.
func TestSoakPage(t *testing.T) {
	s := servePage(t)
	loud := quiet
	if n := soak.Rounds(t, 10); n > 10 {
		loud = time.Duration(n) * time.Second / 4
	}
	before := measure(t, s, quiet)
	for _, abuse := range abuses {
		t.Run(abuse.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			var did atomic.Int64
			var failed error
			var running sync.WaitGroup
			running.Go(func() { failed = abuse.do(ctx, s.page, &did) })
			if err := e2e.Await("abuse", func() (bool, error) { return did.Load() > 0 || ctx.Err() != nil, nil }); err != nil {
				t.Error(err)
			}
			during := measure(t, s, loud)
			cancel()
			running.Wait()
			t.Logf("%d times; quiet: %v; meanwhile: %v", did.Load(), before, during)
			if failed != nil {
				t.Error(failed)
			}
			if before.answered < answered || during.answered < answered {
				t.Errorf("answered %.4f of the queries without and %.4f with it, want %.2f", before.answered, during.answered, answered)
			}
			if during.visits == 0 {
				t.Error("no visitor got through")
			}
			if grown := during.mib - before.mib; grown > mostMiB {
				t.Errorf("memory grew by %d MiB, want at most %d", grown, mostMiB)
			}
		})
	}
}

// figures are those of one stretch of time.
type figures struct {
	answered float64       // of the queries
	slow     time.Duration // that 99 of 100 were faster than
	visits   int           // of the page
	mib      int           // of memory in the end
}

func (f figures) String() string {
	return fmt.Sprintf("%.2f %% answered, 99 of 100 within %s, %d visits, %d MiB", 100*f.answered, f.slow.Round(time.Microsecond), f.visits, f.mib)
}

// measure asks at an even rate, and visits the page meanwhile.
func measure(t *testing.T, s served, long time.Duration) (f figures) {
	t.Helper()
	c, err := net.Dial("udp", s.dns)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := int(long.Seconds() * rate)
	var mu sync.Mutex // held to use the two
	sent, got := make([]time.Time, n), make([]time.Duration, n)
	var receiving sync.WaitGroup
	receiving.Go(func() {
		buf := make([]byte, dns.MaxMsgSize)
		for range n {
			if k, err := c.Read(buf); err != nil || k < 2 {
				return
			}
			id := int(buf[0])<<8 | int(buf[1])
			mu.Lock()
			got[id] = time.Since(sent[id])
			mu.Unlock()
		}
	})
	visitor := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	for i := range n {
		m := new(dns.Msg).SetQuestion([]string{"www.example.be.", "example2.be."}[i%2], dns.TypeA)
		m.Id = uint16(i)
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		sent[i] = time.Now()
		mu.Unlock()
		if _, err := c.Write(wire); err != nil {
			t.Fatal(err)
		}
		if i%rate == rate/2 && visit(visitor, s.page) {
			f.visits++
		}
		<-tick.C
	}
	if err := c.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	receiving.Wait()
	slices.Sort(got)
	missing := slices.IndexFunc(got, func(d time.Duration) bool { return d > 0 })
	if missing < 0 {
		missing = n
	}
	f.answered, f.slow, f.mib = float64(n-missing)/float64(n), got[n*99/100], memory(t, s.pid)
	return f
}

func visit(c *http.Client, addr string) bool {
	r, err := http.NewRequest(http.MethodGet, "http://"+addr+"/", nil)
	if err != nil {
		return false
	}
	r.Host = "www.example.be"
	answer, err := c.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return err == nil && answer.StatusCode == http.StatusUnavailableForLegalReasons && bytes.Contains(text, []byte("example.be"))
}

// memory is the resident memory of a process in MiB (proc_pid_status(5)).
func memory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// crowdOf keeps connections open that say this much and no more; who is cut off comes back.
func crowdOf(text string, wait func(net.Conn)) func(context.Context, string, *atomic.Int64) error {
	return func(ctx context.Context, addr string, did *atomic.Int64) error {
		var dialer net.Dialer
		var all sync.WaitGroup
		for range crowd {
			all.Go(func() {
				for ctx.Err() == nil {
					c, err := dialer.DialContext(ctx, "tcp", addr)
					if err != nil {
						continue
					}
					stop := context.AfterFunc(ctx, func() { c.Close() })
					if _, err := io.WriteString(c, text); err == nil {
						did.Add(1)
						wait(c)
					}
					stop()
					c.Close()
				}
			})
		}
		all.Wait()
		return nil
	}
}

// drain reads until the other side has ended the connection.
func drain(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// drip reads nothing, and writes a byte now and then until the other side has ended the connection.
func drip(c net.Conn) {
	for {
		if _, err := c.Write([]byte("x")); err != nil {
			return
		}
		<-time.After(500 * time.Millisecond)
	}
}

// bodies sends as much as is taken of bodies of 1 GiB, which must be little, and wants the page for it.
func bodies(ctx context.Context, addr string, did *atomic.Int64) error {
	chunk := make([]byte, 64<<10)
	for ctx.Err() == nil {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: example.be\r\nContent-Length: 1073741824\r\n\r\n")
		sent := 0
		for err == nil && sent < 1<<30 {
			var n int
			n, err = c.Write(chunk)
			sent += n
		}
		first, readErr := bufio.NewReader(c).ReadString('\n')
		c.Close()
		if sent > 64<<20 {
			return fmt.Errorf("%d MiB of a body were taken", sent>>20)
		}
		if readErr == nil && !strings.HasPrefix(first, "HTTP/1.1 451 ") {
			return errors.New("answered with " + first)
		}
		did.Add(1)
	}
	return nil
}

// headers sends header lines until it is cut off.
func headers(ctx context.Context, addr string, did *atomic.Int64) error {
	line := []byte("X-Flood: " + strings.Repeat("x", 1000) + "\r\n")
	var all sync.WaitGroup
	var most atomic.Int64
	for range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					continue
				}
				_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.be\r\n")
				sent := int64(0)
				for err == nil && sent < 1<<30 {
					var n int
					n, err = c.Write(line)
					sent += int64(n)
				}
				c.Close()
				most.Store(max(most.Load(), sent))
				did.Add(1)
			}
		})
	}
	all.Wait()
	if most.Load() > 64<<20 {
		return fmt.Errorf("%d MiB of headers were taken", most.Load()>>20)
	}
	return nil
}
