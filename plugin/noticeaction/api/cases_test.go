package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// What a notice and its parties are, whole.
const (
	wholeNotice = `{"authority":"apd-gba","inspector":{"name":"A. Inspector","email":"inspection@apd-gba.be"},"office":"Inspector General",` +
		`"names":["example.be","example.vlaanderen"],"provisions":["GDPR Art. 6"],"reference":"DOS-1","signed":"2026-05-11","signature":"by hand","competent":true,"found":true}`
	wholeParties = `{"holder":{"name":"H. Older","email":"holder@example.net"},"language":"fr","sites":[` +
		`{"name":"example.be","registrar":{"name":"R","email":"r@registrar.example"},"addresses":["198.51.100.1"]},` +
		`{"name":"example.vlaanderen","registrar":{"name":"R","email":"r@registrar.example"},"offline":true}]}`
	opening = `{"notice":` + wholeNotice + `,"parties":` + wholeParties + `}`
)

func TestOpeningACase(t *testing.T) {
	desk := &fakeCases{}
	h := ofCases(t, desk)
	post := "POST /v1/cases"
	tell(t, h, []step{
		{name: "a dry run says the dates and the mails", call: post + "?dry_run=true", body: opening, status: 200, want: []string{
			`"state":"received"`, `"kind":"approval"`, `"due":"2026-05-13"`, `"ends":"2026-05-13T22:00:00Z"`, `"if_silent":"alarm"`, `"article":"4(a) para. 2"`,
			`"if_approved":{"window":"2026-05-26"`, `"kind":"holder_window"`, `"if_silent":"reminder"`, `"meaning":"The authority is reminded`,
			`about example.be\r\n\r\nYou have until 2026-05-26.\r\n"`, `"to":"holder"`, `"to":"registrar"`, `"subject":"about example.be"`,
			`"dry_run":true`, `"replayed":false`}},
		{name: "and keeps nothing", call: "GET /v1/cases", status: 200, want: []string{`"cases":[]`}},
		{name: "a dry run without parties says no more than the dates", call: post + "?dry_run=true", body: `{"notice":` + wholeNotice + `}`, status: 200,
			want: []string{`"due":"2026-05-13"`}, never: "if_approved"},
		{name: "for real", call: post, body: opening, headers: []string{"Idempotency-Key: k1"}, status: 201, want: []string{
			`ETag: "1"`, "Location: /v1/cases/2026-00001", "Noticeaction-Generation: 7", `"id":"2026-00001"`, `"reference":"DOS-1"`,
			`"names":[{"name":"example.be","unicode":"example.be"},`, `"holder":{"name":"H. Older","email":"holder@example.net"}`, `"signed":"2026-05-11"`,
			`"opener":{"kind":"operator","name":"uid:1000"}`, `"allowed":["describe","approve","discard",`, `"steps":[{"number":1,"kind":"open"`, `"messages":[]`, `"dry_run":false`}},
		{name: "shown", call: "GET /v1/cases/2026-00001", status: 200, want: []string{`ETag: "1"`, `"timeline":[{"number":1,"kind":"open","at":"2026-05-12T09:30:00Z"`,
			`"article":"4(a) para. 1, 4(b)"`, `"effects":[]`, `"tasks":[]`, `"next":{"kind":"approval"`}},
		{name: "not shown again", call: "GET /v1/cases/2026-00001", headers: []string{`If-None-Match: "1"`}, status: 304},
		{name: "no such case", call: "GET /v1/cases/2026-00009", status: 404, want: []string{`"location":"path.id"`}},
		{name: "listed without persons", call: "GET /v1/cases", status: 200, want: []string{`"id":"2026-00001"`, `"state":"received"`, `"authority":"apd-gba"`}, never: "@"},
	})
	if desk.opened.Key != "k1" {
		t.Errorf("got key %q, want the one of the header", desk.opened.Key)
	}
}

func TestWhatANoticeLacks(t *testing.T) {
	desk := &fakeCases{}
	h := ofCases(t, desk)
	tell(t, h, []step{
		{name: "everything but the authority", call: "POST /v1/cases", body: `{"notice":{"authority":"apd-gba"}}`, status: 422, want: []string{
			`"missing":["name of the inspector","e-mail address of the inspector","office of the inspector","domain name","infringed provisions",` +
				`"reference of the file","date of signature","signature","confirmation of competence","confirmation of the finding"]`,
			`"message":"expected the date of signature","location":"body.notice"`}},
		{name: "an item that is something else", call: "POST /v1/cases", body: strings.Replace(opening, "inspection@apd-gba.be", "inspection", 1), status: 422,
			want: []string{`"location":"body.notice.inspector.email"`, "expected an address as local@domain"}},
		{name: "a holder that is something else", call: "POST /v1/cases", body: strings.Replace(opening, "holder@example.net", "holder", 1), status: 422,
			want: []string{`"location":"body.parties.holder.email"`}},
		{name: "a time in the future", call: "POST /v1/cases", body: `{"received":"2026-05-12T09:31:00Z","notice":` + wholeNotice + `}`, status: 422,
			want: []string{`"location":"body.received"`, "expected a time not in the future"}},
		{name: "no parties yet", call: "POST /v1/cases", body: `{"notice":` + wholeNotice + `}`, status: 201},
		{name: "cannot be approved", call: "POST /v1/cases/2026-00001/events", body: `{"kind":"approve"}`, status: 422, want: []string{
			`"missing":["e-mail address of the holder","language of the holder","e-mail address of the registrar of example.be",`, `"location":"body.parties"`}},
		{name: "described", call: "POST /v1/cases/2026-00001/events", body: `{"kind":"describe","parties":` + wholeParties + `}`, status: 200, want: []string{`ETag: "2"`}},
		{name: "can be", call: "POST /v1/cases/2026-00001/events", body: `{"kind":"approve"}`, status: 200, want: []string{`"state":"holder_window"`}},
	})
}

func TestBadBodiesOfCases(t *testing.T) {
	desk := &fakeCases{}
	h := ofCases(t, desk)
	open := func(name, body string, status int, want ...string) step {
		return step{name: name, call: "POST /v1/cases", body: body, status: status, want: want}
	}
	event := func(name, body string, status int, want ...string) step {
		return step{name: name, call: "POST /v1/cases/2026-00001/events", body: body, status: status, want: want}
	}
	tell(t, h, []step{
		open("no body", "", 400, "request body is required"),
		open("no notice", `{}`, 422, `"location":"body.notice"`, "expected the notice, or in message the id of one that came by mail"),
		open("an unknown key", `{"notice":{"names":["a.be"],"urgent":true}}`, 422, "body.notice.urgent: expected no such key"),
		open("a key twice", `{"notice":{"office":"a","Office":"b"}}`, 400, "expected each key once"),
		open("bytes that are no UTF-8", "{\"text\":\"\xff\"}", 400, "expected UTF-8"),
		open("a date that is a time", `{"notice":{"signed":"2026-05-12T00:00:00Z"}}`, 422, "body.notice.signed"),
		open("a date that does not exist", `{"notice":{"signed":"2026-02-29"}}`, 422, "body.notice.signed"),
		open("a time that is a date", `{"received":"2026-05-12"}`, 422, "body.received"),
		open("the zero time", `{"notice":{},"received":"0001-01-01T00:00:00Z"}`, 422, "body.received", "expected a time such as"),
		open("101 names", `{"notice":{"names":["a.be"`+strings.Repeat(`,"a.be"`, 100)+`]}}`, 422, "body.notice.names"),
		open("another language", `{"notice":{},"parties":{"language":"it"}}`, 422, "body.parties.language"),
		open("a long text", `{"notice":{},"text":"`+strings.Repeat("x", 65537)+`"}`, 422, "body.text"),
		open("over the limit", `{"text":"`+strings.Repeat("x", 1<<20)+`"}`, 413, "expected a body of at most 1 MiB"),
		open("for real", opening, 201),
		event("no kind", `{}`, 422, "expected required property kind"),
		event("another kind", `{"kind":"forget"}`, 422, "body.kind", "claim-at-authority"),
		event("a kind that only time records", `{"kind":"expire"}`, 422, "body.kind"),
		event("a kind that begins a case", `{"kind":"open"}`, 422, "body.kind"),
		event("no decision", `{"kind":"decide"}`, 422, "body.decision: expected reinstate or remove"),
		event("another decision", `{"kind":"decide","decision":"wait"}`, 422, "body.decision"),
		event("a decision with another kind", `{"kind":"approve","decision":"remove"}`, 422, "body.decision: expected none with approve"),
		event("what the kind does not take", `{"kind":"approve","days":14}`, 422, `"location":"body.days"`, "expected none with approve"),
		event("no days", `{"kind":"extend","days":0}`, 422, "body.days"),
		event("a year and two days", `{"kind":"extend","days":367}`, 422, "body.days"),
		event("in the future", `{"kind":"approve","at":"2026-05-12T10:30:00Z"}`, 422, `"location":"body.at"`),
		event("before the notice", `{"kind":"approve","at":"2026-05-11T10:30:00Z"}`, 422, `"location":"body.at"`, "expected a time not before the notice"),
		{name: "an entity tag without quotes", call: "POST /v1/cases/2026-00001/events", headers: []string{"If-Match: 1"}, body: `{"kind":"approve"}`, status: 422, want: []string{"header.If-Match"}},
		{name: "a form", call: "POST /v1/cases", headers: []string{"Content-Type: text/plain"}, body: opening, status: 415},
		{name: "a state that is none", call: "GET /v1/cases?state=open", status: 422, want: []string{"query.state", "holder_window"}},
		{name: "nothing else was opened", call: "GET /v1/cases", status: 200, want: []string{`"events":1`}, never: "00002"},
	})
}

func TestRecordingEvents(t *testing.T) {
	desk := &fakeCases{}
	h := ofCases(t, desk)
	events := "POST /v1/cases/2026-00001/events"
	tell(t, h, []step{
		{name: "a case", call: "POST /v1/cases", body: opening, status: 201},
		{name: "what its state does not take", call: events, body: `{"kind":"claim-at-authority"}`, status: 409, want: []string{
			`"state":"received"`, `"allowed":["describe","approve","discard","word","relay","reinstate","suspend","stop"]`, `"location":"body.kind"`}},
		{name: "another ETag", call: events, headers: []string{`If-Match: "2"`}, body: `{"kind":"approve"}`, status: 412},
		{name: "a tag that is none of ours", call: events, headers: []string{`If-Match: "x"`}, body: `{"kind":"approve"}`, status: 412},
		{name: "a dry run shows the mails", call: events + "?dry_run=true", body: `{"kind":"approve"}`, status: 200, want: []string{`"message":"Subject`, `"dry_run":true`}},
		{name: "approved", call: events, headers: []string{`If-Match: "1"`, "Idempotency-Key: k2"}, body: `{"kind":"approve"}`, status: 200, want: []string{
			`ETag: "2"`, "Noticeaction-Generation: 7", `"state":"holder_window"`, `"window":"2026-05-26"`, `"started":"2026-05-12T09:30:00Z"`,
			`"effects":[{"kind":"flag","names":["example.be","example.vlaanderen"],"not_after":`, `{"kind":"mail",`, `"mail":"holder_notice","to":"holder","copy":"authority"`,
			`"number":1`, `"status":"queued"`}, never: "You have until"},
		{name: "any tag", call: events, headers: []string{"If-Match: *"}, body: `{"kind":"claim","text":"gone since Monday"}`, status: 200, want: []string{`"state":"review_claim"`, `"claims":1`, `"text":"gone since Monday"`}},
		{name: "relayed", call: events, body: `{"kind":"relay","word":3}`, status: 200, want: []string{`"mail":"relay"`}},
		{name: "with a hyphen", call: events, body: `{"kind":"claim-at-authority","reached":"2026-05-12T09:30:00Z"}`, status: 200, want: []string{`"claims":2`}},
		{name: "decided", call: events, body: `{"kind":"decide","decision":"remove"}`, status: 200, want: []string{`"kind":"remove"`, `"state":"removal_run"`, `"if_silent":"cancelled"`}},
		{name: "one name set free", call: events, body: `{"kind":"reinstate","names":["example.vlaanderen"],"text":"never theirs"}`, status: 200, want: []string{
			`"outcome":"complied","orders":[{"order":"reinstate","at":`, `"kind":"order"`}},
		{name: "its order confirmed", call: events, body: `{"kind":"confirm-order","order":"reinstate"}`, status: 200, want: []string{`"confirmed":"2026-05-12T09:30:00Z"`}},
		{name: "stopped", call: events, body: `{"kind":"stop"}`, status: 200, want: []string{`"state":"reinstated"`, `"deadlines":[]`, `"allowed":["correct","confirm_order"]`}},
		{name: "no such case", call: "POST /v1/cases/2026-00007/events", body: `{"kind":"stop"}`, status: 404},
		{name: "the whole story", call: "GET /v1/cases/2026-00001", status: 200, want: []string{`"number":9`}},
	})
	if desk.event.Key != "" || desk.event.Case != "2026-00007" {
		t.Errorf("got %+v", desk.event)
	}
}

func TestEventsReachTheDeskWhole(t *testing.T) {
	desk := &fakeCases{err: refused(casework.Conflict, "", "expected nothing")}
	h := ofCases(t, desk)
	body := `{"kind":"extend","at":"2026-05-12T11:00:00+02:00","until":"2026-06-30","text":"two lines\nof text","evidence":"N2026-00001"}`
	serve(h, as("uid:1000"), http.MethodPost, "/v1/cases/2026-00001/events?force=brake,zone-unknown", body, "Idempotency-Key: k9", `If-Match: "4"`)
	r := desk.event
	if r.Case != "2026-00001" || r.Key != "k9" || r.Match == nil || *r.Match != 4 {
		t.Errorf("got %+v", r)
	}
	e := r.Event
	if e.Kind != procedure.Extend || !e.At.Equal(start.Add(-30*time.Minute)) || e.Until.String() != "2026-06-30" || e.Text != "two lines\nof text" || e.Evidence != "N2026-00001" {
		t.Errorf("got %+v", e)
	}
	if len(desk.order.Force) != 2 || desk.order.Actor != "uid:1000" || desk.order.Authority != "" {
		t.Errorf("got order %+v", desk.order)
	}
}

func TestReplaysAreSaidAndNotLogged(t *testing.T) {
	var log []string
	replayed := &replaying{fakeCases{now: start}}
	h := New(Config{Desk: fakeDesk{}, Cases: replayed, Log: func(line string) { log = append(log, line) }})
	got := serve(h, as("uid:1"), http.MethodPost, "/v1/cases", opening, "Idempotency-Key: k1")
	if got.Code != http.StatusCreated || !strings.Contains(got.Body.String(), `"replayed":true`) || len(log) != 0 {
		t.Errorf("got %d %s, log %q", got.Code, got.Body, log)
	}
}

// replaying has done everything before.
type replaying struct{ fakeCases }

func (d *replaying) OpenCase(ctx context.Context, o casework.Order, r casework.OpenRequest) (casework.CaseResult, error) {
	result, err := d.fakeCases.OpenCase(ctx, o, r)
	result.Replayed = true
	return result, err
}

func TestAnAuthorityActsInItsOwnCases(t *testing.T) {
	desk := &fakeCases{}
	h := ofCases(t, desk)
	who := bearer("authority")
	other := strings.ReplaceAll(opening, "apd-gba", "fps-economy")
	other = strings.ReplaceAll(strings.ReplaceAll(other, "example.be", "other.be"), "example.vlaanderen", "other.vlaanderen")
	tell(t, h, []step{
		{name: "opens its own", who: who, call: "POST /v1/cases", body: opening, status: 201, want: []string{`"opener":{"kind":"authority","name":"authority"}`}},
		{name: "without saying who it is", who: who, call: "POST /v1/cases?dry_run=true", body: strings.Replace(opening, `"authority":"apd-gba",`, "", 1), status: 200, want: []string{`"authority":"apd-gba"`}},
		{name: "not another's", who: who, call: "POST /v1/cases", body: other, status: 403, want: []string{`"location":"body.notice.authority"`}},
		{name: "which the registry opens", call: "POST /v1/cases", body: other, status: 201},
		{name: "lists its own", who: who, call: "GET /v1/cases", status: 200, want: []string{"2026-00001"}, never: "2026-00002"},
		{name: "reads its own", who: who, call: "GET /v1/cases/2026-00001", status: 200},
		{name: "not another's", who: who, call: "GET /v1/cases/2026-00002", status: 403, want: []string{"expected a case of the authority apd-gba"}},
		{name: "nor its messages", who: who, call: "GET /v1/cases/2026-00002/messages", status: 403},
		{name: "nor decides in it", who: who, call: "POST /v1/cases/2026-00002/events", body: `{"kind":"stop"}`, status: 403},
		{name: "decides in its own", who: who, call: "POST /v1/cases/2026-00001/events", body: `{"kind":"stop"}`, status: 200, want: []string{`"state":"withdrawn"`}},
		{name: "approves nothing", who: who, call: "POST /v1/cases/2026-00001/events", body: `{"kind":"approve"}`, status: 403},
		{name: "forces nothing", who: who, call: "POST /v1/cases?force=brake", body: opening, status: 403, want: []string{"for force=brake"}},
		{name: "takes no mail of the registry's", who: who, call: "POST /v1/cases", body: `{"message":"N2026-00001"}`, status: 403, want: []string{`"location":"body.message"`}},
	})
	if desk.order.Authority != "apd-gba" {
		t.Errorf("got order %+v", desk.order)
	}
}

func TestOpeningFromAMail(t *testing.T) {
	received := start.Add(-time.Hour)
	draft := procedure.Notice{Authority: "apd-gba", Names: []string{"example.be"}, Reference: "DOS-9"}
	desk := &fakeCases{now: start, notices: []casework.NoticeResult{{Notice: store.Notice{ID: "N2026-00001", Received: received, Draft: draft}}}}
	h := ofCases(t, desk)
	tell(t, h, []step{
		{name: "the draft as it is", call: "POST /v1/cases", body: `{"message":"N2026-00001"}`, status: 422, want: []string{`"missing":["name of the inspector"`}},
	})
	if desk.opened.Notice.Reference != "DOS-9" || !desk.opened.At.Equal(received) || desk.opened.Message != "N2026-00001" {
		t.Errorf("got %+v, want the draft of the mail, from when it came", desk.opened)
	}
	tell(t, h, []step{
		{name: "with what was missing", call: "POST /v1/cases?dry_run=true", body: `{"message":"N2026-00001","notice":` + strings.Replace(wholeNotice, `"reference":"DOS-1",`, "", 1) + `}`, status: 200, want: []string{`"reference":"DOS-9"`}},
		{name: "with what a person made of it", call: "POST /v1/cases", body: `{"message":"N2026-00001","notice":` + wholeNotice + `}`, status: 201, want: []string{`"received":"2026-05-12T08:30:00Z"`, `"evidence":"N2026-00001"`}},
		{name: "with another time", call: "POST /v1/cases?dry_run=true", body: `{"message":"N2026-00001","received":"2026-05-12T09:00:00Z","notice":` + wholeNotice + `}`, status: 200, want: []string{`"received":"2026-05-12T09:00:00Z"`}},
		{name: "of none", call: "POST /v1/cases", body: `{"message":"N2026-00002"}`, status: 422, want: []string{`"location":"body.message"`}},
	})
}
