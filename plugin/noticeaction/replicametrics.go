package noticeaction

import (
	"time"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	replicaRefusedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "replica_refused_total",
		Help: "Counter of records and sets in etcd that were not believed.",
	}, []string{"reason"})
	replicaPublishDuration = promauto.NewHistogram(prometheus.HistogramOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "replica_publish_duration_seconds",
		Buckets: prometheus.ExponentialBuckets(1e-3, 4, 10),
		Help:    "Histogram of the time from a commit until etcd holds it.",
	})
)

func init() { prometheus.MustRegister(replicaCollector{}) }

// replicaCollector shows how current publishers and followers are at the moment they are asked.
type replicaCollector struct{}

func replicaDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, name), help, labels, nil)
}

var (
	replicaConnected  = replicaDesc("replica_connected", "Gauge of whether etcd is reached: 1 or 0.", "role")
	replicaGeneration = replicaDesc("replica_generation", "Gauge of the generation that etcd is known to hold.", "role")
	replicaLag        = replicaDesc("replica_lag_seconds", "Gauge of how long the oldest commit has waited that etcd does not hold; 0: none waits.")
	replicaDiverged   = replicaDesc("replica_diverged", "Gauge of whether etcd holds what the journal does not lead to: 1 or 0.")
	replicaAge        = replicaDesc("replica_age_seconds", "Gauge of how long ago etcd said that there is nothing newer; since the start if it never did.")
	replicaHeadAge    = replicaDesc("replica_head_age_seconds", "Gauge of how long ago the publisher signed the set that is held, by both clocks.")
	replicaRefusing   = replicaDesc("replica_refusing", "Gauge of whether what etcd holds is not believed: 1 or 0.")
	replicaNodes      = replicaDesc("replica_nodes", "Gauge of followers by what their reports say: current, behind, refusing, or late when none comes.", "state")
)

// Describe implements [prometheus.Collector].
func (replicaCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{replicaConnected, replicaGeneration, replicaLag, replicaDiverged, replicaAge, replicaHeadAge, replicaRefusing, replicaNodes} {
		descs <- d
	}
}

var processStart = time.Now()

// Collect implements [prometheus.Collector]. Of several publishers, or followers, in one process the first is shown.
func (replicaCollector) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	var published, followed bool
	for _, d := range openDesks() {
		if p := d.replication.publisher.Load(); p != nil && !published {
			published = true
			d.collectPublisher(gauge)
		}
		if f := d.replication.follower.Load(); f != nil && !followed {
			followed = true
			d.collectFollower(gauge)
		}
	}
}

func (d *desk) collectPublisher(gauge func(*prometheus.Desc, float64, ...string)) {
	p := d.replication.publisher.Load()
	if p == nil {
		return
	}
	st, lag := p.Status(), 0.0
	if !st.Behind.IsZero() {
		lag = max(now().Sub(st.Behind).Seconds(), 0)
	}
	gauge(replicaConnected, number(st.Connected), "publish")
	gauge(replicaGeneration, float64(st.Published.Generation), "publish")
	gauge(replicaLag, lag)
	gauge(replicaDiverged, number(st.Diverged))
	counts := map[string]int{"current": 0, "behind": 0, "refusing": 0, "late": 0}
	for _, n := range p.Fleet().Nodes() {
		switch {
		case n.Late:
			counts["late"]++
		case n.Refusal != "":
			counts["refusing"]++
		case n.Generation != st.Published.Generation || n.Digest != st.Published.Digest.String():
			counts["behind"]++
		default:
			counts["current"]++
		}
	}
	for state, n := range counts {
		gauge(replicaNodes, float64(n), state)
	}
}

func (d *desk) collectFollower(gauge func(*prometheus.Desc, float64, ...string)) {
	f := d.replication.follower.Load()
	if f == nil {
		return
	}
	st := f.Status()
	confirmed := st.Confirmed
	if confirmed.IsZero() {
		confirmed = processStart
	}
	gauge(replicaConnected, number(st.Connected), "follow")
	gauge(replicaGeneration, float64(st.Head.Generation), "follow")
	gauge(replicaAge, max(now().Sub(confirmed).Seconds(), 0))
	if st.Held {
		gauge(replicaHeadAge, now().Sub(st.Head.Signed).Seconds())
	}
	gauge(replicaRefusing, number(st.Refusal != ""))
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
