package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// caseState is one of the procedure's, as huma checks it.
type caseState string

// Schema lists what there is.
func (caseState) Schema(huma.Registry) *huma.Schema { return oneOf(procedure.States) }

// CaseSummary is a case without personal data, exported for the same reason as Change.
type CaseSummary struct {
	ID         string        `json:"id" doc:"Its id" example:"2026-00001"`
	State      caseState     `json:"state" doc:"Where it stands"`
	Outcome    string        `json:"outcome,omitempty" doc:"How its last names left the procedure: complied, silent, suspended, stopped, discarded or cancelled; absent while it runs" example:"complied"`
	Authority  string        `json:"authority" doc:"The public body that sent the notice" example:"apd-gba"`
	Reference  string        `json:"reference" doc:"Of the authority's file" example:"DOS-2026-00123"`
	Names      []caseName    `json:"names" nullable:"false" doc:"The domain names that it is about"`
	Received   time.Time     `json:"received" doc:"When the notice came in" example:"2026-05-12T09:30:00Z"`
	Started    time.Time     `json:"started,omitzero" doc:"When the holder was written to and the names were redirected; absent: not yet"`
	Notified   time.Time     `json:"notified,omitzero" doc:"When the mail to the holder left anew, as the holder had not been reached; absent: it did not"`
	Ended      time.Time     `json:"ended,omitzero" doc:"When it was over; absent: it runs"`
	Window     workday.Date  `json:"window,omitzero" format:"date" doc:"Last day of the holder's time, with further time" example:"2026-05-26"`
	Removed    workday.Date  `json:"removed,omitzero" format:"date" doc:"Day of the first decision to remove"`
	Removal    workday.Date  `json:"removal,omitzero" format:"date" doc:"Last day before the cancellation, once that is decided"`
	NotAfter   time.Time     `json:"not_after,omitzero" doc:"When the redirect ends by itself, whatever else is down"`
	Claims     int           `json:"claims" doc:"How often the holder claimed to have complied, or asked the authority for something" example:"0"`
	Extensions int           `json:"extensions" doc:"How often the authority gave further time" example:"0"`
	Missed     int           `json:"missed" doc:"Deadlines of the registry that passed" example:"0"`
	Events     int           `json:"events" doc:"How many events were recorded; the ETag is this number in quotes" example:"1"`
	Next       *deadlineView `json:"next,omitempty" doc:"The deadline that ends first; absent: none runs"`
}

type caseName struct {
	Name    string        `json:"name" doc:"In A-labels" example:"xn--caf-dma.be"`
	Unicode string        `json:"unicode" doc:"In U-labels, for display" example:"café.be"`
	Outcome string        `json:"outcome,omitempty" doc:"How it left the procedure; absent: it is still in it" example:"complied"`
	Orders  []placedOrder `json:"orders,omitempty" nullable:"false" doc:"What the registration system was asked to do with it"`
}

type placedOrder struct {
	Order     string    `json:"order" doc:"reinstate, temporary_account, cancel, quarantine or release" example:"cancel"`
	At        time.Time `json:"at" doc:"When it was placed"`
	Confirmed time.Time `json:"confirmed,omitzero" doc:"When it was carried out; absent: not confirmed yet"`
}

func summarise(c procedure.Case) CaseSummary {
	s := CaseSummary{
		ID: c.ID, State: caseState(c.State), Outcome: string(c.Outcome), Authority: c.Notice.Authority, Reference: c.Notice.Reference,
		Names: []caseName{}, Received: c.Received, Started: c.Started, Notified: c.Notified, Ended: c.Ended,
		Window: c.Window, Removed: c.Removed, Removal: c.Removal, NotAfter: c.NotAfter,
		Claims: c.Claims, Extensions: c.Extensions, Missed: c.Missed, Events: c.Events,
	}
	for _, n := range c.Names {
		name := caseName{Name: n.Name, Unicode: casework.Unicode(n.Name), Outcome: string(n.Outcome)}
		for _, o := range n.Orders {
			name.Orders = append(name.Orders, placedOrder{Order: string(o.Order), At: o.At, Confirmed: o.Confirmed})
		}
		s.Names = append(s.Names, name)
	}
	if d, runs := procedure.Next(c); runs {
		next := showDeadline(d)
		s.Next = &next
	}
	return s
}

// caseView is a case with its notice and its parties.
type caseView struct {
	CaseSummary
	Opener  actor          `json:"opener" doc:"Who opened it"`
	Notice  noticeContent  `json:"notice" doc:"The authority's notification; once the case was erased, without persons"`
	Parties partiesContent `json:"parties" doc:"The holder and the registrars; once the case was erased, without persons"`
}

type actor struct {
	Kind string `json:"kind" enum:"operator,authority,system" doc:"On whose behalf"`
	Name string `json:"name" doc:"As the journal shows it" example:"uid:1000"`
}

func viewCase(c procedure.Case) caseView {
	return caseView{
		CaseSummary: summarise(c), Opener: showActor(c.Opener),
		Notice: showNotice(c.Notice), Parties: showParties(c.Parties),
	}
}

func showActor(a procedure.Actor) actor { return actor{Kind: string(a.Kind), Name: a.Name} }

// caseDetail is what is known of a case.
type caseDetail struct {
	Case      caseView        `json:"case" doc:"As it is now"`
	Deadlines []deadlineView  `json:"deadlines" nullable:"false" doc:"Those that run, the earliest first"`
	Allowed   []string        `json:"allowed" nullable:"false" doc:"The events that its state takes"`
	Timeline  []timelineEntry `json:"timeline" nullable:"false" doc:"What happened, oldest first"`
	Tasks     []task          `json:"tasks" nullable:"false" doc:"What a person is to see to"`
}

func showCase(v casework.CaseView) *caseDetail {
	d := &caseDetail{
		Case: viewCase(v.Case), Deadlines: showDeadlines(v.Case), Allowed: allowed(v.Case),
		Timeline: []timelineEntry{}, Tasks: showTasks(v.Tasks),
	}
	for _, e := range v.Events {
		d.Timeline = append(d.Timeline, showEvent(e))
	}
	return d
}

func allowed(c procedure.Case) []string {
	kinds := []string{}
	for _, k := range procedure.Allowed(c.State) {
		kinds = append(kinds, string(k))
	}
	return kinds
}

// caseReply says what a change of a case did.
type caseReply struct {
	Case       caseView        `json:"case" doc:"As it is now"`
	Deadlines  []deadlineView  `json:"deadlines" nullable:"false" doc:"Those that run, the earliest first"`
	Allowed    []string        `json:"allowed" nullable:"false" doc:"The events that its state takes"`
	Steps      []timelineEntry `json:"steps" nullable:"false" doc:"What was recorded: the event, and the deadlines that had ended around it, in their order"`
	Messages   []message       `json:"messages" nullable:"false" doc:"The mails and orders that leave because of it; in a dry run with what they say"`
	Warnings   []warning       `json:"warnings" nullable:"false" doc:"What the one who asks should know; it does not stop the change"`
	Generation uint64          `json:"generation" doc:"The generation that holds the change; in a dry run, the one that would" example:"42"`
	DryRun     bool            `json:"dry_run" doc:"Whether this was a dry run: nothing was kept"`
	Replayed   bool            `json:"replayed" doc:"Whether the same was done before under the same key: nothing was done now"`
	IfApproved *approval       `json:"if_approved,omitempty" doc:"In a dry run of opening a case that lacks nothing: what an approval now would do"`
}

// approval is what an approval would do.
type approval struct {
	Window    workday.Date   `json:"window" format:"date" doc:"Last day of the holder's time" example:"2026-05-26"`
	NotAfter  time.Time      `json:"not_after" doc:"When the redirect would end by itself"`
	Deadlines []deadlineView `json:"deadlines" nullable:"false" doc:"Those that would run, the earliest first"`
	Messages  []message      `json:"messages" nullable:"false" doc:"The mails that would leave, with what they say"`
	Warnings  []warning      `json:"warnings" nullable:"false" doc:"What the one who approves should know"`
}

func showResult(r casework.CaseResult, dryRun bool) *caseReply {
	reply := &caseReply{
		Case: viewCase(r.Case), Deadlines: showDeadlines(r.Case), Allowed: allowed(r.Case),
		Steps: []timelineEntry{}, Messages: showLeaving(r.Outgoing, dryRun), Warnings: warnings(r.Warnings),
		Generation: r.Generation, DryRun: dryRun, Replayed: r.Replayed,
	}
	for _, s := range r.Steps {
		reply.Steps = append(reply.Steps, showEvent(store.CaseEvent{Number: s.Case.Events, Event: s.Event, Effects: s.Effects}))
	}
	if a := r.Approved; a != nil {
		reply.IfApproved = &approval{
			Window: a.Case.Window, NotAfter: a.Case.NotAfter, Deadlines: showDeadlines(a.Case),
			Messages: showLeaving(a.Outgoing, true), Warnings: warnings(a.Warnings),
		}
	}
	return reply
}
