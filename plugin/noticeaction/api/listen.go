package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Limits of one connection. Import, export and backup take longer than the
// last two allow and move their own deadlines while bytes flow.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	readTimeout   = 30 * time.Second
	writeTimeout  = 30 * time.Second
	maxHeader     = 16 << 10
)

// socketMode lets in the server's own user and root. Who else may flag names
// is the administrator's decision: chmod and chgrp, or a folder of their own.
const socketMode = 0o600

// CheckAddress says whether the API may listen on addr, "unix:PATH" or
// "HOST:PORT". TCP asks for a tokens file; off loopback it asks for TLS too.
func CheckAddress(addr string, hasTLS, hasTokens bool) error {
	network, address, err := splitAddress(addr)
	switch {
	case err != nil || network == "unix":
		return err
	case !hasTokens:
		return fmt.Errorf("admin: expected tokens with a TCP address, got %q without", addr)
	case !hasTLS && !Loopback(address):
		return fmt.Errorf("admin: expected admin_tls with an address off loopback, got %q without", addr)
	}
	return nil
}

// splitAddress gives the network and address that net.Listen takes.
func splitAddress(addr string) (network, address string, err error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		// sun_path of unix(7) holds 108 bytes with the final zero.
		if path == "" || len(path) > 107 {
			return "", "", fmt.Errorf("admin: expected unix:PATH with a path of 1 to 107 bytes, got %q", addr)
		}
		return "unix", path, nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("admin: expected unix:PATH or HOST:PORT, got %q", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("admin: expected a port of 1 to 65535, got %q", addr)
	}
	return "tcp", addr, nil
}

// Loopback tells whether only this machine can reach the address, HOST:PORT. A host name
// other than localhost may resolve to anything, so it is not loopback.
func Loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Server owns one listener. Its handler and its TLS configuration can be
// replaced while it runs, so that a reload drops no connection.
type Server struct {
	addr     string
	listener net.Listener
	socket   fs.FileInfo // the socket file; nil for TCP
	secure   bool
	http     *http.Server
	handler  atomic.Pointer[http.Handler]
	tls      atomic.Pointer[tls.Config]
	served   chan error
}

// Listen opens addr ("unix:PATH" or "HOST:PORT") and serves h there until
// Close. A nil config means no TLS; a unix socket never has it. logf gets a
// line for each fault of a connection. The file of a unix socket has mode
// 0600; the socket file of a dead process is replaced, anything else in its
// place is an error. CheckAddress is the caller's to ask.
func Listen(addr string, config *tls.Config, h http.Handler, logf func(line string)) (*Server, error) {
	listener, socket, err := open(addr)
	if err != nil {
		return nil, err
	}
	s := &Server{addr: addr, listener: listener, socket: socket, served: make(chan error, 1)}
	s.SetHandler(h)
	s.SetTLS(config)
	if config != nil && socket == nil {
		s.secure = true
		listener = tls.NewListener(listener, &tls.Config{
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.tls.Load(), nil },
		})
	}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) }),
		ConnContext:       peer,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(lineWriter(logf), "", 0),
	}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// Addr is the address as given to Listen, except that a TCP port 0 shows the
// port that was chosen.
func (s *Server) Addr() string {
	if s.listener.Addr().Network() == "unix" {
		return s.addr
	}
	return s.listener.Addr().String()
}

// SetHandler makes h serve the requests that start from now on.
func (s *Server) SetHandler(h http.Handler) { s.handler.Store(&h) }

// SetTLS makes the connections that start from now on use config. A server
// opened without TLS stays without.
func (s *Server) SetTLS(config *tls.Config) { s.tls.Store(config) }

// Secure reports whether the server was opened with TLS.
func (s *Server) Secure() bool { return s.secure }

// Alive reports whether clients still find the server: it serves, and the file of its unix socket is
// where it was put.
func (s *Server) Alive() bool {
	if len(s.served) > 0 {
		return false
	}
	if s.socket == nil {
		return true
	}
	now, err := os.Lstat(s.path())
	return err == nil && os.SameFile(now, s.socket)
}

func (s *Server) path() string { return strings.TrimPrefix(s.addr, "unix:") }

// Close stops listening, removes the socket file if it is still its own, waits for the requests under
// way until ctx ends, then cuts those that are left.
func (s *Server) Close(ctx context.Context) error {
	if l, ok := s.listener.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(s.Alive())
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("closing the admin address %s: %w", s.addr, err), s.http.Close())
	}
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serving the admin address %s: %w", s.addr, served))
	}
	return err
}

// open opens the address. The second result is the file of a unix socket, nil for TCP.
func open(addr string) (net.Listener, fs.FileInfo, error) {
	path, isUnix := strings.CutPrefix(addr, "unix:")
	if !isUnix {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, nil, fmt.Errorf("admin: opening %s: %w", addr, err)
		}
		return l, nil, nil
	}
	if err := clearStale(path); err != nil {
		return nil, nil, err
	}
	// On Linux the socket file takes the mode of the socket it is bound to, so
	// no moment passes in which it is open to more. Elsewhere this may fail and
	// the chmod below must do.
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), socketMode) })
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, nil, fmt.Errorf("admin: opening %s: %w", addr, err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("admin: setting the mode of %s: %w", addr, err), l.Close())
	}
	socket, err := os.Lstat(path)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("admin: looking at %s: %w", path, err), l.Close())
	}
	return l, socket, nil
}

// clearStale removes the socket file of a process that is gone. It never
// touches what is not a socket, nor a socket that somebody answers.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("admin: looking at %s: %w", path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("admin: expected a socket or no file at the path, got %q, which is something else", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return fmt.Errorf("admin: expected a socket that nobody serves, got %q, which another process serves", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("admin: asking whether another process serves %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("admin: removing the socket of a dead process: %w", err)
	}
	return nil
}

// lineWriter gives net/http's complaints to the log one line at a time.
type lineWriter func(line string)

func (w lineWriter) Write(b []byte) (int, error) {
	if w != nil {
		w(strings.TrimSpace(string(b)))
	}
	return len(b), nil
}
