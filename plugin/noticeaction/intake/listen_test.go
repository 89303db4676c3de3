package intake

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// kept is one message that a handler was given.
type kept struct {
	Envelope
	message string
}

// keeper keeps messages, or fails.
type keeper struct {
	mu   sync.Mutex
	all  []kept
	fail error
}

func (k *keeper) receive(_ context.Context, e Envelope, message []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return k.fail
	}
	k.all = append(k.all, kept{e, string(message)})
	return nil
}

func (k *keeper) setFail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = err
}

func (k *keeper) kept() []kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.all)
}

// listen serves until the test ends, when every connection must have ended or be cut.
func listen(t *testing.T, c Config) *Server {
	t.Helper()
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	c.Hostname = "mx.example.test"
	s, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

// client speaks to a server as a mail server does.
func client(t *testing.T, s *Server) *smtp.Client {
	t.Helper()
	path, isUnix := strings.CutPrefix(s.Addr(), "unix:")
	if !isUnix {
		c, err := smtp.Dial(s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClientLMTP(conn)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// send sends one message; the error is the server's reply.
func send(c *smtp.Client, from, to, message string) error {
	if err := c.Mail(from, nil); err != nil {
		return err
	}
	if err := c.Rcpt(to, nil); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, message); err != nil {
		return err
	}
	return w.Close()
}

// wantReply checks the code of a server's reply; 0 stands for none that refuses.
func wantReply(t *testing.T, err error, code int) {
	t.Helper()
	reply, ok := errors.AsType[*smtp.SMTPError](err)
	if code == 0 && err != nil || code != 0 && (!ok || reply.Code != code) {
		t.Errorf("got %v, want %d", err, code)
	}
}

const (
	mailbox = "noticeaction@dnsbelgium.be"
	small   = "From: a@b.be\r\nSubject: example.be\r\n\r\n.dots\r\n..more\r\n"
)

func TestAMessageIsKept(t *testing.T) {
	for _, via := range []string{"smtp", "lmtp"} {
		t.Run(via, func(t *testing.T) {
			var k keeper
			addr := ""
			if via == "lmtp" {
				addr = "unix:" + filepath.Join(t.TempDir(), "s")
			}
			s := listen(t, Config{Addr: addr, Receive: k.receive, Mailboxes: []string{mailbox}})
			c := client(t, s)
			wantReply(t, send(c, "president@apd-gba.be", mailbox, small), 0)
			wantReply(t, send(c, "", "NoticeAction@DNSBelgium.be", small), 0) // a bounce, over the same connection
			wantReply(t, c.Quit(), 0)
			all := k.kept()
			if len(all) != 2 {
				t.Fatalf("got %d messages, want 2", len(all))
			}
			remote := "127.0.0.1"
			if via == "lmtp" {
				remote = ""
			}
			for i, from := range []string{"president@apd-gba.be", ""} {
				got := all[i]
				if got.From != from || got.Via != via || got.Remote != remote || len(got.To) != 1 || !strings.EqualFold(got.To[0], mailbox) {
					t.Errorf("got %+v", got.Envelope)
				}
				if got.message[got.Trace:] != small {
					t.Errorf("got %q behind the trace, want what was sent", got.message[got.Trace:])
				}
				h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(got.message))).ReadMIMEHeader()
				if err != nil || h.Get("Return-Path") != "<"+from+">" || !strings.Contains(h.Get("Received"), "by mx.example.test with ") {
					t.Errorf("got trace %q, %v", got.message[:got.Trace], err)
				}
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	var k keeper
	s := listen(t, Config{Receive: k.receive, Mailboxes: []string{mailbox, "legal"}})
	for name, tc := range map[string]struct {
		to, message string
		code        int
	}{
		"another mailbox":            {"info@dnsbelgium.be", small, 550},
		"the mailbox elsewhere":      {"noticeaction@example.net", small, 550},
		"a local part at any domain": {"legal@example.net", small, 0},
		"too large by one":           {mailbox, ofSize(MaxReceived + 1), 552},
		"as large as may be":         {mailbox, ofSize(MaxReceived), 0},
		"a line of any mail program": {mailbox, small + strings.Repeat("x", 5000) + "\r\n", 0},
		"nothing":                    {mailbox, "\r\n", 554},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(k.kept())
			wantReply(t, send(client(t, s), "a@b.be", tc.to, tc.message), tc.code)
			if got := len(k.kept()) - before; got != map[bool]int{true: 1}[tc.code == 0] {
				t.Errorf("got %d messages kept", got)
			}
		})
	}
}

// ofSize returns a message of that many bytes, in short lines.
func ofSize(n int) string {
	left := n - len(small)
	return small + strings.Repeat("x", left%3) + strings.Repeat("\r\nx", left/3-1) + "x\r\n"
}

func TestALineWithoutEndIsCut(t *testing.T) {
	var k keeper
	s := listen(t, Config{Receive: k.receive})
	if err := send(client(t, s), "a@b.be", mailbox, small+strings.Repeat("x", 1<<20)+"\r\n"); err == nil {
		t.Error("got it taken")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if len(k.kept()) != 0 {
		t.Errorf("got %d messages, want none", len(k.kept()))
	}
}

func TestASizeThatIsSaidToBeTooLarge(t *testing.T) {
	s := listen(t, Config{Receive: new(keeper).receive})
	c := client(t, s)
	wantReply(t, c.Hello("x.example"), 0)
	if _, said := c.Extension("SIZE"); said == "" {
		t.Error("got no SIZE, want it offered")
	}
	wantReply(t, c.Mail("a@b.be", &smtp.MailOptions{Size: MaxReceived + 2}), 552)
}

func TestAMessageThatIsNotKeptIsSentAgain(t *testing.T) {
	var k keeper
	s := listen(t, Config{Receive: k.receive})
	c := client(t, s)
	k.setFail(errors.New("the disk is full of personal data"))
	err := send(c, "a@b.be", mailbox, small)
	wantReply(t, err, 451)
	if strings.Contains(err.Error(), "disk") {
		t.Errorf("got %v, want nothing of why", err)
	}
	k.setFail(nil)
	wantReply(t, send(c, "a@b.be", mailbox, small), 0)
	if len(k.kept()) != 1 {
		t.Errorf("got %d messages, want 1", len(k.kept()))
	}
}

func TestNothingIsTakenBeforeThereIsAHandler(t *testing.T) {
	s := listen(t, Config{})
	c := client(t, s)
	wantReply(t, send(c, "a@b.be", mailbox, small), 451)
	var k keeper
	s.SetReceive(k.receive)
	s.SetMailboxes([]string{"other"})
	wantReply(t, send(c, "a@b.be", mailbox, small), 550)
	wantReply(t, c.Reset(), 0)
	s.SetMailboxes(nil)
	wantReply(t, send(c, "a@b.be", mailbox, small), 0)
}

func TestManyRecipientsAreOneMessage(t *testing.T) {
	var k keeper
	c := client(t, listen(t, Config{Receive: k.receive}))
	wantReply(t, c.Mail("a@b.be", nil), 0)
	for i := range maxRecipientsRcpt {
		wantReply(t, c.Rcpt(fmt.Sprintf("n%d@dnsbelgium.be", i), nil), 0)
	}
	wantReply(t, c.Rcpt("more@dnsbelgium.be", nil), 452)
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, small)
	wantReply(t, w.Close(), 0)
	if all := k.kept(); len(all) != 1 || len(all[0].To) != maxRecipientsRcpt {
		t.Errorf("got %d messages", len(all))
	}
}

// raw speaks to a server byte for byte.
type raw struct {
	net.Conn
	*bufio.Reader
}

func (r raw) Read(b []byte) (int, error) { return r.Reader.Read(b) }

func dialRaw(t *testing.T, s *Server) raw {
	t.Helper()
	network, addr := "tcp", s.Addr()
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // a test that waits fails
	return raw{c, bufio.NewReader(c)}
}

// say sends and expects the final line of each reply to begin as said.
func (r raw) say(t *testing.T, send string, want ...string) {
	t.Helper()
	if send != "" {
		if _, err := io.WriteString(r.Conn, send); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range want {
		line := "...-"
		for len(line) > 3 && line[3] == '-' {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				t.Fatalf("got %v, want %s", err, w)
			}
		}
		if !strings.HasPrefix(line, w) {
			t.Fatalf("got %q, want %s", line, w)
		}
	}
}

const begin = "EHLO x.example\r\nMAIL FROM:<a@b.be>\r\nRCPT TO:<" + mailbox + ">\r\n"

func TestAMessageThatIsCutIsNotKept(t *testing.T) {
	for name, sent := range map[string]string{
		"DATA": "DATA\r\nSubject: example.be\r\n\r\nhalf",
		"BDAT": "BDAT 30\r\nSubject: example.be\r\n\r\nhalf",
	} {
		t.Run(name, func(t *testing.T) {
			var k keeper
			s := listen(t, Config{Receive: k.receive})
			c := dialRaw(t, s)
			c.say(t, begin, "220", "250", "250", "250")
			c.say(t, sent)
			_ = c.Close()
			if err := s.Close(t.Context()); err != nil { // waits for the session to end
				t.Error(err)
			}
			if len(k.kept()) != 0 {
				t.Errorf("got %d messages, want none", len(k.kept()))
			}
		})
	}
}

func TestChunks(t *testing.T) {
	var k keeper
	c := dialRaw(t, listen(t, Config{Receive: k.receive}))
	c.say(t, begin+"BDAT 9\r\nSubject: BDAT 14 LAST\r\nexample.be\r\n\r\nNOOP\r\n", "220", "250", "250", "250", "250", "250", "250")
	c.say(t, "MAIL FROM:<a@b.be>\r\nRCPT TO:<"+mailbox+">\r\nBDAT 99999999 LAST\r\n", "250", "250", "552")
	if all := k.kept(); len(all) != 1 || all[0].message[all[0].Trace:] != "Subject: example.be\r\n\r\n" {
		t.Errorf("got %+v", all)
	}
}

func TestAPipelineOfGarbageIsEnded(t *testing.T) {
	var k keeper
	s := listen(t, Config{Receive: k.receive})
	c := dialRaw(t, s)
	c.say(t, strings.Repeat("GET / HTTP/1.1\r\n", 20), "220", "501")
	if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, os.ErrClosed) && !isReset(err) {
		t.Errorf("got %v, want the end", err)
	}
	dialRaw(t, s).say(t, begin+"DATA\r\n.\r\nQUIT\r\n", "220", "250", "250", "250", "354", "554", "221")
	dialRaw(t, s).say(t, "DATA\r\n", "220", "502")
	if len(k.kept()) != 0 {
		t.Errorf("got %+v", k.kept())
	}
}

// isReset tells whether a connection ended with what it had not read.
func isReset(err error) bool { return strings.Contains(err.Error(), "reset") }

func TestNoFieldCanBeSmuggledIntoTheTrace(t *testing.T) {
	var k keeper
	c := dialRaw(t, listen(t, Config{Receive: k.receive}))
	c.say(t, "EHLO x\rBcc:y\r\nMAIL FROM:<\"a\rSubject: other.be\"@b.be>\r\nRCPT TO:<"+mailbox+">\r\nDATA\r\nSubject: example.be\r\n\r\n.\r\n", "220", "250", "250", "250", "354", "250")
	if all := k.kept(); len(all) != 1 || strings.Count(all[0].message[:all[0].Trace], "\r") != 4 {
		t.Errorf("got %+v", all)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := listen(t, Config{Receive: new(keeper).receive, MaxConnections: 2})
	first, second, third := dialRaw(t, s), dialRaw(t, s), dialRaw(t, s)
	first.say(t, "NOOP\r\n", "220", "250")
	second.say(t, "NOOP\r\n", "220", "250")
	// The third is greeted once one of the others has gone, and not before: its greeting comes after the goodbye.
	s.mu.Lock()
	open := len(s.conns)
	s.mu.Unlock()
	if open != 2 {
		t.Errorf("got %d connections served, want 2", open)
	}
	first.say(t, "QUIT\r\n", "221")
	third.say(t, "NOOP\r\n", "220", "250")
}

func TestAnIdleConnectionTimesOut(t *testing.T) {
	c := dialRaw(t, listen(t, Config{Receive: new(keeper).receive, Timeout: 50 * time.Millisecond}))
	c.say(t, "", "220", "421")
}

func TestCloseTellsWhoIsWaiting(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "s")} {
		s := listen(t, Config{Addr: addr, Receive: new(keeper).receive})
		c := dialRaw(t, s)
		c.say(t, "NOOP\r\n", "220", "250")
		if !s.Alive() {
			t.Error("got a dead server, want it alive")
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		c.say(t, "", "421")
		if s.Alive() {
			t.Error("got it alive, want it closed")
		}
		if path, ok := strings.CutPrefix(addr, "unix:"); ok {
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("got the socket file left: %v", err)
			}
		}
		if err := s.Close(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v of a second Close", err)
		}
	}
}

func TestCloseLetsAMessageEnd(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	var k keeper
	s := listen(t, Config{Receive: func(ctx context.Context, e Envelope, message []byte) error {
		close(begun)
		<-goOn
		return k.receive(ctx, e, message)
	}})
	c := dialRaw(t, s)
	c.say(t, begin+"DATA\r\n"+small+".\r\n", "220", "250", "250", "250", "354")
	<-begun
	closed := make(chan error, 1)
	go func() { closed <- s.Close(t.Context()) }()
	for !s.hasClosed() {
		runtime.Gosched()
	}
	close(goOn)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	c.say(t, "", "250", "421")
	if len(k.kept()) != 1 {
		t.Errorf("got %d messages, want 1", len(k.kept()))
	}
}

// hasClosed tells whether Close has begun.
func (s *Server) hasClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

func TestCloseCutsWhoTakesTooLong(t *testing.T) {
	begun := make(chan struct{})
	s := listen(t, Config{Receive: func(ctx context.Context, _ Envelope, _ []byte) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}})
	sending := dialRaw(t, s)
	sending.say(t, begin+"DATA\r\nhalf", "220", "250", "250", "250", "354")
	keeping := dialRaw(t, s)
	keeping.say(t, begin+"DATA\r\n"+small+".\r\n", "220", "250", "250", "250", "354")
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cut", err)
	}
}

func TestSTARTTLS(t *testing.T) {
	certificate := func() *tls.Config {
		id := issue(t, nil, nil)
		return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{id.cert.Raw}, PrivateKey: id.key}}}
	}
	old, renewed := certificate(), certificate()
	var k keeper
	s := listen(t, Config{Receive: k.receive, TLS: old})
	if !s.Secure() {
		t.Error("got it insecure")
	}
	for _, config := range []*tls.Config{old, renewed} {
		s.SetTLS(config)
		c, err := smtp.DialStartTLS(s.Addr(), &tls.Config{InsecureSkipVerify: true}) // which certificate it is, is checked below
		if err != nil {
			t.Fatal(err)
		}
		wantReply(t, send(c, "a@b.be", mailbox, small), 0)
		state, _ := c.TLSConnectionState()
		if len(state.PeerCertificates) != 1 || string(state.PeerCertificates[0].Raw) != string(config.Certificates[0].Certificate[0]) {
			t.Error("got another certificate than the one in force")
		}
		wantReply(t, c.Quit(), 0)
	}
	if all := k.kept(); len(all) != 2 || !strings.Contains(all[0].message[:all[0].Trace], "with ESMTPS;") {
		t.Errorf("got %+v", all)
	}
	if plain := client(t, listen(t, Config{Receive: k.receive})); plain != nil {
		if offered, _ := plain.Extension("STARTTLS"); offered {
			t.Error("got STARTTLS offered without a certificate")
		}
	}
}

func TestCloseDuringTLS(t *testing.T) {
	id := issue(t, nil, nil)
	s := listen(t, Config{Receive: new(keeper).receive, TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{id.cert.Raw}, PrivateKey: id.key}}}})
	c, err := smtp.DialStartTLS(s.Addr(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	wantReply(t, c.Noop(), 0)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestThePathOfASocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	s := listen(t, Config{Addr: "unix:" + path})
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("got %v, %v, want mode %o", info, err, socketMode)
	}
	if _, err := Listen(Config{Addr: "unix:" + path}); err == nil || !strings.Contains(err.Error(), "another process serves") {
		t.Errorf("got %v of a socket that is served", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Config{Addr: "unix:" + file}); err == nil || !strings.Contains(err.Error(), "expected a socket or no file") {
		t.Errorf("got %v of a file", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if s.Alive() {
		t.Error("got it alive without its socket")
	}
	again := listen(t, Config{Addr: "unix:" + path})
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if !again.Alive() {
		t.Error("got the socket of another server removed")
	}
	stale, err := net.Listen("unix", filepath.Join(dir, "stale"))
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = stale.Close()
	listen(t, Config{Addr: "unix:" + filepath.Join(dir, "stale")})
}

func TestCheckAddress(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1:25": true, ":24": true, "[::1]:2525": true, "unix:/run/s": true, "mx.example:25": true,
		"": false, "25": false, "127.0.0.1": false, "127.0.0.1:0": false, "127.0.0.1:smtp": false, "127.0.0.1:65536": false,
		"unix:": false, "unix:" + strings.Repeat("x", 108): false,
	} {
		if err := CheckAddress(addr); (err == nil) != ok {
			t.Errorf("%q: got %v", addr, err)
		}
	}
}
