package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

func TestMain(m *testing.M) {
	remove, err := e2e.Build()
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
//
// and $DNS_PORT, $READY_PORT, $METRICS_PORT, $API_PORT, all free, and $ROOT,
// the project's folder.
func TestScripts(t *testing.T) {
	root := e2e.Root()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(root, "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			tb := env.T().(testing.TB)
			for _, name := range []string{"DNS_PORT", "READY_PORT", "METRICS_PORT", "API_PORT"} {
				env.Setenv(name, e2e.FreePort(tb))
			}
			env.Setenv("ROOT", root)
			s := &script{}
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
		},
	})
}

type scriptKey struct{}

// script is the server that a script started last.
type script struct{ server *e2e.Server }

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
	for _, name := range []string{"DNS_PORT", "READY_PORT", "METRICS_PORT", "API_PORT", "ROOT", "WORK"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	server, err := e2e.Start(ts.MkAbs("."), corefile, env...)
	if err == nil {
		ts.Value(scriptKey{}).(*script).server = server
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
