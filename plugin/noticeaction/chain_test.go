package noticeaction

import (
	"context"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/file"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// BenchmarkPassing: what a query that passes costs in CoreDNS's server and the zone behind: without the
// directive, with it, and with a plugin that does nothing but pass queries on.
func BenchmarkPassing(b *testing.B) {
	zone, err := os.Open("../../testdata/be.zone")
	if err != nil {
		b.Fatal(err)
	}
	defer zone.Close()
	z, err := file.Parse(zone, "be.", "be.zone", 0)
	if err != nil {
		b.Fatal(err)
	}
	behind := func(plugin.Handler) plugin.Handler {
		return file.File{Zones: file.Zones{Z: map[string]*file.Zone{"be.": z}, Names: []string{"be."}}}
	}
	for _, qname := range []string{"glue.be.", "www.glue.be.", "not-there.be."} {
		b.Run(qname, func(b *testing.B) {
			compare(b, newChain(b, "without", qname, behind), newChain(b, "with", qname, flagging(b), behind), newChain(b, "idle", qname, idle, behind))
		})
	}
}

// BenchmarkAnswering: what the answer for a flagged name costs in CoreDNS's server beside the least that a plugin
// can do to answer. Packing the answer, which is the same, is left out.
func BenchmarkAnswering(b *testing.B) {
	for _, qname := range []string{"example.be.", "www.example.be.", "wWw.eXample.be."} {
		b.Run(qname, func(b *testing.B) {
			compare(b, newChain(b, "fixed", qname, fixed), newChain(b, "flagged", qname, flagging(b)))
		})
	}
}

func flagging(b *testing.B) plugin.Plugin {
	n := flaggedHandler(b, profileInsecure)
	return func(next plugin.Handler) plugin.Handler { n.Next = next; return n }
}

func idle(next plugin.Handler) plugin.Handler {
	return plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		return plugin.NextOrFailure("idle", next, ctx, w, r)
	})
}

func fixed(plugin.Handler) plugin.Handler {
	address := net.IPv4(192, 0, 2, 80).To4()
	return plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := new(dns.Msg)
		m.SetReply(r)
		m.Authoritative = true
		hdr := dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}
		m.Answer = []dns.RR{&dns.A{Hdr: hdr, A: address}}
		return dns.RcodeSuccess, w.WriteMsg(m)
	})
}

// compare has chains take turns of about a millisecond and reports the CPU time of a query in each, and how much it
// is more in the second than in the first. Of the turns, the tenth with the least counts: there neither the collector
// nor a neighbour on the machine was in the way. The stack has grown already; in a server each query's grows anew.
func compare(b *testing.B, chains ...*chain) {
	for b.Loop() {
		for _, c := range chains {
			c.turn()
		}
	}
	for _, c := range chains {
		b.ReportMetric(c.least(), c.name+"-ns")
	}
	b.ReportMetric(chains[1].least()-chains[0].least(), "added-ns")
}

// chain is a server with its plugins, asked the same again and again.
type chain struct {
	name   string
	server *dnsserver.Server
	ctx    context.Context
	req    *dns.Msg
	turns  []float64 // ns of CPU a query
}

func newChain(b *testing.B, name, qname string, plugins ...plugin.Plugin) *chain {
	server, err := dnsserver.NewServer("dns://127.0.0.1:53", []*dnsserver.Config{{
		Zone: "be.", Transport: "dns", ListenHosts: []string{"127.0.0.1"}, Port: "53", Plugin: plugins,
	}})
	if err != nil {
		b.Fatal(err)
	}
	return &chain{
		name: name, server: server, req: new(dns.Msg).SetQuestion(qname, dns.TypeA),
		ctx: context.WithValue(context.Background(), dnsserver.Key{}, server),
	}
}

// turn has some queries answered, one after the other.
func (c *chain) turn() {
	const queries = 200
	w := &test.ResponseWriter{}
	begin := processTime()
	for range queries {
		c.server.ServeDNS(c.ctx, w, c.req)
	}
	c.turns = append(c.turns, float64(processTime()-begin)/queries)
}

func (c *chain) least() float64 {
	slices.Sort(c.turns)
	return c.turns[len(c.turns)/10]
}

func processTime() time.Duration {
	var used unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &used)
	return time.Duration(used.Nano())
}
