package casework

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func TestErasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		n, err := d.Receive(context.Background(), clerk, store.Notice{Status: store.Draft, Via: "api", From: "inspector@authority.example"}, []byte("Subject: example.be\r\n\r\nI. Spector\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		r := opening("example.be")
		r.Message = n.ID
		opened, err := d.OpenCase(context.Background(), clerk, r)
		if err != nil {
			t.Fatal(err)
		}
		id := opened.Case.ID
		d.record(clerk, id, procedure.Event{Kind: procedure.Approve})
		d.record(clerk, id, procedure.Event{Kind: procedure.Claim, Text: "I, H. Older, have removed the form"})
		d.record(clerk, id, procedure.Event{Kind: procedure.Relay})
		d.record(dpa, id, procedure.Event{Kind: procedure.Reinstate})
		d.until("2027-05-12 09:00")
		if got := d.everything(id); !strings.Contains(got, "Older") {
			t.Fatal("the personal data is gone before its time")
		}
		d.until("2027-05-12 12:00")
		got := d.everything(id)
		for _, personal := range []string{"Older", "holder@", "Spector", "inspector@", "registrar.example", "192.0.2.1", "form"} {
			if strings.Contains(got, personal) {
				t.Errorf("%q is still there: %s", personal, got)
			}
		}
		if err := d.Verify(id); err != nil {
			t.Errorf("verifying after the erasure: %v", err)
		}
		replay(t, d.store)
	})
}

// everything returns all that the desk tells of a case.
func (d *desk) everything(id string) string {
	d.t.Helper()
	var b strings.Builder
	v := d.view(id)
	fmt.Fprintf(&b, "%+v", v)
	fmt.Fprint(&b, v.Case.Notice.Inspector.Name, v.Case.Notice.Inspector.Email, v.Case.Parties.Holder.Name, v.Case.Parties.Holder.Email)
	for _, e := range v.Events {
		fmt.Fprint(&b, e.Event.Text)
	}
	outbox, _, err := d.Outbox(clerk, store.OutgoingQuery{Case: id}, maxPage)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, out := range outbox {
		l, err := d.Outgoing(clerk, out.ID)
		if err != nil {
			d.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%+v %s", l.Outgoing, l.Payload)
	}
	n, err := d.Notice(clerk, "N2026-00001")
	if err != nil {
		d.t.Fatal(err)
	}
	fmt.Fprintf(&b, "%+v %s", n.Notice, n.Message)
	for _, e := range d.entries() {
		fmt.Fprintf(&b, "%+v", e)
	}
	return b.String()
}

func TestNoticesByMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		ctx := context.Background()
		draft, err := d.Receive(ctx, clerk, store.Notice{Status: store.Draft, Via: "smtp"}, []byte("a notice"))
		if err != nil || draft.ID != "N2026-00001" {
			t.Fatalf("received %+v, %v", draft, err)
		}
		if again, err := d.Receive(ctx, clerk, store.Notice{Status: store.Draft}, []byte("a notice")); err != nil || again.ID != draft.ID {
			t.Errorf("the same message again is %s, %v", again.ID, err)
		}
		unreadable, err := d.Receive(ctx, clerk, store.Notice{Status: store.Unreadable, Problem: "expected a subject"}, []byte("junk"))
		if err != nil {
			t.Fatal(err)
		}
		if tasks := d.openTasks(); len(tasks) != 2 {
			t.Errorf("tasks = %q, want one for each message", tasks)
		}
		if _, err := d.DiscardNotice(ctx, clerk, unreadable.ID, "advertising"); err != nil {
			t.Error(err)
		}
		_, err = d.DiscardNotice(ctx, clerk, unreadable.ID, "again")
		wantKind(t, err, Conflict)
		r := opening("example.be")
		r.Message = draft.ID
		opened, err := d.OpenCase(ctx, clerk, r)
		if err != nil {
			t.Fatal(err)
		}
		wantLines(t, "tasks", d.openTasks())
		if n, err := d.Notice(clerk, draft.ID); err != nil || n.Status != store.Opened || n.Case != opened.Case.ID || string(n.Message) != "a notice" {
			t.Errorf("notice = %+v, %v", n, err)
		}
		r.Notice.Names = []string{"other.be"}
		r.Parties = nil
		_, err = d.OpenCase(ctx, clerk, r)
		wantKind(t, err, Conflict)
		_, _, err = d.Notices(dpa, store.NoticeQuery{}, 10)
		wantKind(t, err, Forbidden)

		d.record(clerk, opened.Case.ID, procedure.Event{Kind: procedure.Approve})
		outbox, _, _ := d.Outbox(clerk, store.OutgoingQuery{}, 10)
		if _, err := d.Receive(ctx, clerk, store.Notice{Status: store.Bounce, Bounced: outbox[0].MessageID}, []byte("forged")); err != nil {
			t.Error(err)
		}
		if left := d.left(opened.Case.ID); left[0] != "mail holder_notice to holder: queued" {
			t.Errorf("a report of a mail that has not left: %q", left)
		}
		wantLines(t, "tasks", d.openTasks(), "notice message N2026-00003 reports the mail holder_notice to the holder as undelivered, which is queued; read it")
		if _, err := d.CloseTask(ctx, clerk, 3, "forged"); err != nil {
			t.Error(err)
		}
		sent, _, err := d.take(ctx, store.Mail)
		if err != nil || d.delivered(ctx, *sent, nil) != nil {
			t.Fatal(err)
		}
		bounce, err := d.Receive(ctx, clerk, store.Notice{Status: store.Bounce, Bounced: outbox[0].MessageID}, []byte("undelivered"))
		if err != nil || bounce.Case != opened.Case.ID {
			t.Errorf("bounce = %+v, %v", bounce, err)
		}
		if left := d.left(opened.Case.ID); left[0] != "mail holder_notice to holder: bounced" {
			t.Errorf("outbox = %q", left)
		}
		wantLines(t, "tasks", d.openTasks(), "mail the mail holder_notice to the holder came back; see message N2026-00004")
		if _, err := d.Retry(ctx, clerk, outbox[0].ID); err != nil {
			t.Error(err)
		}
		wantLines(t, "tasks", d.openTasks())
	})
}

func TestReportsOfUnknownMails(t *testing.T) {
	const ours = "1.2.3@registry.example"
	tests := []struct {
		name   string
		report store.Notice
		task   string
	}{
		{"a failure of a mail that is not known", store.Notice{Report: "failed", Bounced: ours}, "notice message N2026-00001 reports a mail that is not known here as undelivered; read it"},
		{"a failure of it does not say which mail", store.Notice{Report: "failed"}, "notice message N2026-00001 reports a mail that is not known here as undelivered; read it"},
		{"a report of it does not say what", store.Notice{Report: "unknown"}, "notice message N2026-00001 reports on a mail, and what it reports could not be read; read it"},
		{"a delay", store.Notice{Report: "delayed"}, ""},
		{"a delivery", store.Notice{Report: "delivered"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := caseDesk(t)
				tt.report.Status = store.Bounce
				n, err := d.Receive(t.Context(), clerk, tt.report, []byte("a report"))
				if err != nil {
					t.Fatal(err)
				}
				if tt.task == "" {
					wantLines(t, "tasks", d.openTasks())
					return
				}
				wantLines(t, "tasks", d.openTasks(), tt.task)
				if _, err := d.DiscardNotice(t.Context(), clerk, n.ID, "seen to"); err != nil {
					t.Error(err)
				}
				wantLines(t, "tasks once it is discarded", d.openTasks())
			})
		})
	}
}
