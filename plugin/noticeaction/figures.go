package noticeaction

import (
	"sync"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

var (
	casesGauge    = caseGauge("cases", "Gauge of cases.", "state")
	overdueGauge  = caseGauge("deadlines_overdue", "Gauge of the registry's own deadlines that have passed and are still owed.", "kind")
	messagesGauge = caseGauge("messages", "Gauge of mails and orders.", "status")
	tasksGauge    = caseGauge("tasks", "Gauge of tasks that wait for a person.", "kind")

	nextDeadlineGauge = promauto.NewGauge(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: pluginName, Name: "deadline_next_timestamp_seconds",
		Help: "Gauge of when the first deadline of any case ends, in Unix seconds; 0 when none runs.",
	})
)

func caseGauge(name, help, label string) *prometheus.GaugeVec {
	return promauto.NewGaugeVec(prometheus.GaugeOpts{Namespace: plugin.Namespace, Subsystem: pluginName, Name: name, Help: help}, []string{label})
}

// figures keeps the gauges about the cases of a desk right. Several commits that come close together are
// counted once.
type figures struct {
	stale   chan struct{} // of size 1
	stop    chan struct{}
	running sync.WaitGroup
}

// counted are the figures of the desks that are open; the gauges show their sum.
var counted struct {
	sync.Mutex
	of map[*figures]casework.Figures
}

func newFigures() *figures {
	f := &figures{stale: make(chan struct{}, 1), stop: make(chan struct{})}
	f.changed()
	return f
}

// changed says that the figures are no longer right. It does not wait.
func (f *figures) changed() {
	select {
	case f.stale <- struct{}{}:
	default:
	}
}

// start begins to count.
func (f *figures) start(work *casework.Desk) {
	f.running.Go(func() {
		for {
			select {
			case <-f.stale:
			case <-f.stop:
				return
			}
			count, err := work.Figures()
			if err != nil {
				log.Errorf("Counting cases: %v", err)
				continue
			}
			f.show(&count)
		}
	})
}

// end stops counting; what was counted is no longer shown.
func (f *figures) end() {
	close(f.stop)
	f.running.Wait()
	f.show(nil)
}

func (f *figures) show(count *casework.Figures) {
	counted.Lock()
	defer counted.Unlock()
	if counted.of == nil {
		counted.of = make(map[*figures]casework.Figures)
	}
	delete(counted.of, f)
	if count != nil {
		counted.of[f] = *count
	}
	showSum(casesGauge, procedure.States, func(c casework.Figures) map[procedure.State]int { return c.Cases })
	showSum(overdueGauge, []procedure.DeadlineKind{procedure.ApprovalDeadline, procedure.RelayDeadline},
		func(c casework.Figures) map[procedure.DeadlineKind]int { return c.Overdue })
	showSum(messagesGauge, store.Statuses, func(c casework.Figures) map[store.Status]int { return c.Outgoing })
	showSum(tasksGauge, []store.TaskKind{store.TaskDeadline, store.TaskOrder, store.TaskMail, store.TaskNotice},
		func(c casework.Figures) map[store.TaskKind]int { return c.Tasks })
	var next int64
	for _, c := range counted.of {
		if at := c.Next.Unix(); !c.Next.IsZero() && (next == 0 || at < next) {
			next = at
		}
	}
	nextDeadlineGauge.Set(float64(next))
}

// showSum sets the gauge for each of the kinds, 0 for one of which there is none.
func showSum[K ~string](gauge *prometheus.GaugeVec, kinds []K, of func(casework.Figures) map[K]int) {
	for _, kind := range kinds {
		n := 0
		for _, c := range counted.of {
			n += of(c)[kind]
		}
		gauge.WithLabelValues(string(kind)).Set(float64(n))
	}
}
