package certs

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mholt/acmez/v3/acme"
)

// TestChallengesAreAnsweredWhileTheyAreOpen: whoever asks for anything else gets the page.
func TestChallengesAreAnsweredWhileTheyAreOpen(t *testing.T) {
	m := &Manager{challenges: newChallenges()}
	page := m.HTTPChallenge(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") }))
	challenge := acme.Challenge{
		Type: acme.ChallengeTypeHTTP01, Token: "token", KeyAuthorization: "token.thumbprint",
		Identifier: acme.Identifier{Type: "dns", Value: "www.example.be"},
	}
	open := httpSolver{m.challenges}
	if err := open.Present(t.Context(), challenge); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, method, host, path, want string }{
		{"the CA", http.MethodGet, "www.example.be", challengePath + "token", "token.thumbprint"},
		{"in capitals, with a port", http.MethodGet, "WWW.example.be:80", challengePath + "token", "token.thumbprint"},
		{"another host", http.MethodGet, "example.be", challengePath + "token", "page"},
		{"another token", http.MethodGet, "www.example.be", challengePath + "other", "page"},
		{"no token", http.MethodGet, "www.example.be", challengePath, "page"},
		{"another method", http.MethodPost, "www.example.be", challengePath + "token", "page"},
		{"another path", http.MethodGet, "www.example.be", "/token", "page"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(""))
			r.Host = tt.host
			w := httptest.NewRecorder()
			page.ServeHTTP(w, r)
			if got := w.Body.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if err := open.CleanUp(t.Context(), challenge); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.challenges.token(challengePath+"token", "www.example.be"); ok || len(m.challenges.tokens) > 0 {
		t.Error("expected nothing to be left of it")
	}
}
