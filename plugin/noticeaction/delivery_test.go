package noticeaction

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// slowServer takes a mail when the test lets it.
type slowServer struct {
	begun, let, closed chan struct{}
	sent               []uint64
}

func newSlowServer() *slowServer {
	return &slowServer{begun: make(chan struct{}, 1), let: make(chan struct{}, 1), closed: make(chan struct{})}
}

func (s *slowServer) Send(ctx context.Context, l casework.Leaving) error {
	s.begun <- struct{}{}
	select {
	case <-s.let:
		s.sent = append(s.sent, l.ID)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slowServer) Close() error { close(s.closed); return nil }

func letter(id uint64) casework.Leaving { return casework.Leaving{Outgoing: store.Outgoing{ID: id}} }

// TestReloadWhileMailLeaves: the mail that is leaving arrives where it was going, the next one goes the new
// way, and the old way is closed after the one and before nobody.
func TestReloadWhileMailLeaves(t *testing.T) {
	var y delivery
	before, after := newSlowServer(), newSlowServer()
	y.mail.Store(&outlet{sender: before})
	sent := make(chan error)
	go func() { sent <- y.sendMail(t.Context(), letter(1)) }()
	<-before.begun

	old := y.mail.Swap(&outlet{sender: after})
	y.running.Go(old.close)
	select {
	case <-before.closed:
		t.Fatal("closed under a mail that is leaving")
	default:
	}
	before.let <- struct{}{}
	if err := <-sent; err != nil || len(before.sent) != 1 {
		t.Errorf("the mail under way: %v", err)
	}
	<-before.closed
	if open, _ := old.send(t.Context(), letter(2)); open {
		t.Error("a closed way out took a mail")
	}

	after.let <- struct{}{}
	if err := y.sendMail(t.Context(), letter(2)); err != nil || len(after.sent) != 1 {
		t.Errorf("the next mail: %v", err)
	}
	y.end()
	<-after.closed
}

// TestEndGivesUpWhatHangs: a desk closes although a mail server never answers.
func TestEndGivesUpWhatHangs(t *testing.T) {
	var y delivery
	server := newSlowServer()
	y.mail.Store(&outlet{sender: server})
	var sends context.Context
	y.stop = func() {}
	sends, y.cut = context.WithCancel(t.Context())
	sent := make(chan error, 1)
	y.running.Go(func() { sent <- y.sendMail(sends, letter(1)) })
	<-server.begun
	y.cut()
	y.end()
	if err := <-sent; !errors.Is(err, context.Canceled) {
		t.Errorf("the mail under way: %v, want it given up", err)
	}
	<-server.closed
}

// TestNoLineNoDelivery: what was queued under lines that are gone waits, and says for what.
func TestNoLineNoDelivery(t *testing.T) {
	var y delivery
	if err := y.use(&config{}); err != nil {
		t.Fatal(err)
	}
	if err := y.sendMail(t.Context(), letter(1)); !errors.Is(err, errNoMail) {
		t.Errorf("mail: %v", err)
	}
	if err := y.sendOrder(t.Context(), letter(2)); !errors.Is(err, errNoOrders) {
		t.Errorf("order: %v", err)
	}
	y.end()
}

// TestFiguresOfTwoDesks: the gauges show the sum, and forget a desk that closes.
func TestFiguresOfTwoDesks(t *testing.T) {
	one, two := newFigures(), newFigures()
	soon := time.Unix(1000, 0)
	one.show(&casework.Figures{Next: soon.Add(time.Hour), Counts: store.Counts{
		Cases:    map[procedure.State]int{procedure.Received: 2},
		Outgoing: map[store.Status]int{store.Sent: 5}, Tasks: map[store.TaskKind]int{store.TaskMail: 1},
		Overdue: map[procedure.DeadlineKind]int{procedure.RelayDeadline: 1},
	}})
	two.show(&casework.Figures{Next: soon, Counts: store.Counts{Cases: map[procedure.State]int{procedure.Received: 1}}})
	check := func(received, sent, next float64) {
		t.Helper()
		for name, values := range map[string][2]float64{
			"received": {shown(t, casesGauge.WithLabelValues("received")), received},
			"sent":     {shown(t, messagesGauge.WithLabelValues("sent")), sent},
			"next":     {shown(t, nextDeadlineGauge), next},
		} {
			if values[0] != values[1] {
				t.Errorf("%s: %v, want %v", name, values[0], values[1])
			}
		}
	}
	check(3, 5, 1000)
	two.show(nil)
	check(2, 5, 4600)
	one.show(nil)
	check(0, 0, 0)
}

func shown(t *testing.T, g prometheus.Gauge) float64 {
	t.Helper()
	var m dto.Metric
	if err := g.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}
