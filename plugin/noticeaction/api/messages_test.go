package api

import (
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func TestMessages(t *testing.T) {
	desk := &fakeCases{}
	h := ofCases(t, desk)
	messages := "/v1/cases/2026-00001/messages"
	tell(t, h, []step{
		{name: "a case", call: "POST /v1/cases", body: opening, status: 201},
		{name: "has none before it is approved", call: "GET " + messages, status: 200, want: []string{`"messages":[]`}},
		{name: "approved", call: "POST /v1/cases/2026-00001/events", body: `{"kind":"approve"}`, status: 200},
		{name: "listed", call: "GET " + messages, status: 200, want: []string{`"number":1,"kind":"mail","case":"2026-00001","event":2`, `"mail":"holder_notice"`,
			`"recipients":["holder@example.net"]`, `"message_id":"1@dnsbelgium.be"`, `"status":"queued"`, `"attempts":0`, `"resent":false`, `"mail":"registrar_notice"`}, never: `"message":`},
		{name: "a page", call: "GET " + messages + "?limit=1", status: 200, want: []string{`"next":1`}, never: "registrar_notice"},
		{name: "the next", call: "GET " + messages + "?limit=1&after=1", status: 200, want: []string{"registrar_notice"}, never: "holder_notice"},
		{name: "with a status", call: "GET " + messages + "?status=failed", status: 200, want: []string{`"messages":[]`}},
		{name: "with a status that is none", call: "GET " + messages + "?status=lost", status: 422, want: []string{"query.status", "bounced"}},
		{name: "of no case", call: "GET /v1/cases/2026-00002/messages", status: 404, want: []string{`"location":"path.id"`}},
		{name: "one with what it says", call: "GET " + messages + "/1", status: 200, want: []string{`about example.be\r\n\r\nYou have until 2026-05-26.`}},
		{name: "none", call: "GET " + messages + "/9", status: 404, want: []string{`"location":"path.number"`}},
		{name: "a number that is none", call: "GET " + messages + "/one", status: 422, want: []string{"path.number: expected an integer"}},
		{name: "of another case", call: "GET /v1/cases/2026-00002/messages/1", status: 404, want: []string{"expected the number of a message of case 2026-00002"}},
		{name: "cannot be retried while queued", call: "POST " + messages + "/1/retry", status: 409},
	})
	desk.out[0].Status, desk.out[0].Error, desk.out[0].Attempts = store.Failed, "550 no such user", 3
	tell(t, h, []step{
		{name: "failed", call: "GET " + messages + "/1", status: 200, want: []string{`"status":"failed"`, `"attempts":3`, `"error":"550 no such user"`}},
		{name: "of another case", call: "POST /v1/cases/2026-00002/messages/1/retry", status: 404},
		{name: "a retry to see", call: "POST " + messages + "/1/retry?dry_run=true", status: 200, want: []string{`"status":"queued"`}},
		{name: "keeps it failed", call: "GET " + messages + "/1", status: 200, want: []string{`"status":"failed"`}},
		{name: "a retry", call: "POST " + messages + "/1/retry", status: 200, want: []string{`"status":"queued"`}},
	})
}
