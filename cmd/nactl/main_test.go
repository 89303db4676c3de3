package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// leakChecked fails a run that leaves goroutines behind.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) { testscript.Main(leakChecked{m}, map[string]func(){"nactl": main}) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TOKEN", scriptToken)
			return os.WriteFile(filepath.Join(env.WorkDir, "token.good"), []byte(scriptToken+"\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve, "exitcode": exitcode},
	})
}

// scriptToken is well formed, and lists its holder as an admin.
var scriptToken = func() string {
	bits := sha256.Sum256([]byte("nactl"))
	return base64.RawURLEncoding.EncodeToString(bits[:])
}()

// serve runs a real desk behind a real API on unix:noticeaction.sock, and on
// loopback TCP with its address in $TCP, with TLS in $TLS, until the script
// ends. Its clock stands at 2026-05-12 09:30 UTC.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: serve")
	}
	// A child of another script, between its fork and its exec, would hold the lock of the database as well.
	syscall.ForkLock.RLock()
	s, err := store.Open(ts.MkAbs("noticeaction.db"))
	syscall.ForkLock.RUnlock()
	ts.Check(err)
	ts.Defer(func() { ts.Check(s.Close()) })
	desk, err := casework.Open(casework.Config{
		Store: s, Set: redirect.NewSet(),
		Policy: &casework.Policy{
			Zones: []string{"be.", "vlaanderen."}, Protect: []string{"fgov.be"}, Brake: casework.Brake{Count: 20, Per: time.Hour}, Look: look,
			Procedure: casework.Procedure{Compose: compose, MailHost: "registry.example"},
		},
		Now: func() time.Time { return time.Date(2026, 5, 12, 9, 30, 0, 0, time.UTC) },
	})
	ts.Check(err)
	ts.Defer(func() { ts.Check(desk.Close()) })

	sum := sha256.Sum256([]byte(scriptToken))
	file := ts.MkAbs("tokens")
	ts.Check(os.WriteFile(file, []byte("script admin "+hex.EncodeToString(sum[:])+"\n"+certify(ts)), 0o600))
	tokens, err := api.ParseTokens(file)
	ts.Check(err)
	handler := api.New(api.Config{Desk: desk, Tokens: tokens, Cases: desk, Notices: func(ctx context.Context, o casework.Order, message []byte, via string) (store.Notice, error) {
		return desk.Receive(ctx, o, read(message, via), message)
	}})
	for _, addr := range []string{"unix:" + ts.MkAbs("noticeaction.sock"), "127.0.0.1:0"} {
		server, err := api.Listen(addr, nil, handler, func(line string) { ts.Logf("server: %s", line) })
		ts.Check(err)
		ts.Defer(func() { ts.Check(server.Close(context.Background())) })
		ts.Setenv("TCP", server.Addr())
	}
	serveTLS(ts, handler)
}

// compose writes a mail that says just what it is.
func compose(l casework.Letter) (casework.Composed, error) {
	subject := string(l.Effect.Mail) + " about " + strings.Join(l.Effect.Names, " ")
	text := "Subject: " + subject + "\r\nMessage-ID: <" + l.MessageID + ">\r\n\r\nYou have time to " + l.Case.Window.String() + ".\r\n"
	return casework.Composed{Recipients: []string{string(l.Effect.To) + "@site.example"}, Language: "nl", Subject: subject, Message: []byte(text)}, nil
}

// read takes a mail about a name for a draft, and any other for one that cannot be read.
func read(message []byte, via string) store.Notice {
	n := store.Notice{Via: via, Status: store.Unreadable, Problem: "expected a name in the subject", SMIME: "none"}
	m, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return n
	}
	n.From, n.Subject = m.Header.Get("From"), m.Header.Get("Subject")
	if strings.HasSuffix(n.Subject, ".be") {
		n.Status, n.Problem = store.Draft, ""
		n.Draft = procedure.Notice{Authority: "apd-gba", Names: []string{n.Subject}}
		n.Missing = n.Draft.Missing()
	}
	return n
}

// look finds seen.be alone.
func look(_ context.Context, name string) (r reach.Record, err error) {
	if name == "seen.be" {
		page := []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:1::1")}
		r.Hosts = []reach.Host{{Name: "www.seen.be", Addresses: page}}
		r.Servers = []string{"ns1.example.net", "ns2.example.net"}
		r.Mail = []reach.Exchange{{Preference: 10, Host: "mail.seen.be", Addresses: page[:1]}, {Preference: 20, Host: "mx.example.net"}}
	}
	return r, nil
}

// exitcode runs a command that must end with exactly that code; its output is
// that of exec.
func exitcode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE PROGRAM [ARGUMENT...]")
	}
	code := "0"
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = strconv.Itoa(exit.ExitCode())
	} else {
		ts.Check(err)
	}
	if code != args[0] {
		ts.Fatalf("got exit code %s, want %s", code, args[0])
	}
}
