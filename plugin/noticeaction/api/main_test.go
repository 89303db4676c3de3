package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// policy is that of the tests: two zones, a warning page, a protected name.
func policy() *casework.Policy {
	return &casework.Policy{
		Zones:        []string{"be.", "vlaanderen."},
		WarningHosts: []string{"warn.page.be"},
		Protect:      []string{"fgov.be"},
		Brake:        casework.Brake{Count: 100, Per: time.Hour},
		Look:         look,
	}
}

// look finds the same for all names, and nothing for silent.be.
func look(_ context.Context, name string) (reach.Record, error) {
	if name == "silent.be" {
		return reach.Record{}, errors.New("no resolver answered")
	}
	page := []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:1::1")}
	return reach.Record{
		Hosts:   []reach.Host{{Name: name, Addresses: page}},
		Servers: []string{"ns1.example.net"},
		Mail:    []reach.Exchange{{Preference: 10, Host: "mail." + name, Addresses: page[:1]}, {Preference: 20, Host: "mx.example.net"}},
	}, nil
}

// start is when the clock of the tests stands.
var start = time.Date(2026, 5, 12, 9, 30, 0, 0, time.UTC)

// openDesk opens a real desk on a database of its own. Its clock stands.
func openDesk(t testing.TB) *casework.Desk {
	t.Helper()
	return openDeskWith(t, policy())
}

func openDeskWith(t testing.TB, p *casework.Policy) *casework.Desk {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "noticeaction.db"))
	if err != nil {
		t.Fatal(err)
	}
	desk, err := casework.Open(casework.Config{
		Store: s, Set: redirect.NewSet(), Policy: p,
		Now: func() time.Time { return start },
	})
	if err != nil {
		s.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := desk.Close(); err != nil {
			t.Errorf("closing the desk: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return desk
}

// asWho makes a request come from somebody.
type asWho func(*http.Request) *http.Request

// as is a peer of the unix socket, so an admin.
func as(actor string) asWho {
	return func(r *http.Request) *http.Request { return r.WithContext(withPeer(r.Context(), actor)) }
}

// bearer is the holder of the token that stands for seed.
func bearer(seed string) asWho {
	return func(r *http.Request) *http.Request {
		r.Header.Set("Authorization", "Bearer "+tokenFor(seed))
		return r
	}
}

// serve makes one call. Headers are "Name: value".
func serve(h http.Handler, who asWho, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, who(r))
	return w
}

// tokensOf lists one token per role; each is named after its role.
func tokensOf(t testing.TB) *Tokens {
	t.Helper()
	tokens, err := readTokens("tokens", strings.NewReader(
		"viewer viewer "+hexSum("viewer")+"\noperator operator "+hexSum("operator")+
			"\nadmin admin "+hexSum("admin")+"\nauthority authority:apd-gba "+hexSum("authority")))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}
