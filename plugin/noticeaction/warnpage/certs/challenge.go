package certs

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// challenges holds what the CA will ask for while it validates a host: by http-01 a token (RFC 8555 section 8.3), by
// tls-alpn-01 a certificate (RFC 8737). It is empty but for the orders under way. Safe for concurrent use.
type challenges struct {
	mu      sync.RWMutex
	tokens  map[string]string           // path and host: the key authorization
	certify map[string]*tls.Certificate // by host
}

func newChallenges() *challenges {
	return &challenges{tokens: make(map[string]string), certify: make(map[string]*tls.Certificate)}
}

// httpSolver and tlsSolver are [acmez.Solver]s that put challenges in, and take them out again.
type (
	httpSolver struct{ *challenges }
	tlsSolver  struct{ *challenges }
)

func tokenKey(path, host string) string { return path + " " + canonical(host) }

func (s httpSolver) Present(_ context.Context, c acme.Challenge) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[tokenKey(c.HTTP01ResourcePath(), c.Identifier.Value)] = c.KeyAuthorization
	return nil
}

func (s httpSolver) CleanUp(_ context.Context, c acme.Challenge) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, tokenKey(c.HTTP01ResourcePath(), c.Identifier.Value))
	return nil
}

func (s tlsSolver) Present(_ context.Context, c acme.Challenge) error {
	cert, err := acmez.TLSALPN01ChallengeCert(c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.certify[canonical(c.Identifier.Value)] = cert
	return nil
}

func (s tlsSolver) CleanUp(_ context.Context, c acme.Challenge) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.certify, canonical(c.Identifier.Value))
	return nil
}

// token answers a request of the CA; false: it is none.
func (s *challenges) token(path, host string) (authorization string, ok bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	authorization, ok = s.tokens[tokenKey(path, host)]
	return authorization, ok
}

// certificate is what proves to the CA that host is served here; nil: it is not asked for.
func (s *challenges) certificate(host string) *tls.Certificate {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.certify[host]
}

// challengePath is below which a CA looks for tokens, RFC 8555 section 8.3.
const challengePath = "/.well-known/acme-challenge/"

// HTTPChallenge answers the CA's requests for the hosts that are being validated, and hands all others to next.
func (m *Manager) HTTPChallenge(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, challengePath) {
			if authorization, ok := m.challenges.token(r.URL.Path, r.Host); ok {
				w.Header().Set("Content-Type", "application/octet-stream")
				_, _ = io.WriteString(w, authorization)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
