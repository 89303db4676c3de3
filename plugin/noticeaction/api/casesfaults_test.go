package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func TestWithoutCases(t *testing.T) {
	h := New(Config{Desk: fakeDesk{}, Tokens: tokensOf(t)})
	for route := range rights {
		if !ofProcedure(route) {
			continue
		}
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{id}", "1", "{number}", "1").Replace(path)
		got := serve(h, as("uid:0"), method, path, "{}")
		if got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), "expected a server that keeps cases") {
			t.Errorf("%s: got %d %s", route, got.Code, got.Body)
		}
	}
}

func TestCasesAreLoggedWithoutPersons(t *testing.T) {
	var log []string
	desk := &fakeCases{now: start, tasks: []store.Task{{ID: 1, Kind: store.TaskMail}}}
	h := New(Config{Desk: fakeDesk{}, Cases: desk, Notices: desk.receive, Log: func(line string) { log = append(log, line) }})
	for _, call := range []struct{ call, body string }{
		{"POST /v1/cases?dry_run=true", opening},
		{"POST /v1/cases", opening},
		{"POST /v1/cases/2026-00001/events", `{"kind":"claim-at-authority"}`},
		{"POST /v1/cases/2026-00001/events", `{"kind":"approve"}`},
		{"POST /v1/cases/2026-00001/events", `{"kind":"claim","text":"H. Older says so"}`},
		{"POST /v1/notices", "Subject: example.be\r\n\r\n"},
		{"POST /v1/notices/N2026-00001/discard", `{"reason":"spam"}`},
		{"POST /v1/tasks/1/close", `{"reason":"done"}`},
		{"GET /v1/cases/2026-00001", ""},
	} {
		method, target, _ := strings.Cut(call.call, " ")
		if got := serve(h, as("uid:7"), method, target, call.body); got.Code >= 500 {
			t.Fatalf("%s: got %d %s", call.call, got.Code, got.Body)
		}
	}
	want := []string{
		"POST /v1/cases by uid:7: 201: case 2026-00001, open, generation 7",
		"POST /v1/cases/{id}/events by uid:7: 200: case 2026-00001, approve, generation 7",
		"POST /v1/cases/{id}/events by uid:7: 200: case 2026-00001, claim, generation 7",
		"POST /v1/notices by uid:7: 201: notice N2026-00001, draft",
		"POST /v1/notices/{id}/discard by uid:7: 200: notice N2026-00001, discarded",
		"POST /v1/tasks/{id}/close by uid:7: 200: task 1",
	}
	if strings.Join(log, "\n") != strings.Join(want, "\n") {
		t.Errorf("got log\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzEventBody puts anything in the place of an event: each answer is a case or a problem document, and none
// is a fault of the server.
func FuzzEventBody(f *testing.F) {
	for _, body := range []string{
		`{"kind":"approve"}`, `{"kind":"decide","decision":"remove"}`, `{"kind":"extend","until":"2026-06-30"}`, `{"kind":"extend","until":"0000-01-01"}`,
		`{"kind":"describe","parties":` + wholeParties + `}`, `{"kind":"stop","names":["example.be"]}`, `{"kind":"relay","word":1,"at":"2026-05-12T09:30:00Z"}`,
		`[]`, `{"kind":null}`, "{\"kind\":\"\xff\"}", `{"kind":"claim","at":"9999-12-31T23:59:59-23:59"}`,
	} {
		f.Add(body)
	}
	desk := &fakeCases{}
	h := ofCases(f, desk)
	f.Fuzz(func(t *testing.T, body string) {
		desk.cases, desk.out = nil, nil
		if got := serve(h, as("uid:0"), http.MethodPost, "/v1/cases", opening); got.Code != http.StatusCreated {
			t.Fatalf("got %d %s", got.Code, got.Body)
		}
		for _, path := range []string{"/v1/cases/2026-00001/events?dry_run=true", "/v1/cases/2026-00001/events", "/v1/cases?dry_run=true"} {
			judge(t, serve(h, as("uid:0"), http.MethodPost, path, body), body)
		}
	})
}

func judge(t *testing.T, got *httptest.ResponseRecorder, body string) {
	t.Helper()
	if got.Code >= 500 || !json.Valid(got.Body.Bytes()) {
		t.Errorf("%q: got %d %s", body, got.Code, got.Body)
	}
	if got.Code >= 400 && got.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%q: got %d as %s", body, got.Code, got.Header().Get("Content-Type"))
	}
}

// TestRefusedAttemptsAreJournaled: those that the desk hears of, it journals itself.
func TestRefusedAttemptsAreJournaled(t *testing.T) {
	tests := []struct {
		name, call, body, as string
		want                 string // empty: nothing
	}{
		{"by role", "POST /v1/cases/2026-00001/events", `{"kind":"approve"}`, "viewer", "viewer 2026-00001: POST /v1/cases/{id}/events was answered with 403 Forbidden"},
		{"by form", "POST /v1/cases", `{"notise":{}}`, "operator", "operator : POST /v1/cases was answered with 422 Unprocessable Entity"},
		{"by size", "POST /v1/notices", strings.Repeat("x", maxNotice+1), "operator", "operator : POST /v1/notices was answered with 413 Request Entity Too Large"},
		{"a dry run", "POST /v1/cases?dry_run=true", `{"notise":{}}`, "operator", ""},
		{"by the desk", "POST /v1/cases/2026-09999/events", `{"kind":"approve"}`, "operator", ""},
		{"a reading", "GET /v1/cases/2026-09999", "", "operator", ""},
		{"a stranger's", "POST /v1/cases", "{}", "nobody", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			desk := &fakeCases{now: start}
			h := New(Config{Desk: fakeDesk{}, Cases: desk, Notices: desk.receive, Tokens: tokensOf(t)})
			method, target, _ := strings.Cut(tt.call, " ")
			serve(h, bearer(tt.as), method, target, tt.body)
			if got := strings.Join(desk.refused, "; "); got != tt.want {
				t.Errorf("journaled %q, want %q", got, tt.want)
			}
		})
	}
}

func TestVerifyCase(t *testing.T) {
	desk := &fakeCases{now: start}
	h := ofCases(t, desk)
	tell(t, h, []step{
		{name: "none", call: "GET /v1/cases/2026-00001/verify", status: 404},
		{name: "opened", call: "POST /v1/cases", body: opening, status: 201},
		{name: "sound", call: "GET /v1/cases/2026-00001/verify", status: 200, want: []string{`"case":"2026-00001"`, `"events":1`, `"erased":0`}},
	})
	desk.unsound = &casework.Error{Kind: casework.Conflict, Field: "case", Detail: "expected event 1 to be the one of line 3 of the journal"}
	tell(t, h, []step{{name: "unsound", call: "GET /v1/cases/2026-00001/verify", status: 409, want: []string{"line 3 of the journal"}}})
}
