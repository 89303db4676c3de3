package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/email"
)

const (
	commandTimeout = 2 * time.Minute
	dataTimeout    = 10 * time.Minute // RFC 5321 section 4.5.3.2.6: to give up earlier is to send twice
	quitTimeout    = 2 * time.Second
)

// server hands messages to an SMTP server, each over a connection of its own.
type server struct {
	settings
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// SMTP returns a Sender over the mail server of the configuration: with TLS and a verified certificate, from the
// start on port 465 and by STARTTLS on others; without TLS to this machine only. The user is made known over
// TLS only.
//
// Of the server's refusals those of the message are permanent: 5xx to the sender, to a recipient or to the data.
// A refusal of the session is not, as the message can leave once the configuration is right: of the greeting, of
// TLS, of the user. Nor is a network that fails. When it fails after the data and before the answer, the server
// may have taken the message; trying again sends it twice, with one Message-ID.
//
// When the server takes some of the recipients and refuses others for good, those taken get the message, and the
// error is permanent: trying again would send it to them twice. When it puts off any of them, none gets it.
func SMTP(c Config) (Sender, error) {
	if c.Server == "" {
		return nil, errors.New("smtp: expected HOST:PORT")
	}
	s, err := c.read()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	return &server{settings: s, dial: dialer.DialContext}, nil
}

// Close does nothing: no connection outlives its message.
func (s *server) Close() error { return nil }

// Send implements [Sender].
func (s *server) Send(ctx context.Context, l casework.Leaving) error {
	recipients, err := paths(l.Recipients)
	if err != nil {
		return permanent(err)
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return clipped(fmt.Errorf("connecting to the mail server: %w", err))
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err = s.deliver(conn, recipients, l.Payload)
	if err != nil && !isPermanent(err) && ctx.Err() != nil {
		return fmt.Errorf("sending mail: %w", context.Cause(ctx))
	}
	return err
}

// connect returns a connection that can be spoken SMTP on: with TLS already if that comes first.
func (s *server) connect(ctx context.Context) (net.Conn, error) {
	conn, err := s.dial(ctx, "tcp", net.JoinHostPort(s.host, s.port))
	if err != nil {
		return nil, err
	}
	if addr, isTCP := conn.RemoteAddr().(*net.TCPAddr); s.tls == nil && isTCP && !addr.IP.IsLoopback() {
		conn.Close()
		return nil, fmt.Errorf("expected %s to be this machine, as TLS is not asked for", s.host)
	}
	if err := conn.SetDeadline(time.Now().Add(commandTimeout)); err != nil {
		conn.Close()
		return nil, err
	}
	if s.tls == nil || s.port != submissions {
		return conn, nil
	}
	secured := tls.Client(conn, s.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// deliver has one message taken.
func (s *server) deliver(conn net.Conn, recipients []string, message []byte) error {
	c, err := s.greet(conn)
	if err != nil {
		return clipped(fmt.Errorf("greeting the mail server: %w", err))
	}
	refused, err := s.envelope(c, recipients)
	if err != nil {
		return err
	}
	if err := data(c, message); err != nil {
		return err
	}
	// The message is taken: whatever follows changes nothing.
	if c.UpdateDeadline(quitTimeout) == nil {
		_ = c.Quit()
	}
	if len(refused) > 0 {
		return permanent(clipped(fmt.Errorf("taken for %d of %d recipients: %w", len(recipients)-len(refused), len(recipients), errors.Join(refused...))))
	}
	return nil
}

// greet begins the session. A refusal here is not of the message.
func (s *server) greet(conn net.Conn) (*smtp.Client, error) {
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return nil, err
	}
	if err := c.Hello(s.hello); err != nil {
		return nil, err
	}
	if _, secured := c.TLSConnectionState(); !secured && s.tls != nil {
		if offered, _ := c.Extension("STARTTLS"); !offered {
			return nil, errors.New("expected the server to offer STARTTLS")
		}
		if err := c.StartTLS(s.tls); err != nil {
			return nil, err
		}
	}
	if s.user == "" {
		return c, nil
	}
	_, offered := c.Extension("AUTH")
	mechanism, err := s.mechanism(strings.Fields(strings.ToUpper(offered)))
	if err != nil {
		return nil, err
	}
	return c, c.Auth(mechanism)
}

// mechanism returns the best way to make the user known that is offered.
func (s *server) mechanism(offered []string) (smtp.Auth, error) {
	for _, m := range []struct {
		name string
		auth smtp.Auth
	}{
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(s.user, s.password)},
		{"SCRAM-SHA-1", smtp.ScramSHA1Auth(s.user, s.password)},
		{"PLAIN", smtp.PlainAuth("", s.user, s.password, s.host, false)},
		{"LOGIN", smtp.LoginAuth(s.user, s.password, s.host, false)},
	} {
		for _, name := range offered {
			if name == m.name {
				return m.auth, nil
			}
		}
	}
	return nil, fmt.Errorf("expected the server to offer AUTH with SCRAM-SHA-256, SCRAM-SHA-1, PLAIN or LOGIN, got %q", offered)
}

// envelope names sender and recipients. It returns the refusals of recipients, if at least one is taken and none
// is put off.
func (s *server) envelope(c *smtp.Client, recipients []string) (refused []error, err error) {
	international := !email.ASCII(strings.Join(recipients, ""))
	if known, _ := c.Extension("SMTPUTF8"); international && !known {
		return nil, permanent(errors.New("expected the server to take addresses that are not ASCII (SMTPUTF8)"))
	}
	c.SkipSMTPUTF8(!international) // else a later server without it would have to return the mail
	if err := c.UpdateDeadline(commandTimeout); err != nil {
		return nil, clipped(err)
	}
	if err := c.Mail(s.from); err != nil {
		return nil, verdict("sender", err)
	}
	var putOff error
	for i, recipient := range recipients {
		if err := c.UpdateDeadline(commandTimeout); err != nil {
			return nil, clipped(err)
		}
		err := c.Rcpt(recipient)
		if err == nil {
			continue
		}
		err = verdict(fmt.Sprintf("recipient %d of %d", i+1, len(recipients)), err)
		switch {
		case isPermanent(err):
			refused = append(refused, err)
		case !isReply(err):
			return nil, err
		case putOff == nil:
			putOff = err
		}
	}
	switch {
	case putOff != nil:
		return nil, putOff
	case len(refused) == len(recipients):
		return nil, permanent(clipped(errors.Join(refused...)))
	}
	return refused, nil
}

// data sends the message and waits for it to be taken.
func data(c *smtp.Client, message []byte) error {
	if err := c.UpdateDeadline(dataTimeout); err != nil {
		return clipped(err)
	}
	w, err := c.Data()
	if err != nil {
		return verdict("data", err)
	}
	if _, err := w.Write(message); err != nil {
		return clipped(fmt.Errorf("data: %w", err))
	}
	return verdict("end of data", w.Close())
}

// paths returns the recipients as SMTP has them.
func paths(recipients []string) ([]string, error) {
	if len(recipients) == 0 {
		return nil, errors.New("expected a recipient")
	}
	var all []string
	for i, r := range recipients {
		p, err := path(r)
		if err != nil {
			return nil, fmt.Errorf("recipient %d of %d: %w", i+1, len(recipients), err)
		}
		all = append(all, p)
	}
	return all, nil
}

// verdict is the error of a command that is about the message; nil stays nil.
func verdict(of string, err error) error {
	if err == nil {
		return nil
	}
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return clipped(fmt.Errorf("%s: %w", of, err))
	}
	err = clipped(fmt.Errorf("%s: the server said %w", of, err))
	switch {
	case reply.Code == 530, reply.Code == 534, reply.Code == 535, reply.Code == 538: // the user, RFC 4954 section 6
		return err
	case reply.Code >= 500:
		return permanent(err)
	}
	return err
}

func isReply(err error) bool {
	var reply *textproto.Error
	return errors.As(err, &reply)
}

func isPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}
