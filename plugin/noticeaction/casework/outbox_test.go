package casework

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

var errDown = errors.New("connection refused")

type permanent struct{ error }

func (permanent) Permanent() bool { return true }

func TestDelivery(t *testing.T) {
	tests := []struct {
		name     string
		failures []error // of the attempts, in order; then none
		want     string
		tasks    int
	}{
		{"taken at once", nil, "mail holder_notice to holder: sent", 0},
		{"taken after two tries", []error{errDown, errDown}, "mail holder_notice to holder: sent", 0},
		{"refused for good", []error{permanent{errDown}}, "mail holder_notice to holder: failed", 1},
		{"never taken", slices.Repeat([]error{errDown}, 200), "mail holder_notice to holder: failed", 1},
		{"taken late", slices.Repeat([]error{errDown}, slowAfter+1), "mail holder_notice to holder: sent", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := caseDesk(t)
				ctx, stop := context.WithCancel(context.Background())
				ended := make(chan struct{})
				failures := tt.failures
				go func() {
					defer close(ended)
					d.Deliver(ctx, store.Mail, func(_ context.Context, l Leaving) error {
						if l.Mail != procedure.HolderNotice || len(failures) == 0 {
							return nil
						}
						err := failures[0]
						failures = failures[1:]
						return err
					})
				}()
				id := d.approved("example.be")
				time.Sleep(8 * 24 * time.Hour)
				synctest.Wait()
				wantLines(t, "outbox", d.left(id), tt.want, "mail registrar_notice to registrar: sent")
				if tasks := d.openTasks(); len(tasks) != tt.tasks {
					t.Errorf("tasks = %q, want %d", tasks, tt.tasks)
				}
				stop()
				<-ended
			})
		})
	}
}

func TestCrashBetweenSendAndMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		l, _, err := d.take(context.Background(), store.Mail)
		if err != nil {
			t.Fatal(err)
		}
		d.reopen()
		var resent []Leaving
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.Deliver(ctx, store.Mail, func(_ context.Context, l Leaving) error {
				resent = append(resent, l)
				return nil
			})
		}()
		synctest.Wait()
		stop()
		<-ended
		if len(resent) != 2 || resent[0].MessageID != l.MessageID || !resent[0].Resent || resent[1].Resent {
			t.Errorf("sent after the crash: %+v; want the first again and said so, then the second", resent)
		}
		wantLines(t, "outbox", d.left(id), "mail holder_notice to holder: sent", "mail registrar_notice to registrar: sent")
	})
}

func TestOrdersKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		p := casePolicy()
		p.Procedure.OrdersLeave = true
		d.SetPolicy(p)
		var sending sync.Mutex
		var got []string
		down := true
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.Deliver(ctx, store.Order, func(_ context.Context, l Leaving) error {
				sending.Lock()
				defer sending.Unlock()
				if got = append(got, string(l.Order)); down {
					return errDown
				}
				return nil
			})
		}()
		id := d.approved("example.be")
		d.record(dpa, id, procedure.Event{Kind: procedure.Remove})
		d.until("2026-11-27 00:00")
		sending.Lock()
		if len(got) != 1 || got[0] != "temporary_account" {
			t.Errorf("orders tried = %q, want the first alone", got)
		}
		down = false
		sending.Unlock()
		d.until("2026-11-27 00:02")
		stop()
		<-ended
		wantLines(t, "orders", got, "temporary_account", "temporary_account", "cancel", "quarantine")
	})
}

func TestMailsThatCouldNotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		p := casePolicy()
		p.Procedure.Compose, p.Procedure.MailHost = nil, ""
		d.SetPolicy(p)
		d.record(dpa, id, procedure.Event{Kind: procedure.Reinstate})
		d.wantRedirected()
		all, _, err := d.Outbox(clerk, store.OutgoingQuery{Case: id, Status: store.Failed}, maxPage)
		if err != nil || len(all) != 2 {
			t.Fatalf("failed: %+v, %v; want the mails to holder and registrar", all, err)
		}
		_, err = d.Retry(t.Context(), clerk, all[0].ID)
		wantKind(t, err, Unavailable)
		d.SetPolicy(casePolicy())
		for _, out := range all {
			if _, err := d.Retry(t.Context(), clerk, out.ID); err != nil {
				t.Fatal(err)
			}
		}
		l, err := d.Outgoing(clerk, all[0].ID)
		if err != nil || l.Status != store.Queued || string(l.Payload) != "reinstated to holder about example.be" || l.MessageID != "2026-00001.3.3@registry.example" {
			t.Errorf("written again: %+v %q, %v", l.Outgoing, l.Payload, err)
		}
		wantLines(t, "tasks", d.openTasks(), "order carry out the order reinstate in the registration system and confirm it")
	})
}

// TestAMailWrittenLater: it says what it would have said at its time.
func TestAMailWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		p := casePolicy()
		p.Procedure.Compose = nil
		d.SetPolicy(p)
		d.until("2026-05-27 09:00") // the reminder could not be written
		d.record(dpa, id, procedure.Event{Kind: procedure.Reinstate})
		all, _, err := d.Outbox(clerk, store.OutgoingQuery{Case: id, Status: store.Failed}, maxPage)
		if err != nil || len(all) != 3 || all[0].Mail != procedure.Reminder {
			t.Fatalf("failed: %+v, %v", all, err)
		}
		p = casePolicy()
		p.Procedure.Compose = func(l Letter) (Composed, error) {
			c, err := compose(l)
			for _, deadline := range l.Case.Deadlines {
				c.Message = fmt.Appendf(c.Message, ", %s until %v", deadline.Kind, deadline.Due)
			}
			return c, err
		}
		d.SetPolicy(p)
		if _, err := d.Retry(t.Context(), clerk, all[0].ID); err != nil {
			t.Fatal(err)
		}
		l, err := d.Outgoing(clerk, all[0].ID)
		if want := "reminder to authority about example.be, review_reminder until 2026-06-10"; err != nil || string(l.Payload) != want {
			t.Errorf("written: %q, %v; want %q", l.Payload, err, want)
		}
		if l.About != nil {
			t.Error("what it was written from is still kept")
		}
	})
}
