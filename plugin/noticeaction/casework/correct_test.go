package casework

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// readdress says what compose would say to whom now.
func readdress(l Letter, message []byte) (Composed, error) {
	c, err := compose(l)
	c.Message = message
	return c, err
}

func rightHolder() *procedure.Parties {
	return &procedure.Parties{Holder: procedure.Contact{Name: "H. Older", Email: "right@site.example"}}
}

// recipients returns the mails of a case as "holder_notice right@site.example: queued".
func (d *desk) recipients(id string) (all []string) {
	d.t.Helper()
	outbox, _, err := d.Outbox(clerk, store.OutgoingQuery{Case: id, Kind: store.Mail}, maxPage)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, out := range outbox {
		all = append(all, string(out.Mail)+" "+strings.Join(out.Recipients, " ")+": "+string(out.Status))
	}
	return all
}

func correctableDesk(t *testing.T) *desk {
	d := caseDesk(t)
	p := casePolicy()
	p.Procedure.Readdress = readdress
	d.SetPolicy(p)
	return d
}

func TestWhereMailsGoAfterACorrection(t *testing.T) {
	transfer := &procedure.Parties{Sites: []procedure.Site{{Name: "example.be", Registrar: procedure.Contact{Name: "N. Ew", Email: "abuse@new.example"}}}}
	tests := []struct {
		name    string
		arrived error // what becomes of the mails of the approval
		event   procedure.Event
		want    []string
		tasks   int // that are open then
	}{
		{"what waits goes to the right address", nil, procedure.Event{Parties: rightHolder()},
			[]string{"holder_notice right@site.example: queued", "registrar_notice abuse@registrar.example: queued"}, 0},
		{"what waits leaves once, though it is asked for anew", nil, procedure.Event{Parties: rightHolder(), Resend: true},
			[]string{"holder_notice holder@site.example: withdrawn", "registrar_notice abuse@registrar.example: queued", "holder_notice right@site.example: queued"}, 0},
		{"what was refused is seen to by the mail that leaves anew", permanent{errDown}, procedure.Event{Parties: rightHolder(), Resend: true},
			[]string{"holder_notice holder@site.example: withdrawn", "registrar_notice abuse@registrar.example: failed", "holder_notice right@site.example: queued"}, 1},
		{"what was refused waits for a person", permanent{errDown}, procedure.Event{Parties: rightHolder()},
			[]string{"holder_notice holder@site.example: failed", "registrar_notice abuse@registrar.example: failed"}, 2},
		{"another registrar is told, in place of the one before", nil, procedure.Event{Parties: transfer},
			[]string{"holder_notice holder@site.example: queued", "registrar_notice abuse@registrar.example: withdrawn", "registrar_notice abuse@new.example: queued"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := correctableDesk(t)
				id := d.approved("example.be")
				for range 2 {
					if tt.arrived == nil {
						continue
					}
					l, _, err := d.take(t.Context(), store.Mail)
					if err != nil || d.delivered(t.Context(), *l, tt.arrived) != nil {
						t.Fatal(err)
					}
				}
				tt.event.Kind = procedure.Correct
				d.record(clerk, id, tt.event)
				wantLines(t, "mails", d.recipients(id), tt.want...)
				if tasks := d.openTasks(); len(tasks) != tt.tasks {
					t.Errorf("tasks = %q, want %d", tasks, tt.tasks)
				}
				d.sound(id)
			})
		})
	}
}

func TestARetryGoesToTheRightAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := correctableDesk(t)
		id := d.approved("example.be")
		l, _, err := d.take(t.Context(), store.Mail)
		if err != nil || d.delivered(t.Context(), *l, nil) != nil {
			t.Fatal(err)
		}
		if _, err := d.Receive(t.Context(), clerk, store.Notice{Status: store.Bounce, Report: "failed", Bounced: l.MessageID}, []byte("came back")); err != nil {
			t.Fatal(err)
		}
		d.record(clerk, id, procedure.Event{Kind: procedure.Correct, Parties: rightHolder()})
		if _, err := d.Retry(t.Context(), clerk, l.ID); err != nil {
			t.Fatal(err)
		}
		wantLines(t, "mails", d.recipients(id), "holder_notice right@site.example: queued", "registrar_notice abuse@registrar.example: queued")
	})
}

// TestACorrectionMeanwhile: a mail that was on its way when the contact was corrected, and did not arrive, is not
// tried at the wrong address again.
func TestACorrectionMeanwhile(t *testing.T) {
	for name, tt := range map[string]struct {
		resend bool
		want   []string
	}{
		"to the address of now": {false, []string{"holder_notice right@site.example: sent", "registrar_notice abuse@registrar.example: sent"}},
		"what leaves anew says it": {true, []string{"holder_notice holder@site.example: withdrawn",
			"registrar_notice abuse@registrar.example: sent", "holder_notice right@site.example: sent"}},
	} {
		for _, crash := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, crash: %v", name, crash), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := correctableDesk(t)
					id := d.approved("example.be")
					l, _, err := d.take(t.Context(), store.Mail)
					if err != nil {
						t.Fatal(err)
					}
					d.record(clerk, id, procedure.Event{Kind: procedure.Correct, Parties: rightHolder(), Resend: tt.resend})
					if crash {
						policy := d.policy.Load()
						d.reopen()
						d.SetPolicy(policy)
					} else if err := d.delivered(t.Context(), *l, errDown); err != nil {
						t.Fatal(err)
					}
					for range 4 {
						time.Sleep(2 * time.Hour)
						l, _, err := d.take(t.Context(), store.Mail)
						if err != nil {
							t.Fatal(err)
						}
						if l == nil {
							continue
						}
						if err := d.delivered(t.Context(), *l, nil); err != nil {
							t.Fatal(err)
						}
					}
					wantLines(t, "mails", d.recipients(id), tt.want...)
					d.sound(id)
				})
			})
		}
	}
}

// TestARetryThatCannotBeAddressed: it goes to nobody rather than to the wrong one, and keeps no other mail waiting.
func TestARetryThatCannotBeAddressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := correctableDesk(t)
		id := d.approved("example.be")
		l, _, err := d.take(t.Context(), store.Mail)
		if err != nil || d.delivered(t.Context(), *l, errDown) != nil {
			t.Fatal(err)
		}
		p := *d.policy.Load()
		p.Procedure.Readdress = func(Letter, []byte) (Composed, error) { return Composed{}, errDown }
		d.SetPolicy(&p)
		time.Sleep(time.Hour)
		for range 2 {
			if l, _, err := d.take(t.Context(), store.Mail); err != nil || l != nil && d.delivered(t.Context(), *l, nil) != nil {
				t.Fatal(err)
			}
		}
		wantLines(t, "mails", d.recipients(id), "holder_notice holder@site.example: failed", "registrar_notice abuse@registrar.example: sent")
		wantLines(t, "tasks", d.openTasks(), "mail the mail holder_notice to the holder could not be addressed anew")
	})
}

func TestCorrectionsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := correctableDesk(t)
		id := d.approved("example.be")
		refuse := func(name string, o Order, e procedure.Event, kind Kind) {
			t.Helper()
			before := asJSON(t, d.view(id).Case)
			e.Kind = procedure.Correct
			_, err := d.RecordEvent(context.Background(), o, EventRequest{Case: id, Event: e})
			wantKind(t, err, kind)
			if after := asJSON(t, d.view(id).Case); after != before {
				t.Errorf("%s: refused, and the case is another", name)
			}
		}
		refuse("by the authority", dpa, procedure.Event{Parties: rightHolder()}, Forbidden)
		refuse("a bad address", clerk, procedure.Event{Parties: &procedure.Parties{Holder: procedure.Contact{Email: "a@b"}}}, Invalid)
		d.record(dpa, id, procedure.Event{Kind: procedure.Stop})
		refuse("sent anew when all is over", clerk, procedure.Event{Resend: true}, Invalid)
		d.record(clerk, id, procedure.Event{Kind: procedure.Correct, Parties: rightHolder()}) // a mail about the end may have come back
		d.until("2027-05-12 12:00")
		refuse("after the erasure", clerk, procedure.Event{Parties: rightHolder()}, Conflict)
	})
}

func TestAHolderWhoIsNotToldAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := correctableDesk(t)
		id := d.approved("example.be")
		r := d.record(clerk, id, procedure.Event{Kind: procedure.Correct, Parties: rightHolder()})
		if len(r.Warnings) != 1 || r.Warnings[0].Code != "holder-not-told" {
			t.Errorf("warnings: %+v", r.Warnings)
		}
		for _, e := range d.entries() {
			if text := asJSON(t, e); strings.Contains(text, "right@") || strings.Contains(text, "Older") {
				t.Errorf("the journal has personal data: %s", text)
			}
		}
	})
}
