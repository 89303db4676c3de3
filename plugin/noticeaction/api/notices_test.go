package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const mailText = "From: noticeaction@apd-gba.be\r\nSubject: example.be\r\n\r\nreference: DOS-1\xff\r\n"

func TestNoticesByMail(t *testing.T) {
	desk := &fakeCases{}
	h := ofCases(t, desk)
	mail := []string{"Content-Type: message/rfc822"}
	tell(t, h, []step{
		{name: "a dry run", call: "POST /v1/notices?dry_run=true", headers: mail, body: mailText, status: 200, want: []string{`"status":"draft"`, "Location: "}},
		{name: "keeps nothing", call: "GET /v1/notices", status: 200, want: []string{`"notices":[]`}},
		{name: "a mail", call: "POST /v1/notices", headers: mail, body: mailText, status: 201, want: []string{
			"Location: /v1/notices/N2026-00001", `"id":"N2026-00001"`, `"via":"api"`, `"status":"draft"`, `"dkim":[]`, `"missing":[]`, `"draft":{}`}},
		{name: "shown", call: "GET /v1/notices/N2026-00001", status: 200, want: []string{`"received":"2026-05-12T09:30:00Z"`}},
		{name: "byte for byte", call: "GET /v1/notices/N2026-00001/message", status: 200, want: []string{"reference: DOS-1\xff\r\n", "Content-Type: message/rfc822",
			`Content-Disposition: attachment; filename="N2026-00001.eml"`, "X-Content-Type-Options: nosniff"}},
		{name: "none", call: "GET /v1/notices/N2026-00002", status: 404, want: []string{`"location":"path.id"`}},
		{name: "of none", call: "GET /v1/notices/N2026-00002/message", status: 404},
		{name: "a list", call: "GET /v1/notices?status=draft&limit=1", status: 200, want: []string{"N2026-00001"}},
		{name: "with another status", call: "GET /v1/notices?status=bounce", status: 200, want: []string{`"notices":[]`}},
		{name: "with a status that is none", call: "GET /v1/notices?status=new", status: 422, want: []string{"query.status", "unreadable"}},
		{name: "discarded", call: "POST /v1/notices/N2026-00001/discard", body: `{"reason":"not for us"}`, status: 200, want: []string{`"status":"discarded"`, `"reason":"not for us"`}},
		{name: "without reason", call: "POST /v1/notices/N2026-00001/discard", body: `{"reason":""}`, status: 422, want: []string{"body.reason"}},
		{name: "JSON", call: "POST /v1/notices", headers: []string{"Content-Type: application/json"}, body: "{}", status: 415, want: []string{"expected Content-Type message/rfc822"}},
		{name: "nothing", call: "POST /v1/notices", headers: mail, body: "", status: 400},
		{name: "white space", call: "POST /v1/notices", headers: mail, body: " \r\n", status: 422, want: []string{"expected a mail as RFC 5322"}},
		{name: "too large", call: "POST /v1/notices", headers: mail, body: strings.Repeat("x", maxNotice+1), status: 413, want: []string{"expected a body of at most 10 MiB"}},
		{name: "as large as may be", call: "POST /v1/notices", headers: mail, body: strings.Repeat("x", maxNotice), status: 201, want: []string{`"size":10485760`}},
	})
}

func TestFilingAMail(t *testing.T) {
	n := store.Notice{ID: "N2026-00001", Status: store.Unreadable, Text: "The form is gone.", Suggested: []string{"2026-00001"}}
	desk := &fakeCases{notices: []casework.NoticeResult{{Notice: n}}}
	json := []string{"Content-Type: application/json"}
	tell(t, ofCases(t, desk), []step{
		{name: "shown with what it says", call: "GET /v1/notices/N2026-00001", status: 200, want: []string{`"text":"The form is gone."`, `"suggested":["2026-00001"]`}},
		{name: "listed without", call: "GET /v1/notices", status: 200, want: []string{`"suggested":["2026-00001"]`}, never: "The form"},
		{name: "filed", call: "POST /v1/notices/N2026-00001/file", headers: json, body: `{"case":"2026-00001"}`, status: 200, want: []string{`"status":"filed"`, `"case":"2026-00001"`}},
		{name: "nowhere", call: "POST /v1/notices/N2026-00001/file", headers: json, body: `{}`, status: 422, want: []string{"expected required property case"}},
		{name: "of none", call: "POST /v1/notices/N2026-00002/file", headers: json, body: `{"case":"2026-00001"}`, status: 404},
		{name: "by the authority", who: bearer("authority"), call: "POST /v1/notices/N2026-00001/file", headers: json, body: `{"case":"2026-00001"}`, status: 403},
	})
}

func TestNoticeThatWasErased(t *testing.T) {
	desk := &fakeCases{notices: []casework.NoticeResult{{Notice: store.Notice{ID: "N2026-00001", Erased: true}}}}
	tell(t, ofCases(t, desk), []step{
		{name: "is shown", call: "GET /v1/notices/N2026-00001", status: 200, want: []string{`"erased":true`}},
		{name: "without its mail", call: "GET /v1/notices/N2026-00001/message", status: 410, want: []string{"expected a notice whose message is still kept"}},
	})
}

func TestMailsAreKeptApart(t *testing.T) {
	desk := &fakeCases{}
	h := ofCases(t, desk)
	for _, body := range []string{"Subject: first\r\n\r\n", "Subject: other\r\n\r\n"} {
		if got := serve(h, as("uid:0"), http.MethodPost, "/v1/notices", body); got.Code != http.StatusCreated {
			t.Fatalf("got %d %s", got.Code, got.Body)
		}
	}
	if first := string(desk.notices[0].Message); first != "Subject: first\r\n\r\n" {
		t.Errorf("the first mail became %q", first)
	}
}

func TestWithoutAReader(t *testing.T) {
	h := New(Config{Desk: fakeDesk{}, Cases: &fakeCases{}})
	r := httptest.NewRequest(http.MethodPost, "/v1/notices", strings.NewReader(mailText))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, as("uid:0")(r))
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "expected a server that reads notices") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
