package wire

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin/metrics/vars"

	"github.com/prometheus/client_golang/prometheus"
)

// Meter counts replies made inside the packet in CoreDNS's own metrics, with
// the labels that its prometheus plugin would have given them: those of one
// server, zone and plugin, of code NOERROR, over UDP, in no view. Nothing shows before the
// first reply. Safe for concurrent use.
type Meter struct {
	server, zone, plugin string
	typeLabel            func(qtype uint16) string

	once sync.Once // before the first reply
	size struct{ request, response prometheus.Observer }
	took prometheus.Observer
	code prometheus.Counter
	do   atomic.Pointer[prometheus.Counter]

	requests [2][countedTypes]atomic.Pointer[prometheus.Counter] // by family and type
}

// countedTypes is the number of query types below which each has a counter at
// hand: all common ones.
const countedTypes = 66

// NewMeter makes a meter; typeLabel names a query type as CoreDNS's metrics do.
func NewMeter(server, zone, plugin string, typeLabel func(qtype uint16) string) *Meter {
	return &Meter{server: server, zone: zone, plugin: plugin, typeLabel: typeLabel}
}

const (
	noView   = ""
	udp      = "udp"
	noError  = "NOERROR"
	ipFamily = "12" // of IPv4, of IPv6
)

func (m *Meter) resolve() {
	m.size.request = vars.RequestSize.WithLabelValues(m.server, m.zone, noView, udp)
	m.size.response = vars.ResponseSize.WithLabelValues(m.server, m.zone, noView, udp)
	m.took = vars.RequestDuration.WithLabelValues(m.server, m.zone, noView)
	m.code = vars.ResponseRcode.WithLabelValues(m.server, m.zone, noView, noError, m.plugin)
}

// reply is what is counted of one.
type reply struct {
	meter             *Meter
	qtype             uint16
	family            uint8 // 0: IPv4, 1: IPv6
	do                bool
	request, response int // bytes
}

// count counts a reply that took so long from when its query was read until
// it was sent.
func (r *reply) count(took time.Duration) {
	m := r.meter
	m.once.Do(m.resolve)
	if r.do {
		cached(&m.do, func() prometheus.Counter {
			return vars.RequestDo.WithLabelValues(m.server, m.zone, noView)
		}).Inc()
	}
	m.request(r.family, r.qtype).Inc()
	m.took.Observe(took.Seconds())
	m.size.response.Observe(float64(r.response))
	m.size.request.Observe(float64(r.request))
	m.code.Inc()
}

func (m *Meter) request(family uint8, qtype uint16) prometheus.Counter {
	resolve := func() prometheus.Counter {
		return vars.RequestCount.WithLabelValues(m.server, m.zone, noView, udp, ipFamily[family:family+1], m.typeLabel(qtype))
	}
	if qtype >= countedTypes {
		return resolve()
	}
	return cached(&m.requests[family][qtype], resolve)
}

// cached keeps what resolve returns, which is always the same.
func cached(at *atomic.Pointer[prometheus.Counter], resolve func() prometheus.Counter) prometheus.Counter {
	if c := at.Load(); c != nil {
		return *c
	}
	c := resolve()
	at.Store(&c)
	return c
}
