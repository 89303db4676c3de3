package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// TestRoles makes every call as everybody. Zero is what an authority reads:
// nothing of others, see TestAuthorityReadsItsOwn.
func TestRoles(t *testing.T) {
	calls := []struct {
		call, body                         string
		nobody, viewer, operator, auth, ad int
	}{
		{"GET /openapi.json", "", 401, 200, 200, 200, 200},
		{"GET /v1/status", "", 401, 200, 200, 403, 200},
		{"GET /v1/flags", "", 401, 200, 200, 200, 200},
		{"GET /v1/flags/mine.be", "", 401, 200, 200, 200, 200},
		{"GET /v1/flags/other.be", "", 401, 200, 200, 404, 200},
		{"GET /v1/flags/mine.be/reach", "", 401, 200, 200, 200, 200},
		{"GET /v1/flags/other.be/reach", "", 401, 200, 200, 404, 200},
		{"GET /v1/flags/export", "", 401, 200, 200, 403, 200},
		{"GET /v1/preview/mine.be", "", 401, 200, 200, 403, 200},
		{"GET /v1/audit", "", 401, 200, 200, 403, 200},
		{"GET /v1/backup", "", 401, 403, 403, 403, 200},
		{"HEAD /v1/status", "", 401, 200, 200, 403, 200},
		{"PUT /v1/flags/new.be?dry_run=true", order, 401, 403, 200, 403, 200},
		{"PUT /v1/flags/new.be?dry_run=true&force=private-suffix", order, 401, 403, 200, 403, 200},
		{"PUT /v1/flags/new.be?dry_run=true&force=brake", order, 401, 403, 403, 403, 200},
		{"DELETE /v1/flags/mine.be?dry_run=true&reason=x", "", 401, 403, 200, 403, 200},
		{"POST /v1/flags/import?dry_run=true", `{"name":"new.be","authority":"a","reference":"1"}`, 401, 403, 200, 403, 200},
		{"POST /v1/flags/import?dry_run=true&force=brake", `{"name":"new.be","authority":"a","reference":"1"}`, 401, 403, 403, 403, 200},
		{"POST /v1/cases?dry_run=true", opening, 401, 403, 200, 200, 200},
		{"POST /v1/cases?dry_run=true&force=private-suffix", opening, 401, 403, 200, 403, 200},
		{"POST /v1/cases?dry_run=true&force=brake", opening, 401, 403, 403, 403, 200},
		{"GET /v1/cases", "", 401, 403, 200, 200, 200},
		{"GET /v1/cases/2026-00001", "", 401, 403, 200, 200, 200},
		{"GET /v1/cases/2026-00001/everywhere", "", 401, 403, 200, 200, 200},
		{"GET /v1/cases/2026-00001/verify", "", 401, 403, 200, 403, 200},
		{"POST /v1/cases/2026-00001/events?dry_run=true", `{"kind":"stop"}`, 401, 403, 200, 200, 200},
		{"POST /v1/cases/2026-00001/events?dry_run=true", `{"kind":"word"}`, 401, 403, 200, 403, 200},
		{"POST /v1/cases/2026-00001/events?dry_run=true&force=brake", `{"kind":"stop"}`, 401, 403, 403, 403, 200},
		{"GET /v1/cases/2026-00001/messages", "", 401, 403, 200, 200, 200},
		{"GET /v1/cases/2026-00001/messages/1", "", 401, 403, 200, 200, 200},
		{"POST /v1/cases/2026-00001/messages/1/retry?dry_run=true", "", 401, 403, 200, 403, 200},
		{"GET /v1/deadlines", "", 401, 200, 200, 200, 200},
		{"GET /v1/tasks", "", 401, 200, 200, 403, 200},
		{"POST /v1/tasks/1/close?dry_run=true", `{"reason":"x"}`, 401, 403, 200, 403, 200},
		{"POST /v1/notices?dry_run=true", mailText, 401, 403, 200, 403, 200},
		{"GET /v1/notices", "", 401, 403, 200, 403, 200},
		{"GET /v1/notices/N2026-00001", "", 401, 403, 200, 403, 200},
		{"GET /v1/notices/N2026-00001/message", "", 401, 403, 200, 403, 200},
		{"POST /v1/notices/N2026-00001/discard?dry_run=true", `{"reason":"x"}`, 401, 403, 200, 403, 200},
		{"POST /v1/notices/N2026-00001/file?dry_run=true", `{"case":"2026-00001"}`, 401, 403, 200, 403, 200},
		{"GET /v1/statistics?from=2026-01-01&to=2026-12-31", "", 401, 200, 200, 200, 200},
		{"PUT /v1/authorities/apd-gba/page?dry_run=true", newPage, 401, 403, 200, 200, 200},
		{"PUT /v1/authorities/other/page?dry_run=true", newPage, 401, 403, 200, 403, 200},
		{"POST /v1/authorities/apd-gba/page/rollback?dry_run=true", `{"version":1}`, 401, 403, 200, 200, 200},
		{"POST /v1/authorities/other/page/rollback?dry_run=true", `{"version":1}`, 401, 403, 404, 403, 404},
		{"GET /v1/authorities/apd-gba/page", "", 401, 200, 200, 200, 200},
		{"GET /v1/authorities/other/page", "", 401, 404, 404, 403, 404},
		{"GET /v1/authorities/apd-gba/page/versions", "", 401, 200, 200, 200, 200},
		{"GET /v1/authorities/other/page/versions", "", 401, 200, 200, 403, 200},
		{"GET /v1/authorities/apd-gba/page/versions/1", "", 401, 200, 200, 200, 200},
		{"GET /v1/authorities/apd-gba/page/preview", "", 401, 200, 200, 200, 200},
		{"GET /v1/authorities/other/page/preview", "", 401, 200, 200, 403, 200},
		{"POST /v1/authorities/apd-gba/page/preview", newPage, 401, 200, 200, 200, 200},
		{"POST /v1/authorities/other/page/preview", newPage, 401, 200, 200, 403, 200},
		{"GET /v1/nodes", "", 401, 200, 200, 403, 200},
		{"DELETE /v1/nodes/ns1?dry_run=true", "", 401, 403, 204, 403, 204},
		{"POST /v1/replica/override?dry_run=true", "", 401, 403, 403, 403, 204},
		{"GET /v1/ready", "", 401, 200, 200, 200, 200},
		{"GET /v1/nothing", "", 401, 404, 404, 404, 404},
		{"PATCH /v1/status", "", 401, 405, 405, 405, 405},
	}
	cases := oneOfEach(t)
	desk := openDesk(t)
	h := New(Config{Desk: desk, Cases: cases, Notices: cases.receive, Pages: desk, ShowPage: htmlOf, Fleet: fakeFleet{}, Tokens: tokensOf(t)})
	if got := serve(h, as("uid:0"), http.MethodPut, "/v1/authorities/apd-gba/page", newPage); got.Code != http.StatusCreated {
		t.Fatalf("got %d %s", got.Code, got.Body)
	}
	flagTwo(t, h)
	covered := map[string]bool{}
	for _, tt := range calls {
		method, target, _ := strings.Cut(tt.call, " ")
		r := httptest.NewRequest(method, target, nil)
		_, pattern := h.mux.Handler(r)
		covered[pattern] = true
		for _, who := range []struct {
			name string
			as   asWho
			want int
		}{
			{"nobody", func(r *http.Request) *http.Request { return r }, tt.nobody},
			{"a stranger's token", bearer("stranger"), tt.nobody},
			{"viewer", bearer("viewer"), tt.viewer},
			{"operator", bearer("operator"), tt.operator},
			{"authority", bearer("authority"), tt.auth},
			{"admin", bearer("admin"), tt.ad},
			{"peer of the socket", as("uid:1000"), tt.ad},
		} {
			t.Run(tt.call+" as "+who.name, func(t *testing.T) {
				got := serve(h, who.as, method, target, tt.body)
				if got.Code != who.want {
					t.Errorf("got %d, want %d: %s", got.Code, who.want, got.Body)
				}
				if challenge := got.Header().Get("WWW-Authenticate"); (got.Code == 401) != (challenge != "") {
					t.Errorf("got %d with WWW-Authenticate %q", got.Code, challenge)
				}
			})
		}
	}
	for route := range rights {
		if strings.Contains(route, " /") && !covered[route] {
			t.Errorf("%s is not in the table", route)
		}
	}
}

// oneOfEach is a desk with a case under way, a message that failed, a task and a notice.
func oneOfEach(t *testing.T) *fakeCases {
	t.Helper()
	d := &fakeCases{tasks: []store.Task{{ID: 1}}}
	h := ofCases(t, d)
	for path, body := range map[string]string{"/v1/cases": opening, "/v1/notices": mailText} {
		if got := serve(h, as("uid:0"), http.MethodPost, path, body); got.Code != http.StatusCreated {
			t.Fatalf("%s: got %d %s", path, got.Code, got.Body)
		}
	}
	if got := serve(h, as("uid:0"), http.MethodPost, "/v1/cases/2026-00001/events", `{"kind":"approve"}`); got.Code != http.StatusOK {
		t.Fatalf("got %d %s", got.Code, got.Body)
	}
	d.out[0].Status = store.Failed
	return d
}

// flagTwo flags mine.be for apd-gba and other.be for another authority.
func flagTwo(t *testing.T, h http.Handler) {
	t.Helper()
	for name, body := range map[string]string{"mine.be": order, "other.be": `{"authority":"fps-economy","reference":"1"}`} {
		if got := serve(h, as("uid:0"), http.MethodPut, "/v1/flags/"+name, body); got.Code != http.StatusCreated {
			t.Fatalf("%s: got %d %s", name, got.Code, got.Body)
		}
	}
}

func TestAuthorityReadsItsOwn(t *testing.T) {
	h := New(Config{Desk: openDesk(t), Tokens: tokensOf(t)})
	flagTwo(t, h)
	who := bearer("authority")
	tell(t, h, []step{
		{name: "the list holds its own", who: who, call: "GET /v1/flags", status: 200, want: []string{"mine.be"}, never: "other.be"},
		{name: "asked for by name", who: who, call: "GET /v1/flags?authority=apd-gba", status: 200, want: []string{"mine.be"}},
		{name: "the list of another", who: who, call: "GET /v1/flags?authority=fps-economy", status: 403, want: []string{"expected the authority apd-gba"}},
	})
	other := serve(h, who, http.MethodGet, "/v1/flags/other.be", "").Body.String()
	none := serve(h, who, http.MethodGet, "/v1/flags/nonex.be", "").Body.String()
	if strings.ReplaceAll(other, "other", "nonex") != none {
		t.Errorf("a flag of another can be told from none:\n%s%s", other, none)
	}
}

func TestAuthorization(t *testing.T) {
	h := New(Config{Desk: openDesk(t), Tokens: tokensOf(t)})
	good := tokenFor("viewer")
	for name, tt := range map[string]struct {
		header string
		want   int
	}{
		"a token":                     {"Bearer " + good, 200},
		"any case of the scheme":      {"bearer " + good, 200},
		"another scheme":              {"Basic " + good, 401},
		"no scheme":                   {good, 401},
		"two spaces":                  {"Bearer  " + good, 401},
		"a character more":            {"Bearer " + good + "A", 401},
		"a character less":            {"Bearer " + good[:42], 401},
		"the sum in place of a token": {"Bearer " + hexSum("viewer"), 401},
		"padding":                     {"Bearer " + good + "=", 401},
		"bits beyond the 256":         {"Bearer " + good[:42] + "_", 401},
		"nothing":                     {"Bearer", 401},
	} {
		t.Run(name, func(t *testing.T) {
			got := serve(h, func(r *http.Request) *http.Request { return r }, http.MethodGet, "/v1/status", "", "Authorization: "+tt.header)
			if got.Code != tt.want {
				t.Errorf("got %d, want %d", got.Code, tt.want)
			}
			if strings.Contains(got.Body.String(), good[:40]) {
				t.Error("the answer repeats the token")
			}
		})
	}
}
