package casework

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/internal/soak"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"

	"pgregory.net/rapid"
)

// legalDesk drives a desk as people, time and bad luck do.
type legalDesk struct {
	*desk
	ids   []string
	mails int
}

var caseNames = []string{"a.be", "b.be", "c.be", "d.be", "e.be"}

func (l *legalDesk) Open(t *rapid.T) {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(caseNames), 1, 2, rapid.ID[string]).Draw(t, "names")
	r, err := l.OpenCase(context.Background(), clerk, opening(names...))
	if err == nil {
		l.ids = append(l.ids, r.Case.ID)
		return
	}
	wantKind(l.t, err, Conflict) // in a case already
}

var anyKind = rapid.SampledFrom([]procedure.Kind{
	procedure.Approve, procedure.Approve, procedure.Claim, procedure.ClaimAtAuthority, procedure.Word, procedure.Relay, procedure.Extend,
	procedure.Reinstate, procedure.Remove, procedure.Remove, procedure.Suspend, procedure.Stop, procedure.ConfirmOrder, procedure.Discard,
	procedure.Correct,
})

func (l *legalDesk) Event(t *rapid.T) {
	if len(l.ids) == 0 {
		return
	}
	id := rapid.SampledFrom(l.ids).Draw(t, "case")
	e := procedure.Event{Kind: anyKind.Draw(t, "kind"), Text: "word"}
	switch e.Kind {
	case procedure.Extend:
		e.Days = rapid.IntRange(1, 30).Draw(t, "days")
	case procedure.Correct:
		e.Resend = rapid.Bool().Draw(t, "resend")
		if !e.Resend || rapid.Bool().Draw(t, "contact") {
			e.Parties = &procedure.Parties{Holder: procedure.Contact{Email: rapid.SampledFrom([]string{"new@site.example", "holder@site.example"}).Draw(t, "holder")}}
		}
	case procedure.ConfirmOrder:
		e.Order = rapid.SampledFrom([]procedure.Order{procedure.OrderCancel, procedure.OrderReinstate}).Draw(t, "order")
	}
	before := l.view(id)
	_, err := l.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: e})
	var refusal *Error
	if err != nil && !errors.As(err, &refusal) {
		t.Fatalf("%s: %v is no refusal", e.Kind, err)
	}
	after := l.view(id)
	if err != nil && len(after.Events) != len(before.Events) {
		t.Fatalf("%s was refused with %v and is recorded all the same", e.Kind, err)
	}
}

// Mail brings in an answer to a mail of a case, which a person may take for the holder's word.
func (l *legalDesk) Mail(t *rapid.T) {
	if len(l.ids) == 0 {
		return
	}
	id := rapid.SampledFrom(l.ids).Draw(t, "case")
	n := store.Notice{Status: store.Unreadable, Text: "word", Subject: rapid.SampledFrom([]string{"a.be", id, ""}).Draw(t, "subject")}
	if rapid.Bool().Draw(t, "answer") {
		n.References = []string{id + "@" + l.policy.Load().Procedure.MailHost}
	}
	l.mails++
	kept, err := l.Receive(context.Background(), clerk, n, fmt.Append(nil, "message ", l.mails))
	if err != nil || len(n.References) > 0 && (kept.Status != store.Filed || kept.Case != id) {
		t.Fatalf("received %+v, %v", kept, err)
	}
	if rapid.Bool().Draw(t, "read") {
		_, err := l.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Word, Evidence: kept.ID}})
		now, err2 := l.Notice(clerk, kept.ID)
		if err2 != nil || (err == nil) == now.Decided.IsZero() {
			t.Fatalf("recorded from %+v: %v, %v", now, err, err2)
		}
	}
}

// Pass lets days go by; some of the time, nobody is there to see it.
func (l *legalDesk) Pass(t *rapid.T) {
	away := rapid.Bool().Draw(t, "away")
	p := l.policy.Load()
	if away {
		l.close()
	}
	l.setTime(l.clock().Add(time.Duration(rapid.IntRange(1, 40*24).Draw(t, "hours")) * time.Hour))
	if away {
		l.open(p)
	}
	if err := l.Tick(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Fail has the store refuse one commit of an event.
func (l *legalDesk) Fail(t *rapid.T) {
	if len(l.ids) == 0 {
		return
	}
	broken := true
	l.Close()
	s := l.store
	var err error
	l.Desk, err = Open(Config{Store: s, Set: l.set, Policy: l.policy.Load(), Now: l.clock, OnStoreError: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	l.update = func(change func(*store.Tx) error) error {
		if broken {
			return errors.New("disk full")
		}
		return s.Update(change)
	}
	id := rapid.SampledFrom(l.ids).Draw(t, "case")
	before := asJSON(l.t, l.view(id))
	_, err = l.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Word, Text: "lost"}})
	if err == nil || asJSON(l.t, l.view(id)) != before {
		t.Fatalf("an event whose commit failed: %v, and the case went from %s to %s", err, before, asJSON(l.t, l.view(id)))
	}
	l.reopen()
}

// Check holds everything against everything after each step.
func (l *legalDesk) Check(t *rapid.T) {
	held := make(map[string]string) // name: running case
	states := make(map[procedure.State]int)
	for _, id := range l.ids {
		l.sound(id)
		c := l.view(id).Case
		states[c.State]++
		for _, name := range c.Live() {
			if !c.State.Ended() && held[name] != "" {
				t.Fatalf("%s is in the cases %s and %s", name, held[name], id)
			}
			if !c.State.Ended() {
				held[name] = id
			}
		}
		if c.Outcome == procedure.Cancelled && c.Removed == 0 {
			t.Fatalf("case %s was cancelled without a decision", id)
		}
		if next, runs := procedure.Next(c); runs && !next.Ends().After(l.clock()) {
			t.Fatalf("case %s: %s ended at %v and is not applied at %v", id, next.Kind, next.Ends(), l.clock())
		}
	}
	f, err := l.Figures()
	if err != nil || f.Tasks[store.TaskNotice] != l.waiting() {
		t.Fatalf("figures = %+v, %v; want %d messages that wait", f, err, l.waiting())
	}
	for _, state := range procedure.States {
		if f.Cases[state] != states[state] {
			t.Fatalf("figures = %+v, want %v", f.Cases, states)
		}
	}
	for name := range held {
		if f, err := l.Lookup(name); err == nil && !f.NotAfter.After(l.clock()) {
			t.Fatalf("%s is flagged past %v", name, f.NotAfter)
		}
	}
	if l.t.Failed() {
		t.FailNow()
	}
}

// waiting returns how many tasks about messages are open.
func (l *legalDesk) waiting() (n int) {
	for _, task := range l.openTasks() {
		if strings.HasPrefix(task, string(store.TaskNotice)+" ") {
			n++
		}
	}
	return n
}

// TestSoakCases is mostly commits to disk, so it has fewer rounds than other properties.
func TestSoakCases(t *testing.T) {
	const checks = "rapid.checks"
	before := flag.Lookup(checks).Value.String()
	t.Cleanup(func() { _ = flag.Set(checks, before) })
	if err := flag.Set(checks, strconv.Itoa(soak.Rounds(t, 25))); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t, casePolicy())
		l := &legalDesk{desk: d}
		defer d.close()
		rt.Repeat(map[string]func(*rapid.T){"open": l.Open, "event": l.Event, "event again": l.Event, "mail": l.Mail, "pass": l.Pass, "fail": l.Fail, "": l.Check})
		replay(t, d.Desk.store)
	})
}
