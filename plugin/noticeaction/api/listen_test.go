package api

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

func TestCheckAddress(t *testing.T) {
	tests := []struct {
		addr        string
		tls, tokens bool
		err         string
	}{
		{addr: "unix:noticeaction.sock"},
		{addr: "unix:/run/coredns-na/noticeaction.sock", tls: true, tokens: true},
		{addr: "127.0.0.1:8053", tokens: true},
		{addr: "127.8.8.8:8053", tokens: true},
		{addr: "[::1]:8053", tokens: true},
		{addr: "localhost:8053", tokens: true},
		{addr: "192.0.2.1:8053", tls: true, tokens: true},
		{addr: ":8053", tls: true, tokens: true},
		{addr: "unix:", err: `admin: expected unix:PATH with a path of 1 to 107 bytes, got "unix:"`},
		{addr: "unix:" + strings.Repeat("a", 108), err: "admin: expected unix:PATH with a path of 1 to 107 bytes"},
		{addr: "8053", tokens: true, err: `admin: expected unix:PATH or HOST:PORT, got "8053"`},
		{addr: "", tokens: true, err: `admin: expected unix:PATH or HOST:PORT, got ""`},
		{addr: "::1:8053", tokens: true, err: "admin: expected unix:PATH or HOST:PORT"},
		{addr: "127.0.0.1:0", tokens: true, err: `admin: expected a port of 1 to 65535, got "127.0.0.1:0"`},
		{addr: "127.0.0.1:http", tokens: true, err: "admin: expected a port of 1 to 65535"},
		{addr: "127.0.0.1:65536", tokens: true, err: "admin: expected a port of 1 to 65535"},
		{addr: "127.0.0.1:8053", err: `admin: expected tokens with a TCP address, got "127.0.0.1:8053" without`},
		{addr: "192.0.2.1:8053", tls: true, err: "admin: expected tokens with a TCP address"},
		{addr: "192.0.2.1:8053", tokens: true, err: `admin: expected admin_tls with an address off loopback, got "192.0.2.1:8053" without`},
		{addr: ":8053", tokens: true, err: "admin: expected admin_tls with an address off loopback"},
		{addr: "[::]:8053", tokens: true, err: "admin: expected admin_tls with an address off loopback"},
		{addr: "desk.example:8053", tokens: true, err: "admin: expected admin_tls with an address off loopback"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s tls=%v tokens=%v", tt.addr, tt.tls, tt.tokens), func(t *testing.T) {
			err := CheckAddress(tt.addr, tt.tls, tt.tokens)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

// listen serves h on addr until the test ends.
func listen(t *testing.T, addr string, h http.Handler) *Server {
	t.Helper()
	s, err := Listen(addr, nil, h, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("closing the server: %v", err)
		}
	})
	return s
}

// overUnix is a client of the socket at path.
func overUnix(t *testing.T, path string) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// says answers every request with its text.
func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

// body makes a GET and returns what came.
func body(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestUnixSocketTellsThePeersUID(t *testing.T) {
	var actor string
	desk := fakeDesk{flag: func(_ context.Context, o casework.Order, _ casework.FlagRequest) (casework.Result, error) {
		actor = o.Actor
		return casework.Result{}, nil
	}}
	path := filepath.Join(t.TempDir(), "api.sock")
	listen(t, "unix:"+path, New(Config{Desk: desk}))
	r, err := http.NewRequest(http.MethodPut, "http://localhost/v1/flags/example.be", strings.NewReader(`{"authority":"apd-gba","reference":"1"}`))
	if err != nil {
		t.Fatal(err)
	}
	// A token makes nobody less on a socket that the file mode guards.
	r.Header.Set("Authorization", "Bearer nonsense")
	resp, err := overUnix(t, path).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if want := fmt.Sprintf("uid:%d", os.Getuid()); resp.StatusCode != http.StatusOK || actor != want {
		t.Errorf("got %d by %q, want 200 by %q", resp.StatusCode, actor, want)
	}
}

// What comes of a body after it was given up is not taken for the next request.
func TestRestOfABodyIsNoRequest(t *testing.T) {
	t.Parallel() // it waits until the server does no more
	path := filepath.Join(t.TempDir(), "api.sock")
	listen(t, "unix:"+path, New(Config{Desk: openDesk(t)}))
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /v1/flags/example.be HTTP/1.1\r\nHost: desk\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(order), order[:20])
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %s, %v; want 408", resp.Status, err)
	}
	fmt.Fprint(conn, "GET /v1/flags/example.be HTTP/1.1\r\nHost: desk\r\n\r\n") // fails if the server is gone, as it should be
	if next, err := in.ReadString('\n'); err == nil {
		t.Errorf("got a second reply, %q, want none", next)
	}
}

func TestUnixSocketFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")

	// The socket that a dead process left.
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()

	s, err := Listen("unix:"+path, nil, says("first"), nil)
	if err != nil {
		t.Fatalf("a stale socket is not replaced: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v; want 0600", info.Mode(), err)
	}
	if s.Addr() != "unix:"+path {
		t.Errorf("got address %q", s.Addr())
	}
	if _, err := Listen("unix:"+path, nil, says("second"), nil); err == nil || !strings.Contains(err.Error(), "admin: expected a socket that nobody serves") {
		t.Errorf("a second server on the socket: got %v", err)
	}
	if got := body(t, overUnix(t, path), "http://localhost/"); got != "first" {
		t.Errorf("after the second server's attempt: got %q, want the first to answer", got)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket file is left behind: %v", err)
	}
}

func TestUnixSocketNeverRemovesAnotherFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, dir} {
		if _, err := Listen("unix:"+path, nil, says(""), nil); err == nil || !strings.Contains(err.Error(), "admin: expected a socket or no file") {
			t.Errorf("%s: got %v", path, err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "data" {
		t.Errorf("the file was touched: %q, %v", text, err)
	}
	if _, err := Listen("unix:"+filepath.Join(dir, "no", "api.sock"), nil, says(""), nil); err == nil || !strings.Contains(err.Error(), "admin: opening unix:") {
		t.Errorf("a folder that is not there: got %v", err)
	}
}

func TestListenNamesABusyAddress(t *testing.T) {
	s := listen(t, "127.0.0.1:0", says(""))
	if _, err := Listen(s.Addr(), nil, says(""), nil); err == nil || !strings.Contains(err.Error(), "admin: opening "+s.Addr()) {
		t.Errorf("got %v", err)
	}
}

func TestHandlerIsReplacedWhileServing(t *testing.T) {
	s := listen(t, "127.0.0.1:0", says("old"))
	c := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	if got := body(t, c, "http://"+s.Addr()); got != "old" {
		t.Errorf("got %q", got)
	}
	s.SetHandler(says("new"))
	if got := body(t, c, "http://"+s.Addr()); got != "new" {
		t.Errorf("got %q on the same connection, want the new handler's answer", got)
	}
}

// waits is a handler that tells when a request is in, and answers when told.
func waits() (h http.Handler, in, answer chan struct{}) {
	in, answer = make(chan struct{}), make(chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(in)
		select {
		case <-answer:
			_, _ = io.WriteString(w, "done")
		case <-r.Context().Done():
		}
	}), in, answer
}

func TestCloseWaitsForRequests(t *testing.T) {
	h, in, answer := waits()
	s, err := Listen("127.0.0.1:0", nil, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	c := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	go func() { got <- body(t, c, "http://"+s.Addr()) }()
	<-in
	closed := make(chan error, 1)
	go func() { closed <- s.Close(context.Background()) }()
	select {
	case err := <-closed:
		t.Fatalf("closed (%v) while a request was under way", err)
	default:
	}
	close(answer)
	if err := <-closed; err != nil {
		t.Errorf("got %v", err)
	}
	if text := <-got; text != "done" {
		t.Errorf("got %q, want the request that was under way to be answered", text)
	}
}

func TestCloseCutsRequestsWhenTimeIsUp(t *testing.T) {
	h, in, _ := waits()
	s, err := Listen("127.0.0.1:0", nil, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	cut := make(chan error, 1)
	c := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	go func() {
		resp, err := c.Get("http://" + s.Addr())
		if err == nil {
			resp.Body.Close()
		}
		cut <- err
	}()
	<-in
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ctx); err == nil || !strings.Contains(err.Error(), "closing the admin address") {
		t.Errorf("got %v, want an error that says what was cut", err)
	}
	if err := <-cut; err == nil {
		t.Error("the request was answered, though its connection was to be cut")
	}
}

func TestDeadlinesReachTheConnection(t *testing.T) {
	s := listen(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn := http.NewResponseController(&response{ResponseWriter: w})
		err := errors.Join(conn.SetReadDeadline(time.Time{}), conn.SetWriteDeadline(time.Time{}))
		fmt.Fprint(w, err)
	}))
	c := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	if got := body(t, c, "http://"+s.Addr()); got != "<nil>" {
		t.Errorf("got %s", got)
	}
}

func TestSecure(t *testing.T) {
	for name, tc := range map[string]struct {
		addr   string
		config *tls.Config
		secure bool
	}{
		"TCP with TLS":    {"127.0.0.1:0", &tls.Config{}, true},
		"TCP without TLS": {"127.0.0.1:0", nil, false},
		"a unix socket":   {"unix:" + filepath.Join(t.TempDir(), "a.sock"), &tls.Config{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Listen(tc.addr, tc.config, says("here"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(t.Context())
			if s.Secure() != tc.secure || !s.Alive() {
				t.Errorf("secure = %v, alive = %v; want %v and true", s.Secure(), s.Alive(), tc.secure)
			}
		})
	}
}

// A server whose socket file was taken away says so, and leaves alone what came in its place.
func TestSocketFileTakenAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	s, err := Listen("unix:"+path, nil, says("first"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if s.Alive() {
		t.Error("alive without its file")
	}
	second := listen(t, "unix:"+path, says("second"))
	if s.Alive() || !second.Alive() {
		t.Errorf("alive: first %v, second %v", s.Alive(), second.Alive())
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := body(t, overUnix(t, path), "http://desk/"); got != "second" {
		t.Errorf("after the first closed, the socket says %q", got)
	}
}
