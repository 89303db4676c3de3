package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// Cases is what the API needs of the desk for the procedure; *casework.Desk has it. All methods are called
// concurrently, with the limits 1..1000. What an authority may see and do, the desk decides by the order.
type Cases interface {
	OpenCase(context.Context, casework.Order, casework.OpenRequest) (casework.CaseResult, error)
	RecordEvent(context.Context, casework.Order, casework.EventRequest) (casework.CaseResult, error)
	Case(o casework.Order, id string) (casework.CaseView, error)
	Cases(o casework.Order, q store.CaseQuery, limit int) (cases []procedure.Case, next string, err error)
	Deadlines(o casework.Order, limit int) ([]casework.RunningDeadline, error)
	Outbox(o casework.Order, q store.OutgoingQuery, limit int) (all []store.Outgoing, next uint64, err error)
	Outgoing(o casework.Order, id uint64) (casework.Leaving, error)
	Retry(ctx context.Context, o casework.Order, id uint64) (store.Outgoing, error)
	Tasks(o casework.Order, q store.TaskQuery, limit int) (all []store.Task, next uint64, err error)
	CloseTask(ctx context.Context, o casework.Order, id uint64, reason string) (store.Task, error)
	Notices(o casework.Order, q store.NoticeQuery, limit int) (all []store.Notice, next string, err error)
	Notice(o casework.Order, id string) (casework.NoticeResult, error)
	FileNotice(ctx context.Context, o casework.Order, id, caseID string) (store.Notice, error)
	DiscardNotice(ctx context.Context, o casework.Order, id, reason string) (store.Notice, error)
	Statistics(o casework.Order, authority string, from, to workday.Date) (casework.Statistics, error)
	Verify(id string) error
	Everywhere(o casework.Order, id string) ([]casework.CaseChange, error)
	NoteRefusal(ctx context.Context, o casework.Order, id string, kind procedure.Kind, refusal *casework.Error)
}

// asking is the order of a call that changes nothing.
func asking(ctx context.Context) casework.Order { return Trial{}.order(ctx) }

// CasePath is the case in a path, exported for the same reason as Change.
type CasePath struct {
	ID string `path:"id" minLength:"1" maxLength:"63" doc:"The id of the case" example:"2026-00001"`
}

type openInput struct {
	Change
	Keyed
	Body openBody
}

type openBody struct {
	Notice   *noticeContent  `json:"notice,omitempty" doc:"The authority's notification; what it does not say is what was read of the mail that message names, if it names one"`
	Parties  *partiesContent `json:"parties,omitempty" doc:"What the registry adds; it can be added later, by the event describe"`
	Received *time.Time      `json:"received,omitempty" doc:"When the notice came in, not in the future; absent: when the mail did that message names, or now" example:"2026-05-12T09:30:00Z"`
	Text     string          `json:"text,omitempty" maxLength:"65536" doc:"For people"`
	Message  string          `json:"message,omitempty" maxLength:"63" doc:"The id of the notice by mail that becomes this case" example:"N2026-00001"`
}

func (h *Handler) open(ctx context.Context, in *openInput) (*caseOutput, error) {
	order, err := in.order(ctx)
	if err != nil {
		return nil, err
	}
	request, err := h.openRequest(ctx, in)
	if err != nil {
		return nil, err
	}
	callOf(ctx).judged = true
	result, err := h.config.Cases.OpenCase(context.WithoutCancel(ctx), order, request)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := in.commitCase(ctx, procedure.Open, result)
	if !order.DryRun {
		out.Status = http.StatusCreated
		out.Location = "/v1/cases/" + result.Case.ID
	}
	return out, nil
}

// openRequest reads the body, and what it leaves to the notice by mail.
func (h *Handler) openRequest(ctx context.Context, in *openInput) (r casework.OpenRequest, err error) {
	r = casework.OpenRequest{Text: in.Body.Text, Message: in.Body.Message, Key: in.Key}
	if in.Body.Notice == nil && r.Message == "" {
		return r, badBody("notice", "expected the notice, or in message the id of one that came by mail")
	}
	if r.At, err = instant("received", in.Body.Received); err != nil {
		return r, err
	}
	if in.Body.Parties != nil {
		parties := in.Body.Parties.parties()
		r.Parties = &parties
	}
	if in.Body.Notice != nil {
		r.Notice = in.Body.Notice.notice()
	}
	if r.Message == "" {
		return r, nil
	}
	mail, err := h.config.Cases.Notice(asking(ctx), r.Message)
	if err != nil {
		return r, mailRefusal(ctx, err)
	}
	r.Notice = r.Notice.Or(mail.Draft)
	if in.Body.Received == nil {
		r.At = mail.Received
	}
	return r, nil
}

// mailRefusal is the refusal of the notice by mail that a body names.
func mailRefusal(ctx context.Context, err error) error {
	switch {
	case isKind(err, casework.NotFound):
		return badBody("message", "expected the id of a notice that came by mail")
	case isKind(err, casework.Forbidden):
		doc := badBody("message", "expected none; mails that came in are the registry's to open")
		doc.Status, doc.Title = http.StatusForbidden, http.StatusText(http.StatusForbidden)
		return doc
	}
	return refusal(ctx, err)
}

type caseOutput struct {
	Status     int
	ETag       string `header:"ETag" doc:"The case's ETag"`
	Location   string `header:"Location" doc:"The new case"`
	Generation uint64 `header:"Noticeaction-Generation" doc:"The generation that holds the change"`
	Body       *caseReply
}

// commitCase answers with what a change of a case did, and notes it for the log.
func (c Change) commitCase(ctx context.Context, kind procedure.Kind, r casework.CaseResult) *caseOutput {
	if !r.Replayed {
		c.note(ctx, fmt.Sprintf("case %s, %s, generation %d", r.Case.ID, kind, r.Generation))
	}
	return &caseOutput{Status: http.StatusOK, ETag: caseTag(r.Case), Generation: r.Generation, Body: showResult(r, c.DryRun)}
}

type caseInput struct {
	CasePath
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 if the case still has this ETag" example:"\"3\""`
}

type caseDetailOutput struct {
	Status int
	ETag   string `header:"ETag" doc:"The case's ETag"`
	Body   *caseDetail
}

func (h *Handler) getCase(ctx context.Context, in *caseInput) (*caseDetailOutput, error) {
	v, err := h.config.Cases.Case(asking(ctx), in.ID)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &caseDetailOutput{Status: http.StatusOK, ETag: caseTag(v.Case)}
	if in.IfNoneMatch == out.ETag {
		out.Status = http.StatusNotModified
		return out, nil
	}
	out.Body = showCase(v)
	return out, nil
}

type casesInput struct {
	State     caseState `query:"state" doc:"Only cases in this state"`
	Authority string    `query:"authority" doc:"Only cases of this authority" example:"apd-gba"`
	Name      string    `query:"name" doc:"Only cases that this name is or was in" example:"example.be"`
	Running   bool      `query:"running" doc:"Only cases that are not over"`
	After     string    `query:"after" doc:"Only cases after this one: the previous page's \"next\"" example:"2026-00001"`
	Limit     int       `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most cases on the page"`
}

type casesOutput struct{ Body casesReply }

type casesReply struct {
	Cases []CaseSummary `json:"cases" nullable:"false" doc:"In the order of their ids"`
	Next  string        `json:"next,omitempty" doc:"\"after\" of the next page; absent on the last" example:"2026-00100"`
}

func (h *Handler) listCases(ctx context.Context, in *casesInput) (*casesOutput, error) {
	cases, next, err := h.config.Cases.Cases(asking(ctx), store.CaseQuery{
		After: in.After, State: procedure.State(in.State), Authority: in.Authority, Name: in.Name, Running: in.Running,
	}, in.Limit)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &casesOutput{Body: casesReply{Cases: make([]CaseSummary, 0, len(cases)), Next: next}}
	for _, c := range cases {
		out.Body.Cases = append(out.Body.Cases, summarise(c))
	}
	return out, nil
}

// caseTag is the strong validator of a case: how many events it has. Nothing else changes it.
func caseTag(c procedure.Case) string { return `"` + strconv.Itoa(c.Events) + `"` }

// eventsMatch reads the precondition of a change of a case; nil: any.
func eventsMatch(ifMatch string) (*int, error) {
	switch {
	case ifMatch == "" || ifMatch == "*": // a case that is not there is refused anyway
		return nil, nil
	case !entityTag.MatchString(ifMatch):
		return nil, badHeader("If-Match", `expected * or one entity tag such as "3"`, ifMatch)
	}
	events, err := strconv.Atoi(strings.Trim(ifMatch, `"`))
	if err != nil {
		return nil, problem(http.StatusPreconditionFailed, fmt.Sprintf("expected the case's ETag, got %s", casework.Clip(ifMatch)))
	}
	return &events, nil
}

// instant reads a time of the body, where nil means none. The zero time is refused: it would be taken for none.
func instant(field string, given *time.Time) (time.Time, error) {
	switch {
	case given == nil:
		return time.Time{}, nil
	case given.IsZero():
		return time.Time{}, badBody(field, "expected a time such as 2026-05-12T09:30:00Z, or none")
	}
	return *given, nil
}

func badBody(field, expected string) *Problem {
	return problem(http.StatusUnprocessableEntity, "body."+field+": "+expected,
		&huma.ErrorDetail{Message: expected, Location: "body." + field})
}

// within says where in the body of a change of a case the field stands, as the procedure names it; empty for
// other fields.
func within(route, field string) string {
	if route != openRoute && route != eventRoute {
		return ""
	}
	first, _, _ := strings.Cut(strings.ReplaceAll(field, "[", "."), ".")
	switch {
	case slices.Contains([]string{"holder", "registrar", "language", "sites", "addresses"}, first):
		return "body.parties." + field
	case route == eventRoute:
		return ""
	case slices.Contains([]string{"authority", "inspector", "office", "names", "provisions", "reference", "signature"}, first):
		return "body.notice." + field
	case field == "at":
		return "body.received"
	}
	return ""
}

// lackingAt says where in the body what is missing would stand.
func lackingAt(route string) string {
	if route == openRoute {
		return "body.notice"
	}
	return "body.parties"
}
