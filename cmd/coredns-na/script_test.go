package main

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

func TestMain(m *testing.M) {
	remove, err := e2e.BuildClocked()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	remove()
	os.Exit(code)
}

// TestScripts runs the scripts over the real programs. Beside testscript's
// own commands a script has:
//
//	serve [COREFILE]   start coredns-na, wait until it serves
//	reload             SIGUSR1, wait until the new instance serves; ! reload expects a failure
//	kill9              end it as a power cut would
//	stop               SIGTERM, expect a clean end
//	printed TEXT       the server printed TEXT
//	dig ARGS           ask the server; standard output is as dig's
//	redirected NAME    it is answered with the warning page; !, with the zone's delegation
//
//	metric LINE        wait until the metrics hold the line
//	await COMMAND RE   run it until what it prints matches
//	clock TIME         before serve: have the server live by a clock that begins at
//	                   this time and stands still; after it: move the clock, wait
//	                   until what is due by then is committed
//	mails N            wait until N mails have arrived that were not looked at, and no
//	                   more; they are standard output
//	mailserver CODE    have the mail server answer all recipients so; 250 takes mail
//	orders N           as mails, for orders that the registration system got
//	registry STATUS    have the registration system answer so
//	post TO FILE       hand the file in for a recipient, over SMTP at $SMTP_LISTEN_PORT
//
//	https HOST         visit it at $PAGE_TLS_PORT of where DNS says that it is, until its
//	                   certificate is good; standard output is the status and the page. !,
//	                   the handshake ends with the alert unrecognized_name
//	ca up|down         have the CA answer or not
//	certificate HOST STATUS
//	                   wait until the CA says so of the one that the last visit showed
//	caorders N         the CA has accepted N orders; !, another number
//
// and $DNS_PORT, $READY_PORT, $METRICS_PORT, $API_PORT, $SMTP_LISTEN_PORT, $PAGE_PORT,
// $PAGE_TLS_PORT, all free, $SMTP_PORT, $REGISTRY_PORT and $CA_PORT of the mail server,
// the registration system and the CA, which run from their first command on, and
// $ROOT, the project's folder.
func TestScripts(t *testing.T) {
	root := e2e.Root()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(root, "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			tb := env.T().(testing.TB)
			for _, name := range ports {
				env.Setenv(name, e2e.FreePort(tb))
			}
			env.Setenv("ROOT", root)
			s := &script{tb: tb}
			env.Values[scriptKey{}] = s
			env.Defer(func() {
				if s.server != nil {
					s.server.Kill()
					tb.Logf("coredns-na printed:\n%s", s.server.Output())
				}
			})
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve":   serve,
			"reload":  reload,
			"kill9":   func(ts *testscript.TestScript, _ bool, _ []string) { running(ts).Kill() },
			"stop":    func(ts *testscript.TestScript, _ bool, _ []string) { ts.Check(running(ts).Stop()) },
			"printed": printed,
			"dig":     dig,

			"redirected": redirected,
			"metric":     metric,
			"await":      await,
			"clock":      clock,
			"mails":      mails,
			"mailserver": mailServer,
			"orders":     orders,
			"registry":   registry,
			"post":       post,

			"ca":          ca,
			"https":       https,
			"certificate": certificate,
			"caorders":    caOrders,
		},
	})
}

var ports = []string{"DNS_PORT", "READY_PORT", "METRICS_PORT", "API_PORT", "SMTP_LISTEN_PORT", "SMTP_PORT", "REGISTRY_PORT", "PAGE_PORT", "PAGE_TLS_PORT", "CA_PORT"}

type scriptKey struct{}

// script is what a script has started.
type script struct {
	tb       testing.TB
	server   *e2e.Server
	clock    time.Time // of the server; zero: as it really is
	mail     *e2e.MailServer
	registry *e2e.Registry
	ca       *e2e.Pebble
	serials  map[string]*big.Int // of certificates, by host
}

func running(ts *testscript.TestScript) *e2e.Server {
	s := ts.Value(scriptKey{}).(*script)
	if s.server == nil {
		ts.Fatalf("expected serve before this command")
	}
	return s.server
}

func serve(ts *testscript.TestScript, neg bool, args []string) {
	corefile := "Corefile"
	if len(args) > 0 {
		corefile = args[0]
	}
	var env []string
	for _, name := range append([]string{"ROOT", "WORK"}, ports...) {
		env = append(env, name+"="+ts.Getenv(name))
	}
	s := ts.Value(scriptKey{}).(*script)
	start := e2e.Start
	if !s.clock.IsZero() {
		start = func(dir, corefile string, env ...string) (*e2e.Server, error) {
			return e2e.StartClocked(dir, corefile, s.clock, env...)
		}
	}
	server, err := start(ts.MkAbs("."), corefile, env...)
	if err == nil {
		s.server = server
	}
	expect(ts, neg, err)
}

func reload(ts *testscript.TestScript, neg bool, _ []string) {
	expect(ts, neg, running(ts).Reload())
}

// expect ends the script unless err is there exactly when it should be; an
// expected error is standard output for the next stdout command.
func expect(ts *testscript.TestScript, neg bool, err error) {
	switch {
	case neg && err == nil:
		ts.Fatalf("expected a failure")
	case neg:
		fmt.Fprintln(ts.Stdout(), err)
	default:
		ts.Check(err)
	}
}

func printed(ts *testscript.TestScript, neg bool, args []string) {
	if strings.Contains(running(ts).Output(), strings.Join(args, " ")) == neg {
		ts.Fatalf("printed %q: expected %v; it printed:\n%s", args, !neg, running(ts).Output())
	}
}

func dig(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("! dig is not a thing: expect an answer")
	}
	ts.Check(ts.Exec("dig", append([]string{"@127.0.0.1", "-p", ts.Getenv("DNS_PORT"), "+time=5", "+tries=1"}, args...)...))
}
