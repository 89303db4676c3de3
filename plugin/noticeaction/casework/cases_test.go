package casework

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

func TestCaseFromNoticeToSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.openCase("example.be", "Café.be")
		if id != "2026-00001" {
			t.Errorf("id = %s, want 2026-00001", id)
		}
		d.wantRedirected()
		d.sound(id)

		r := d.record(second, id, procedure.Event{Kind: procedure.Approve})
		d.wantRedirected("example.be", "xn--caf-dma.be")
		d.sound(id)
		wantLines(t, "outbox", d.left(id), "mail holder_notice to holder: queued", "mail registrar_notice to registrar: queued")
		if string(r.Outgoing[0].Payload) != "holder_notice to holder about example.be xn--caf-dma.be" {
			t.Errorf("mail = %q", r.Outgoing[0].Payload)
		}

		d.until("2026-05-26 23:59")
		if s := d.view(id).Case.State; s != procedure.HolderWindow {
			t.Errorf("state = %s, want holder_window", s)
		}
		d.until("2026-05-27 00:00")
		if s := d.view(id).Case.State; s != procedure.ReviewReminder {
			t.Errorf("state = %s, want review_reminder", s)
		}
		d.sound(id)
		d.until("2026-06-10 00:00")
		d.wantRedirected("example.be", "xn--caf-dma.be")
		d.until("2026-06-11 00:00")
		d.wantRedirected()
		v := d.view(id)
		if v.Case.State != procedure.Reinstated || v.Case.Outcome != procedure.Silent || v.Events[3].Event.Late {
			t.Errorf("case = %s, %s, late %v; want reinstated, silent, in time", v.Case.State, v.Case.Outcome, v.Events[3].Event.Late)
		}
		d.sound(id)
		wantLines(t, "tasks", d.openTasks(), "order carry out the order reinstate in the registration system and confirm it")
		d.record(clerk, id, procedure.Event{Kind: procedure.ConfirmOrder, Order: procedure.OrderReinstate})
		wantLines(t, "tasks", d.openTasks())
		if left := d.left(id); left[len(left)-3] != "order reinstate: done" {
			t.Errorf("outbox = %q", left)
		}
	})
}

func TestDeadlinesThatPassedWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		d.close()
		time.Sleep(brussels(t, "2026-07-01 09:00").Sub(d.clock()))
		d.open(&Policy{}) // the lines are not in force yet
		synctest.Wait()
		if s := d.view(id).Case.State; s != procedure.HolderWindow {
			t.Errorf("state before the lines are in force = %s, want holder_window", s)
		}
		d.wantRedirected() // the flag has ended by itself
		d.SetPolicy(casePolicy())
		synctest.Wait()
		d.sound(id)
		v := d.view(id)
		for i, want := range []struct {
			at   string
			kind procedure.DeadlineKind
		}{{"2026-05-27 00:00", procedure.WindowDeadline}, {"2026-06-11 00:00", procedure.ReminderDeadline}} {
			if e := v.Events[2+i].Event; !e.At.Equal(brussels(t, want.at)) || !e.Late || e.Deadline.Kind != want.kind {
				t.Errorf("event %d = %s at %v, late %v; want %s at %s, late", 3+i, e.Deadline.Kind, e.At, e.Late, want.kind, want.at)
			}
		}
		if v.Case.Outcome != procedure.Silent {
			t.Errorf("outcome = %s, want silent", v.Case.Outcome)
		}
	})
}

func TestCaseToCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.approved("example.be")
		d.until("2026-06-01 09:00")
		d.record(dpa, id, procedure.Event{Kind: procedure.Remove})
		d.sound(id)
		d.until("2026-12-01 23:59")
		d.wantRedirected("example.be")
		d.until("2026-12-02 00:00")
		d.sound(id)
		if s := d.view(id).Case.State; s != procedure.Quarantine {
			t.Fatalf("state = %s, want quarantine", s)
		}
		d.record(clerk, id, procedure.Event{Kind: procedure.ConfirmOrder, Order: procedure.OrderCancel})
		d.wantRedirected()
		d.until("2027-01-12 00:00")
		v := d.view(id)
		if v.Case.State != procedure.Released || v.Case.Outcome != procedure.Cancelled {
			t.Errorf("case = %s, %s; want released, cancelled", v.Case.State, v.Case.Outcome)
		}
		d.sound(id)
	})
}

func TestAlarmOfALateRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		id := d.openCase("example.be")
		d.until("2026-05-14 00:00")
		wantLines(t, "tasks", d.openTasks(), "deadline the approval deadline of the registry ended on 2026-05-13 and what it asks for is still owed (Art. 4(a) para. 2)")
		f, err := d.Figures()
		if err != nil || f.Overdue[procedure.ApprovalDeadline] != 1 || f.Cases[procedure.Received] != 1 {
			t.Errorf("figures = %+v, %v", f, err)
		}
		d.record(clerk, id, procedure.Event{Kind: procedure.Approve})
		wantLines(t, "tasks", d.openTasks())
		d.sound(id)
	})
}

func TestFourEyes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		p := casePolicy()
		p.Procedure.Rules.FourEyes = true
		d.SetPolicy(p)
		id := d.openCase("example.be")
		_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Approve}})
		wantKind(t, err, Forbidden)
		d.wantRedirected()
		d.record(second, id, procedure.Event{Kind: procedure.Approve})
		d.wantRedirected("example.be")
	})
}

func TestDryRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		dry := clerk
		dry.DryRun = true
		r, err := d.OpenCase(context.Background(), dry, opening("example.be"))
		if err != nil {
			t.Fatal(err)
		}
		if r.Approved == nil || len(r.Approved.Outgoing) != 2 || r.Approved.Case.Window != workday.On(2026, time.May, 26) {
			t.Errorf("if approved = %+v, want the mails and the end of the window", r.Approved)
		}
		incomplete := opening("example.be")
		incomplete.Parties = nil
		if r, err := d.OpenCase(context.Background(), dry, incomplete); err != nil || r.Approved != nil {
			t.Errorf("dry run of a case that lacks its parties = %+v, %v", r.Approved, err)
		}
		if cases, _, err := d.Cases(clerk, store.CaseQuery{}, 10); err != nil || len(cases) != 0 {
			t.Errorf("cases = %v, %v; want none", cases, err)
		}
		id := d.openCase("example.be")
		if r, err := d.RecordEvent(context.Background(), dry, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Approve}}); err != nil || r.Case.State != procedure.HolderWindow {
			t.Errorf("dry approval = %s, %v", r.Case.State, err)
		}
		d.wantRedirected()
		d.sound(id)
	})
}

func TestSameRequestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		r := opening("example.be")
		r.Key = "k1"
		first, err := d.OpenCase(context.Background(), clerk, r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := d.OpenCase(context.Background(), clerk, r)
		if err != nil || !again.Replayed || again.Case.ID != first.Case.ID {
			t.Errorf("again = %+v, %v; want case %s again", again.Case, err, first.Case.ID)
		}
		r.Notice.Reference = "another"
		_, err = d.OpenCase(context.Background(), clerk, r)
		wantKind(t, err, Conflict)
		approve := EventRequest{Case: first.Case.ID, Event: procedure.Event{Kind: procedure.Approve}, Key: "k2"}
		one, err := d.RecordEvent(context.Background(), clerk, approve)
		if err != nil {
			t.Fatal(err)
		}
		two, err := d.RecordEvent(context.Background(), clerk, approve)
		if err != nil || !two.Replayed || len(two.Outgoing) != len(one.Outgoing) || two.Outgoing[0].ID != one.Outgoing[0].ID {
			t.Errorf("again = %+v, %v; want the mails of before", two.Outgoing, err)
		}
	})
}

func TestFlagsOfACase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		d.flag("example.be") // by hand, for the same authority
		other := request("other.be")
		other.Authority = "fps-economy"
		if _, err := d.Flag(context.Background(), clerk, other); err != nil {
			t.Fatal(err)
		}
		id := d.openCase("other.be")
		_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Approve}})
		wantKind(t, err, Conflict)

		id = d.approved("example.be")
		f, err := d.Lookup("example.be")
		if err != nil || f.Case != id {
			t.Errorf("flag = %+v, %v; want it held by case %s", f, err, id)
		}
		_, err = d.Unflag(context.Background(), clerk, "example.be", "by hand", Match{})
		wantKind(t, err, Conflict)
		d.record(clerk, id, procedure.Event{Kind: procedure.Stop})
		d.wantRedirected("other.be")
		d.sound(id)
	})
}
