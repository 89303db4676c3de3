package api

import "testing"

func TestReach(t *testing.T) {
	tell(t, New(Config{Desk: openDesk(t)}), []step{
		{name: "not flagged", call: "GET /v1/flags/example.be/reach", status: 404, want: []string{"expected a name that is flagged"}},
		{name: "flag", call: "PUT /v1/flags/example.be", body: order, status: 201, want: []string{`"warnings":[]`}},
		{name: "recorded before the redirect", call: "GET /v1/flags/Example.be./reach", status: 200, want: []string{
			`"at":"2026-05-12T09:30:00Z","tried":"2026-05-12T09:30:00Z"`,
			`"hosts":[{"host":"example.be","addresses":["198.51.100.1","2001:db8:1::1"]}]`,
			`"name_servers":["ns1.example.net"]`,
			`"mail":[{"preference":10,"host":"mail.example.be","addresses":["198.51.100.1"]},{"preference":20,"host":"mx.example.net","addresses":[]}]`,
		}},
		{name: "the journal says so", call: "GET /v1/audit", status: 200, want: []string{`"reach":true`}, never: "mx.example.net"},
		{name: "nothing seen is a warning", call: "PUT /v1/flags/silent.be", body: order, status: 201, want: []string{`"code":"reach-unknown"`, "no resolver answered"}},
		{name: "nothing recorded", call: "GET /v1/flags/silent.be/reach", status: 404, want: []string{"it was recorded where it can be reached"}},
		{name: "in an import", call: "POST /v1/flags/import?dry_run=true", body: `{"name":"silent.be","authority":"a","reference":"1"}` + "\n" + `{"name":"new.be","authority":"a","reference":"1"}`,
			status: 200, want: []string{`"warnings":[]`}},
		{name: "a preview looks nothing up", call: "GET /v1/preview/other.be", status: 200, want: []string{`"warnings":[]`}},
		{name: "no name", call: "GET /v1/flags/a..be/reach", status: 422, want: []string{"empty label"}},
	})
}
