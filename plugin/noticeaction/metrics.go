package noticeaction

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// No label ever holds a domain name below a zone: what is redirected is not
// for the dashboards.
var (
	redirectsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "redirects_total",
		Help: "Counter of queries answered for a flagged name.",
	}, []string{"server", "zone", "type"})
	observedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "observed_total",
		Help: "Counter of queries for a flagged name that were left alone because of observe.",
	}, []string{"server", "zone", "type"})
	flagsGauge = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "flags",
		Help: "Gauge of names that are flagged.",
	}, []string{"zone"})
	generationGauge = promauto.NewGauge(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "generation",
		Help: "Gauge of the generation that answers are made from.",
	})
	lastChangeGauge = promauto.NewGauge(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "last_change_timestamp_seconds",
		Help: "Gauge of when the set of redirects last changed, in Unix seconds.",
	})
	publishDuration = promauto.NewHistogram(prometheus.HistogramOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "publish_duration_seconds",
		Buckets: prometheus.ExponentialBuckets(1e-6, 4, 12),
		Help:    "Histogram of the time from a durable commit until answers show it.",
	})
	storeErrorsTotal = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "store_errors_total",
		Help: "Counter of failed reads and commits of the store.",
	})
	apiRequestsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "api_requests_total",
		Help: "Counter of admin API requests.",
	}, []string{"route", "code"})
)

// labelledTypes are the query types with a label of their own, CoreDNS's
// choice for its own metrics; the rest count as "other".
var labelledTypes = map[uint16]bool{
	dns.TypeA: true, dns.TypeAAAA: true, dns.TypeANY: true, dns.TypeCNAME: true, dns.TypeDNSKEY: true,
	dns.TypeDS: true, dns.TypeHTTPS: true, dns.TypeMX: true, dns.TypeNS: true, dns.TypeNSEC: true,
	dns.TypeNSEC3: true, dns.TypePTR: true, dns.TypeRRSIG: true, dns.TypeSOA: true, dns.TypeSRV: true,
	dns.TypeSVCB: true, dns.TypeTXT: true,
}

func typeLabel(qtype uint16) string {
	if labelledTypes[qtype] {
		return dns.Type(qtype).String()
	}
	return "other"
}

// counters keeps the children of one counter by their labels, so that
// counting an answer neither hashes labels nor allocates. Safe for
// concurrent use.
type counters struct {
	vec      *prometheus.CounterVec
	children atomic.Pointer[map[counterKey]prometheus.Counter]
	mu       sync.Mutex // held to add a child
}

type counterKey struct {
	server string
	zone   int
	qtype  uint16
}

func (c *counters) inc(server string, zones zones, zone int, qtype uint16) {
	if !labelledTypes[qtype] {
		qtype = 0
	}
	key := counterKey{server, zone, qtype}
	if children := c.children.Load(); children != nil {
		if child, ok := (*children)[key]; ok {
			child.Inc()
			return
		}
	}
	c.add(key, zones[zone]).Inc()
}

func (c *counters) add(key counterKey, zone string) prometheus.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	children := make(map[counterKey]prometheus.Counter)
	if old := c.children.Load(); old != nil {
		maps.Copy(children, *old)
	}
	children[key] = c.vec.WithLabelValues(key.server, zone, typeLabel(key.qtype))
	c.children.Store(&children)
	return children[key]
}

// published shows what answers are made from now; took is the time from the
// commit until then, 0 when nothing was committed. Safe for concurrent use.
func (d *desk) published(took time.Duration) {
	d.gauges.Lock()
	defer d.gauges.Unlock()
	table := d.set.Table()
	generationGauge.Set(float64(table.Generation()))
	counts := make(map[string]int)
	for _, zone := range *d.origins.Load() {
		counts[zone] = 0
	}
	for zone, n := range table.Zones() {
		counts[zone+"."] = n
	}
	for zone := range d.shown {
		if _, ok := counts[zone]; !ok {
			flagsGauge.DeleteLabelValues(zone)
		}
	}
	for zone, n := range counts {
		flagsGauge.WithLabelValues(zone).Set(float64(n))
	}
	d.shown = counts
	if took > 0 {
		publishDuration.Observe(took.Seconds())
		lastChangeGauge.SetToCurrentTime()
	}
}
