package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

var _ Cases = (*casework.Desk)(nil)

// fakeCases is a desk that follows the procedure in memory, and keeps no mail and no key. It notes what it was
// asked, and refuses with err when there is one.
type fakeCases struct {
	rules procedure.Rules
	now   time.Time
	err   error

	order  casework.Order // of the last call
	opened casework.OpenRequest
	event  casework.EventRequest
	reason string

	cases   []casework.CaseView
	out     []casework.Leaving
	tasks   []store.Task
	notices []casework.NoticeResult
	figures casework.Statistics
	unsound error    // what Verify finds
	refused []string // what NoteRefusal was told
}

func refused(kind casework.Kind, field, detail string) error {
	return &casework.Error{Kind: kind, Field: field, Detail: detail}
}

func (d *fakeCases) asked(o casework.Order) error {
	d.order = o
	return d.err
}

func (d *fakeCases) OpenCase(_ context.Context, o casework.Order, r casework.OpenRequest) (casework.CaseResult, error) {
	d.opened = r
	if err := d.asked(o); err != nil {
		return casework.CaseResult{}, err
	}
	if o.Authority != "" && r.Notice.Authority == "" {
		r.Notice.Authority = o.Authority
	}
	if o.Authority != "" && r.Notice.Authority != o.Authority {
		return casework.CaseResult{}, refused(casework.Forbidden, "notice.authority", "expected the authority "+o.Authority)
	}
	e := procedure.Event{Kind: procedure.Open, Case: fmt.Sprintf("2026-%05d", len(d.cases)+1), Notice: &r.Notice, Parties: r.Parties, Text: r.Text, Evidence: r.Message, At: r.At}
	result, err := d.run(o, casework.CaseView{}, e)
	if err != nil || !o.DryRun || r.Parties == nil {
		return result, err
	}
	approved, err := d.run(casework.Order{Actor: "desk", DryRun: true}, casework.CaseView{Case: result.Case}, procedure.Event{Kind: procedure.Approve})
	result.Approved = &approved
	return result, err
}

func (d *fakeCases) RecordEvent(_ context.Context, o casework.Order, r casework.EventRequest) (casework.CaseResult, error) {
	d.event = r
	v, err := d.Case(o, r.Case)
	if err != nil {
		return casework.CaseResult{}, err
	}
	if r.Match != nil && *r.Match != v.Case.Events {
		return casework.CaseResult{}, refused(casework.Precondition, "if_match", fmt.Sprintf("expected the case to have %d events", *r.Match))
	}
	return d.run(o, v, r.Event)
}

// run applies the event, and keeps the case unless the order is a dry run.
func (d *fakeCases) run(o casework.Order, v casework.CaseView, e procedure.Event) (casework.CaseResult, error) {
	e.Actor = procedure.Actor{Kind: procedure.Operator, Name: o.Actor}
	if o.Authority != "" {
		e.Actor.Kind = procedure.Authority
	}
	if e.At.IsZero() {
		e.At = d.now
	}
	steps, err := d.rules.Run(v.Case, e, d.now)
	if err != nil {
		return casework.CaseResult{}, refusalOf(err)
	}
	result := casework.CaseResult{Steps: steps, Generation: 7, Case: steps[len(steps)-1].Case}
	v.Case = result.Case
	for _, s := range steps {
		v.Events = append(v.Events, store.CaseEvent{Number: s.Case.Events, Event: s.Event, Effects: s.Effects})
		for _, f := range s.Effects {
			if l, leaves := leaving(s, f); leaves {
				l.ID = uint64(len(d.out) + len(result.Outgoing) + 1)
				result.Outgoing = append(result.Outgoing, l)
			}
		}
	}
	if o.DryRun {
		return result, nil
	}
	d.cases = slices.DeleteFunc(d.cases, func(c casework.CaseView) bool { return c.Case.ID == v.Case.ID })
	d.cases = append(d.cases, v)
	d.out = append(d.out, result.Outgoing...)
	return result, nil
}

func leaving(s procedure.Step, f procedure.Effect) (casework.Leaving, bool) {
	out := store.Outgoing{Case: s.Case.ID, Event: s.Case.Events, Names: f.Names, Created: s.Event.At, Status: store.Queued, Next: s.Event.At}
	switch f.Kind {
	case procedure.Mail:
		out.Kind, out.Mail, out.To, out.Language, out.Subject = store.Mail, f.Mail, f.To, "nl", "about "+f.Names[0]
		out.Recipients, out.MessageID = []string{s.Case.Parties.Holder.Email}, "1@dnsbelgium.be"
		return casework.Leaving{Outgoing: out, Payload: []byte("Subject: about " + f.Names[0] + "\r\n\r\nYou have until " + s.Case.Window.String() + ".\r\n")}, true
	case procedure.PlaceOrder:
		out.Kind, out.Order = store.Order, f.Order
		return casework.Leaving{Outgoing: out, Payload: []byte(`{"order":"` + f.Order + `"}`)}, true
	}
	return casework.Leaving{}, false
}

func refusalOf(err error) error {
	var state *procedure.StateError
	var bad *procedure.InvalidError
	var missing *procedure.MissingError
	switch {
	case errors.As(err, &state):
		return &casework.Error{Kind: casework.Conflict, Field: "kind", Value: string(state.Kind), Detail: err.Error(), State: state.State, Allowed: state.Allowed}
	case errors.As(err, &missing):
		return &casework.Error{Kind: casework.Invalid, Detail: err.Error(), Items: missing.Items}
	case errors.As(err, &bad):
		return refused(casework.Invalid, bad.Field, bad.Detail)
	}
	return refused(casework.Forbidden, "kind", err.Error())
}

func (d *fakeCases) Case(o casework.Order, id string) (casework.CaseView, error) {
	if err := d.asked(o); err != nil {
		return casework.CaseView{}, err
	}
	for _, v := range d.cases {
		switch {
		case v.Case.ID != id:
		case o.Authority != "" && o.Authority != v.Case.Notice.Authority:
			return casework.CaseView{}, refused(casework.Forbidden, "case", "expected a case of the authority "+o.Authority)
		default:
			return v, nil
		}
	}
	return casework.CaseView{}, refused(casework.NotFound, "case", "expected the id of a case, such as 2026-00001")
}

func (d *fakeCases) Cases(o casework.Order, q store.CaseQuery, limit int) (cases []procedure.Case, next string, err error) {
	if err := d.asked(o); err != nil {
		return nil, "", err
	}
	for _, v := range d.cases {
		c := v.Case
		if c.ID <= q.After || q.State != "" && q.State != c.State || q.Running && c.State.Ended() ||
			q.Authority != "" && q.Authority != c.Notice.Authority || q.Name != "" && !slices.Contains(c.Notice.Names, q.Name) ||
			o.Authority != "" && o.Authority != c.Notice.Authority {
			continue
		}
		if len(cases) == limit {
			return cases, cases[limit-1].ID, nil
		}
		cases = append(cases, c)
	}
	return cases, "", nil
}

func (d *fakeCases) Deadlines(o casework.Order, limit int) (all []casework.RunningDeadline, err error) {
	for _, v := range d.cases {
		for _, deadline := range v.Case.Deadlines {
			if len(all) < limit {
				all = append(all, casework.RunningDeadline{Case: v.Case.ID, Authority: v.Case.Notice.Authority, State: v.Case.State, Names: v.Case.Live(), Deadline: deadline})
			}
		}
	}
	return all, d.asked(o)
}

func (d *fakeCases) Outbox(o casework.Order, q store.OutgoingQuery, limit int) (all []store.Outgoing, next uint64, err error) {
	for _, l := range d.out {
		if l.ID <= q.After || l.Case != q.Case || q.Status != "" && l.Status != q.Status {
			continue
		}
		if len(all) == limit {
			return all, all[limit-1].ID, nil
		}
		all = append(all, l.Outgoing)
	}
	return all, 0, d.asked(o)
}

func (d *fakeCases) Outgoing(o casework.Order, id uint64) (casework.Leaving, error) {
	if id < 1 || id > uint64(len(d.out)) {
		return casework.Leaving{}, refused(casework.NotFound, "id", "expected the number of a message")
	}
	return d.out[id-1], d.asked(o)
}

func (d *fakeCases) Verify(string) error { return d.unsound }

func (d *fakeCases) Everywhere(casework.Order, string) ([]casework.CaseChange, error) {
	return []casework.CaseChange{{Generation: 1, At: start, Flagged: []string{"mine.be"}, Everywhere: start}}, nil
}

func (d *fakeCases) NoteRefusal(_ context.Context, o casework.Order, id string, _ procedure.Kind, refusal *casework.Error) {
	d.refused = append(d.refused, fmt.Sprintf("%s %s: %s", o.Actor, id, refusal.Detail))
}

func (d *fakeCases) Retry(_ context.Context, o casework.Order, id uint64) (store.Outgoing, error) {
	out := d.out[id-1].Outgoing
	if out.Status != store.Failed && out.Status != store.Bounced {
		return out, refused(casework.Conflict, "id", "expected a message that failed or bounced")
	}
	out.Status = store.Queued
	if !o.DryRun {
		d.out[id-1].Outgoing = out
	}
	return out, d.asked(o)
}

func (d *fakeCases) Tasks(o casework.Order, q store.TaskQuery, limit int) (all []store.Task, next uint64, err error) {
	for _, t := range d.tasks {
		if t.ID > q.After && (!q.Open || t.Closed.IsZero()) && (q.Case == "" || q.Case == t.Case) && len(all) < limit {
			all = append(all, t)
		}
	}
	return all, 0, d.asked(o)
}

func (d *fakeCases) CloseTask(_ context.Context, o casework.Order, id uint64, reason string) (store.Task, error) {
	d.reason = reason
	for i := range d.tasks {
		if t := d.tasks[i]; t.ID == id {
			t.Closed, t.ClosedBy = d.now, o.Actor
			if !o.DryRun {
				d.tasks[i] = t
			}
			return t, d.asked(o)
		}
	}
	return store.Task{}, refused(casework.NotFound, "id", "expected the id of a task")
}

func (d *fakeCases) Notices(o casework.Order, q store.NoticeQuery, limit int) (all []store.Notice, next string, err error) {
	for _, n := range d.notices {
		if n.ID > q.After && (q.Status == "" || q.Status == n.Status) && len(all) < limit {
			all = append(all, n.Notice)
		}
	}
	return all, "", d.asked(o)
}

func (d *fakeCases) Notice(o casework.Order, id string) (casework.NoticeResult, error) {
	if o.Authority != "" {
		return casework.NoticeResult{}, refused(casework.Forbidden, "", "expected access for the registry")
	}
	for _, n := range d.notices {
		if n.ID == id {
			return n, d.asked(o)
		}
	}
	return casework.NoticeResult{}, refused(casework.NotFound, "id", "expected the id of a notice")
}

func (d *fakeCases) FileNotice(_ context.Context, o casework.Order, id, caseID string) (store.Notice, error) {
	n, err := d.Notice(o, id)
	n.Status, n.Case = store.Filed, caseID
	return n.Notice, err
}

func (d *fakeCases) DiscardNotice(_ context.Context, o casework.Order, id, reason string) (store.Notice, error) {
	d.reason = reason
	n, err := d.Notice(o, id)
	n.Status, n.Reason = store.Discarded, reason
	return n.Notice, err
}

func (d *fakeCases) Statistics(o casework.Order, authority string, from, to workday.Date) (casework.Statistics, error) {
	s := d.figures
	s.Authority = authority
	s.From, s.To = from, to
	return s, d.asked(o)
}

// receive takes any mail for a draft.
func (d *fakeCases) receive(_ context.Context, o casework.Order, message []byte, via string) (store.Notice, error) {
	n := store.Notice{ID: fmt.Sprintf("N2026-%05d", len(d.notices)+1), Received: d.now, Via: via, Status: store.Draft, Size: len(message)}
	if !o.DryRun {
		d.notices = append(d.notices, casework.NoticeResult{Notice: n, Message: message})
	}
	return n, d.asked(o)
}

// ofCases serves a desk of cases, besides that of flags.
func ofCases(t testing.TB, d *fakeCases) *Handler {
	t.Helper()
	if d.now.IsZero() {
		d.now = start
	}
	return New(Config{Desk: fakeDesk{}, Cases: d, Notices: d.receive, Tokens: tokensOf(t)})
}
