package noticeaction

import (
	"context"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// BenchmarkServeDNS: what the plugin adds to a query that it answers, and to
// one that it passes on, beside a plugin that does nothing but pass it on.
func BenchmarkServeDNS(b *testing.B) {
	n := flaggedHandler(b, profileInsecure)
	n.Next = nothing
	pass := plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		return plugin.NextOrFailure("pass", nothing, ctx, w, r)
	})
	for _, bc := range []struct {
		name, qname string
		h           plugin.Handler
		edns        bool
	}{
		{"flagged", "www.example.be.", n, false},
		{"flagged-edns", "www.example.be.", n, true},
		{"flagged-mixed-case", "wWw.ExAmple.Be.", n, false},
		{"passed-on", "www.another.be.", n, false},
		{"nothing", "www.another.be.", pass, false},
	} {
		b.Run(bc.name, func(b *testing.B) {
			ctx := context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: "dns://:53"})
			ctx = context.WithValue(ctx, dnsserver.LoopKey{}, 0)
			req := new(dns.Msg).SetQuestion(bc.qname, dns.TypeA)
			if bc.edns {
				req.SetEdns0(1232, false)
			}
			w := &test.ResponseWriter{}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = bc.h.ServeDNS(ctx, w, req)
			}
		})
	}
}
