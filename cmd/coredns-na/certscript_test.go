package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

// theCA is the CA of the script, which it starts if need be.
func theCA(ts *testscript.TestScript) *e2e.Pebble {
	s := ts.Value(scriptKey{}).(*script)
	if s.ca == nil {
		s.ca = e2e.StartPebble(s.tb, e2e.PebbleConfig{
			Port: ts.Getenv("CA_PORT"), DNS: ts.Getenv("DNS_PORT"),
			HTTP: ts.Getenv("PAGE_PORT"), TLS: ts.Getenv("PAGE_TLS_PORT"), Dir: ts.MkAbs("."),
		})
	}
	return s.ca
}

func ca(ts *testscript.TestScript, _ bool, args []string) {
	switch strings.Join(args, " ") {
	case "up":
		theCA(ts).Up()
	case "down":
		theCA(ts).Down()
	default:
		ts.Fatalf("usage: ca up|down")
	}
}

// https goes where a visitor of the host would be sent.
func https(ts *testscript.TestScript, neg bool, args []string) {
	host := strings.Join(args, " ")
	if neg {
		answer, err := visitSecure(ts, host)
		if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			ts.Fatalf("%s: expected the alert unrecognized_name, got %v\n%s", host, err, answer)
		}
		return
	}
	var answer string
	ts.Check(e2e.Await("https://"+host, func() (ok bool, err error) {
		answer, err = visitSecure(ts, host)
		return err == nil, err
	}))
	fmt.Fprint(ts.Stdout(), answer)
}

func visitSecure(ts *testscript.TestScript, host string) (answer string, err error) {
	s := ts.Value(scriptKey{}).(*script)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: theCA(ts).Roots()}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			reply, err := dns.ExchangeContext(ctx, new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA), e2e.Address(ts.Getenv("DNS_PORT")))
			if err != nil {
				return nil, err
			}
			address := "127.0.0.1" // whoever is not sent there may come all the same
			if len(reply.Answer) == 1 {
				address = reply.Answer[0].(*dns.A).A.String()
			}
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(address, ts.Getenv("PAGE_TLS_PORT")))
		},
	}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: 10 * time.Second}
	resp, err := client.Get("https://" + host + "/any/path")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if s.serials == nil {
		s.serials = make(map[string]*big.Int)
	}
	s.serials[host] = resp.TLS.PeerCertificates[0].SerialNumber
	return fmt.Sprintf("%s %s\nserial %x\n%s", resp.Proto, resp.Status, s.serials[host], page), err
}

// certificate waits until the CA says of the certificate that a host had at its last visit what is expected.
func certificate(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: certificate HOST STATUS")
	}
	serial := ts.Value(scriptKey{}).(*script).serials[args[0]]
	if serial == nil {
		ts.Fatalf("expected https %s before this command", args[0])
	}
	want := strings.Join(args[1:], " ")
	ts.Check(e2e.Await(want, func() (bool, error) {
		got := theCA(ts).Status(serial)
		return got == want, errors.New("the CA says " + got)
	}))
}

// caOrders expects that the CA has got so many orders.
func caOrders(ts *testscript.TestScript, neg bool, args []string) {
	if got := fmt.Sprint(theCA(ts).Orders()); (got == strings.Join(args, " ")) == neg {
		ts.Fatalf("orders: expected %v of %s, the CA got %s", !neg, strings.Join(args, " "), got)
	}
}
