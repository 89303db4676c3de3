package warnpage

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

// answer is what came back on a connection.
type answer struct {
	status int
	close  bool // the connection ends with it
	body   []byte
	more   []byte // what followed it until the connection ended, if it did
}

// exchange sends text, which is a request by method, and reads the answer.
func exchange(t *testing.T, c net.Conn, text, method string) (a answer) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	got, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	defer got.Body.Close()
	a.status, a.close = got.StatusCode, got.Close
	if a.body, err = io.ReadAll(got.Body); err != nil {
		t.Fatal(err)
	}
	if !a.close {
		return a
	}
	if a.more, err = io.ReadAll(r); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	return a
}

// What arrives in the wire forms of HTTP/1, which package httptest cannot make.
func TestRequestsAsTheyArrive(t *testing.T) {
	s := serve(t, New(config()))
	tests := []struct {
		name, text string
		method     string
		status     int
	}{
		{"HTTP/1.1", "GET / HTTP/1.1\r\nHost: example.be\r\n\r\n", "GET", 451},
		{"HTTP/1.0 with a host", "GET / HTTP/1.0\r\nHost: example.be\r\n\r\n", "GET", 451},
		{"HTTP/1.0 without", "GET / HTTP/1.0\r\n\r\n", "GET", 421},
		{"the host in the target", "GET http://example.be/x HTTP/1.1\r\nHost: free.be\r\n\r\n", "GET", 451},
		{"the server's options", "OPTIONS * HTTP/1.1\r\nHost: example.be\r\n\r\n", "OPTIONS", 451},
		{"a tunnel", "CONNECT example.be:443 HTTP/1.1\r\nHost: example.be:443\r\n\r\n", "POST", 451},
		{"HEAD", "HEAD / HTTP/1.1\r\nHost: example.be\r\n\r\n", "HEAD", 451},
		{"a body that never comes", "POST / HTTP/1.1\r\nHost: example.be\r\nContent-Length: 100\r\n\r\n", "POST", 451},
		{"a body in chunks that never come", "POST / HTTP/1.1\r\nHost: example.be\r\nTransfer-Encoding: chunked\r\n\r\n", "POST", 451},
		{"a body that waits to be asked for", "PUT / HTTP/1.1\r\nHost: example.be\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n", "PUT", 451},
		{"headers without end", "GET / HTTP/1.1\r\nHost: example.be\r\nX: " + strings.Repeat("x", 3*maxHeader) + "\r\n\r\n", "GET", 431},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "GET", 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := exchange(t, dial(t, s.Addr()), tt.text, tt.method)
			if got.status != tt.status {
				t.Fatalf("got %d, want %d", got.status, tt.status)
			}
			if tt.status == 451 && (tt.method == "HEAD") != (len(got.body) == 0) {
				t.Errorf("got a body of %d bytes to %s", len(got.body), tt.method)
			}
			if !got.close || len(got.more) > 0 {
				t.Errorf("the connection goes on, with %q", got.more)
			}
		})
	}
}

// certificate makes one for example.be that nobody signed.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"example.be"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, pool
}

// onlyExample has a certificate for example.be and refuses all other handshakes, as certs does.
func onlyExample(c tls.Certificate) *tls.Config {
	return &tls.Config{
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != "example.be" {
				return nil, fmt.Errorf("no certificate for %q", hello.ServerName)
			}
			return &c, nil
		},
	}
}

func serveTLS(t *testing.T, config *tls.Config, h http.Handler) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", config, h, func(line string) { t.Errorf("logged: %s", line) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, s) })
	return s
}

func TestOverTLS(t *testing.T) {
	own, pool := certificate(t)
	s := serveTLS(t, onlyExample(own), New(config()))
	visit := func(transport http.RoundTripper, body io.Reader) (*http.Response, error) {
		r, err := http.NewRequest(http.MethodPost, "https://"+s.Addr()+"/x", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "example.be"
		return transport.RoundTrip(r)
	}
	one := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.be"}}
	defer one.CloseIdleConnections()
	two := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.be"}}
	defer two.CloseIdleConnections()
	for major, transport := range map[int]http.RoundTripper{1: one, 2: two} {
		answer, err := visit(transport, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != 451 || answer.ProtoMajor != major || err != nil || !strings.Contains(string(text), "example.be") {
			t.Errorf("HTTP/%d: got %s %s, %v", major, answer.Proto, answer.Status, err)
		}
		if sts := answer.Header.Get("Strict-Transport-Security"); sts != "" {
			t.Errorf("HTTP/%d: got Strict-Transport-Security %s", major, sts)
		}
	}
	t.Run("a body without end", func(t *testing.T) {
		body, more := io.Pipe()
		defer more.Close()
		answer, err := visit(two, body)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 451 {
			t.Errorf("got %s", answer.Status)
		}
	})
	t.Run("a name that is not flagged", func(t *testing.T) {
		_, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: pool, ServerName: "free.be"})
		if err == nil || !strings.Contains(err.Error(), "remote error") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no TLS at all", func(t *testing.T) {
		got := exchange(t, dial(t, s.Addr()), "GET / HTTP/1.1\r\nHost: example.be\r\n\r\n", "GET")
		if got.status != http.StatusBadRequest {
			t.Errorf("got %d", got.status)
		}
	})
	t.Run("with the certificates of a reload", func(t *testing.T) {
		next, nextPool := certificate(t)
		s.SetTLS(onlyExample(next))
		c, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: nextPool, ServerName: "example.be"})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

// Handshakes for names without a certificate, and what is no handshake at all, leave nothing behind.
func TestHandshakesInVain(t *testing.T) {
	own, pool := certificate(t)
	config := onlyExample(own)
	var asked atomic.Int64
	withCertificate := config.GetCertificate
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		asked.Add(1)
		return withCertificate(hello)
	}
	s := serveTLS(t, config, New(Config{Find: find}))
	const many = 200
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			c, err := net.Dial("tcp", s.Addr())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if i%2 == 0 {
				_, _ = c.Write(bytes.Repeat([]byte{0x16}, 100))
				return
			}
			if err := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: fmt.Sprintf("free%d.be", i)}).Handshake(); err == nil {
				t.Error("a name that is not flagged has a certificate")
			}
		})
	}
	all.Wait()
	for s.listener.count() > 0 {
		runtime.Gosched()
	}
	if asked.Load() != many/2 {
		t.Errorf("asked for %d certificates, want %d", asked.Load(), many/2)
	}
}

func TestAReloadKeepsConnections(t *testing.T) {
	s := serve(t, New(config()))
	c := dial(t, s.Addr())
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: exa"); err != nil {
		t.Fatal(err)
	}
	free := config()
	free.Find = func(string) (Redirect, bool) { return Redirect{}, false }
	s.SetHandler(New(free))
	if got := exchange(t, c, "mple.be\r\n\r\n", "GET"); got.status != http.StatusMisdirectedRequest {
		t.Errorf("got %d, want 421 by the new handler", got.status)
	}
}

// When there are too many connections the oldest gives way, so that a visitor gets through.
func TestTheOldestGivesWay(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimited(inner, 3)
	defer l.Close()
	var accepted []net.Conn
	next := func() net.Conn {
		t.Helper()
		ours := dial(t, inner.Addr().String())
		theirs, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { theirs.Close() })
		accepted = append(accepted, theirs)
		return ours
	}
	isCut := func(c net.Conn) bool {
		if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Read(make([]byte, 1))
		return err != nil && !isTimeout(err)
	}
	first, second, third := next(), next(), next()
	if isCut(first) || isCut(second) || isCut(third) {
		t.Fatal("there was room for three")
	}
	if err := accepted[1].Close(); err != nil { // served
		t.Fatal(err)
	}
	fourth := next()
	if isCut(first) || isCut(third) {
		t.Error("there was room again")
	}
	fifth := next()
	if !isCut(first) || isCut(third) || isCut(fourth) || isCut(fifth) {
		t.Error("expected the oldest one to be cut, and no other")
	}
	if n := l.count(); n != 3 {
		t.Errorf("counts %d connections, want 3", n)
	}
}

// count is how many are open.
func (l *limited) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open.Len()
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestAddresses(t *testing.T) {
	for _, good := range []string{"127.0.0.1:80", "[::]:443", ":8080", "localhost:1"} {
		if err := CheckAddress(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:http", "127.0.0.1:65536", "::1", "unix:/x"} {
		if err := CheckAddress(bad); err == nil || !strings.Contains(err.Error(), "expected HOST:PORT") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
	taken := serve(t, New(config()))
	if s, err := Listen(taken.Addr(), nil, New(config()), nil); err == nil {
		t.Error("two servers have one address")
		end(t, s)
	}
}

func TestWhatIsLogged(t *testing.T) {
	var logged []string
	d := discreet(func(line string) { logged = append(logged, line) })
	for _, line := range []string{
		"http: TLS handshake error from 192.0.2.7:1234: EOF\n",
		"http2: server: error reading preface from client 192.0.2.7:1234: EOF\n",
		"http: Accept error: accept tcp 127.0.0.1:80: accept4: too many open files; retrying in 5ms\n",
	} {
		if n, err := d.Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("%s: wrote %d, %v", line, n, err)
		}
	}
	if len(logged) != 1 || !strings.HasPrefix(logged[0], "http: Accept error") {
		t.Errorf("logged %q", logged)
	}
}
