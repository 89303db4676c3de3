package e2e

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pebbleca "github.com/letsencrypt/pebble/v2/ca"
	pebbledb "github.com/letsencrypt/pebble/v2/db"
	pebbleva "github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// Pebble is Let's Encrypt's CA for tests: a real ACME server that validates hosts over DNS, HTTP and TLS. It ends
// with the test.
type Pebble struct {
	tb      testing.TB
	address string
	handler http.Handler
	manage  http.Handler
	orders  atomic.Int64

	mu     sync.Mutex
	server *httptest.Server // nil: it is down
}

// PebbleConfig says how a Pebble meets the world.
type PebbleConfig struct {
	Port      string // where it listens on 127.0.0.1
	DNS       string // the port of the name server that it asks
	HTTP, TLS string // the ports that it validates hosts at
	Dir       string // gets pebble.pem, to trust its server by, and pebble-root.pem, to trust its certificates by
	Lifetime  time.Duration
}

// StartPebble starts one.
func StartPebble(tb testing.TB, cfg PebbleConfig) *Pebble {
	tb.Helper()
	for name, value := range map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0"} {
		if err := os.Setenv(name, value); err != nil { //nolint:usetesting // that of a test does not go with parallel ones
			tb.Fatal(err)
		}
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = 90 * 24 * time.Hour
	}
	atoi := func(port string) int {
		n, err := strconv.Atoi(port)
		if err != nil {
			tb.Fatal(err)
		}
		return n
	}
	quiet, db := log.New(io.Discard, "", 0), pebbledb.NewMemoryStore()
	ca := pebbleca.New(quiet, db, "", "ecdsa", 0, 1, map[string]pebbleca.Profile{
		"default": {Description: "for tests", ValidityPeriod: uint64(cfg.Lifetime.Seconds())},
	})
	va := pebbleva.New(quiet, atoi(cfg.HTTP), atoi(cfg.TLS), true, Address(cfg.DNS), db)
	front := wfe.New(quiet, db, va, ca, []string{"pebble.example"}, true, false, 0, 0)
	p := &Pebble{tb: tb, address: Address(cfg.Port), manage: front.ManagementHandler()}
	acme := front.Handler()
	p.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := statusWriter{ResponseWriter: w}
		acme.ServeHTTP(&s, r)
		if r.URL.Path == "/order-plz" && s.status == http.StatusCreated {
			p.orders.Add(1)
		}
	})
	p.Up()
	tb.Cleanup(p.Down)
	server := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	for name, text := range map[string][]byte{"pebble.pem": server, "pebble-root.pem": p.Root()} {
		if err := os.WriteFile(filepath.Join(cfg.Dir, name), text, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return p
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Directory is the URL of its directory.
func (p *Pebble) Directory() string { return "https://" + p.address + wfe.DirectoryPath }

// Up has it answer; it does so from the start.
func (p *Pebble) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return
	}
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.server = httptest.NewUnstartedServer(p.handler)
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.server.Listener.Close()
	p.server.Listener = l
	p.server.StartTLS()
}

// Down has nobody answer at its address, until Up. It forgets nothing.
func (p *Pebble) Down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		p.server.Close()
		p.server = nil
	}
}

// Orders is how many orders it has accepted.
func (p *Pebble) Orders() int { return int(p.orders.Load()) }

// Root is the certificate of its root, in PEM form.
func (p *Pebble) Root() []byte { return p.ask(wfe.RootCertPath + "0") }

// Status is what it has to say about a certificate that it issued: Valid or Revoked, and for which reason.
func (p *Pebble) Status(serial *big.Int) string {
	var status struct {
		Status string
		Reason uint
	}
	text := p.ask("/cert-status-by-serial/" + fmt.Sprintf("%x", serial))
	if err := json.Unmarshal(text, &status); err != nil {
		p.tb.Fatalf("pebble's word about a certificate: %v: %s", err, text)
	}
	if status.Status == "Revoked" {
		return fmt.Sprintf("Revoked, reason %d", status.Reason)
	}
	return status.Status
}

func (p *Pebble) ask(path string) []byte {
	w := httptest.NewRecorder()
	p.manage.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, strings.NewReader("")))
	if w.Code != http.StatusOK {
		p.tb.Fatalf("pebble: %s: %s", path, w.Body)
	}
	return w.Body.Bytes()
}

// Roots trusts its certificates.
func (p *Pebble) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(p.Root()) {
		p.tb.Fatal("pebble: expected its root in PEM form")
	}
	return pool
}
