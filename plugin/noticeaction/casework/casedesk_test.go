package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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
	start := time.Until(brussels(t, "2026-05-12 10:00"))
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
