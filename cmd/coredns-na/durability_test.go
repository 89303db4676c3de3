package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/internal/e2e"
	"github.com/coredns-na/coredns-na/internal/soak"
)

// corefile has room for a line of the test's own.
const corefile = `be:%s {
    bind 127.0.0.1
    noticeaction {
        warning_page warning.authority.example 192.0.2.80
        admin unix:noticeaction.sock
        brake 1000000 1h
        %s
    }
    file %s/testdata/be.zone
    ready 127.0.0.1:%s
}
`

// bench is a folder with a Corefile, and a client of its server.
type bench struct {
	testing.TB
	dir, port, readyPort string
	http                 *http.Client
}

func newBench(tb testing.TB) *bench {
	b := &bench{TB: tb, dir: tb.TempDir(), port: e2e.FreePort(tb), readyPort: e2e.FreePort(tb)}
	b.http = &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 16,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(b.dir, "noticeaction.sock"))
		},
	}}
	tb.Cleanup(b.http.CloseIdleConnections)
	b.configure("")
	return b
}

func (b *bench) configure(line string) {
	b.Helper()
	text := fmt.Sprintf(corefile, b.port, line, e2e.Root(), b.readyPort)
	if err := os.WriteFile(filepath.Join(b.dir, "Corefile"), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// flag and unflag return nil once the server has acknowledged.
func (b *bench) flag(name, reference string) error {
	return b.call(http.MethodPut, "/v1/flags/"+name+"?force=not-delegated", `{"authority":"apd-gba","reference":"`+reference+`"}`)
}

func (b *bench) unflag(name string) error {
	return b.call(http.MethodDelete, "/v1/flags/"+name+"?reason=test", "")
}

func (b *bench) call(method, path, body string) error {
	req, err := http.NewRequest(method, "http://desk"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return refused(fmt.Sprintf("%s %s: %s", method, path, resp.Status))
	}
	return nil
}

// refused is an answer of the server that is not the one asked for.
type refused string

func (r refused) Error() string { return string(r) }

// export returns the reference of each flagged name.
func (b *bench) export() map[string]string {
	b.Helper()
	resp, err := b.http.Get("http://desk/v1/flags/export")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	flags := make(map[string]string)
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		var f struct{ Name, Reference string }
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			b.Fatal(err)
		}
		flags[f.Name] = f.Reference
	}
	return flags
}

// redirected asks the server whether it redirects name.
func (b *bench) redirected(name string) (bool, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.TypeA)
	reply, err := dns.Exchange(m, e2e.Address(b.port))
	if err != nil {
		return false, err
	}
	return len(reply.Answer) == 1 && reply.Answer[0].(*dns.A).A.String() == "192.0.2.80", nil
}

func (b *bench) verifyJournal() {
	b.Helper()
	cmd := exec.Command("nactl", "audit", "verify")
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("nactl audit verify: %v\n%s", err, out)
	}
}

// history is what one writer knows of one name: the state last acknowledged,
// and the one asked for if no answer has come. A state is the flag's
// reference, empty when not flagged.
type history struct{ acknowledged, asked string }

// writer flags and unflags names of its own until a call fails or stop closes.
func (b *bench) writer(id, round int, known map[string]*history, stop <-chan struct{}) error {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		name := fmt.Sprintf("writer%d-name%d.be", id, n%7)
		h := known[name]
		if h == nil {
			h = &history{}
			known[name] = h
		}
		var err error
		if h.acknowledged != "" && rand.IntN(2) == 0 {
			h.asked = ""
			err = b.unflag(name)
		} else {
			h.asked = fmt.Sprintf("R%d-%d", round, n)
			err = b.flag(name, h.asked)
		}
		if err != nil {
			return err
		}
		h.acknowledged = h.asked
	}
}

// check holds the server against what the writers know.
func (b *bench) check(known []map[string]*history) {
	b.Helper()
	flags := b.export()
	for _, names := range known {
		for name, h := range names {
			now := flags[name]
			if now != h.acknowledged && now != h.asked {
				b.Errorf("%s: flag %q, want %q (acknowledged) or %q (asked for)", name, now, h.acknowledged, h.asked)
			}
			h.acknowledged, h.asked = now, now
			redirected, err := b.redirected(name)
			if err != nil || redirected != (now != "") {
				b.Errorf("%s: redirected %v, error %v, but the store has %q", name, redirected, err, now)
			}
		}
	}
	b.verifyJournal()
}

// TestKill cuts the power at random moments under concurrent writers: no
// acknowledged change is lost, none is half there, the journal's chain holds.
func TestKill(t *testing.T) {
	const writers = 8
	b := newBench(t)
	known := make([]map[string]*history, writers)
	for i := range known {
		known[i] = make(map[string]*history)
	}
	for round := range soak.Rounds(t, 10) {
		server, err := e2e.Start(b.dir, "Corefile")
		if err != nil {
			t.Fatal(err)
		}
		b.check(known)
		var wg sync.WaitGroup
		for i := range known {
			wg.Go(func() {
				// Only the kill may end a writer.
				if err := b.writer(i, round, known[i], nil); errors.As(err, new(refused)) {
					t.Errorf("writer %d: %v", i, err)
				}
			})
		}
		<-time.After(time.Duration(rand.IntN(300)) * time.Millisecond) // the random moment
		server.Kill()
		wg.Wait()
		b.http.CloseIdleConnections()
		if t.Failed() {
			t.Fatalf("round %d; the server printed:\n%s", round, server.Output())
		}
	}
	e2e.MustStart(t, b.dir, "Corefile")
	b.check(known)
	if slices.ContainsFunc(known, func(names map[string]*history) bool { return len(names) == 0 }) {
		t.Error("a writer never got to write")
	}
}

// TestReloadUnderLoad reloads, with good and bad Corefiles, while writers
// write and askers ask: every write is acknowledged and kept, and an
// acknowledged flag is never seen unanswered.
func TestReloadUnderLoad(t *testing.T) {
	const writers = 4
	b := newBench(t)
	server := e2e.MustStart(t, b.dir, "Corefile")
	if err := b.flag("standing.be", "S"); err != nil {
		t.Fatal(err)
	}

	stop := make(chan struct{})
	var wg sync.WaitGroup
	known := make([]map[string]*history, writers)
	for i := range known {
		known[i] = make(map[string]*history)
		wg.Go(func() {
			if err := b.writer(i, 0, known[i], stop); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	asked := 0
	wg.Go(func() {
		for ; ; asked++ {
			select {
			case <-stop:
				return
			default:
			}
			// A datagram may be lost when a listener changes hands, as in
			// CoreDNS without us; an answer must be right.
			if ok, err := b.redirected("www.standing.be"); err == nil && !ok {
				t.Error("a flagged name was answered by the zone during a reload")
				return
			}
		}
	})

	polled := 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			// The ready plugin's own address comes and goes in a reload.
			if resp, err := http.Get("http://" + e2e.Address(b.readyPort) + "/ready"); err == nil {
				resp.Body.Close()
				polled++
			}
		}
	})

	for i := range 6 {
		if i%3 == 2 {
			b.configure("ttl nonsense")
			if err := server.Reload(); err == nil {
				t.Error("a broken Corefile was taken up")
			}
			continue
		}
		b.configure(fmt.Sprintf("ttl %d", 300+i))
		if err := server.Reload(); err != nil {
			t.Errorf("reload %d: %v", i, err)
		}
	}
	close(stop)
	wg.Wait()
	if asked == 0 || polled == 0 {
		t.Errorf("%d queries and %d looks at /ready were made during the reloads, want some of both", asked, polled)
	}
	if strings.Contains(server.Output(), "DATA RACE") {
		t.Error("the race detector spoke up")
	}
	b.check(known)
	if err := server.Stop(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}
