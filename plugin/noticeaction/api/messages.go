package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// status is one of the store's, as huma shows it.
type status string

// Schema lists what there is.
func (status) Schema(huma.Registry) *huma.Schema { return oneOf(store.Statuses) }

// message is a mail or an order that leaves.
type message struct {
	Number  uint64    `json:"number" doc:"Its id, from 1 over all cases; 0 in a dry run" example:"1"`
	Kind    string    `json:"kind" enum:"mail,order" doc:"An order goes to the registration system"`
	Case    string    `json:"case" doc:"The case it belongs to" example:"2026-00001"`
	Event   int       `json:"event" doc:"Number of the event that brought it about" example:"2"`
	Names   []string  `json:"names" nullable:"false" doc:"About which names" example:"example.be"`
	Created time.Time `json:"created" doc:"When it was committed" example:"2026-05-12T09:30:00Z"`

	Status   status    `json:"status" doc:"queued: due at next. sending: handed over, outcome not known yet. sent: taken by the other side. failed: refused for good, or tried for too long. bounced: taken, and returned later. manual: an order that waits for an operator's word. done: an order that was confirmed. withdrawn: an order that was not carried out before its names were given back, and must not be any more"`
	Attempts int       `json:"attempts" doc:"How often it was tried" example:"1"`
	Next     time.Time `json:"next,omitzero" doc:"When it is tried next"`
	Sent     time.Time `json:"sent,omitzero" doc:"When the other side took it"`
	Error    string    `json:"error,omitempty" doc:"Why the last attempt failed"`
	Resent   bool      `json:"resent" doc:"Whether it may have left twice: the server stopped between sending it and noting so. Both have the same Message-ID"`

	Mail       string   `json:"mail,omitempty" doc:"Which mail" example:"holder_notice"`
	To         string   `json:"to,omitempty" enum:"holder,registrar,authority" doc:"To whom"`
	Language   string   `json:"language,omitempty" enum:"nl,fr,de,en" doc:"Of the mail"`
	MessageID  string   `json:"message_id,omitempty" doc:"Without angle brackets"`
	Recipients []string `json:"recipients,omitempty" nullable:"false" doc:"Of the envelope"`
	Subject    string   `json:"subject,omitempty" doc:"Of the mail"`
	Order      string   `json:"order,omitempty" enum:"reinstate,temporary_account,cancel,quarantine,release" doc:"What is asked of the registration system"`

	Message string `json:"message,omitempty" doc:"What it says: a mail as RFC 5322, an order as JSON; only where one message is asked for, and in a dry run"`
}

func showMessage(o store.Outgoing) message {
	return message{
		Number: o.ID, Kind: string(o.Kind), Case: o.Case, Event: o.Event, Names: orEmpty(o.Names), Created: o.Created,
		Status: status(o.Status), Attempts: o.Attempts, Next: o.Next, Sent: o.Sent, Error: o.Error, Resent: o.Resent,
		Mail: string(o.Mail), To: string(o.To), Language: o.Language, MessageID: o.MessageID, Recipients: o.Recipients, Subject: o.Subject,
		Order: string(o.Order),
	}
}

func showLeaving(all []casework.Leaving, whole bool) []message {
	messages := make([]message, 0, len(all))
	for _, l := range all {
		m := showMessage(l.Outgoing)
		if whole {
			m.Message = string(l.Payload)
		}
		messages = append(messages, m)
	}
	return messages
}

type messagesInput struct {
	CasePath
	Status status `query:"status" doc:"Only those with this status"`
	After  uint64 `query:"after" doc:"Only messages after this one: the previous page's \"next\"" example:"0"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most messages on the page"`
}

type messagesOutput struct{ Body messagesReply }

type messagesReply struct {
	Messages []message `json:"messages" nullable:"false" doc:"In the order in which they were committed"`
	Next     uint64    `json:"next,omitempty" doc:"\"after\" of the next page; absent on the last" example:"100"`
}

func (h *Handler) listMessages(ctx context.Context, in *messagesInput) (*messagesOutput, error) {
	order := asking(ctx)
	if _, err := h.config.Cases.Case(order, in.ID); err != nil {
		return nil, refusal(ctx, err)
	}
	all, next, err := h.config.Cases.Outbox(order, store.OutgoingQuery{After: in.After, Case: in.ID, Status: store.Status(in.Status)}, in.Limit)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &messagesOutput{Body: messagesReply{Messages: make([]message, 0, len(all)), Next: next}}
	for _, o := range all {
		out.Body.Messages = append(out.Body.Messages, showMessage(o))
	}
	return out, nil
}

// MessagePath is a message of a case in a path, exported for the same reason as Change.
type MessagePath struct {
	CasePath
	Number uint64 `path:"number" doc:"The number of the message" example:"1"`
}

// outgoing finds a message of the case that the path names.
func (h *Handler) outgoing(ctx context.Context, at MessagePath) (casework.Leaving, error) {
	l, err := h.config.Cases.Outgoing(asking(ctx), at.Number)
	if err != nil {
		return l, refusal(ctx, err)
	}
	if l.Case != at.ID {
		return l, problem(http.StatusNotFound, fmt.Sprintf("expected the number of a message of case %s", casework.Clip(at.ID)))
	}
	return l, nil
}

type messageOutput struct{ Body message }

func (h *Handler) getMessage(ctx context.Context, in *MessagePath) (*messageOutput, error) {
	l, err := h.outgoing(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &messageOutput{Body: showLeaving([]casework.Leaving{l}, true)[0]}, nil
}

type retryInput struct {
	MessagePath
	Trial
}

func (h *Handler) retry(ctx context.Context, in *retryInput) (*messageOutput, error) {
	if _, err := h.outgoing(ctx, in.MessagePath); err != nil {
		return nil, err
	}
	out, err := h.config.Cases.Retry(context.WithoutCancel(ctx), in.order(ctx), in.Number)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	in.note(ctx, fmt.Sprintf("case %s, message %d", in.ID, in.Number))
	return &messageOutput{Body: showMessage(out)}, nil
}
