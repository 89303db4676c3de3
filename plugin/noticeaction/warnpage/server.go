package warnpage

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Limits of one connection. A visit takes a second; who needs longer is not served.
const (
	readTimeout  = 5 * time.Second // for a request, and for a TLS handshake
	writeTimeout = 10 * time.Second
	idleTimeout  = 10 * time.Second
	maxHeader    = 8 << 10 // bytes
	maxStreams   = 16      // requests at a time in a connection of HTTP/2
	maxFrames    = 64 << 10
)

// CheckAddress wants HOST:PORT with a port of 1 to 65535.
func CheckAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if n, err2 := strconv.ParseUint(port, 10, 16); err != nil || err2 != nil || n == 0 {
		return fmt.Errorf("expected HOST:PORT, got %q", addr)
	}
	return nil
}

// Server owns one listener. Its handler and its TLS configuration can be replaced while it runs, so that a
// reload drops no connection.
type Server struct {
	addr     string
	listener *limited
	secure   bool
	http     *http.Server
	handler  atomic.Pointer[http.Handler]
	tls      atomic.Pointer[tls.Config]
	served   chan error
}

// Listen opens addr, HOST:PORT, and serves h there until Close, with TLS if config is not nil. logf, which
// may be nil, gets a line for each fault that is not a visitor's; no line holds an address of one.
func Listen(addr string, config *tls.Config, h http.Handler, logf func(line string)) (*Server, error) {
	inner, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", addr, err)
	}
	s := &Server{addr: addr, listener: newLimited(inner, maxConnections), secure: config != nil, served: make(chan error, 1)}
	s.SetHandler(h)
	s.SetTLS(config)
	s.http = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) }),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerConnection: maxFrames, MaxReceiveBufferPerStream: maxFrames},
		ErrorLog:          log.New(discreet(logf), "", 0),

		DisableGeneralOptionsHandler: true, // OPTIONS * is answered like everything else
	}
	listener := net.Listener(s.listener)
	if s.secure {
		listener = tls.NewListener(listener, &tls.Config{
			MinVersion:         tls.VersionTLS12,
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.tls.Load(), nil },
		})
	}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// Addr is the address that is served, with the port that was chosen if it was 0.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// SetHandler makes h serve the requests that start from now on.
func (s *Server) SetHandler(h http.Handler) { s.handler.Store(&h) }

// SetTLS makes the connections that start from now on use config, which must name the protocols that are
// spoken, h2 among them. A server opened without TLS stays without.
func (s *Server) SetTLS(config *tls.Config) { s.tls.Store(config) }

// Secure reports whether the server was opened with TLS.
func (s *Server) Secure() bool { return s.secure }

// Alive reports whether the server still serves.
func (s *Server) Alive() bool { return len(s.served) == 0 }

// Close stops listening, waits for the requests under way until ctx ends, then cuts those that are left.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("closing the page at %s: %w", s.addr, err), s.http.Close())
	}
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serving the page at %s: %w", s.addr, served))
	}
	return err
}

// discreet passes on only those of net/http's complaints that are about the listener: all others name the
// address of a visitor.
type discreet func(line string)

func (d discreet) Write(b []byte) (int, error) {
	if line := strings.TrimSpace(string(b)); d != nil && strings.HasPrefix(line, "http: Accept error") {
		d(line)
	}
	return len(b), nil
}
