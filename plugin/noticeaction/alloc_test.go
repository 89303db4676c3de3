package noticeaction

import (
	"context"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// nothing is a plugin that takes every query and does nothing.
var nothing = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) { return 0, nil })

func allocations(h plugin.Handler, qname string, change ...func(*dns.Msg)) float64 {
	ctx := context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: "dns://:53"})
	w := &test.ResponseWriter{}
	req := new(dns.Msg).SetQuestion(qname, dns.TypeA)
	for _, f := range change {
		f(req)
	}
	return testing.AllocsPerRun(200, func() { _, _ = h.ServeDNS(ctx, w, req) })
}

// TestPassingOnAllocatesOnce: what CoreDNS itself allocates to hand a query
// to the next plugin, and nothing of ours.
func TestPassingOnAllocatesOnce(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	n.Next = nothing
	for _, qname := range []string{"exampl.be.", "www.a.b.c.d.NotFlagged.be.", "be.", "example.nl."} {
		if got := allocations(n, qname); got > 1 {
			t.Errorf("%s: %v allocations, want at most 1", qname, got)
		}
	}
}

// TestAnsweringAllocates: the reply, and for a query in mixed case its owner.
func TestAnsweringAllocates(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	for _, tc := range []struct {
		name, qname string
		change      func(*dns.Msg)
		most        float64
	}{
		{"plain", "www.example.be.", func(*dns.Msg) {}, 1},
		{"with OPT", "www.example.be.", func(r *dns.Msg) { r.SetEdns0(1232, false) }, 1},
		{"mixed case", "wWw.ExAmple.be.", func(*dns.Msg) {}, 2},
	} {
		if got := allocations(n, tc.qname, tc.change); got > tc.most {
			t.Errorf("%s: %v allocations, want at most %v", tc.name, got, tc.most)
		}
	}
}
