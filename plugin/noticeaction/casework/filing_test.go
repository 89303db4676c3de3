package casework

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func (d *desk) receive(n store.Notice, message string) store.Notice {
	d.t.Helper()
	if n.Status == "" {
		n.Status = store.Unreadable
	}
	n, err := d.Receive(context.Background(), Order{Actor: "smtp"}, n, []byte(message))
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

func (d *desk) lastEvent(id string) procedure.Event {
	d.t.Helper()
	v := d.view(id)
	return v.Events[len(v.Events)-1].Event
}

func TestWhichCaseAMessageIsAbout(t *testing.T) {
	tests := []struct {
		name      string
		message   store.Notice
		filed     bool
		suggested bool
	}{
		{"an answer to our mail", store.Notice{References: []string{"2026-00001.2.2@registry.example"}}, true, false},
		{"an answer to another's, to ours before it", store.Notice{References: []string{"x@site.example", "2026-00001.2.3@registry.example"}}, true, false},
		{"in the thread of the case", store.Notice{References: []string{"2026-00001@registry.example"}}, true, false},
		{"a thread of somebody else", store.Notice{References: []string{"2026-00001@site.example"}}, false, false},
		{"an answer to a mail that never was", store.Notice{References: []string{"2026-00001.9.9@registry.example"}}, false, false},
		{"our reference in the subject", store.Notice{Subject: "about [2026-00001]"}, false, true},
		{"the authority's reference in the subject", store.Notice{Subject: "Dossier DOS-2026-01234: question"}, false, true},
		{"the name in the subject", store.Notice{Subject: "Re: Example.BE, again"}, false, true},
		{"another name in the subject", store.Notice{Subject: "www.example.be other.be"}, false, false},
		{"no subject", store.Notice{}, false, false},
		{"a draft that answers our mail", store.Notice{Status: store.Draft, References: []string{"2026-00001.2.2@registry.example"}}, false, true},
		{"a delivery report", store.Notice{Status: store.Bounce, Report: "delayed", Subject: "example.be"}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := caseDesk(t)
				id := d.approved("example.be")
				deadlines := asJSON(t, d.view(id).Case.Deadlines)
				n := d.receive(tt.message, "a message")
				if filed := n.Status == store.Filed && n.Case == id; filed != tt.filed {
					t.Errorf("got %s in %q, want it filed: %v", n.Status, n.Case, tt.filed)
				}
				if suggested := slices.Equal(n.Suggested, []string{id}); suggested != tt.suggested || len(n.Suggested) > 1 {
					t.Errorf("suggested: %q, want the case: %v", n.Suggested, tt.suggested)
				}
				if e := d.lastEvent(id); tt.filed && (e.Kind != procedure.File || e.Evidence != n.ID || e.Actor != procedure.Actor{Kind: procedure.System, Name: "smtp"}) {
					t.Errorf("the timeline ends with %+v", e)
				}
				if after := asJSON(t, d.view(id).Case.Deadlines); after != deadlines {
					t.Errorf("a clock moved: %s, want %s", after, deadlines)
				}
				if tasks := d.openTasks(); n.Status != store.Bounce && (len(tasks) != 1 || (tt.filed || tt.suggested) != strings.Contains(tasks[0], "case "+id)) {
					t.Errorf("tasks = %q", tasks)
				}
				d.sound(id)
			})
		})
	}
}

// TestTheHoldersWordIsFromWhenItCame: the 2 working days of Art. 4(a) para. 9 are from when the mail came in, once a
// person says that it is the holder's word.
func TestTheHoldersWordIsFromWhenItCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		n := d.receive(store.Notice{References: []string{"2026-00001.2.2@registry.example"}, Text: "The form is gone."}, "a reply")
		d.until("2026-05-13 09:00")
		d.record(clerk, id, procedure.Event{Kind: procedure.Claim, Evidence: n.ID})
		e := d.lastEvent(id)
		if !e.At.Equal(brussels(t, "2026-05-12 10:00")) || e.Text != "The form is gone." {
			t.Errorf("recorded %+v with %q", e.At, e.Text)
		}
		if relay := d.view(id).Case.Deadlines[0]; relay.Kind != procedure.RelayDeadline || relay.Due.String() != "2026-05-15" {
			t.Errorf("the relay is due %+v", relay)
		}
		wantLines(t, "tasks", d.openTasks())
		if n, err := d.Notice(clerk, n.ID); err != nil || n.Status != store.Filed || n.DecidedBy != clerk.Actor {
			t.Errorf("notice = %+v, %v", n.Notice, err)
		}
		d.record(clerk, id, procedure.Event{Kind: procedure.Word, Evidence: n.ID, Text: "In my words", At: brussels(t, "2026-05-12 12:00")})
		if e := d.lastEvent(id); e.Text != "In my words" || !e.At.Equal(brussels(t, "2026-05-12 12:00")) {
			t.Errorf("what a person says is not what counts: %+v", e)
		}
		d.sound(id)
	})
}

func TestFilingByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		first, second := d.approved("a.be"), d.approved("b.be")
		ctx := t.Context()
		n := d.receive(store.Notice{Subject: "hello"}, "a message")
		_, err := d.FileNotice(ctx, dpa, n.ID, first)
		wantKind(t, err, Forbidden)
		_, err = d.FileNotice(ctx, clerk, n.ID, "2026-00009")
		wantKind(t, err, NotFound)
		_, err = d.FileNotice(ctx, clerk, "N2026-00009", first)
		wantKind(t, err, NotFound)

		dry := clerk
		dry.DryRun = true
		if n, err := d.FileNotice(ctx, dry, n.ID, first); err != nil || n.Status != store.Filed {
			t.Errorf("a dry run: %+v, %v", n, err)
		}
		if e := d.lastEvent(first); e.Kind != procedure.Approve {
			t.Errorf("a dry run recorded %s", e.Kind)
		}
		for _, id := range []string{first, second} { // the first was a mistake
			if n, err = d.FileNotice(ctx, clerk, n.ID, id); err != nil || n.Case != id {
				t.Fatalf("filed: %+v, %v", n, err)
			}
		}
		_, err = d.FileNotice(ctx, clerk, n.ID, second)
		wantKind(t, err, Conflict)
		wantLines(t, "tasks", d.openTasks(), "notice message N2026-00001 came in about case 2026-00002; read it, and record what it says with it as evidence, or discard it")
		_, err = d.RecordEvent(ctx, clerk, EventRequest{Case: first, Event: procedure.Event{Kind: procedure.Word, Evidence: n.ID}})
		wantKind(t, err, Conflict)
		_, err = d.RecordEvent(ctx, clerk, EventRequest{Case: second, Event: procedure.Event{Kind: procedure.File, Evidence: n.ID}})
		wantKind(t, err, Invalid)
		d.record(dpa, second, procedure.Event{Kind: procedure.Extend, Days: 5, Evidence: n.ID}) // to whom it is a text
		if tasks := d.openTasks(); len(tasks) != 1 {
			t.Errorf("an authority has seen to a message of the registry's: %q", tasks)
		}
		d.record(clerk, second, procedure.Event{Kind: procedure.Extend, Days: 5, Evidence: n.ID})
		wantLines(t, "tasks once it is recorded what it says", d.openTasks())
		_, err = d.FileNotice(ctx, clerk, n.ID, first)
		wantKind(t, err, Conflict)
		d.sound(first)
		d.sound(second)
	})
}

// TestAFloodOfAnswers: who knows a thread cannot fill the timeline of its case, and nothing that comes in is lost.
func TestAFloodOfAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		thread := store.Notice{References: []string{id + "@registry.example"}}
		var first, n store.Notice
		for i := range maxUnread + 1 {
			if n = d.receive(thread, fmt.Sprintf("message %d", i)); i == 0 {
				first = n
			}
		}
		if n.Status != store.Unreadable || !slices.Equal(n.Suggested, []string{id}) {
			t.Errorf("one more than %d is %s, suggested for %q", maxUnread, n.Status, n.Suggested)
		}
		d.record(clerk, id, procedure.Event{Kind: procedure.Word, Evidence: first.ID})
		if n = d.receive(thread, "after one was read"); n.Status != store.Filed {
			t.Errorf("once one was read the next is %s", n.Status)
		}
		d.sound(id)
	})
}

// TestAFiledMessageThatIsANotice: who sends a new notice as an answer to an old mail has sent a notice.
func TestAFiledMessageThatIsANotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		n := d.receive(store.Notice{References: []string{id + "@registry.example"}}, "a notice about other.be")
		r := opening("other.be")
		r.Message = n.ID
		opened, err := d.OpenCase(t.Context(), clerk, r)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := d.Notice(clerk, n.ID); err != nil || n.Status != store.Opened || n.Case != opened.Case.ID {
			t.Errorf("notice = %+v, %v", n.Notice, err)
		}
		wantLines(t, "tasks", d.openTasks())
		_, err = d.OpenCase(t.Context(), clerk, OpenRequest{Notice: opening("third.be").Notice, Message: n.ID})
		wantKind(t, err, Conflict)
		d.sound(id)
	})
}

// TestNothingIsCancelledWithAMessageUnread: it may be the claim of Art. 4(a) para. 7, made in time. The redirect ends
// all the same.
func TestNothingIsCancelledWithAMessageUnread(t *testing.T) {
	for name, read := range map[string]bool{"not read": false, "read": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := caseDesk(t)
				p := casePolicy()
				p.Procedure.OrdersLeave = true
				d.SetPolicy(p)
				id := d.approved("example.be")
				d.record(dpa, id, procedure.Event{Kind: procedure.Remove})
				d.until("2026-11-26 09:00")
				n := d.receive(store.Notice{References: []string{id + "@registry.example"}}, "it has ended")
				if read {
					if _, err := d.DiscardNotice(t.Context(), clerk, n.ID, "advertising"); err != nil {
						t.Fatal(err)
					}
				}
				d.until("2026-11-30 09:00")
				status := store.Manual
				if read {
					status = store.Queued
				}
				var want []string
				for _, o := range []procedure.Order{procedure.OrderAccount, procedure.OrderCancel, procedure.OrderQuarantine} {
					want = append(want, fmt.Sprintf("order %s: %s", o, status))
				}
				wantLines(t, "orders", slices.DeleteFunc(d.left(id), func(s string) bool { return strings.HasPrefix(s, "mail") }), want...)
				if _, err := d.Lookup("example.be"); err == nil {
					t.Error("the name is redirected beyond the end")
				}
				if !read {
					outbox, _, err := d.Outbox(clerk, store.OutgoingQuery{Case: id, Kind: store.Order}, 1)
					if err != nil {
						t.Fatal(err)
					}
					if out, err := d.Retry(t.Context(), clerk, outbox[0].ID); err != nil || out.Status != store.Queued {
						t.Errorf("sent on a person's word: %+v, %v", out, err)
					}
				}
				d.sound(id)
			})
		})
	}
}

func TestEvidenceThatNeverCameIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		_, err := d.RecordEvent(t.Context(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Word, Evidence: "N2026-00077"}})
		wantKind(t, err, Invalid)
		d.record(clerk, id, procedure.Event{Kind: procedure.Word, Evidence: "letter of 12 May"})
		d.sound(id)
	})
}

// TestMessagesAboutAnErasedCase: they are not lost, and put no personal data where it was erased.
func TestMessagesAboutAnErasedCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		filed := d.receive(store.Notice{References: []string{"2026-00001.2.2@registry.example"}, Text: "I, H. Older"}, "From H. Older")
		d.record(dpa, id, procedure.Event{Kind: procedure.Stop})
		d.until("2027-05-12 12:00")
		if n, err := d.Notice(clerk, filed.ID); err != nil || n.Message != nil || n.Text != "" || !n.Erased {
			t.Errorf("the message is still there: %+v, %v", n, err)
		}
		if err := d.Verify(id); err != nil {
			t.Error(err)
		}
		wantLines(t, "tasks, without that to read what is gone", d.openTasks(), "order carry out the order reinstate in the registration system and confirm it")
		late := d.receive(store.Notice{References: []string{"2026-00001.2.2@registry.example"}}, "a late answer")
		if late.Status != store.Unreadable || !slices.Equal(late.Suggested, []string{id}) {
			t.Errorf("got %s, suggested %q", late.Status, late.Suggested)
		}
		_, err := d.FileNotice(t.Context(), clerk, late.ID, id)
		wantKind(t, err, Conflict)
	})
}
