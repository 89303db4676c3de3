package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// rfc822 is the media type of a mail (RFC 2046 section 5.2.1).
const rfc822 = "message/rfc822"

// Receive reads a mail that came in and keeps it. Its refusals are *casework.Error. Called concurrently; the
// message is the callee's.
type Receive func(ctx context.Context, o casework.Order, message []byte, via string) (store.Notice, error)

// noticeStatus is what has become of a mail that came in, as huma checks it.
type noticeStatus string

// Schema lists what there is.
func (noticeStatus) Schema(huma.Registry) *huma.Schema {
	return oneOf([]store.NoticeStatus{store.Draft, store.Unreadable, store.Bounce, store.Filed, store.Opened, store.Discarded})
}

// noticeView is a mail that came in, and what could be read of it.
type noticeView struct {
	ID        string       `json:"id" doc:"Its id" example:"N2026-00001"`
	Received  time.Time    `json:"received" doc:"When it came in" example:"2026-05-12T09:30:00Z"`
	Via       string       `json:"via" enum:"api,smtp,lmtp" doc:"How it came in"`
	Status    noticeStatus `json:"status" doc:"draft: read; a person is to confirm it. unreadable: a person is to read it. bounce: a delivery report on a mail of ours. filed: it is in the timeline of a case. opened: it became a case. discarded: by a person"`
	SHA256    string       `json:"sha256" doc:"Of the message, in hex"`
	Size      int          `json:"size" doc:"Of the message, in bytes" example:"4096"`
	From      string       `json:"from,omitempty" doc:"Of its header"`
	Subject   string       `json:"subject,omitempty" doc:"Of its header, decoded"`
	MessageID string       `json:"message_id,omitempty" doc:"Without angle brackets"`
	Text      string       `json:"text,omitempty" doc:"Of its body, at most 32 KiB; not in lists"`
	DKIM      []string     `json:"dkim" nullable:"false" doc:"The result for each signature" example:"apd-gba.be: pass"`
	SMIME     string       `json:"smime,omitempty" doc:"none, valid with the name of the signer, or invalid with the reason"`
	Problem   string       `json:"problem,omitempty" doc:"unreadable: why"`

	Draft   noticeContent `json:"draft" doc:"The notice that was read of it"`
	Missing []string      `json:"missing" nullable:"false" doc:"Items of Art. 4(b) that were not found"`
	Report  string        `json:"report,omitempty" doc:"bounce: what it reports: failed, delayed, delivered, relayed, expanded or unknown" example:"failed"`
	Bounced string        `json:"bounced,omitempty" doc:"bounce: the Message-ID of our mail"`
	Case    string        `json:"case,omitempty" doc:"opened, filed: the case. bounce: that of the mail" example:"2026-00001"`

	Suggested []string `json:"suggested" nullable:"false" doc:"Cases that it may be about, by what it answers and its subject line" example:"2026-00001"`

	Decided   time.Time `json:"decided,omitzero" doc:"When it was opened or discarded, or a person recorded what it says"`
	DecidedBy string    `json:"decided_by,omitempty" doc:"Who opened or discarded it" example:"uid:1000"`
	Reason    string    `json:"reason,omitempty" doc:"discarded: why"`
	Erased    bool      `json:"erased,omitempty" doc:"Whether its personal data was erased"`
}

func showMail(n store.Notice) noticeView {
	return noticeView{
		ID: n.ID, Received: n.Received, Via: n.Via, Status: noticeStatus(n.Status), SHA256: n.SHA256, Size: n.Size,
		From: n.From, Subject: n.Subject, MessageID: n.MessageID, DKIM: orEmpty(n.DKIM), SMIME: n.SMIME, Problem: n.Problem,
		Text: n.Text, Suggested: orEmpty(n.Suggested), Draft: showNotice(n.Draft), Missing: orEmpty(n.Missing), Report: n.Report, Bounced: n.Bounced, Case: n.Case,
		Decided: n.Decided, DecidedBy: n.DecidedBy, Reason: n.Reason, Erased: n.Erased,
	}
}

type receiveInput struct {
	Trial
	RawBody []byte `contentType:"message/rfc822"`
}

type noticeOutput struct {
	Status   int
	Location string `header:"Location" doc:"The notice"`
	Body     noticeView
}

func (h *Handler) receive(ctx context.Context, in *receiveInput) (*noticeOutput, error) {
	if h.config.Notices == nil {
		return nil, problem(http.StatusNotFound, "expected a server that reads notices; this one does not")
	}
	if len(bytes.TrimSpace(in.RawBody)) == 0 {
		return nil, problem(http.StatusUnprocessableEntity, "expected a mail as RFC 5322 in the body, got nothing")
	}
	// The buffer is used again for the next request.
	n, err := h.config.Notices(context.WithoutCancel(ctx), in.order(ctx), bytes.Clone(in.RawBody), "api")
	if err != nil {
		return nil, refusal(ctx, err)
	}
	in.note(ctx, fmt.Sprintf("notice %s, %s", n.ID, n.Status))
	out := &noticeOutput{Status: http.StatusOK, Body: showMail(n)}
	if !in.DryRun {
		out.Status, out.Location = http.StatusCreated, "/v1/notices/"+n.ID
	}
	return out, nil
}

// NoticePath is a notice by mail in a path, exported for the same reason as Change.
type NoticePath struct {
	ID string `path:"id" minLength:"1" maxLength:"63" doc:"The id of the notice" example:"N2026-00001"`
}

func (h *Handler) getNotice(ctx context.Context, in *NoticePath) (*noticeOutput, error) {
	n, err := h.config.Cases.Notice(asking(ctx), in.ID)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	return &noticeOutput{Status: http.StatusOK, Body: showMail(n.Notice)}, nil
}

type mailOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition" doc:"A file to keep"`
	Sniff       string `header:"X-Content-Type-Options" doc:"nosniff"`
	Body        []byte
}

func (h *Handler) getMail(ctx context.Context, in *NoticePath) (*mailOutput, error) {
	n, err := h.config.Cases.Notice(asking(ctx), in.ID)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	if n.Message == nil {
		return nil, problem(http.StatusGone, "expected a notice whose message is still kept; that of "+n.ID+" was erased")
	}
	return &mailOutput{
		ContentType: rfc822, Disposition: fmt.Sprintf("attachment; filename=%q", n.ID+".eml"), Sniff: "nosniff", Body: n.Message,
	}, nil
}

type noticesInput struct {
	Status noticeStatus `query:"status" doc:"Only those with this status"`
	After  string       `query:"after" doc:"Only notices after this one: the previous page's \"next\"" example:"N2026-00001"`
	Limit  int          `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most notices on the page"`
}

type noticesOutput struct{ Body noticesReply }

type noticesReply struct {
	Notices []noticeView `json:"notices" nullable:"false" doc:"In the order of their ids"`
	Next    string       `json:"next,omitempty" doc:"\"after\" of the next page; absent on the last" example:"N2026-00100"`
}

func (h *Handler) listNotices(ctx context.Context, in *noticesInput) (*noticesOutput, error) {
	all, next, err := h.config.Cases.Notices(asking(ctx), store.NoticeQuery{After: in.After, Status: store.NoticeStatus(in.Status)}, in.Limit)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &noticesOutput{Body: noticesReply{Notices: make([]noticeView, 0, len(all)), Next: next}}
	for _, n := range all {
		n.Text = "" // a page of them would be long
		out.Body.Notices = append(out.Body.Notices, showMail(n))
	}
	return out, nil
}

type discardNoticeInput struct {
	NoticePath
	Trial
	Body reasonBody
}

func (h *Handler) discardNotice(ctx context.Context, in *discardNoticeInput) (*noticeOutput, error) {
	n, err := h.config.Cases.DiscardNotice(context.WithoutCancel(ctx), in.order(ctx), in.ID, in.Body.Reason)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	in.note(ctx, fmt.Sprintf("notice %s, %s", n.ID, n.Status))
	return &noticeOutput{Status: http.StatusOK, Body: showMail(n)}, nil
}

type fileNoticeInput struct {
	NoticePath
	Trial
	Body struct {
		Case string `json:"case" minLength:"1" maxLength:"63" doc:"The id of the case" example:"2026-00001"`
	}
}

func (h *Handler) fileNotice(ctx context.Context, in *fileNoticeInput) (*noticeOutput, error) {
	n, err := h.config.Cases.FileNotice(context.WithoutCancel(ctx), in.order(ctx), in.ID, in.Body.Case)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	in.note(ctx, fmt.Sprintf("notice %s, %s", n.ID, n.Status))
	return &noticeOutput{Status: http.StatusOK, Body: showMail(n)}, nil
}
