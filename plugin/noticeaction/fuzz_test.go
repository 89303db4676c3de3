package noticeaction

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/dnssec"
	"github.com/coredns/coredns/plugin/pkg/cache"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// signedHandler is flaggedHandler behind the dnssec plugin, which signs be.
func signedHandler(tb testing.TB) plugin.Handler {
	tb.Helper()
	base := filepath.Join(tb.TempDir(), "Kbe")
	writeKey(tb, base)
	key, err := dnssec.ParseKeyFile(base+".key", base+".private")
	if err != nil {
		tb.Fatal(err)
	}
	n := flaggedHandler(tb, profileSigned)
	d := dnssec.New([]string{"be."}, []*dnssec.DNSKEY{key}, false, n, cache.New[[]dns.RR](1000))
	n.view.apex(0).signer = &d
	return d
}

// FuzzServeDNS: any well-formed query message gets a well-formed answer that
// echoes its question.
func FuzzServeDNS(f *testing.F) {
	for _, q := range []struct {
		qname string
		qtype uint16
	}{{"example.be.", dns.TypeA}, {"WWW.example.BE.", dns.TypeHTTPS}, {`\000\255\..example.be.`, dns.TypeMX}, {strings.Repeat(strings.Repeat("x", 59)+".", 4) + "example.be.", dns.TypeTXT}, {"be.", dns.TypeSOA}, {"*.example.be.", dns.TypeANY}} {
		req := new(dns.Msg).SetQuestion(q.qname, q.qtype).SetEdns0(1232, true)
		wire, err := req.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	handlers := map[string]plugin.Handler{
		"insecure": flaggedHandler(f, profileInsecure), "signed": flaggedHandler(f, profileSigned),
		"preserve": preservingHandler(f, profileInsecure, usualMail...), "dnssec": signedHandler(f),
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		for name, h := range handlers {
			req := new(dns.Msg)
			if err := req.Unpack(wire); err != nil || len(req.Question) != 1 || req.Response {
				return
			}
			question := req.Question[0]
			rec := dnstest.NewRecorder(&test.ResponseWriter{})
			rcode, err := h.ServeDNS(context.Background(), request.NewScrubWriter(req, rec), req)
			if err != nil || rcode != dns.RcodeSuccess || rec.Msg == nil {
				t.Fatalf("%s: rcode %d, error %v, message %v", name, rcode, err, rec.Msg)
			}
			packed, err := rec.Msg.Pack()
			if err != nil {
				t.Fatalf("%s: packing %v: %v", name, rec.Msg, err)
			}
			reply := new(dns.Msg)
			if err := reply.Unpack(packed); err != nil {
				t.Fatalf("%s: unpacking the answer: %v", name, err)
			}
			if !reply.Response || reply.Id != req.Id || len(reply.Question) != 1 || reply.Question[0] != question {
				t.Errorf("%s: %v does not answer %v", name, reply, req)
			}
		}
	})
}
