package intake

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/leeway"
)

// The replies (RFC 5321 section 4.2, RFC 3463).
var (
	errClosing   = &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "closing; try again later"}
	errMailbox   = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox here"}
	errNotKept   = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "the message could not be kept; try again later"}
	errCut       = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 2}, Message: "the message did not come whole; try again"}
	errTooLarge  = &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}, Message: "expected a message of at most 10 MiB"}
	errEmptyMail = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "expected a message, got none"}
)

// session is one greeting of one connection. BDAT makes the library call Data from a goroutine of its own.
type session struct {
	server *Server
	smtp   *smtp.Conn
	conn   *conn

	mu   sync.Mutex
	from string
	to   []string
}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	raw := c.Conn()
	if t, ok := raw.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	return &session{server: s, smtp: c, conn: raw.(*conn)}, nil
}

// Reset forgets the message under way.
func (s *session) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.to = "", nil
}

// Logout has nothing to free.
func (s *session) Logout() error { return nil }

// Mail takes any reverse-path: that of a bounce is empty.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.to = from, nil
	return nil
}

// Rcpt takes the mailboxes that are configured.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !takes(*s.server.mailboxes.Load(), to) {
		return errMailbox
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = append(s.to, to)
	return nil
}

// takes tells whether mail to a recipient is taken. Case does not count, in the local part either.
func takes(mailboxes []string, to string) bool {
	local := to[:max(strings.LastIndexByte(to, '@'), 0)]
	return len(mailboxes) == 0 || slices.ContainsFunc(mailboxes, func(m string) bool {
		return strings.EqualFold(m, to) || !strings.Contains(m, "@") && strings.EqualFold(m, local)
	})
}

// Data hands the whole message over, and nothing of one that did not come whole.
func (s *session) Data(r io.Reader) error {
	if !s.conn.begin() {
		return errClosing
	}
	defer s.conn.end()
	body, err := io.ReadAll(io.LimitReader(r, MaxReceived+1))
	leeway.LookAtNetwork() // to read the message may take long
	if refused, ok := errors.AsType[*smtp.SMTPError](err); ok && refused.Code == errTooLarge.Code || len(body) > MaxReceived {
		return errTooLarge
	}
	s.mu.Lock()
	e := Envelope{From: s.from, To: slices.Clone(s.to), Via: "smtp"}
	s.mu.Unlock()
	switch {
	case err != nil || len(e.To) == 0:
		return errCut
	case len(bytes.TrimSpace(body)) == 0:
		return errEmptyMail
	}
	if s.server.smtp.LMTP {
		e.Via = "lmtp"
	} else {
		e.Remote, _, _ = net.SplitHostPort(s.conn.RemoteAddr().String())
	}
	now := time.Now()
	if !s.server.flood.admit(now, s.server.limitsOf(e)) {
		return errFlood
	}
	trace := s.trace(e, now)
	e.Trace = len(trace)
	receive := *s.server.receive.Load()
	if receive == nil || receive(s.server.ctx, e, append(trace, body...)) != nil {
		return errNotKept
	}
	return nil
}

// trace returns the fields of final delivery (RFC 5321 section 4.4).
func (s *session) trace(e Envelope, at time.Time) []byte {
	with := "ESMTP"
	if _, isTLS := s.smtp.TLSConnectionState(); isTLS {
		with = "ESMTPS"
	}
	from := oneLine(s.smtp.Hostname())
	if e.Via == "lmtp" {
		with = "LMTP"
	} else {
		from += " ([" + e.Remote + "])"
	}
	return fmt.Appendf(nil, "Return-Path: <%s>\r\nReceived: from %s\r\n\tby %s with %s;\r\n\t%s\r\n",
		oneLine(e.From), from, s.server.hostname, with, at.Format(time.RFC1123Z))
}

// oneLine keeps what a peer said within a field of a header.
func oneLine(s string) string { return line(s, maxLine) }

// tracked makes a server know its connections.
type tracked struct {
	net.Listener
	server *Server
}

// Accept is that of net.Listener.
func (l tracked) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, server: l.server}
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	if l.server.closing {
		_ = raw.Close()
		return nil, net.ErrClosed
	}
	l.server.conns[c] = struct{}{}
	l.server.open.Add(1)
	return c, nil
}

// conn is a connection that can be told to end once it is between messages.
type conn struct {
	net.Conn
	server *Server
	once   sync.Once

	mu       sync.Mutex
	busy     bool // a message is under way
	draining bool
}

// past is a deadline that ends a wait at once.
var past = time.Unix(1, 0)

// drain ends the connection when no message is under way: the wait for the next command times out, and the peer is told.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if !c.busy {
		_ = c.Conn.SetReadDeadline(past)
	}
}

// begin marks that a message is under way; false if it is too late for one.
func (c *conn) begin() bool {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server.closing {
		return false
	}
	c.busy = true
	c.server.open.Add(1)
	return true
}

func (c *conn) end() {
	c.mu.Lock()
	c.busy = false
	if c.draining {
		_ = c.Conn.SetReadDeadline(past)
	}
	c.mu.Unlock()
	c.server.open.Done()
}

// SetReadDeadline keeps a connection that is to end from waiting on.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining && !c.busy {
		t = past
	}
	return c.Conn.SetReadDeadline(t)
}

// Close is that of net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.server.mu.Lock()
		delete(c.server.conns, c)
		c.server.mu.Unlock()
		c.server.open.Done()
	})
	return err
}
