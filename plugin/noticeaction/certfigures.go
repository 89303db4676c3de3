package noticeaction

import (
	"sync"
	"time"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/warnpage/certs"
)

var certificateOrdersTotal = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace, Subsystem: pluginName, Name: "certificate_orders_total",
	Help: "Counter of orders of certificates for the warning page.",
}, []string{"outcome"})

// certificateFigures shows the certificates of the desks that are open, as of the moment when it is asked.
type certificateFigures struct {
	mu sync.Mutex
	of map[*certs.Manager]bool

	certificates, expiry, up *prometheus.Desc
}

var certificateCollector = &certificateFigures{
	of: make(map[*certs.Manager]bool),
	certificates: prometheus.NewDesc(plugin.Namespace+"_"+pluginName+"_certificates",
		"Gauge of certificates of the warning page.", []string{"state"}, nil),
	expiry: prometheus.NewDesc(plugin.Namespace+"_"+pluginName+"_certificate_expiry_seconds",
		"Gauge of the seconds until the first certificate in use expires; below 0 it has. Absent without certificates.", nil, nil),
	up: prometheus.NewDesc(plugin.Namespace+"_"+pluginName+"_acme_up",
		"Gauge of whether the CA was available when it was last needed, 1 or 0. Absent without one.", nil, nil),
}

func init() {
	prometheus.MustRegister(certificateCollector)
	for _, outcome := range certs.Outcomes {
		certificateOrdersTotal.WithLabelValues(outcome)
	}
}

func showCertificates(m *certs.Manager) {
	certificateCollector.mu.Lock()
	defer certificateCollector.mu.Unlock()
	certificateCollector.of[m] = true
}

func hideCertificates(m *certs.Manager) {
	certificateCollector.mu.Lock()
	defer certificateCollector.mu.Unlock()
	delete(certificateCollector.of, m)
}

// Describe implements [prometheus.Collector].
func (c *certificateFigures) Describe(to chan<- *prometheus.Desc) {
	to <- c.certificates
	to <- c.expiry
	to <- c.up
}

// Collect implements [prometheus.Collector].
func (c *certificateFigures) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := certs.Figures{Up: true}
	for m := range c.of {
		f := m.Figures()
		sum.Valid += f.Valid
		sum.Pending += f.Pending
		sum.Failing += f.Failing
		sum.Revoking += f.Revoking
		sum.Up = sum.Up && f.Up
		if !f.Expires.IsZero() && (sum.Expires.IsZero() || f.Expires.Before(sum.Expires)) {
			sum.Expires = f.Expires
		}
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	gauge(c.certificates, float64(sum.Valid), "valid")
	gauge(c.certificates, float64(sum.Pending), "pending")
	gauge(c.certificates, float64(sum.Failing), "failing")
	gauge(c.certificates, float64(sum.Revoking), "revoking")
	if !sum.Expires.IsZero() {
		gauge(c.expiry, sum.Expires.Sub(now()).Round(time.Second).Seconds())
	}
	if len(c.of) > 0 {
		up := 0.0
		if sum.Up {
			up = 1
		}
		gauge(c.up, up)
	}
}
