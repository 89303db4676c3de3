package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const mailHost = "mail.registry.example"

// taken is a message that the test server took.
type taken struct {
	from, hello string
	to          []string
	message     []byte
	secured     bool
	user        string
}

// testServer is a real SMTP server on loopback. The hooks decide; nil ones let pass.
type testServer struct {
	addr       string
	ca         string // path of the certificate that it shows
	mechanisms []string

	onMail func() error
	onRcpt func(to string) error
	onData func(*smtp.Conn) error // after all data has come

	mu   sync.Mutex
	took []taken
}

// serve starts the server. From then on only onMail, onRcpt and onData may not change.
func (s *testServer) serve(t testing.TB, secured, implicit bool) *testServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	server.Domain = mailHost
	server.EnableSMTPUTF8 = true
	server.ErrorLog = silent{}
	if secured {
		certificate := s.certificate(t)
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
		if implicit {
			listener = tls.NewListener(listener, server.TLSConfig)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Close()
		listener.Close() // the server does not know it before it serves
		<-done
	})
	return s
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// certificate makes one for mailHost and loopback, and writes it down for the client.
func (s *testServer) certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: mailHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{mailHost, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, s.ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (s *testServer) messages() []taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took
}

// sender is the Sender for the server, as if it were at the address of the configuration.
func (s *testServer) sender(t testing.TB, c Config) Sender {
	t.Helper()
	c.From = netmail.Address{Name: "DNS Belgium", Address: "noticeaction@registry.example"}
	if c.Server == "" {
		c.Server = s.addr
	}
	made, err := SMTP(c)
	if err != nil {
		t.Fatal(err)
	}
	made.(*server).dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.addr)
	}
	return made
}

type session struct {
	server *testServer
	conn   *smtp.Conn
	now    taken
	user   string
}

func (s *session) AuthMechanisms() []string { return s.server.mechanisms }

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	check := func(user, password string) error {
		if user != "desk" || password != "correct horse" {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}
	if mechanism == sasl.Login {
		return &login{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// login is the server's half of AUTH LOGIN.
type login struct {
	check func(user, password string) error
	user  string
	asked int
}

func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	l.asked++
	switch l.asked {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	_, secured := s.conn.TLSConnectionState()
	s.now = taken{from: from, hello: s.conn.Hostname(), secured: secured, user: s.user}
	if s.server.onMail != nil {
		return s.server.onMail()
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.onRcpt != nil {
		if err := s.server.onRcpt(to); err != nil {
			return err
		}
	}
	s.now.to = append(s.now.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	message, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.now.message = message
	s.server.mu.Lock()
	s.server.took = append(s.server.took, s.now)
	s.server.mu.Unlock()
	if s.server.onData == nil {
		return nil
	}
	err = s.server.onData(s.conn)
	if err != nil { // not taken after all
		s.server.mu.Lock()
		s.server.took = s.server.took[:len(s.server.took)-1]
		s.server.mu.Unlock()
	}
	return err
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func leaving(to ...string) casework.Leaving {
	return casework.Leaving{
		Outgoing: store.Outgoing{Kind: store.Mail, MessageID: "C2026-00001.1@desk.registry.example", Recipients: to},
		Payload:  []byte("Subject: x\r\n\r\nHello.\r\n"),
	}
}

// once returns a hook that gives the error the first time.
func once(err error) func() error {
	var said atomic.Bool // sessions run concurrently
	return func() error {
		if said.Swap(true) {
			return nil
		}
		return err
	}
}

// wantTemporary and wantPermanent judge an error as the desk does.
func wantTemporary(t *testing.T, err error) {
	t.Helper()
	if err == nil || isPermanent(err) {
		t.Errorf("got %v, want an error that may go away", err)
	}
}

func wantPermanent(t *testing.T, err error) {
	t.Helper()
	var verdict interface{ Permanent() bool }
	if !errors.As(err, &verdict) || !verdict.Permanent() {
		t.Errorf("got %v, want an error that stays", err)
	}
}

func wantTaken(t *testing.T, s *testServer, l casework.Leaving, times int) {
	t.Helper()
	all := s.messages()
	if len(all) != times {
		t.Fatalf("the server took %d messages, want %d", len(all), times)
	}
	for _, m := range all {
		if !bytes.Equal(m.message, l.Payload) {
			t.Errorf("got\n%q\nwant\n%q", m.message, l.Payload)
		}
	}
}
