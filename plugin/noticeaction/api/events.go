package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// decide is the authority's decision, which names the event.
const decide = "decide"

// eventKind is what a person can record of a case, as huma checks it.
type eventKind string

// Schema lists what there is: the procedure's kinds, also with hyphens, and "decide".
func (eventKind) Schema(huma.Registry) *huma.Schema {
	var kinds, hyphened []string
	for _, s := range procedure.States {
		for _, k := range procedure.Allowed(s) {
			kind := string(k)
			if !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
			if other := strings.ReplaceAll(kind, "_", "-"); other != kind && !slices.Contains(hyphened, other) {
				hyphened = append(hyphened, other)
			}
		}
	}
	return oneOf(append(append(kinds, hyphened...), decide))
}

// kind is the procedure's.
func (b eventBody) kind() (procedure.Kind, error) {
	switch {
	case b.Kind != decide && b.Decision != "":
		return "", badBody("decision", "expected none with "+string(b.Kind))
	case b.Kind != decide:
		return procedure.Kind(strings.ReplaceAll(string(b.Kind), "-", "_")), nil
	case b.Decision == "":
		return "", badBody("decision", "expected reinstate or remove")
	}
	return procedure.Kind(b.Decision), nil
}

type eventInput struct {
	CasePath
	Change
	Keyed
	IfMatch string `header:"If-Match" doc:"Record it only if the case has this ETag; * for any" example:"\"3\""`
	Body    eventBody
}

type eventBody struct {
	Kind     eventKind  `json:"kind" doc:"What happened; \"allowed\" of the case lists what its state takes" example:"approve"`
	At       *time.Time `json:"at,omitempty" doc:"When it happened: not in the future, and not before the notice; absent: now" example:"2026-05-12T09:30:00Z"`
	Decision string     `json:"decision,omitempty" enum:"reinstate,remove" doc:"With decide: what the authority decided"`

	Parties *partiesContent `json:"parties,omitempty" doc:"With describe: the holder and the registrars. The last description counts, whole. With correct: only the contacts that are not right, each of them whole, and the language"`
	Resend  bool            `json:"resend,omitempty" doc:"With correct: the holder was not reached, so the mail to the holder leaves anew. The holder has 14 days from it; neither the reminder nor a clock that restores the names is put off"`
	Names   []string        `json:"names,omitempty" maxItems:"100" nullable:"false" doc:"With reinstate, suspend, stop and confirm_order: only these names of the case; absent: all"`
	Days    int             `json:"days,omitempty" minimum:"1" maximum:"366" doc:"With extend: days of further time" example:"14"`
	Until   workday.Date    `json:"until,omitzero" format:"date" doc:"With extend: instead of days, the last day" example:"2026-06-30"`
	Reached *time.Time      `json:"reached,omitempty" doc:"With claim_at_authority: when it reached the authority; absent: at" example:"2026-05-12T09:30:00Z"`
	Word    int             `json:"word,omitempty" minimum:"1" doc:"With relay: the number of the event with the holder's word; absent: all that are owed" example:"3"`
	Order   string          `json:"order,omitempty" enum:"reinstate,temporary_account,cancel,quarantine,release" doc:"With confirm_order: which was carried out"`

	Text     string `json:"text,omitempty" maxLength:"65536" doc:"What was written, or why. What a holder wrote is relayed to the authority word for word"`
	Evidence string `json:"evidence,omitempty" maxLength:"500" doc:"Where what was written is kept, such as the id of a message that came in. With claim and word, such a message says when (at) and what (text), where these are absent" example:"N2026-00001"`
}

func (b eventBody) event() (e procedure.Event, err error) {
	e = procedure.Event{
		Names: b.Names, Days: b.Days, Until: b.Until, Word: b.Word, Order: procedure.Order(b.Order), Resend: b.Resend,
		Text: b.Text, Evidence: b.Evidence,
	}
	if e.Kind, err = b.kind(); err != nil {
		return e, err
	}
	if e.At, err = instant("at", b.At); err != nil {
		return e, err
	}
	if e.Reached, err = instant("reached", b.Reached); err != nil {
		return e, err
	}
	if b.Parties != nil {
		parties := b.Parties.parties()
		e.Parties = &parties
	}
	return e, nil
}

func (h *Handler) event(ctx context.Context, in *eventInput) (*caseOutput, error) {
	order, err := in.order(ctx)
	if err != nil {
		return nil, err
	}
	match, err := eventsMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	e, err := in.Body.event()
	if err != nil {
		return nil, err
	}
	callOf(ctx).judged = true
	result, err := h.config.Cases.RecordEvent(context.WithoutCancel(ctx), order, casework.EventRequest{
		Case: in.ID, Event: e, Match: match, Key: in.Key,
	})
	if err != nil {
		return nil, refusal(ctx, err)
	}
	return in.commitCase(ctx, e.Kind, result), nil
}

// timelineEntry is one event of a case as it was applied.
type timelineEntry struct {
	Number   int       `json:"number" doc:"Its place among the events of the case, from 1" example:"1"`
	Kind     string    `json:"kind" doc:"What happened; expire: a deadline ended" example:"open"`
	At       time.Time `json:"at" doc:"When it happened" example:"2026-05-12T09:30:00Z"`
	Recorded time.Time `json:"recorded" doc:"When it was applied" example:"2026-05-12T09:30:00Z"`
	Late     bool      `json:"late" doc:"Whether a deadline was applied later than at its time"`
	Actor    actor     `json:"actor" doc:"Who recorded it"`
	Article  string    `json:"article" doc:"The articles of the protocol that it rests on" example:"4(a) para. 2, 4(c)"`

	Names    []string     `json:"names,omitempty" nullable:"false" doc:"Only these names of the case; absent: all"`
	Days     int          `json:"days,omitempty" doc:"Days of further time"`
	Until    workday.Date `json:"until,omitzero" format:"date" doc:"The last day of further time"`
	Reached  time.Time    `json:"reached,omitzero" doc:"When a claim reached the authority"`
	Word     int          `json:"word,omitempty" doc:"Number of the event that was relayed"`
	Order    string       `json:"order,omitempty" doc:"The order that was carried out"`
	Resend   bool         `json:"resend,omitempty" doc:"Whether the mail to the holder left anew"`
	Deadline string       `json:"deadline,omitempty" doc:"Which deadline ended" example:"holder_window"`
	Due      workday.Date `json:"due,omitzero" format:"date" doc:"Its last day"`

	Text     string   `json:"text,omitempty" doc:"What was written, or why; absent once erased"`
	Evidence string   `json:"evidence,omitempty" doc:"Where what was written is kept"`
	Erased   bool     `json:"erased,omitempty" doc:"Whether its personal data was erased"`
	Effects  []effect `json:"effects" nullable:"false" doc:"What it brought about"`
}

type effect struct {
	Kind     string    `json:"kind" enum:"flag,unflag,mail,order,alarm" doc:"What was done"`
	Names    []string  `json:"names" nullable:"false" doc:"About which names"`
	NotAfter time.Time `json:"not_after,omitzero" doc:"flag: when the redirect ends by itself"`
	Reason   string    `json:"reason,omitempty" doc:"unflag, and the mail and order with it: why" example:"complied"`
	Mail     string    `json:"mail,omitempty" doc:"Which mail" example:"holder_notice"`
	To       string    `json:"to,omitempty" doc:"Who got it" example:"holder"`
	Copy     string    `json:"copy,omitempty" doc:"Who got a copy" example:"authority"`
	Order    string    `json:"order,omitempty" doc:"What the registration system was asked to do" example:"reinstate"`
	Deadline string    `json:"deadline,omitempty" doc:"alarm: which deadline passed" example:"approval"`
}

func showEvent(c store.CaseEvent) timelineEntry {
	e := c.Event
	entry := timelineEntry{
		Number: c.Number, Kind: string(e.Kind), At: e.At, Recorded: e.Recorded, Late: e.Late,
		Actor: showActor(e.Actor), Article: e.Kind.Article(),
		Names: e.Names, Days: e.Days, Until: e.Until, Reached: e.Reached, Word: e.Word, Order: string(e.Order), Resend: e.Resend,
		Text: e.Text, Evidence: e.Evidence, Erased: c.Erased, Effects: []effect{},
	}
	if e.Deadline != nil {
		entry.Deadline, entry.Due, entry.Article = string(e.Deadline.Kind), e.Deadline.Due, e.Deadline.Article()
	}
	for _, f := range c.Effects {
		shown := effect{
			Kind: string(f.Kind), Names: orEmpty(f.Names), NotAfter: f.NotAfter, Reason: string(f.Reason),
			Mail: string(f.Mail), To: string(f.To), Copy: string(f.Copy), Order: string(f.Order),
		}
		if f.Alarm != nil {
			shown.Deadline = string(f.Alarm.Kind)
		}
		entry.Effects = append(entry.Effects, shown)
	}
	return entry
}
