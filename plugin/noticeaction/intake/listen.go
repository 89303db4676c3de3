package intake

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"
)

// MaxReceived is the size of the largest message that a [Server] takes, in bytes: with its trace it is one that a
// [Reader] reads.
const MaxReceived = MaxMessage - 4096

// Limits of one server. A client that fills all connections keeps others waiting in the queue of the socket, and
// the mail server in front keeps their mail.
const (
	maxRecipientsRcpt = 100
	maxCommandLine    = 64 << 10 // of messages too: some servers send longer lines than RFC 5321 allows
	sessionTimeout    = 5 * time.Minute
	replyTimeout      = 30 * time.Second
	maxConnections    = 64
)

// Envelope is how a message came.
type Envelope struct {
	From   string   // reverse-path; empty for a bounce
	To     []string // mailboxes, 1..100
	Remote string   // address of the peer; empty over a unix socket
	Via    string   // "smtp" or "lmtp"
	// Trace is how many bytes at the start of the message are the Return-Path and Received fields that the server
	// put there (RFC 5321 section 4.4). What follows is what the peer sent, and the same each time it sends it.
	Trace int
}

// Handler keeps a message. It returns nil once that is durable: only then is the peer told so. After an error the
// peer sends the message again later. It must return soon after ctx is done; it may be called concurrently, and
// owns the message.
type Handler func(ctx context.Context, e Envelope, message []byte) error

// Config says where a server listens, and what it does with mail.
type Config struct {
	Addr      string      // "HOST:PORT" speaks SMTP (RFC 5321), "unix:PATH" LMTP (RFC 2033); see CheckAddress
	Hostname  string      // that it greets with; empty: "localhost"
	Mailboxes []string    // "local@domain", or "local" at any domain; empty: any recipient
	TLS       *tls.Config // for STARTTLS over TCP; nil: not offered
	Receive   Handler     // nil: every message is refused for now
	Log       func(line string)
	// MaxConnections is how many are served at a time; 0: 64.
	MaxConnections int
	// PerSender and PerPeer are how many messages one reverse-path and one peer may leave within the hour; 0: 100
	// and 1000.
	PerSender, PerPeer int
	// Timeout bounds the wait for a command, and for a whole message; 0: 5 minutes (RFC 5321 section 4.5.3.2.7).
	Timeout time.Duration
}

// Server owns one listener. Its handler, its mailboxes and its TLS configuration can be replaced while it runs, so
// that a reload drops no connection. Its methods may be called concurrently.
type Server struct {
	addr     string
	hostname string
	listener net.Listener
	socket   fs.FileInfo // the socket file; nil for TCP
	secure   bool
	smtp     *smtp.Server
	log      func(line string)

	ofSender, ofPeer int // messages within the hour

	receive   atomic.Pointer[Handler]
	mailboxes atomic.Pointer[[]string]
	tls       atomic.Pointer[tls.Config]

	ctx    context.Context // of the handler; done when Close runs out of time
	cancel context.CancelFunc
	served chan error

	mu      sync.Mutex
	closing bool
	conns   map[*conn]struct{}
	flood   flood
	open    sync.WaitGroup // connections, and messages under way
}

// Listen opens c.Addr and serves there until Close. The file of a unix socket has mode 0660, for the mail server in
// front: a folder with its group and the setgid bit lets it in. The socket file of a dead process is replaced,
// anything else in its place is an error. CheckAddress is the caller's to ask.
func Listen(c Config) (*Server, error) {
	listener, socket, err := open(c.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		addr: c.Addr, hostname: or(c.Hostname, "localhost"), listener: listener, socket: socket, secure: c.TLS != nil && socket == nil,
		ofSender: or(c.PerSender, maxOfSender), ofPeer: or(c.PerPeer, maxOfPeer),
		log: c.Log, served: make(chan error, 1), conns: make(map[*conn]struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.SetReceive(c.Receive)
	s.SetMailboxes(c.Mailboxes)
	s.SetTLS(c.TLS)
	s.smtp = smtp.NewServer(smtp.BackendFunc(s.session))
	s.smtp.LMTP = socket != nil
	s.smtp.Domain = s.hostname
	s.smtp.MaxRecipients = maxRecipientsRcpt
	s.smtp.MaxMessageBytes = MaxReceived + 1 // the library refuses one of exactly so many
	s.smtp.MaxLineLength = maxCommandLine
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = or(c.Timeout, sessionTimeout), replyTimeout
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.ErrorLog = log.New(lineWriter(c.Log), "", 0)
	if s.secure {
		s.smtp.TLSConfig = &tls.Config{
			MinVersion:         tls.VersionTLS12,
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.tls.Load(), nil },
		}
	}
	s.listener = tracked{netutil.LimitListener(listener, or(c.MaxConnections, maxConnections)), s}
	go func() { s.served <- s.smtp.Serve(s.listener) }()
	return s, nil
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Addr is the address as given to Listen, except that a TCP port 0 shows the port that was chosen.
func (s *Server) Addr() string {
	if s.socket != nil {
		return s.addr
	}
	return s.listener.Addr().String()
}

// SetReceive makes h keep the messages that end from now on.
func (s *Server) SetReceive(h Handler) { s.receive.Store(&h) }

// SetMailboxes makes the server take mail for these from now on.
func (s *Server) SetMailboxes(mailboxes []string) { s.mailboxes.Store(&mailboxes) }

// SetTLS makes the connections that turn to TLS from now on use config. A server opened without TLS stays without.
func (s *Server) SetTLS(config *tls.Config) { s.tls.Store(config) }

// Secure reports whether the server was opened with TLS.
func (s *Server) Secure() bool { return s.secure }

// Alive reports whether clients still find the server: it serves, and the file of its unix socket is where it was put.
func (s *Server) Alive() bool { return len(s.served) == 0 && inPlace(s.addr, s.socket) }

// Close stops listening, removes the socket file if it is still its own, and ends the connections: at once those
// that wait for a command, after its reply those that send a message. When ctx ends it cuts those that are left.
// It returns when every goroutine has come to its end.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	for c := range s.conns {
		c.drain()
	}
	s.mu.Unlock()
	if !first {
		return fmt.Errorf("closing the mail address %s: %w", s.addr, net.ErrClosed)
	}
	var err error
	if s.socket != nil && inPlace(s.addr, s.socket) {
		err = os.Remove(strings.TrimPrefix(s.addr, "unix:"))
	}
	err = errors.Join(err, s.listener.Close())
	served := <-s.served
	s.served <- served // Alive looks at it
	if !errors.Is(served, net.ErrClosed) {
		err = errors.Join(err, fmt.Errorf("serving the mail address %s: %w", s.addr, served))
	}
	drained := make(chan struct{})
	go func() { s.open.Wait(); close(drained) }()
	select {
	case <-drained:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("closing the mail address %s: %w", s.addr, ctx.Err()))
		s.cancel()
		_ = s.smtp.Close() // what it says of the listener is said already
		<-drained
	}
	s.cancel()
	return err
}

// lineWriter gives the library's complaints to the log one line at a time.
type lineWriter func(line string)

func (w lineWriter) Write(b []byte) (int, error) {
	if w != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n") // what follows is a stack
		w(first)
	}
	return len(b), nil
}
