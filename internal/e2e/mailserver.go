package e2e

import (
	"fmt"
	"io"
	"log"
	"mime"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-smtp"
)

// MailServer is a real SMTP server on a loopback port, without TLS, that
// keeps what it gets.
type MailServer struct {
	Taken[Mail]

	mu     sync.Mutex
	answer *smtp.SMTPError // to every recipient; nil: it takes mail
}

// Mail is a mail as it arrived.
type Mail struct {
	To      []string // of the envelope
	Header  message.Header
	Subject string // decoded
	Body    string // decoded, with LF and ordinary spaces
}

// String shows the mail for a script to look at.
func (m Mail) String() string {
	return fmt.Sprintf("to: %s\nsubject: %s\nid: %s\n\n%s\n", strings.Join(m.To, " "), m.Subject, m.Header.Get("Message-Id"), m.Body)
}

// StartMailServer starts one that ends with the test.
func StartMailServer(tb testing.TB, port string) *MailServer {
	tb.Helper()
	m := &MailServer{}
	l, err := net.Listen("tcp", Address(port))
	if err != nil {
		tb.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{server: m}, nil }))
	server.Domain = "mail.test"
	server.ErrorLog = log.New(io.Discard, "", 0) // a client that is killed is what tests do
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // ends with the listener
	}()
	tb.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return m
}

// Answer has the server answer each recipient with an SMTP code from now on; 250 takes mail again.
func (m *MailServer) Answer(code int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = nil
	if code != 250 {
		m.answer = &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: "as the test asks"}
	}
}

// plain makes a body easy to search: line ends, and no-break spaces in dates.
var plain = strings.NewReplacer("\r\n", "\n", "\u00a0", " ")

type mailSession struct {
	server *MailServer
	to     []string
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *mailSession) Reset()                               { s.to = nil }
func (s *mailSession) Logout() error                        { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.answer != nil {
		return s.server.answer
	}
	s.to = append(s.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	e, err := message.Read(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(e.Body)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(e.Header.Get("Subject"))
	if err != nil {
		return err
	}
	s.server.add(Mail{To: s.to, Header: e.Header, Subject: subject, Body: plain.Replace(string(body))})
	return nil
}

// Taken is what arrived somewhere and nobody has looked at yet.
type Taken[T any] struct {
	mu   sync.Mutex
	all  []T
	grew chan struct{} // closed and replaced when all grows
}

func (t *Taken[T]) add(one T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, one)
	if t.grew != nil {
		close(t.grew)
		t.grew = nil
	}
}

// Next waits until n have arrived that nobody has looked at, and returns all of these.
func (t *Taken[T]) Next(n int) ([]T, error) {
	timeout := time.After(patience)
	for {
		t.mu.Lock()
		if len(t.all) >= n {
			all := t.all
			t.all = nil
			t.mu.Unlock()
			return all, nil
		}
		if t.grew == nil {
			t.grew = make(chan struct{})
		}
		grew, got := t.grew, len(t.all)
		t.mu.Unlock()
		select {
		case <-grew:
		case <-timeout:
			return nil, fmt.Errorf("expected %d to arrive, got %d within %s", n, got, patience)
		}
	}
}
