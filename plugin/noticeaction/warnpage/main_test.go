package warnpage

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/authority"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/page"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)

// find flags example.be and café.be for apd-gba, and other.be for an authority that nothing is known of.
func find(host string) (Redirect, bool) {
	for name, r := range map[string]Redirect{
		"example.be":     {"example.be", "apd-gba"},
		"xn--caf-dma.be": {"café.be", "apd-gba"},
		"other.be":       {"other.be", "gaming-commission"},
	} {
		if host == name || strings.HasSuffix(host, "."+name) {
			return r, true
		}
	}
	return Redirect{}, false
}

// counted counts answers by status and language.
type counted struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counted) observe(status int, language string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[string]int)
	}
	c.of[http.StatusText(status)+" "+language]++
}

func config() Config {
	return Config{
		Hosts: []string{"warning.authority.example"}, Find: find, Page: page.Default, Authorities: authority.Default(),
		Abuse: "mailto:abuse@dns.example", Now: func() time.Time { return noon },
	}
}

// ask makes one request of a handler.
func ask(h http.Handler, method, target, host string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// serve serves a handler on a free port until the test ends.
func serve(t *testing.T, h http.Handler) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", nil, h, func(line string) { t.Errorf("logged: %s", line) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, s) })
	return s
}

func end(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}
