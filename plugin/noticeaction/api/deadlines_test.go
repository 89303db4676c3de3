package api

import (
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func TestDeadlines(t *testing.T) {
	desk := &fakeCases{}
	h := ofCases(t, desk)
	tell(t, h, []step{
		{name: "none", call: "GET /v1/deadlines", status: 200, want: []string{`"deadlines":[]`}},
		{name: "a case", call: "POST /v1/cases", body: opening, status: 201},
		{name: "one", call: "GET /v1/deadlines", who: bearer("viewer"), status: 200, want: []string{`"case":"2026-00001","authority":"apd-gba","state":"received","names":["example.be","example.vlaanderen"]`,
			`"kind":"approval"`, `"from":"2026-05-12"`, `"due":"2026-05-13"`, `"ends":"2026-05-13T22:00:00Z"`, `"if_silent":"alarm"`, `"overdue":false`}},
		{name: "limit 0", call: "GET /v1/deadlines?limit=0", status: 422},
		{name: "approved", call: "POST /v1/cases/2026-00001/events", body: `{"kind":"approve"}`, status: 200},
		{name: "claimed", call: "POST /v1/cases/2026-00001/events", body: `{"kind":"claim"}`, status: 200, want: []string{
			`"deadlines":[{"kind":"relay","article":"4(a) para. 6 and 9","from":"2026-05-12","due":"2026-05-15"`, `{"kind":"review_claim"`, `"if_silent":"reinstated"`, `"word":3`}},
	})
}

// Whatever runs, people read what silence brings.
func TestEveryDeadlineIsExplained(t *testing.T) {
	for _, kind := range []procedure.DeadlineKind{
		procedure.ApprovalDeadline, procedure.RelayDeadline, procedure.ReminderDeadline, procedure.ClaimDeadline,
		procedure.AuthorityDeadline, procedure.WindowDeadline, procedure.RemovalDeadline, procedure.ReleaseDeadline,
	} {
		d := showDeadline(procedure.Deadline{Kind: kind})
		if d.Meaning == "" || d.IfSilent == "" || d.Article == "" {
			t.Errorf("%s: got %+v", kind, d)
		}
	}
	if len(meanings) != 8 {
		t.Errorf("got %d explanations, want one for each deadline above", len(meanings))
	}
}

func TestTasks(t *testing.T) {
	desk := &fakeCases{tasks: []store.Task{
		{ID: 1, Kind: store.TaskMail, Case: "2026-00001", Outgoing: 4, Detail: "a mail bounced", Opened: start},
		{ID: 2, Kind: store.TaskNotice, Notice: "N2026-00001", Detail: "a mail could not be read", Opened: start, Closed: start, ClosedBy: "uid:1"},
	}}
	h := ofCases(t, desk)
	tell(t, h, []step{
		{name: "open ones", call: "GET /v1/tasks", who: bearer("viewer"), status: 200, want: []string{`"id":1,"kind":"mail","case":"2026-00001","message":4`}, never: `"id":2`},
		{name: "all", call: "GET /v1/tasks?all=true", status: 200, want: []string{`"notice":"N2026-00001"`, `"closed_by":"uid:1"`}},
		{name: "of a case", call: "GET /v1/tasks?all=true&case=2026-00001", status: 200, never: "N2026"},
		{name: "closed to see", call: "POST /v1/tasks/1/close?dry_run=true", body: `{"reason":"called them"}`, status: 200, want: []string{`"closed_by":"uid:1000"`}},
		{name: "is open still", call: "GET /v1/tasks", status: 200, want: []string{`"id":1`}},
		{name: "closed", call: "POST /v1/tasks/1/close", body: `{"reason":"called them"}`, status: 200, want: []string{`"closed":"2026-05-12T09:30:00Z"`}},
		{name: "gone", call: "GET /v1/tasks", status: 200, want: []string{`"tasks":[]`}},
		{name: "none", call: "POST /v1/tasks/9/close", body: `{"reason":"called them"}`, status: 404, want: []string{`"location":"path.id"`}},
		{name: "without reason", call: "POST /v1/tasks/1/close", body: `{}`, status: 422, want: []string{"expected required property reason"}},
	})
	if desk.reason != "called them" {
		t.Errorf("got reason %q", desk.reason)
	}
}
