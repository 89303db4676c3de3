package noticeaction

import (
	"slices"
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
var labelledTypes = func() (own [256]bool) {
	for _, qtype := range []uint16{
		dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeCNAME, dns.TypeDNSKEY, dns.TypeDS, dns.TypeHTTPS, dns.TypeMX, dns.TypeNS,
		dns.TypeNSEC, dns.TypeNSEC3, dns.TypePTR, dns.TypeRRSIG, dns.TypeSOA, dns.TypeSRV, dns.TypeSVCB, dns.TypeTXT,
	} {
		own[qtype] = true
	}
	return own
}()

func labelled(qtype uint16) bool { return int(qtype) < len(labelledTypes) && labelledTypes[qtype] }

func typeLabel(qtype uint16) string {
	if labelled(qtype) {
		return dns.Type(qtype).String()
	}
	return "other"
}

// counters keeps the children of one counter by their labels, so that
// counting an answer neither hashes labels nor allocates. Safe for
// concurrent use.
type counters struct {
	vec      *prometheus.CounterVec
	children atomic.Pointer[[][]child] // by zone; what has come to count, a few for each
	mu       sync.Mutex                // held to add a child
}

type child struct {
	qtype   uint16
	server  string
	counter prometheus.Counter
}

func (c *counters) inc(server string, zones zones, zone int, qtype uint16) {
	if !labelled(qtype) {
		qtype = 0
	}
	counter := c.of(server, zone, qtype)
	if counter == nil {
		counter = c.add(server, zones, zone, qtype)
	}
	counter.Inc()
}

// of returns the child with these labels, if there is one.
func (c *counters) of(server string, zone int, qtype uint16) prometheus.Counter {
	children := c.children.Load()
	if children == nil {
		return nil
	}
	for i := range (*children)[zone] {
		if ch := &(*children)[zone][i]; ch.qtype == qtype && ch.server == server {
			return ch.counter
		}
	}
	return nil
}

func (c *counters) add(server string, zones zones, zone int, qtype uint16) prometheus.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if counter := c.of(server, zone, qtype); counter != nil {
		return counter
	}
	children := make([][]child, len(zones))
	if old := c.children.Load(); old != nil {
		copy(children, *old)
	}
	added := child{qtype, server, c.vec.WithLabelValues(server, zones[zone], typeLabel(qtype))}
	children[zone] = append(slices.Clone(children[zone]), added)
	c.children.Store(&children)
	return added.counter
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
