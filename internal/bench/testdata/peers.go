package main

import (
	"context"
	"net"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/hosts"

	"github.com/miekg/dns"
)

// The benchmarks build this file into cmd/coredns-na: the server as it is,
// with two more plugins to compare with, where noticeaction stands.
func init() {
	at := slices.Index(directives, "noticeaction")
	directives = slices.Insert(directives, at, "fixed", "hosts")
	plugin.Register("fixed", func(c *caddy.Controller) error {
		dnsserver.GetConfig(c).AddPlugin(func(plugin.Handler) plugin.Handler { return fixed{} })
		return nil
	})
}

// fixed is the least that a plugin can do to answer: it looks nothing up and
// gives every query the same address.
type fixed struct{}

var address = net.IPv4(192, 0, 2, 80).To4()

func (fixed) Name() string { return "fixed" }

func (fixed) ServeDNS(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	m := new(dns.Msg)
	m.SetReply(r)
	m.Authoritative = true
	hdr := dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}
	m.Answer = []dns.RR{&dns.A{Hdr: hdr, A: address}}
	_ = w.WriteMsg(m)
	return dns.RcodeSuccess, nil
}
