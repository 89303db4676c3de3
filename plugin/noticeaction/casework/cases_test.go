package casework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

var (
	second  = Order{Actor: "uid:1001"}
	dpa     = Order{Actor: "dpa", Authority: "apd-gba"}
	economy = Order{Actor: "economy", Authority: "fps-economy"}
)

// compose writes a mail that says just what it is.
func compose(l Letter) (Composed, error) {
	text := fmt.Sprintf("%s to %s about %s", l.Effect.Mail, l.Effect.To, strings.Join(l.Effect.Names, " "))
	if l.Word != nil {
		text += ": " + l.Word.Text
	}
	to := map[procedure.Role]string{
		procedure.ToHolder: l.Case.Parties.Holder.Email, procedure.ToAuthority: l.Case.Notice.Inspector.Email,
		procedure.ToRegistrar: l.Case.Parties.Site(l.Effect.Names[0]).Registrar.Email,
	}
	return Composed{Recipients: []string{to[l.Effect.To]}, Language: l.Case.Parties.Language, Subject: string(l.Effect.Mail), Message: []byte(text)}, nil
}

func casePolicy() *Policy {
	p := testPolicy()
	p.Procedure = Procedure{Compose: compose, MailHost: "registry.example", Retention: 365 * 24 * time.Hour}
	return p
}

// caseDesk makes a desk that goes by the clock of a synctest bubble, moved to Tuesday 12 May 2026, 10:00 in
// Belgium.
func caseDesk(t *testing.T) *desk {
	t.Helper()
	start := brussels(t, "2026-05-12 10:00").Sub(time.Now())
	d := newDesk(t, casePolicy())
	d.close()
	d.shift = start
	d.setTime(time.Time{})
	d.open(casePolicy())
	return d
}

func brussels(t testing.TB, s string) time.Time {
	t.Helper()
	location, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", s, location)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// until lets the time come to a moment, and what it brings be done.
func (d *desk) until(s string) {
	d.t.Helper()
	time.Sleep(brussels(d.t, s).Sub(d.clock()))
	synctest.Wait()
}

func opening(names ...string) OpenRequest {
	r := OpenRequest{
		Notice: procedure.Notice{
			Authority: "apd-gba", Inspector: procedure.Contact{Name: "I. Spector", Email: "inspector@authority.example"},
			Office: "Inspector General", Names: names, Provisions: []string{"GDPR Art. 6"}, Reference: "DOS-2026-01234",
			Signed: workday.On(2026, time.May, 11), Signature: "S/MIME, valid", Competent: true, Found: true,
		},
		Parties: &procedure.Parties{Holder: procedure.Contact{Name: "H. Older", Email: "holder@site.example"}, Language: "nl"},
	}
	for _, name := range names {
		r.Parties.Sites = append(r.Parties.Sites, procedure.Site{
			Name: name, Registrar: procedure.Contact{Name: "R. Gistrar", Email: "abuse@registrar.example"}, Addresses: []string{"192.0.2.1"},
		})
	}
	return r
}

func (d *desk) openCase(names ...string) string {
	d.t.Helper()
	r, err := d.OpenCase(context.Background(), clerk, opening(names...))
	if err != nil {
		d.t.Fatalf("opening a case: %v", err)
	}
	return r.Case.ID
}

func (d *desk) record(o Order, id string, e procedure.Event) CaseResult {
	d.t.Helper()
	r, err := d.RecordEvent(context.Background(), o, EventRequest{Case: id, Event: e})
	if err != nil {
		d.t.Fatalf("recording %s: %v", e.Kind, err)
	}
	return r
}

func (d *desk) approved(names ...string) string {
	d.t.Helper()
	id := d.openCase(names...)
	d.record(clerk, id, procedure.Event{Kind: procedure.Approve})
	return id
}

func (d *desk) view(id string) CaseView {
	d.t.Helper()
	v, err := d.Case(clerk, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return v
}

// sound fails unless what the desk holds of the case fits together.
func (d *desk) sound(id string) {
	d.t.Helper()
	v := d.view(id)
	var events []procedure.Event
	for _, e := range v.Events {
		events = append(events, e.Event)
	}
	replayed, err := d.policy.Load().Procedure.Rules.Replay(events)
	if err != nil {
		d.t.Fatalf("replaying: %v", err)
	}
	if got, want := asJSON(d.t, replayed), asJSON(d.t, v.Case); got != want {
		d.t.Errorf("the events lead to\n%s\nwant\n%s", got, want)
	}
	if err := d.Verify(id); err != nil {
		d.t.Errorf("verifying: %v", err)
	}
	for _, n := range v.Case.Names {
		f, err := d.Lookup(n.Name)
		flagged := err == nil && f.Case == id
		want := n.Outcome == "" && v.Case.State.Redirected()
		if v.Case.State == procedure.Quarantine { // redirected until the cancellation is confirmed
			want = flagged
		}
		if flagged != want || flagged && !f.NotAfter.Equal(v.Case.NotAfter) {
			d.t.Errorf("%s: %s is flagged: %v until %v, want %v until %v", v.Case.State, n.Name, flagged, f.NotAfter, want, v.Case.NotAfter)
		}
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// left returns what is in the outbox of the case, as "mail holder_notice: queued".
func (d *desk) left(id string) (all []string) {
	d.t.Helper()
	outbox, _, err := d.Outbox(clerk, store.OutgoingQuery{Case: id}, maxPage)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, out := range outbox {
		what := string(out.Order)
		if out.Kind == store.Mail {
			what = string(out.Mail) + " to " + string(out.To)
		}
		all = append(all, fmt.Sprintf("%s %s: %s", out.Kind, what, out.Status))
	}
	return all
}

func (d *desk) openTasks() (all []string) {
	d.t.Helper()
	tasks, _, err := d.Tasks(clerk, store.TaskQuery{Open: true}, maxPage)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, t := range tasks {
		all = append(all, string(t.Kind)+" "+t.Detail)
	}
	return all
}

func wantLines(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

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

func TestRefusedEvents(t *testing.T) {
	claim := procedure.Event{Kind: procedure.Claim}
	three := 3
	tests := []struct {
		name string
		do   func(d *desk, id string) error
		kind Kind
		says string // part of the refusal
	}{
		{"in a state that does not allow it", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Approve}})
			return err
		}, Conflict, "holder_window takes"},
		{"in the future", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Claim, At: d.clock().Add(time.Hour)}})
			return err
		}, Invalid, "not in the future"},
		{"before the notice", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Claim, At: d.clock().Add(-time.Hour)}})
			return err
		}, Invalid, "not before the notice"},
		{"for an authority that may not", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), dpa, EventRequest{Case: id, Event: claim})
			return err
		}, Forbidden, "recorded by [operator]"},
		{"on another authority's case", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), economy, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Stop}})
			return err
		}, Forbidden, "a case of the authority fps-economy"},
		{"on no case", func(d *desk, _ string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: "2026-09999", Event: claim})
			return err
		}, NotFound, "the id of a case"},
		{"that only time writes", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Expire}})
			return err
		}, Invalid, "a person records"},
		{"on a case that has moved on", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: claim, Match: &three})
			return err
		}, Precondition, "a case of 3 events; it has 2"},
		{"a name in a case already", func(d *desk, _ string) error {
			_, err := d.OpenCase(context.Background(), clerk, opening("other.be", "example.be"))
			return err
		}, Conflict, "is in case 2026-00001"},
		{"a notice that lacks items", func(d *desk, _ string) error {
			r := opening("other.be")
			r.Notice.Office, r.Notice.Competent = "", false
			_, err := d.OpenCase(context.Background(), clerk, r)
			return err
		}, Invalid, "office of the inspector; confirmation of competence"},
		{"a notice of another authority", func(d *desk, _ string) error {
			_, err := d.OpenCase(context.Background(), economy, opening("other.be"))
			return err
		}, Forbidden, "the authority fps-economy"},
		{"a name outside of the zones", func(d *desk, _ string) error {
			_, err := d.OpenCase(context.Background(), clerk, opening("example.com"))
			return err
		}, Invalid, "one of the zones served"},
		{"from a message that is none", func(d *desk, _ string) error {
			r := opening("other.be")
			r.Message = "N2026-00009"
			_, err := d.OpenCase(context.Background(), clerk, r)
			return err
		}, Invalid, "id of a message"},
		{"an address that is none", func(d *desk, _ string) error {
			r := opening("other.be")
			r.Parties.Sites[0].Addresses = []string{"192.0.2"}
			_, err := d.OpenCase(context.Background(), clerk, r)
			return err
		}, Invalid, "IPv4 or IPv6 addresses"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := caseDesk(t)
				id := d.approved("example.be")
				before, lines := asJSON(t, d.view(id)), len(d.entries())
				err := tt.do(d, id)
				wantKind(t, err, tt.kind)
				if !strings.Contains(err.Error(), tt.says) {
					t.Errorf("refusal = %v, want it to say %q", err, tt.says)
				}
				if after := asJSON(t, d.view(id)); after != before {
					t.Errorf("the case has changed to %s", after)
				}
				entries := d.entries()
				last := entries[len(entries)-1]
				if len(entries) != lines+1 || last.Action != "refuse" || !strings.Contains(last.Reason, tt.says) {
					t.Errorf("journal ends in %+v, want the refusal", last)
				}
			})
		})
	}
}

func TestRefusalsInTheJournalAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		for range maxRefusals + 5 {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: "none", Event: procedure.Event{Kind: procedure.Claim}})
			wantKind(t, err, NotFound)
		}
		if n := len(d.entries()); n != maxRefusals {
			t.Errorf("journal of %d lines, want %d", n, maxRefusals)
		}
		time.Sleep(refusalsPer)
		_, _ = d.RecordEvent(context.Background(), clerk, EventRequest{Case: "none", Event: procedure.Event{Kind: procedure.Claim}})
		entries := d.entries()
		if last := entries[len(entries)-1]; !strings.HasSuffix(last.Reason, "(and 5 more that are not listed)") {
			t.Errorf("last line = %+v", last)
		}
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
		bounce, err := d.Receive(ctx, clerk, store.Notice{Status: store.Bounce, Bounced: outbox[0].MessageID}, []byte("undelivered"))
		if err != nil || bounce.Case != opened.Case.ID {
			t.Errorf("bounce = %+v, %v", bounce, err)
		}
		if left := d.left(opened.Case.ID); left[0] != "mail holder_notice to holder: bounced" {
			t.Errorf("outbox = %q", left)
		}
		wantLines(t, "tasks", d.openTasks(), "mail the mail holder_notice to the holder came back; see message N2026-00003")
		if _, err := d.Retry(ctx, clerk, outbox[0].ID); err != nil {
			t.Error(err)
		}
		wantLines(t, "tasks", d.openTasks())
	})
}
