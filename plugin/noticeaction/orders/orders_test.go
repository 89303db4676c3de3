package orders

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const (
	oldSecret = "0123456789abcdefghijklmn"
	newSecret = "nmlkjihgfedcba9876543210-and-more"
)

func line(secret string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(secret)) }

func keys(t *testing.T, lines ...string) []Key {
	t.Helper()
	all, err := ReadKeys(keyFile(t, lines...))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func keyFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// receiver starts a registration system that answers by h, and a Sender for it.
func receiver(t *testing.T, h http.HandlerFunc, secrets ...string) *Sender {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	var lines []string
	for _, s := range secrets {
		lines = append(lines, line(s))
	}
	s, err := New(Config{URL: server.URL + "/orders", Keys: keys(t, lines...), CAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var order = casework.Leaving{
	Outgoing: store.Outgoing{
		ID: 17, Kind: store.Order, Case: "2026-00001", Order: procedure.OrderReinstate,
		Created: time.Date(2026, 6, 11, 22, 0, 0, 0, time.UTC),
	},
	Payload: []byte(`{"case":"2026-00001","order":"reinstate","names":["example.be"]}`),
}

// verified is how a receiver verifies by the text of Standard Webhooks, with nothing of this package.
func verified(h http.Header, body []byte, secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "."))
	mac.Write(body)
	for signature := range strings.FieldsSeq(h.Get("webhook-signature")) {
		encoded, ok := strings.CutPrefix(signature, "v1,")
		given, err := base64.StdEncoding.DecodeString(encoded)
		if ok && err == nil && hmac.Equal(given, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

func TestOrderIsSignedCloudEvent(t *testing.T) {
	s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.Path != "/orders" {
			t.Errorf("%s %s, want POST /orders", r.Method, r.URL.Path)
		}
		if got := r.Header.Get("Content-Type"); got != "application/cloudevents+json; charset=utf-8" {
			t.Errorf("content type %q", got)
		}
		for _, secret := range []string{oldSecret, newSecret} {
			if !verified(r.Header, body, secret) {
				t.Errorf("does not verify with %q", secret)
			}
		}
		if verified(r.Header, body, "some other secret of 24+") || verified(r.Header, append(body, ' '), oldSecret) {
			t.Error("verifies with another key or another body")
		}
		seconds, err := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
		if age := time.Since(time.Unix(seconds, 0)); err != nil || age < -time.Minute || age > time.Minute {
			t.Errorf("timestamp %q, want now", r.Header.Get("Webhook-Timestamp"))
		}
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil {
			t.Errorf("body %s: %v", body, err)
		}
		want := map[string]any{
			"specversion": "1.0", "id": "2026-00001-17", "source": "/v1/cases", "subject": "2026-00001",
			"type": "be.dnsbelgium.noticeaction.order.reinstate", "time": "2026-06-11T22:00:00Z",
			"datacontenttype": "application/json",
			"data":            map[string]any{"case": "2026-00001", "order": "reinstate", "names": []any{"example.be"}},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		if id := r.Header.Get("Webhook-Id"); id != want["id"] {
			t.Errorf("Webhook-Id %q, want %q", id, want["id"])
		}
		w.WriteHeader(http.StatusAccepted)
	}, newSecret, oldSecret)
	if err := s.Send(t.Context(), order); err != nil {
		t.Error(err)
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name      string
		status    int
		after     string // Retry-After
		taken     bool
		permanent bool
		wait      time.Duration
	}{
		{name: "ok", status: 200, taken: true},
		{name: "accepted", status: 202, taken: true},
		{name: "no content", status: 204, taken: true},
		{name: "redirect is not followed", status: 307},
		{name: "bad request", status: 400, permanent: true},
		{name: "signature refused", status: 401, permanent: true},
		{name: "not found", status: 404, permanent: true},
		{name: "request timeout", status: 408},
		{name: "conflict", status: 409, permanent: true},
		{name: "gone", status: 410, permanent: true},
		{name: "too early", status: 425},
		{name: "too many", status: 429, after: "90", wait: 90 * time.Second},
		{name: "server error", status: 500},
		{name: "unavailable for days", status: 503, after: "864000", wait: 6 * time.Hour},
		{name: "unavailable until a date", status: 503, after: "Wed, 21 Oct 2026 07:28:00 GMT"},
		{name: "unavailable, nonsense", status: 503, after: "-5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			s := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Location", "/elsewhere")
				if tt.after != "" {
					w.Header().Set("Retry-After", tt.after)
				}
				w.WriteHeader(tt.status)
			}, oldSecret)
			err := s.Send(t.Context(), order)
			if asked != 1 {
				t.Errorf("asked %d times, want once", asked)
			}
			if tt.taken {
				if err != nil {
					t.Errorf("not taken: %v", err)
				}
				return
			}
			var refusal *Error
			if !errors.As(err, &refusal) {
				t.Fatalf("error %v, want an *Error", err)
			}
			if refusal.Permanent() != tt.permanent || refusal.RetryAfter() != tt.wait {
				t.Errorf("permanent %v, retry after %v; want %v, %v", refusal.Permanent(), refusal.RetryAfter(), tt.permanent, tt.wait)
			}
			if !strings.Contains(err.Error(), strconv.Itoa(tt.status)) {
				t.Errorf("error %q does not tell the status", err)
			}
		})
	}
}

// TestReceiversWords: what the receiver says is told, in one line and not more than a bit of it.
func TestReceiversWords(t *testing.T) {
	s := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, "no such\n name: "+strings.Repeat("é", 1<<20))
	}, oldSecret)
	err := s.Send(t.Context(), order)
	if err == nil || !strings.Contains(err.Error(), `"no such name: éé`) || len(err.Error()) > 400 || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q", err)
	}
}

func TestNobodyThere(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	server.Close()
	s, err := New(Config{URL: server.URL + "/secret-path", Keys: keys(t, line(oldSecret))})
	if err != nil {
		t.Fatal(err)
	}
	var refusal *Error
	if err := s.Send(t.Context(), order); !errors.As(err, &refusal) || refusal.Permanent() || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("error %v, want one that passes and does not show the address", err)
	}
}

func TestUnknownCertificateIsRefused(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the order arrived") }))
	defer server.Close()
	s, err := New(Config{URL: server.URL, Keys: keys(t, line(oldSecret))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), order); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v, want one about the certificate", err)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	arrived := make(chan struct{})
	s := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server notices that its client left once it has read the body
		close(arrived)
		<-r.Context().Done()
	}, oldSecret)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if err := s.Send(ctx, order); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestOrderThatIsNoJSON(t *testing.T) {
	s := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("the order arrived") }, oldSecret)
	broken := order
	broken.Payload = []byte("{")
	var refusal *Error
	if err := s.Send(t.Context(), broken); !errors.As(err, &refusal) || !refusal.Permanent() {
		t.Errorf("error %v, want one that is permanent", err)
	}
}

func TestCheckURL(t *testing.T) {
	tests := []struct {
		url string
		ok  bool
	}{
		{"https://registry.example/orders", true},
		{"https://registry.example:8443", true},
		{"http://127.0.0.1:8080/orders", true},
		{"http://[::1]:8080/orders", true},
		{"http://localhost/orders", true},
		{"http://registry.example/orders", false},
		{"http://192.0.2.1/orders", false},
		{"ftp://registry.example/", false},
		{"registry.example/orders", false},
		{"https:///orders", false},
		{"https://:443/orders", false},
		{"https://user:word@registry.example/", false},
		{"https://registry.example/#here", false},
		{"https://registry.example:port/", false},
		{"", false},
	}
	for _, tt := range tests {
		if err := CheckURL(tt.url); (err == nil) != tt.ok {
			t.Errorf("%q: %v, want taken %v", tt.url, err, tt.ok)
		}
	}
}

func TestReadKeys(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		keys  int
		err   string
	}{
		{"one", []string{line(oldSecret)}, 1, ""},
		{"two and a comment", []string{"# since May", line(newSecret), "", line(oldSecret)}, 2, ""},
		{"none", []string{"# soon"}, 0, "expected 1 to 2 keys, got 0"},
		{"three", []string{line(oldSecret), line(oldSecret), line(newSecret)}, 0, "expected 1 to 2 keys, got 3"},
		{"no prefix", []string{strings.TrimPrefix(line(oldSecret), "whsec_")}, 0, ":1: expected whsec_BASE64"},
		{"no base64", []string{"", "whsec_not base64"}, 0, ":2: expected whsec_BASE64"},
		{"short", []string{line(oldSecret[:23])}, 0, "24 to 64 bytes"},
		{"long", []string{line(strings.Repeat("k", 65))}, 0, "24 to 64 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := ReadKeys(keyFile(t, tt.lines...))
			if tt.err == "" && (err != nil || len(keys) != tt.keys) {
				t.Errorf("%d keys, error %v; want %d", len(keys), err, tt.keys)
			}
			if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), oldSecret)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
	if _, err := ReadKeys(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v for a file that is not there", err)
	}
}

func TestNewWantsKeys(t *testing.T) {
	if _, err := New(Config{URL: "https://registry.example/"}); err == nil {
		t.Error("a Sender without a key was made")
	}
}
