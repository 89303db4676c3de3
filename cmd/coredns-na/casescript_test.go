package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

func clock(ts *testscript.TestScript, _ bool, args []string) {
	to, err := time.Parse(time.RFC3339, strings.Join(args, " "))
	ts.Check(err)
	s := ts.Value(scriptKey{}).(*script)
	s.clock = to
	if s.server != nil && s.server.Running() {
		ts.Check(e2e.SetClock(ts.MkAbs("."), to))
	}
}

// redirected asks for the name and for www below it.
func redirected(ts *testscript.TestScript, neg bool, args []string) {
	name := strings.Join(args, " ")
	for _, host := range []string{name, "www." + name} {
		m := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
		reply, err := dns.Exchange(m, e2e.Address(ts.Getenv("DNS_PORT")))
		ts.Check(err)
		warned := len(reply.Answer) == 1 && strings.HasSuffix(reply.Answer[0].String(), "\t192.0.2.80")
		delegated := len(reply.Answer) == 0 && len(reply.Ns) > 0 && reply.Ns[0].Header().Rrtype == dns.TypeNS
		if neg && !delegated || !neg && !warned {
			ts.Fatalf("%s: redirected: expected %v, got\n%v", host, !neg, reply)
		}
	}
}

// metric waits until the metrics have the line: they are counted after a commit, not in it.
func metric(ts *testscript.TestScript, _ bool, args []string) {
	want := strings.Join(args, " ")
	ts.Check(e2e.Await(want, func() (bool, error) {
		resp, err := http.Get("http://" + e2e.Address(ts.Getenv("METRICS_PORT")) + "/metrics")
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return slices.Contains(strings.Split(string(text), "\n"), want), err
	}))
}

// await runs a command until what it prints matches.
func await(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: await COMMAND REGEXP")
	}
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	ts.Check(e2e.Await(args[1], func() (bool, error) {
		command := strings.Fields(args[0])
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = ts.MkAbs(".")
		out, err := cmd.CombinedOutput()
		return want.Match(out), err
	}))
}

// mailbox is the mail server of the script, which it starts if need be.
func mailbox(ts *testscript.TestScript) *e2e.MailServer {
	s := ts.Value(scriptKey{}).(*script)
	if s.mail == nil {
		s.mail = e2e.StartMailServer(s.tb, ts.Getenv("SMTP_PORT"))
	}
	return s.mail
}

func mailServer(ts *testscript.TestScript, _ bool, args []string) {
	mailbox(ts).Answer(number(ts, args))
}

func mails(ts *testscript.TestScript, _ bool, args []string) {
	show(ts, &mailbox(ts).Taken, number(ts, args))
}

func registrySystem(ts *testscript.TestScript) *e2e.Registry {
	s := ts.Value(scriptKey{}).(*script)
	if s.registry == nil {
		s.registry = e2e.StartRegistry(s.tb, ts.Getenv("REGISTRY_PORT"), ts.MkAbs("."))
	}
	return s.registry
}

func registry(ts *testscript.TestScript, _ bool, args []string) {
	registrySystem(ts).Answer(number(ts, args))
}

func orders(ts *testscript.TestScript, _ bool, args []string) {
	show(ts, &registrySystem(ts).Taken, number(ts, args))
}

// show waits for so many and writes them to standard output.
func show[T fmt.Stringer](ts *testscript.TestScript, taken *e2e.Taken[T], n int) {
	all, err := taken.Next(n)
	ts.Check(err)
	for _, one := range all {
		fmt.Fprintln(ts.Stdout(), one)
	}
	if len(all) != n {
		ts.Fatalf("expected %d to arrive, got %d", n, len(all))
	}
}

func number(ts *testscript.TestScript, args []string) int {
	n, err := strconv.Atoi(strings.Join(args, " "))
	ts.Check(err)
	return n
}

// post hands in a message as the mail server in front would, over TLS if the script asks for it.
func post(ts *testscript.TestScript, neg bool, args []string) {
	dial := smtp.Dial
	if len(args) == 3 && args[2] == "tls" {
		dial = func(addr string) (*smtp.Client, error) {
			return smtp.DialStartTLS(addr, &tls.Config{InsecureSkipVerify: true}) // whose certificate it is, is not the question
		}
	} else if len(args) != 2 {
		ts.Fatalf("usage: post RECIPIENT FILE [tls]")
	}
	message := bytes.ReplaceAll([]byte(ts.ReadFile(args[1])), []byte("\n"), []byte("\r\n"))
	client, err := dial(e2e.Address(ts.Getenv("SMTP_LISTEN_PORT")))
	if err == nil {
		defer client.Close()
		err = client.SendMail("sender@authority.example", args[:1], bytes.NewReader(message))
	}
	expect(ts, neg, err)
}

// TestClockIsNotInProduction: a build without the tag does not even know how the clock would be set.
func TestClockIsNotInProduction(t *testing.T) {
	for program, want := range map[string]bool{"coredns-na": false, "coredns-na-testclock": true} {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, trace := range []string{"NOTICEACTION_TEST_CLOCK", "noticeaction.moveClock"} {
			if bytes.Contains(text, []byte(trace)) != want {
				t.Errorf("%s holds %q: want %v", program, trace, want)
			}
		}
	}
}
