package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func TestRefusals(t *testing.T) {
	cause := errors.New("no space left on device")
	tests := []struct {
		name       string
		err        error
		status     int
		retryAfter bool
		logged     bool
	}{
		{"invalid", &casework.Error{Kind: casework.Invalid, Field: "reference", Value: "x", Detail: "expected y"}, 422, false, false},
		{"not found", &casework.Error{Kind: casework.NotFound, Detail: "expected y"}, 404, false, false},
		{"conflict", &casework.Error{Kind: casework.Conflict, Detail: "expected y"}, 409, false, false},
		{"precondition", &casework.Error{Kind: casework.Precondition, Detail: "expected y"}, 412, false, false},
		{"forbidden", &casework.Error{Kind: casework.Forbidden, Detail: "expected y"}, 403, false, false},
		{"braked", &casework.Error{Kind: casework.Braked, Detail: "expected y", RetryAt: time.Now().Add(time.Hour)}, 429, true, false},
		{"braked for good", &casework.Error{Kind: casework.Braked, Detail: "expected y"}, 429, false, false},
		{"wrapped", fmt.Errorf("flagging: %w", &casework.Error{Kind: casework.Conflict, Detail: "expected y"}), 409, false, false},
		{"the store failed", &casework.Error{Kind: casework.Unavailable, Detail: "expected y", Err: cause}, 503, true, true},
		{"a kind that is none", &casework.Error{Kind: 99, Detail: "expected y", Err: cause}, 500, false, true},
		{"anything else", cause, 500, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log []string
			h := New(Config{Log: func(line string) { log = append(log, line) }, Desk: fakeDesk{
				flag: func(context.Context, casework.Order, casework.FlagRequest) (casework.Result, error) {
					return casework.Result{}, tt.err
				},
			}})
			got := serve(h, as("uid:1000"), http.MethodPut, "/v1/flags/secret.be", order)
			if got.Code != tt.status || (got.Header().Get("Retry-After") != "") != tt.retryAfter {
				t.Errorf("got %d, Retry-After %q; want %d", got.Code, got.Header().Get("Retry-After"), tt.status)
			}
			if got.Code != 500 && !strings.Contains(got.Body.String(), `"detail":"expected y"`) {
				t.Errorf("want the desk's detail in %s", got.Body)
			}
			if strings.Contains(got.Body.String(), "no space") {
				t.Errorf("the answer shows the inside: %s", got.Body)
			}
			if tt.logged != (len(log) == 1) || tt.logged && !strings.Contains(log[0], "no space left") {
				t.Errorf("got log %q", log)
			}
		})
	}
}

// No refusal repeats more than a little of what was sent.
func TestRefusalsAreShort(t *testing.T) {
	long := strings.Repeat("x", 8<<10)
	h := New(Config{Desk: openDesk(t), Tokens: tokensOf(t)})
	put, post := "PUT /v1/flags/example.be", "POST /v1/flags/import"
	for _, s := range []step{
		{name: "a text", call: put, body: `{"authority":"apd-gba","reference":"` + long + `"}`, status: 422},
		{name: "a list", call: put, body: `{"authority":"apd-gba","reference":["` + long + `"]}`, status: 422},
		{name: "a key", call: put, body: `{"authority":"apd-gba","reference":"1","` + long + `":1}`, status: 422},
		{name: "a key twice", call: put, body: `{"` + long + `":1,"` + long + `":1}`, status: 400},
		{name: "a time", call: put, body: `{"authority":"apd-gba","reference":"1","not_after":"` + long + `"}`, status: 422},
		{name: "a parameter", call: put + "?" + long + "=1", body: order, status: 422},
		{name: "a parameter's value", call: put + "?dry_run=" + long, body: order, status: 422},
		{name: "a force", call: put + "?force=" + long, body: order, status: 422},
		{name: "a name", call: "GET /v1/flags/" + long, status: 422},
		{name: "a name, to an authority", who: bearer("authority"), call: "GET /v1/flags/" + strings.Repeat("a.", 100) + "be", status: 404},
		{name: "an authority", who: bearer("authority"), call: "GET /v1/flags?authority=" + long, status: 403},
		{name: "a cursor", call: "GET /v1/flags?after=" + long, status: 422},
		{name: "a method", call: long + " /v1/status", status: 405},
		{name: "a media type", call: put, headers: []string{"Content-Type: " + long}, body: order, status: 415},
		{name: "an entity tag", call: put, headers: []string{"If-Match: " + long}, body: order, status: 422},
		{name: "an entity tag in quotes", call: put, headers: []string{`If-Match: "` + long + `"`}, body: order, status: 412},
		{name: "an idempotency key", call: post, headers: []string{"Idempotency-Key: " + long}, body: order, status: 422},
		{name: "a name in a line", call: post, body: `{"name":"` + long + `"}`, status: 422},
		{name: "a key in a line", call: post, body: `{"` + long + `":1}`, status: 422},
		{name: "a number in a line", call: post, body: `{"name":1` + strings.Repeat("0", 8<<10) + `}`, status: 422},
	} {
		s.never = strings.Repeat("x", 300)
		tell(t, h, []step{s})
		method, target, _ := strings.Cut(s.call, " ")
		who := s.who
		if who == nil {
			who = as("uid:1000")
		}
		if n := serve(h, who, method, target, s.body, s.headers...).Body.Len(); n > 1500 {
			t.Errorf("%s: a problem document of %d bytes", s.name, n)
		}
	}
}

func TestPanicIsAProblem(t *testing.T) {
	var log string
	h := New(Config{Log: func(line string) { log = line }, Desk: fakeDesk{
		lookup: func(string) (store.Flag, error) { panic("out of order") },
	}})
	got := serve(h, as("uid:0"), http.MethodGet, "/v1/flags/a.be", "")
	if got.Code != http.StatusInternalServerError || strings.Contains(got.Body.String(), "out of order") || !strings.Contains(log, "out of order") {
		t.Errorf("got %d %s, log %q", got.Code, got.Body, log)
	}
}

func TestClientThatGoesAwayUndoesNothing(t *testing.T) {
	h := New(Config{Desk: fakeDesk{flag: func(ctx context.Context, _ casework.Order, _ casework.FlagRequest) (casework.Result, error) {
		return casework.Result{}, ctx.Err()
	}}})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	got := serve(h, func(r *http.Request) *http.Request { return as("uid:0")(r.WithContext(ctx)) }, http.MethodPut, "/v1/flags/a.be", order)
	if got.Code != http.StatusOK {
		t.Errorf("got %d, want the desk not to hear of it", got.Code)
	}
}

func TestObservedAndLoggedWithoutNames(t *testing.T) {
	var mu sync.Mutex
	var seen, log []string
	h := New(Config{
		Desk: openDesk(t),
		Observe: func(route string, code int) {
			mu.Lock()
			seen = append(seen, fmt.Sprint(route, " ", code))
			mu.Unlock()
		},
		Log: func(line string) { mu.Lock(); log = append(log, line); mu.Unlock() },
	})
	for _, call := range []string{
		"PUT /v1/flags/secret.be", "PUT /v1/flags/secret.be", "GET /v1/flags/secret.be", "GET /v1/flags/nothing.be",
		"GET /secret.be", "POST /v1/flags/secret.be", "DELETE /v1/flags/secret.be?reason=x&dry_run=true", "DELETE /v1/flags/secret.be?reason=x",
	} {
		method, target, _ := strings.Cut(call, " ")
		serve(h, as("uid:1000"), method, target, order)
	}
	want := []string{
		"PUT /v1/flags/{name} 201", "PUT /v1/flags/{name} 200", "GET /v1/flags/{name} 200", "GET /v1/flags/{name} 404",
		"other 404", "other 405", "DELETE /v1/flags/{name} 200", "DELETE /v1/flags/{name} 204",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("got %q, want %q", seen, want)
	}
	want = []string{
		"PUT /v1/flags/{name} by uid:1000: 201: generation 1",
		"DELETE /v1/flags/{name} by uid:1000: 204: generation 2",
	}
	if !slices.Equal(log, want) {
		t.Errorf("got log %q, want %q", log, want)
	}
}

// FuzzName puts anything in the place of a name: each answer is a flag or a
// problem document, and none is a fault of the server.
func FuzzName(f *testing.F) {
	for _, name := range []string{"example.be", "café.be", "XN--CAF-DMA.BE.", "..", "a/b.be", `a\.be`, "%2e", "\x00", "\xff.be", "xn--a.be", strings.Repeat("a.", 200)} {
		f.Add(name)
	}
	h := New(Config{Desk: openDesk(f)})
	f.Fuzz(func(t *testing.T, name string) {
		for _, call := range []string{"PUT /v1/flags/", "GET /v1/flags/", "GET /v1/preview/", "DELETE /v1/flags/"} {
			method, path, _ := strings.Cut(call, " ")
			target, err := url.Parse("http://localhost" + path + url.PathEscape(name) + "?")
			if err != nil {
				t.Fatal(err)
			}
			if method == http.MethodDelete {
				target.RawQuery = "reason=x"
			}
			r := httptest.NewRequest(method, "/", strings.NewReader(order))
			r.URL = target
			w := httptest.NewRecorder()
			h.ServeHTTP(w, as("uid:0")(r))
			switch w.Code {
			case 200, 201, 204:
			case 403, 404, 422, 429:
				if w.Header().Get("Content-Type") != "application/problem+json" || !strings.Contains(w.Body.String(), "expected") {
					t.Errorf("%s%q: got %d %s", call, name, w.Code, w.Body)
				}
			default:
				t.Errorf("%s%q: got %d %s", call, name, w.Code, w.Body)
			}
		}
	})
}
