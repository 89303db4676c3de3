package peer

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

// Registry is a running coredns-na and a client of its API, which it has at
// the socket noticeaction.sock in its folder.
type Registry struct {
	*e2e.Server
	Addr string // port 53 of it serves
	http *http.Client
}

// StartRegistry runs coredns-na in dir on a Corefile until the test ends.
func StartRegistry(tb testing.TB, dir, addr, corefile string) *Registry {
	tb.Helper()
	Write(tb, dir, "Corefile", corefile)
	r := &Registry{Addr: addr, Server: e2e.MustStart(tb, dir, "Corefile")}
	r.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "noticeaction.sock"))
		},
	}}
	tb.Cleanup(r.http.CloseIdleConnections)
	return r
}

// Flag flags names and returns what the API said, its warnings included.
func (r *Registry) Flag(tb testing.TB, names ...string) (replies string) {
	tb.Helper()
	for _, name := range names {
		replies += r.call(tb, http.MethodPut, "/v1/flags/"+name, `{"authority":"apd-gba","reference":"DOS-2026-01234"}`)
	}
	return replies
}

// Unflag lifts the flags of names.
func (r *Registry) Unflag(tb testing.TB, names ...string) {
	tb.Helper()
	for _, name := range names {
		r.call(tb, http.MethodDelete, "/v1/flags/"+name+"?reason=test", "")
	}
}

func (r *Registry) call(tb testing.TB, method, path, body string) string {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, "http://desk"+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.http.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	if resp.StatusCode >= 300 {
		tb.Fatalf("%s %s: %s\n%s", method, path, resp.Status, reply)
	}
	return string(reply)
}

// NoticeAction is a directive that sends visitors to 192.0.2.80 and
// 2001:db8::80. Its database and API socket are in the server's folder.
func NoticeAction(lines ...string) string {
	return fmt.Sprintf(`noticeaction {
    warning_page warning.authority.example 192.0.2.80 2001:db8::80
    database noticeaction.db
    admin unix:noticeaction.sock
    %s
}`, strings.Join(lines, "\n    "))
}
