package noticeaction

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
)

// resolverOf serves a zone's answers on a loopback port until the test ends.
func resolverOf(t *testing.T, answer func(*dns.Msg) *dns.Msg) netip.AddrPort {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started, done := make(chan struct{}), make(chan error, 1)
	s := &dns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		_ = w.WriteMsg(answer(r))
	})}
	go func() { done <- s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(), <-done); err != nil {
			t.Error(err)
		}
	})
	return netip.MustParseAddrPort(pc.LocalAddr().String())
}

// A resolver that is led to this very server sees the redirect, and that is
// known for what it is.
func TestLookUpKnowsOurRedirect(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	withoutOPT := func(r *dns.Msg) *dns.Msg { // as resolvers pass on no extended errors of others
		m := ask(t, n, r.Question[0].Name, r.Question[0].Qtype)
		m.Id = r.Id
		return m
	}
	pages := []netip.Addr{netip.MustParseAddr("192.0.2.80"), netip.MustParseAddr("2001:db8::80")}
	for name, answer := range map[string]func(*dns.Msg) *dns.Msg{
		"through a resolver": withoutOPT,
		"directly": func(r *dns.Msg) *dns.Msg {
			m := ask(t, n, r.Question[0].Name, r.Question[0].Qtype, func(q *dns.Msg) { q.SetEdns0(1232, false) })
			m.Id = r.Id
			return m
		},
	} {
		resolvers := []netip.AddrPort{resolverOf(t, answer)}
		claims := []*claim{{handler: n, cfg: &config{resolvers: resolvers}}, {handler: n, cfg: &config{addresses: pages}}}
		got, err := lookUp(claims)(t.Context(), "example.be")
		if !errors.Is(err, reach.ErrRedirected) || !got.Empty() {
			t.Errorf("%s: %+v, %v; want %v", name, got, err, reach.ErrRedirected)
		}
	}
}

// A name server of the zone is none of the name's: it is what the insecure
// profile answers with.
func TestLookUpKnowsTheZonesServers(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	resolver := resolverOf(t, func(r *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(r)
		switch r.Question[0].Qtype {
		case dns.TypeNS:
			m.Answer = []dns.RR{test.NS("example.be. 60 IN NS B.nsset.be."), test.NS("example.be. 60 IN NS a.nsset.be.")}
		case dns.TypeMX:
			m.Answer = []dns.RR{test.MX("example.be. 60 IN MX 10 mx.example.net.")}
		}
		return m
	})
	claims := []*claim{{handler: n, cfg: &config{resolvers: []netip.AddrPort{resolver}}}}
	got, err := lookUp(claims)(t.Context(), "example.be")
	if err != nil || len(got.Servers) != 0 || len(got.Mail) != 1 {
		t.Errorf("%+v, %v; want the mail alone", got, err)
	}
}

func TestLookUpWithoutResolver(t *testing.T) {
	if lookUp([]*claim{{cfg: &config{}}}) != nil {
		t.Error("want nothing to ask")
	}
}
