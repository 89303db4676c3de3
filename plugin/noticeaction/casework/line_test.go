package casework

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// receiver takes what leaves, or fails to.
type receiver struct {
	mu   sync.Mutex
	down bool
	got  []string
}

func (r *receiver) set(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down, r.got = down, nil
}

func (r *receiver) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

func (r *receiver) take(_ context.Context, l Leaving) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return errDown
	}
	what := fmt.Sprintf("%s to %s", l.Mail, l.To)
	if l.Kind == store.Order {
		what = string(l.Order) + " " + strings.Join(l.Names, " ") + " in " + string(l.Payload)
	}
	r.got = append(r.got, what)
	return nil
}

// deliver has what leaves go to r, until the returned function.
func (d *desk) deliver(kind store.OutgoingKind, r *receiver) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.Deliver(ctx, kind, r.take)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// awayUntil has nobody look at the clock until a moment: months of looking each minute take long to test.
func (d *desk) awayUntil(s string, p *Policy) {
	d.t.Helper()
	d.close()
	time.Sleep(brussels(d.t, s).Sub(d.clock()))
	d.open(p)
	synctest.Wait()
}

func TestNoCancellationAfterReinstatement(t *testing.T) {
	const reinstate = `reinstate example.be in {"case":"2026-00001","order":"reinstate","names":["example.be"],"at":"2026-11-26T23:30:00Z","reason":"stopped"}`
	for _, tt := range []struct {
		name   string
		leave  bool // orders leave by themselves
		names  []string
		outbox []string
		tasks  []string
		taken  []string
	}{
		{
			name: "of orders that the registration system does not take yet", leave: true, names: []string{"example.be"},
			outbox: []string{"temporary_account: withdrawn", "cancel: withdrawn", "quarantine: withdrawn", "reinstate: sent"},
			taken:  []string{reinstate},
		},
		{
			name: "of tasks", names: []string{"example.be"},
			outbox: []string{"temporary_account: withdrawn", "cancel: withdrawn", "quarantine: withdrawn", "reinstate: manual"},
			tasks:  []string{"order carry out the order reinstate in the registration system and confirm it"},
		},
		{
			name: "of one name among several", leave: true, names: []string{"example.be", "xn--caf-dma.be"},
			outbox: []string{"temporary_account: sent", "cancel: sent", "quarantine: sent", "reinstate: sent"},
			taken: []string{
				`temporary_account xn--caf-dma.be in {"case":"2026-00001","order":"temporary_account","names":["xn--caf-dma.be"],"at":"2026-11-26T23:00:00Z","reason":"cancelled"}`,
				`cancel xn--caf-dma.be in {"case":"2026-00001","order":"cancel","names":["xn--caf-dma.be"],"at":"2026-11-26T23:00:00Z","reason":"cancelled"}`,
				`quarantine xn--caf-dma.be in {"case":"2026-00001","order":"quarantine","names":["xn--caf-dma.be"],"at":"2026-11-26T23:00:00Z","reason":"cancelled"}`,
				reinstate,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := caseDesk(t)
				p := casePolicy()
				p.Procedure.OrdersLeave = tt.leave
				d.SetPolicy(p)
				id := d.approved(tt.names...)
				d.record(dpa, id, procedure.Event{Kind: procedure.Remove})
				d.awayUntil("2026-11-27 00:30", p)
				registry := &receiver{down: true}
				stop := d.deliver(store.Order, registry)
				synctest.Wait()
				registry.set(false)
				d.record(dpa, id, procedure.Event{Kind: procedure.Stop, Names: []string{"example.be"}})
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				stop()
				wantLines(t, "orders taken", registry.taken(), tt.taken...)
				var outbox []string
				for _, left := range d.left(id) {
					if order, ok := strings.CutPrefix(left, "order "); ok {
						outbox = append(outbox, order)
					}
				}
				wantLines(t, "outbox", outbox, tt.outbox...)
				wantLines(t, "tasks", d.openTasks(), tt.tasks...)
				all, _, err := d.Outbox(clerk, store.OutgoingQuery{Case: id, Status: store.Withdrawn}, maxPage)
				if err != nil {
					t.Fatal(err)
				}
				for _, out := range all {
					_, err := d.Retry(t.Context(), clerk, out.ID)
					wantKind(t, err, Conflict)
				}
				d.sound(id)
			})
		})
	}
}

// An order may be under way when its names are given back.
func TestNoCancellationAfterReinstatementAndACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		p := casePolicy()
		p.Procedure.OrdersLeave = true
		d.SetPolicy(p)
		id := d.approved("example.be")
		d.record(dpa, id, procedure.Event{Kind: procedure.Remove})
		d.awayUntil("2026-11-27 00:30", p)
		if l, _, err := d.take(t.Context(), store.Order); err != nil || l.Order != procedure.OrderAccount {
			t.Fatalf("first order: %+v, %v", l, err)
		}
		d.record(dpa, id, procedure.Event{Kind: procedure.Stop})
		d.reopen()
		registry := &receiver{}
		stop := d.deliver(store.Order, registry)
		synctest.Wait()
		stop()
		if got := registry.taken(); len(got) != 1 || !strings.HasPrefix(got[0], "reinstate ") {
			t.Errorf("orders taken = %q, want the reinstatement alone", got)
		}
	})
}

func TestMailsToOneReaderKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		server := &receiver{down: true}
		stop := d.deliver(store.Mail, server)
		id := d.approved("example.be")
		d.until("2026-05-12 12:10") // tried often, and not soon again
		server.set(false)
		d.record(dpa, id, procedure.Event{Kind: procedure.Stop})
		other := d.approved("xn--caf-dma.be")
		synctest.Wait()
		wantLines(t, "taken at once", server.taken(), "holder_notice to holder", "registrar_notice to registrar")
		server.set(false)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		stop()
		wantLines(t, "taken later", server.taken(),
			"holder_notice to holder", "registrar_notice to registrar", "reinstated to holder", "reinstated to registrar")
		wantLines(t, "outbox of the other case", d.left(other), "mail holder_notice to holder: sent", "mail registrar_notice to registrar: sent")
	})
}

func TestMailThatIsCutOffIsSaidToBeSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.Deliver(ctx, store.Mail, func(ctx context.Context, _ Leaving) error {
				<-ctx.Done()
				return fmt.Errorf("sending mail: %w", context.Cause(ctx))
			})
		}()
		synctest.Wait()
		stop()
		<-ended
		wantLines(t, "outbox", d.left(id), "mail holder_notice to holder: sending", "mail registrar_notice to registrar: queued")
		again := d.deliver(store.Mail, &receiver{})
		synctest.Wait()
		again()
		all, _, err := d.Outbox(clerk, store.OutgoingQuery{Case: id}, maxPage)
		if err != nil || !all[0].Resent || all[1].Resent {
			t.Errorf("outbox = %+v, %v; want the first said to be sent again", all, err)
		}
	})
}
