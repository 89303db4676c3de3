package mail

import (
	"context"
	"errors"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func TestAMessageLeavesAsItIs(t *testing.T) {
	const holder, inspector = "holder@site.example", "inspector@apd-gba.example"
	payloads := map[string]string{
		"of the composer": string(compose(t, open(t, "fr", "xn--caf-dma.be").letters[0]).Message),
		"lines of dots":   "Subject: x\r\n\r\n.\r\n..\r\n.x\r\n\r\n.\r\n",
		"a long line":     "Subject: x\r\n\r\n" + strings.Repeat("x", 990) + "\r\n",
	}
	for name, payload := range payloads {
		t.Run(name, func(t *testing.T) {
			s := new(testServer).serve(t, true, false)
			l := leaving(holder, inspector)
			l.Payload = []byte(payload)
			if err := s.sender(t, Config{CAFile: s.ca}).Send(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			wantTaken(t, s, l, 1)
			got := s.messages()[0]
			if got.from != "noticeaction@registry.example" || got.hello != "registry.example" || !slices.Equal(got.to, l.Recipients) {
				t.Errorf("got %s, %s, %v", got.from, got.hello, got.to)
			}
		})
	}
}

func TestWhenTLSIsUsed(t *testing.T) {
	tests := []struct {
		name      string
		server    string // of the configuration; empty: the test server's own
		secured   bool   // the server can TLS
		implicit  bool
		ca        bool // the client knows the certificate
		wantTLS   bool
		wantError string
	}{
		{name: "off loopback by STARTTLS", server: mailHost + ":587", secured: true, ca: true, wantTLS: true},
		{name: "off loopback from the start on 465", server: mailHost + ":465", secured: true, implicit: true, ca: true, wantTLS: true},
		{name: "off loopback without STARTTLS", server: mailHost + ":25", wantError: "expected the server to offer STARTTLS"},
		{name: "an unknown certificate", server: mailHost + ":25", secured: true, wantError: "certificate"},
		{name: "an unknown certificate on 465", server: mailHost + ":465", secured: true, implicit: true, wantError: "certificate"},
		{name: "the certificate of another", server: "mail.else.example:25", secured: true, ca: true, wantError: "certificate"},
		{name: "on loopback without", secured: true},
		{name: "on loopback when a certificate is given", secured: true, ca: true, wantTLS: true},
		{name: "on loopback on 465", server: "localhost:465", secured: true, implicit: true, ca: true, wantTLS: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := new(testServer).serve(t, tt.secured, tt.implicit)
			c := Config{Server: tt.server}
			if tt.ca {
				c.CAFile = s.ca
			}
			l := leaving("holder@site.example")
			err := s.sender(t, c).Send(t.Context(), l)
			if tt.wantError != "" {
				wantTemporary(t, err)
				if err != nil && !strings.Contains(err.Error(), tt.wantError) {
					t.Errorf("got %v, want %q", err, tt.wantError)
				}
				wantTaken(t, s, l, 0)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantTaken(t, s, l, 1)
			if got := s.messages()[0].secured; got != tt.wantTLS {
				t.Errorf("TLS: got %v, want %v", got, tt.wantTLS)
			}
		})
	}
}

// otherMachine is a connection that does not lead to this one.
type otherMachine struct{ net.Conn }

func (otherMachine) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

func TestLocalhostThatIsElsewhereGetsNothing(t *testing.T) {
	s := new(testServer).serve(t, false, false)
	sender := s.sender(t, Config{Server: "localhost:25"})
	dial := sender.(*server).dial
	sender.(*server).dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return otherMachine{conn}, err
	}
	wantTemporary(t, sender.Send(t.Context(), leaving("holder@site.example")))
}

func TestTheUserIsMadeKnownOverTLSOnly(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	writeFile(t, password, "correct horse\n")
	wrong := filepath.Join(t.TempDir(), "wrong")
	writeFile(t, wrong, "battery staple")
	tests := []struct {
		name       string
		mechanisms []string
		password   string
		secured    bool
		want       string // part of the error; empty: none
	}{
		{"PLAIN", []string{sasl.Plain}, password, true, ""},
		{"LOGIN", []string{sasl.Login}, password, true, ""},
		{"PLAIN before LOGIN", []string{sasl.Login, sasl.Plain}, password, true, ""},
		{"a wrong password", []string{sasl.Plain}, wrong, true, "535"},
		{"a mechanism that nobody should use", []string{"CRAM-MD5"}, password, true, "expected the server to offer AUTH"},
		{"a server without TLS", []string{sasl.Plain}, password, false, "STARTTLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := (&testServer{mechanisms: tt.mechanisms}).serve(t, tt.secured, false)
			l := leaving("holder@site.example")
			err := s.sender(t, Config{User: "desk", PasswordFile: tt.password, CAFile: s.ca}).Send(t.Context(), l)
			if tt.want != "" {
				wantTemporary(t, err)
				if err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "battery")) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := s.messages()[0]; got.user != "desk" || !got.secured {
				t.Errorf("got user %q, TLS %v", got.user, got.secured)
			}
		})
	}
}

func TestTheStrongestMechanismIsChosen(t *testing.T) {
	s := &server{settings: settings{user: "desk", password: "x", host: mailHost}}
	for offered, want := range map[string]string{
		"PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256": "SCRAM-SHA-256",
		"PLAIN SCRAM-SHA-1":                     "SCRAM-SHA-1",
	} {
		auth, err := s.mechanism(strings.Fields(offered))
		if err != nil {
			t.Fatal(err)
		}
		if name, _, err := auth.Start(nil); name != want || err != nil {
			t.Errorf("%s: got %s, %v; want %s", offered, name, err, want)
		}
	}
}

func reply(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCodeNotSet, Message: text}
}

func TestWhatTheServerSaysOfTheMessage(t *testing.T) {
	refuse := func(whom string, err error) func(string) error {
		return func(to string) error {
			if whom == "" || to == whom {
				return err
			}
			return nil
		}
	}
	tests := []struct {
		name      string
		server    *testServer
		permanent bool
		taken     []string // the recipients that get it the first time
		says      string
	}{
		{"4xx to the sender", &testServer{onMail: once(reply(451, "later"))}, false, nil, "sender: the server said 451"},
		{"5xx to the sender", &testServer{onMail: once(reply(550, "not you"))}, true, nil, "sender: the server said 550"},
		{"the user is wanted", &testServer{onMail: once(reply(530, "authentication required"))}, false, nil, "530"},
		{"4xx to the only recipients", &testServer{onRcpt: refuse("", reply(450, "grey"))}, false, nil, "recipient 1 of 2: the server said 450"},
		{"5xx to all recipients", &testServer{onRcpt: refuse("", reply(550, "who?"))}, true, nil, "recipient 2 of 2: the server said 550"},
		{"4xx to one recipient", &testServer{onRcpt: refuse("b@b.example", reply(450, "grey"))}, false, nil, "recipient 2 of 2"},
		{"5xx to one recipient", &testServer{onRcpt: refuse("a@a.example", reply(550, "who?"))}, true, []string{"b@b.example"}, "taken for 1 of 2 recipients: recipient 1 of 2: the server said 550"},
		{"4xx to the data", &testServer{onData: func(*smtp.Conn) error { return reply(452, "full") }}, false, nil, "end of data: the server said 452"},
		{"5xx to the data", &testServer{onData: func(*smtp.Conn) error { return reply(554, "spam\r\nreally") }}, true, nil, "554"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.server.serve(t, false, false)
			err := s.sender(t, Config{}).Send(t.Context(), leaving("a@a.example", "b@b.example"))
			if tt.permanent {
				wantPermanent(t, err)
			} else {
				wantTemporary(t, err)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.says) || strings.ContainsAny(err.Error(), "@\r\n")) {
				t.Errorf("got %q, want %q on one line and no address", err, tt.says)
			}
			var to []string
			for _, m := range s.messages() {
				to = append(to, m.to...)
			}
			if !slices.Equal(to, tt.taken) {
				t.Errorf("it went to %v, want %v", to, tt.taken)
			}
		})
	}
}

func TestPutOffAndThenTaken(t *testing.T) {
	s := (&testServer{onMail: once(reply(451, "later"))}).serve(t, false, false)
	sender, l := s.sender(t, Config{}), leaving("a@a.example")
	wantTemporary(t, sender.Send(t.Context(), l))
	if err := sender.Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	wantTaken(t, s, l, 1)
}

// TestAConnectionThatBreaksAfterTheData shows the one case in which a message leaves twice.
func TestAConnectionThatBreaksAfterTheData(t *testing.T) {
	broken := once(errors.New("cut"))
	s := (&testServer{onData: func(c *smtp.Conn) error {
		if broken() != nil {
			c.Conn().Close()
		}
		return nil
	}}).serve(t, false, false)
	sender, l := s.sender(t, Config{}), leaving("a@a.example")
	wantTemporary(t, sender.Send(t.Context(), l))
	if err := sender.Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	wantTaken(t, s, l, 2)
}

func TestASlowServerIsLeftWhenTheContextEnds(t *testing.T) {
	reached, over := make(chan struct{}), make(chan struct{})
	s := (&testServer{onData: func(*smtp.Conn) error {
		close(reached)
		<-over
		return nil
	}}).serve(t, false, false)
	defer close(over)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	err := s.sender(t, Config{}).Send(ctx, leaving("a@a.example"))
	wantTemporary(t, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestASilentServerIsLeftInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		s := &server{
			settings: settings{from: "<a@b.example>", host: "127.0.0.1", port: "25", hello: "b.example"},
			dial:     func(context.Context, string, string) (net.Conn, error) { return here, nil },
		}
		start := time.Now()
		err := s.Send(t.Context(), leaving("a@a.example"))
		wantTemporary(t, err)
		if waited := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || waited != commandTimeout {
			t.Errorf("got %v after %v", err, waited)
		}
	})
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	sender, err := SMTP(Config{Server: listener.Addr().String(), From: netmail.Address{Address: "a@b.example"}})
	if err != nil {
		t.Fatal(err)
	}
	wantTemporary(t, sender.Send(t.Context(), leaving("a@a.example")))
	if err := sender.Close(); err != nil {
		t.Error(err)
	}
}

func TestRecipients(t *testing.T) {
	s := new(testServer).serve(t, false, false)
	sender := s.sender(t, Config{})
	for name, to := range map[string][]string{
		"none":                       nil,
		"no domain":                  {"a@a.example", "b"},
		"one that adds a command":    {"a@a.example>\r\nDATA"},
		"one that adds a parameter":  {"a@a.example> X=<"},
		"one that closes a bracket":  {"a@a.example>"},
		"one with the name in front": {"A <a@a.example>"},
	} {
		err := sender.Send(t.Context(), leaving(to...))
		wantPermanent(t, err)
		if err != nil && strings.Contains(err.Error(), "a.example") {
			t.Errorf("%s: the error repeats the address: %v", name, err)
		}
	}
	l := leaving("jérôme@site.example")
	if err := sender.Send(t.Context(), l); err != nil {
		t.Error(err)
	}
	wantTaken(t, s, l, 1)
}
