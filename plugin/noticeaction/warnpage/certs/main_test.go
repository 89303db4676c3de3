package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"iter"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

func TestMain(m *testing.M) {
	// pebble has no way to stop it
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"))
}

// set is a set of flagged names below be.
type set struct {
	mu         sync.Mutex
	names      map[string]bool
	generation uint64
}

func newSet(names ...string) *set {
	s := &set{names: make(map[string]bool)}
	s.flag(names...)
	return s
}

func (s *set) flag(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		s.names[name] = true
	}
	s.generation++
}

func (s *set) unflag(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, name)
	s.generation++
}

func (s *set) Flagged(host string) (string, bool) {
	labels := strings.Split(host, ".")
	name := strings.Join(labels[max(len(labels)-2, 0):], ".")
	s.mu.Lock()
	defer s.mu.Unlock()
	return name, s.names[name]
}

func (s *set) Standing(host string) bool {
	_, ok := s.Flagged(host)
	return ok
}

func (s *set) All() iter.Seq[string] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Values(slices.Sorted(maps.Keys(s.names)))
}

func (s *set) Generation() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

// world is a CA, the name server that it asks, and a page with certificates of its own. All ends with the test.
type world struct {
	t        *testing.T
	pebble   *e2e.Pebble
	resolver string // the port of the name server
	set      *set
	names    Names // what the Manager sees of it
	dir      string
	address  string // of the page over TLS
	settings Settings
	manager  *Manager
	clock    clock
	page     struct{ http, tls net.Listener }

	mu    sync.Mutex
	lines []string
}

// clock is the time, moved by some.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += by
}

func newWorld(t *testing.T, flagged ...string) *world {
	t.Helper()
	w := &world{t: t, set: newSet(flagged...), dir: filepath.Join(t.TempDir(), "certs")}
	w.names = w.set
	w.resolver = startDNS(t)
	w.page.http, w.page.tls = listen(t), listen(t)
	w.address = w.page.tls.Addr().String()
	w.startCA()
	w.open()
	w.serve()
	return w
}

// startCA starts a CA, and sets it in the settings.
func (w *world) startCA() {
	w.t.Helper()
	port := func(l net.Listener) string { return fmt.Sprint(l.Addr().(*net.TCPAddr).Port) }
	files := w.t.TempDir()
	w.pebble = e2e.StartPebble(w.t, e2e.PebbleConfig{
		Port: e2e.FreePort(w.t), DNS: w.resolver, HTTP: port(w.page.http), TLS: port(w.page.tls), Dir: files,
	})
	text, err := os.ReadFile(filepath.Join(files, "pebble.pem"))
	if err != nil {
		w.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	w.settings = Settings{Directory: w.pebble.Directory(), Email: "desk@registry.example", Roots: roots, HTTP: true}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// startDNS starts a name server that says that all hosts are here, and returns its port.
func startDNS(t *testing.T) string {
	t.Helper()
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		if q := r.Question[0]; q.Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: q.Qclass}, A: net.IPv4(127, 0, 0, 1)}}
		}
		_ = w.WriteMsg(m)
	})
	port := e2e.FreePort(t)
	for _, network := range []string{"udp", "tcp"} {
		ready := make(chan struct{})
		server := &dns.Server{Addr: e2e.Address(port), Net: network, Handler: handler, NotifyStartedFunc: func() { close(ready) }}
		var done sync.WaitGroup
		done.Go(func() { _ = server.ListenAndServe() })
		<-ready
		t.Cleanup(func() {
			_ = server.Shutdown()
			done.Wait()
		})
	}
	return port
}

// open opens the Manager, to be closed with the test.
func (w *world) open() {
	w.t.Helper()
	say := func(line string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lines = append(w.lines, line)
	}
	m, err := Open(Config{Folder: w.dir, Names: w.names, Now: w.clock.now, Log: say, Warn: say})
	if err != nil {
		w.t.Fatal(err)
	}
	m.Use(w.settings)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.manager = m
	w.t.Cleanup(func() {
		if w.manager == m {
			w.close()
		}
		if w.t.Failed() {
			w.t.Logf("it said:\n%s", strings.Join(w.lines, "\n"))
		}
	})
}

func (w *world) close() {
	w.t.Helper()
	if err := w.now().Close(); err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.manager = nil
}

func (w *world) now() *Manager {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.manager
}

// serve has a page with the certificates of the Manager that is open.
func (w *world) serve() {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnavailableForLegalReasons) })
	plain := &http.Server{ErrorLog: quiet(), Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.now().HTTPChallenge(page).ServeHTTP(rw, r)
	})}
	secure := &http.Server{ErrorLog: quiet(), Handler: page}
	config := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return w.now().TLSConfig(), nil }}
	var done sync.WaitGroup
	done.Go(func() { _ = plain.Serve(w.page.http) })
	done.Go(func() { _ = secure.Serve(tls.NewListener(w.page.tls, config)) })
	w.t.Cleanup(func() {
		plain.Close()
		secure.Close()
		done.Wait()
	})
}

func quiet() *log.Logger { return log.New(new(bytes.Buffer), "", 0) }

// visit asks for a host's page over TLS and returns the host's certificate.
func (w *world) visit(host string) (*x509.Certificate, error) {
	dialer := tls.Dialer{Config: &tls.Config{ServerName: host, RootCAs: w.pebble.Roots(), MinVersion: tls.VersionTLS12}}
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	c, err := dialer.DialContext(ctx, "tcp", w.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// await waits until a visit of a host succeeds.
func (w *world) await(host string) *x509.Certificate {
	w.t.Helper()
	var cert *x509.Certificate
	err := e2e.Await("a certificate of "+host, func() (ok bool, err error) {
		cert, err = w.visit(host)
		return err == nil, err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return cert
}

// figures waits until they are as told.
func (w *world) figures(what string, want func(Figures) bool) {
	w.t.Helper()
	err := e2e.Await(what, func() (bool, error) {
		f := w.manager.Figures()
		return want(f), fmt.Errorf("got %+v", f)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// said waits for a line.
func (w *world) said(text string) {
	w.t.Helper()
	err := e2e.Await(text, func() (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.ContainsFunc(w.lines, func(l string) bool { return strings.Contains(l, text) }), fmt.Errorf("it said %q", w.lines)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
