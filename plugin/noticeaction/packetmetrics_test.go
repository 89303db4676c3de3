//go:build linux

package noticeaction

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// metricsOf is what the metrics of a server hold: values of counters, and
// counts and sums of histograms, but for how long it took.
func metricsOf(t *testing.T, server string) map[string]float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			key := f.GetName()
			for _, l := range m.GetLabel() {
				key += " " + l.GetName() + "=" + l.GetValue()
			}
			if !strings.Contains(key, "server="+server) || strings.Contains(key, "udp_batch") {
				continue
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				values[key] = m.GetCounter().GetValue()
			case dto.MetricType_HISTOGRAM:
				values[key+" count"] = float64(m.GetHistogram().GetSampleCount())
				if !strings.Contains(key, "duration") {
					values[key+" sum"] = m.GetHistogram().GetSampleSum()
				}
			default:
			}
		}
	}
	return values
}

// grown is by how much values grew.
func grown(before, after map[string]float64) map[string]float64 {
	by := make(map[string]float64)
	for key, v := range after {
		if v != before[key] {
			by[key] = v - before[key]
		}
	}
	return by
}

// asking packs a query.
func asking(tb testing.TB, qname string, qtype uint16, change ...func(*dns.Msg)) []byte {
	tb.Helper()
	m := new(dns.Msg).SetQuestion(qname, qtype)
	for _, f := range change {
		f(m)
	}
	packet, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return packet
}

// TestPacketIsCountedAsInTheChain: the metrics of CoreDNS and ours cannot tell which path
// an answer took.
func TestPacketIsCountedAsInTheChain(t *testing.T) {
	if err := dnsserver.SetDirectives([]string{"prometheus", "errors", pluginName}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		zones []string // of the prometheus plugin
	}{{"zones of its own", []string{"be.", "vlaanderen."}}, {"the root alone", []string{"."}}, {"another zone", []string{"example."}}} {
		t.Run(tc.name, func(t *testing.T) {
			prom := metrics.New("")
			for _, zone := range tc.zones {
				prom.AddZone(zone)
			}
			finished := make(chan struct{}, 1) // the probe, whose reply leaves before the plugins count it
			p := newTwoPaths(t, flaggedHandler(t, profileInsecure), func(next plugin.Handler) plugin.Handler {
				return plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
					rcode, err := next.ServeDNS(ctx, w, r)
					if r.Question[0].Name == behindName {
						finished <- struct{}{}
					}
					return rcode, err
				})
			}, func(next plugin.Handler) plugin.Handler {
				prom.Next = next
				return prom
			})
			for _, packet := range [][]byte{
				asking(t, "example.be.", dns.TypeA),
				asking(t, "WWW.example.vlaanderen.", dns.TypeAAAA, func(m *dns.Msg) { m.SetEdns0(1232, true) }),
				asking(t, "example.be.", dns.TypeHTTPS, func(m *dns.Msg) { m.SetEdns0(512, false) }),
				asking(t, "example.be.", 65280),
				append(asking(t, "example.be.", dns.TypeTXT), 0, 0, 0),
			} {
				start := metricsOf(t, p.server.Addr)
				p.chain(packet)
				p.chain(probe())
				<-finished
				middle := metricsOf(t, p.server.Addr)
				want := grown(start, middle)
				before := p.answered.Load()
				p.batched(packet, true) // which counts before it looks at the probe behind
				<-finished
				if p.answered.Load() != before+1 {
					t.Fatalf("packet %x takes the chain", packet)
				}
				if got := grown(middle, metricsOf(t, p.server.Addr)); !maps.Equal(got, want) {
					t.Errorf("packet %x:\ngot  %v\nwant %v", packet, got, want)
				}
			}
		})
	}
}
