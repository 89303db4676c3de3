package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// step is one call and what must come of it. The steps of a story share a
// desk and follow one another.
type step struct {
	name    string
	who     asWho // nil: the admin at the socket
	call    string
	headers []string
	body    string

	status int
	want   []string // headers as "Name: value", and fragments of the body
	never  string   // not in the body
}

func tell(t *testing.T, h http.Handler, story []step) {
	t.Helper()
	for _, s := range story {
		t.Run(s.name, func(t *testing.T) {
			who := s.who
			if who == nil {
				who = as("uid:1000")
			}
			method, target, _ := strings.Cut(s.call, " ")
			got := serve(h, who, method, target, s.body, s.headers...)
			if got.Code != s.status {
				t.Errorf("%s: got %d, want %d", s.call, got.Code, s.status)
			}
			text := got.Body.String()
			for _, want := range s.want {
				name, value, isHeader := strings.Cut(want, ": ")
				if isHeader && http.CanonicalHeaderKey(name) == name || name == "ETag" {
					if got.Header().Get(name) != value {
						t.Errorf("%s: got %q, want %q", name, got.Header().Get(name), value)
					}
				} else if !strings.Contains(text, want) {
					t.Errorf("want %s in\n%s", want, text)
				}
			}
			if s.never != "" && strings.Contains(text, s.never) {
				t.Errorf("want no %s in\n%s", s.never, text)
			}
			if s.status >= 400 && got.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("got Content-Type %q, want a problem document", got.Header().Get("Content-Type"))
			}
			if s.status >= 400 && !strings.Contains(text, fmt.Sprintf(`"status":%d`, s.status)) {
				t.Errorf("want status %d in the problem document\n%s", s.status, text)
			}
			if s.status == http.StatusNoContent && text != "" {
				t.Errorf("got a body with 204: %s", text)
			}
		})
	}
}

const (
	order   = `{"authority":"apd-gba","reference":"DOS-1"}`
	another = `{"authority":"apd-gba","reference":"DOS-2"}`
)

func TestFlagging(t *testing.T) {
	h := New(Config{Desk: openDesk(t)})
	tell(t, h, []step{
		{name: "a new name", call: "PUT /v1/flags/example.be", body: order, status: 201,
			want: []string{`ETag: "1"`, "Content-Type: application/json", "Noticeaction-Generation: 1",
				`"name":"example.be"`, `"authority":"apd-gba"`, `"reference":"DOS-1"`, `"since":"2026-05-12T09:30:00Z"`,
				`"created":true`, `"changed":true`, `"generation":1`, `"dry_run":false`, `"warnings":[]`}, never: "not_after"},
		{name: "the same again changes nothing", call: "PUT /v1/flags/example.be", body: order, status: 200,
			want: []string{`ETag: "1"`, `"created":false`, `"changed":false`, `"generation":1`}},
		{name: "another reference replaces", call: "PUT /v1/flags/EXAMPLE.be.", body: another, status: 200,
			want: []string{`ETag: "2"`, `"created":false`, `"changed":true`, `"reference":"DOS-2"`, `"generation":2`}},
		{name: "shown", call: "GET /v1/flags/example.be", status: 200, want: []string{`ETag: "2"`, `"reference":"DOS-2"`, `"changed":2`}},
		{name: "not shown again", call: "GET /v1/flags/example.be", headers: []string{`If-None-Match: "2"`}, status: 304, want: []string{`ETag: "2"`}},
		{name: "a U-label, percent-encoded", call: "PUT /v1/flags/CAF%C3%89.be", body: order, status: 201,
			want: []string{`"name":"xn--caf-dma.be"`, `"unicode":"café.be"`}},
		{name: "an A-label", call: "GET /v1/flags/XN--CAF-DMA.be", status: 200, want: []string{`"unicode":"café.be"`}},
		{name: "a letter percent-encoded", call: "GET /v1/flags/%65xample.be", status: 200, want: []string{`"name":"example.be"`}},
		{name: "an end, a note, a warning", call: "PUT /v1/flags/soon.be", status: 201,
			body: `{"authority":"apd-gba","reference":"DOS-3","not_after":"2026-05-12T18:00:00.9+02:00","note":"by phone"}`,
			want: []string{`"not_after":"2026-05-12T16:00:00Z"`, `"note":"by phone"`, `"code":"expires-soon"`}},
		{name: "another zone", call: "PUT /v1/flags/example.vlaanderen", body: `{"authority":"fps-economy","reference":"E-1"}`, status: 201},

		{name: "the list is in name order", call: "GET /v1/flags?limit=2", status: 200,
			want: []string{`"name":"example.be"`, `"name":"example.vlaanderen"`, `"next":"example.vlaanderen"`}, never: "soon.be"},
		{name: "the next page is the last", call: "GET /v1/flags?limit=2&after=example.vlaanderen", status: 200,
			want: []string{"soon.be", "xn--caf-dma.be"}, never: `"next"`},
		{name: "of a zone", call: "GET /v1/flags?zone=vlaanderen.", status: 200, want: []string{"example.vlaanderen"}, never: ".be\""},
		{name: "of an authority", call: "GET /v1/flags?authority=apd-gba", status: 200, want: []string{"soon.be"}, never: "vlaanderen"},
		{name: "of nobody", call: "GET /v1/flags?authority=nobody", status: 200, want: []string{`"flags":[]`}},

		{name: "unflagged", call: "DELETE /v1/flags/soon.be?reason=remedied", status: 204, want: []string{"Noticeaction-Generation: 6", "Content-Type: "}},
		{name: "gone", call: "GET /v1/flags/soon.be", status: 404, want: []string{"expected a name that is flagged", `"location":"path.name"`}},
		{name: "not twice", call: "DELETE /v1/flags/soon.be?reason=remedied", status: 404},
	})
}

func TestDryRuns(t *testing.T) {
	h := New(Config{Desk: openDesk(t)})
	tell(t, h, []step{
		{name: "flag", call: "PUT /v1/flags/example.be?dry_run=true", body: order, status: 200,
			want: []string{`"created":true`, `"dry_run":true`, `"generation":1`}},
		{name: "is not kept", call: "GET /v1/flags/example.be", status: 404},
		{name: "import", call: "POST /v1/flags/import?dry_run=true", body: `{"name":"example.be","authority":"a","reference":"1"}`, status: 200,
			want: []string{`"created":1`, `"dry_run":true`}},
		{name: "is not kept either", call: "GET /v1/flags", status: 200, want: []string{`"flags":[]`}},
		{name: "flag for real", call: "PUT /v1/flags/example.be?dry_run=false", body: order, status: 201, want: []string{`"dry_run":false`}},
		{name: "unflag", call: "DELETE /v1/flags/example.be?dry_run=true&reason=x", status: 200,
			want: []string{`"name":"example.be"`, `"dry_run":true`, `"generation":2`}},
		{name: "the name stays flagged", call: "GET /v1/flags/example.be", status: 200},
		{name: "a refusal is the same", call: "PUT /v1/flags/fgov.be?dry_run=true", body: order, status: 403},
	})
}

func TestPreconditions(t *testing.T) {
	h := New(Config{Desk: openDesk(t)})
	tell(t, h, []step{
		{name: "if absent, absent", call: "PUT /v1/flags/example.be", headers: []string{"If-None-Match: *"}, body: order, status: 201},
		{name: "if absent, present", call: "PUT /v1/flags/example.be", headers: []string{"If-None-Match: *"}, body: order, status: 412,
			want: []string{"expected the name not to be flagged"}},
		{name: "an older tag", call: "PUT /v1/flags/example.be", headers: []string{`If-Match: "0"`}, body: another, status: 412, want: []string{"it is at 1"}},
		{name: "the tag it has", call: "PUT /v1/flags/example.be", headers: []string{`If-Match: "1"`}, body: another, status: 200, want: []string{`ETag: "2"`}},
		{name: "any tag", call: "PUT /v1/flags/example.be", headers: []string{"If-Match: *"}, body: order, status: 200, want: []string{`ETag: "3"`}},
		{name: "any tag of none", call: "PUT /v1/flags/none.be", headers: []string{"If-Match: *"}, body: order, status: 412, want: []string{"expected a flagged name"}},
		{name: "a tag of none", call: "PUT /v1/flags/none.be", headers: []string{`If-Match: "3"`}, body: order, status: 412},
		{name: "a tag that is none of ours", call: "PUT /v1/flags/example.be", headers: []string{`If-Match: "abc"`}, body: order, status: 412},
		{name: "a weak tag", call: "PUT /v1/flags/example.be", headers: []string{`If-Match: W/"3"`}, body: order, status: 422,
			want: []string{`"location":"header.If-Match"`, "expected * or one entity tag"}},
		{name: "a tag without quotes", call: "DELETE /v1/flags/example.be?reason=x", headers: []string{"If-Match: 3"}, status: 422},
		{name: "if absent, with a tag", call: "PUT /v1/flags/example.be", headers: []string{`If-None-Match: "3"`}, body: order, status: 422,
			want: []string{`"location":"header.If-None-Match"`, "expected *"}},
		{name: "any tag of a bad name", call: "PUT /v1/flags/a..be", headers: []string{"If-Match: *"}, body: order, status: 422},
		{name: "unflag with an older tag", call: "DELETE /v1/flags/example.be?reason=x", headers: []string{`If-Match: "2"`}, status: 412},
		{name: "unflag with its tag", call: "DELETE /v1/flags/example.be?reason=x", headers: []string{`If-Match: "3"`}, status: 204},
	})
}

func TestBadNames(t *testing.T) {
	h := New(Config{Desk: openDesk(t)})
	long := strings.Repeat("a", 64)
	var story []step
	for _, n := range []struct {
		name, path string
		status     int
		want       string
	}{
		{"the zone itself", "be", 422, "got the zone itself"},
		{"the root", "%2E", 422, "expected a name"},
		{"too deep", "www.example.be", 422, "expected exactly one label below the zone be, such as example.be"},
		{"another zone", "example.nl", 422, "expected a name in one of the zones served"},
		{"a public suffix", "ac.be", 422, "public suffix"},
		{"a public suffix of a private operator", "myspreadshop.be", 403, `force with \"private-suffix\"`},
		{"protected", "fgov.be", 403, "protects fgov.be"},
		{"the warning page's", "page.be", 403, "warn.page.be"},
		{"a label of 64 octets", long + ".be", 422, "at most 63 octets"},
		{"a name of 2000 octets", strings.Repeat("a.", 1000) + "be", 422, "at most 253 octets"},
		{"a backslash", "exam%5Cple.be", 422, "without backslash escapes"},
		{"a slash", "exam%2Fple.be", 422, "expected letters, digits and hyphens"},
		{"an empty label", "a..be", 422, "expected no empty label"},
		{"a space", "a%20b.be", 422, "expected letters, digits and hyphens"},
		{"an underscore", "_dmarc.be", 422, "expected letters, digits and hyphens"},
		{"a hyphen in front", "-a.be", 422, "IDNA2008"},
		{"punycode of nothing", "xn--a.be", 422, "IDNA2008"},
		{"not UTF-8", "caf%E9.be", 422, "expected UTF-8"},
		{"an address", "192.0.2.1", 422, "got an IP address"},
		{"a zero octet", "a%00.be", 422, "expected"},
	} {
		story = append(story, step{name: n.name, call: "PUT /v1/flags/" + n.path, body: order, status: n.status,
			want: []string{n.want, `"location":"path.name"`}})
	}
	story = append(story,
		step{name: "a private suffix, forced", call: "PUT /v1/flags/myspreadshop.be?force=private-suffix", body: order, status: 201},
		step{name: "nothing else was flagged", call: "GET /v1/flags", status: 200, want: []string{"myspreadshop.be"}, never: `},{`})
	tell(t, h, story)
}

func TestBadRequests(t *testing.T) {
	h := New(Config{Desk: openDesk(t)})
	put := func(name, body string, status int, want ...string) step {
		return step{name: name, call: "PUT /v1/flags/example.be", body: body, status: status, want: want}
	}
	tell(t, h, []step{
		put("no body", "", 400, "request body is required"),
		put("not JSON", "authority=apd-gba", 400, "body: invalid character"),
		put("cut short", `{"authority":"apd`, 400, "unexpected end of JSON input"),
		put("two values", order+order, 400, "after top-level value"),
		put("a key twice", `{"authority":"a","authority":"b","reference":"1"}`, 400, `expected each key once, got \"authority\" again`),
		put("an array", `[]`, 422, "body: expected object"),
		put("no authority", `{"reference":"DOS-1"}`, 422, "expected required property authority to be present"),
		put("no reference", `{"authority":"apd-gba"}`, 422, "expected required property reference to be present"),
		put("empty reference", `{"authority":"apd-gba","reference":""}`, 422, `"location":"body.reference"`, "expected length >= 1"),
		put("long reference", `{"authority":"apd-gba","reference":"`+strings.Repeat("é", 201)+`"}`, 422, "body.reference: expected length <= 200"),
		put("long note", `{"authority":"apd-gba","reference":"1","note":"`+strings.Repeat("x", 2001)+`"}`, 422, "body.note: expected length <= 2000"),
		put("an authority with a space", `{"authority":"apd gba","reference":"1"}`, 422, "body.authority: expected string to be lowercase letters, digits and hyphens"),
		put("an unknown key", `{"authority":"apd-gba","reference":"1","until":"x"}`, 422, "body.until: expected no such key"),
		put("a key twice, once in capitals", `{"authority":"a","Authority":"b","reference":"1"}`, 400, `got \"Authority\" again`),
		put("bytes that are no UTF-8", `{"authority":"apd-gba","reference":"`+"\xff"+`"}`, 400, "expected UTF-8"),
		put("half a surrogate pair", `{"authority":"apd-gba","reference":"\ud83d"}`, 400, "expected surrogates in pairs"),
		put("a number for a text", `{"authority":"apd-gba","reference":1}`, 422, "body.reference: expected string", `"value":1`),
		put("null for a text", `{"authority":null,"reference":"1"}`, 422, "body.authority: expected string"),
		put("a date for a time", `{"authority":"apd-gba","reference":"1","not_after":"2030-01-01"}`, 422, "body.not_after: expected string to be RFC 3339 date-time"),
		put("an end that has passed", `{"authority":"apd-gba","reference":"1","not_after":"2020-01-01T00:00:00Z"}`, 422, `"location":"body.not_after"`),
		put("an end at the zero time", `{"authority":"apd-gba","reference":"1","not_after":"0001-01-01T00:00:00Z"}`, 422, `"location":"body.not_after"`, "in the future"),
		put("no end, as null", `{"authority":"apd-gba","reference":"1","not_after":null}`, 201),
		{name: "is none", call: "DELETE /v1/flags/example.be?reason=x&dry_run=true", status: 200, never: "not_after"},
		{name: "unflag it", call: "DELETE /v1/flags/example.be?reason=x", status: 204},
		put("a control character", `{"authority":"apd-gba","reference":"a\u0000b"}`, 422, `"location":"body.reference"`),
		put("a body over the limit", `{"authority":"apd-gba","reference":"1","note":"`+strings.Repeat("x", 1<<20)+`"}`, 413, "expected a body of at most 1 MiB"),
		{name: "a form", call: "PUT /v1/flags/example.be", headers: []string{"Content-Type: application/x-www-form-urlencoded"}, body: order, status: 415,
			want: []string{"expected Content-Type application/json"}},
		{name: "a charset is fine", call: "PUT /v1/flags/example.be?dry_run=true", headers: []string{"Content-Type: application/json; charset=utf-8"}, body: order, status: 200},
		{name: "whatever Accept says", call: "PUT /v1/flags/example.be?dry_run=true", headers: []string{"Accept: text/html"}, body: order, status: 200,
			want: []string{"Content-Type: application/json"}},
		{name: "dry run or not", call: "PUT /v1/flags/example.be?dry_run=maybe", body: order, status: 422, want: []string{"query.dry_run: expected true or false"}},
		{name: "an unknown force", call: "PUT /v1/flags/example.be?force=brake,luck", body: order, status: 422, want: []string{`"value":"luck"`, "brake, private-suffix"}},
		{name: "an unknown parameter", call: "PUT /v1/flags/example.be?dryrun=true", body: order, status: 422, want: []string{"query.dryrun: expected no such parameter"}},
		{name: "no reason", call: "DELETE /v1/flags/example.be", status: 422, want: []string{"query.reason: expected a value"}},
		{name: "an empty reason", call: "DELETE /v1/flags/example.be?reason=", status: 422, want: []string{"query.reason: expected a value"}},
		{name: "limit 0", call: "GET /v1/flags?limit=0", status: 422, want: []string{"query.limit: expected number >= 1"}},
		{name: "limit 1001", call: "GET /v1/flags?limit=1001", status: 422, want: []string{"query.limit: expected number <= 1000"}},
		{name: "limit ten", call: "GET /v1/audit?limit=ten", status: 422, want: []string{"query.limit: expected an integer"}},
		{name: "after a bad name", call: "GET /v1/flags?after=a..b", status: 422, want: []string{`"location":"query.after"`}},
		{name: "a bad zone", call: "GET /v1/flags/export?zone=a..b", status: 422, want: []string{`"location":"query.zone"`}},
		{name: "a bad authority", call: "GET /v1/flags?authority=A", status: 422, want: []string{`"location":"query.authority"`}},
		{name: "after minus one", call: "GET /v1/audit?after=-1", status: 422, want: []string{"query.after: expected an integer"}},
		{name: "no such path", call: "GET /v1/nothing", status: 404, want: []string{"expected a path that /openapi.json lists"}},
		{name: "the root", call: "GET /", status: 404},
		{name: "no name", call: "GET /v1/flags/", status: 404},
		{name: "two slashes", call: "GET /v1//flags", status: 404},
		{name: "a method that the path lacks", call: "POST /v1/flags/example.be", status: 405, want: []string{"Allow: DELETE, GET, HEAD, PUT"}},
		{name: "a method that nothing has", call: "PATCH /v1/status", status: 405, want: []string{"Allow: GET, HEAD"}},
		{name: "nothing was flagged", call: "GET /v1/status", status: 200, want: []string{`"generation":2`, `"flags":0`}},
	})
}

func TestBrake(t *testing.T) {
	p := policy()
	p.Brake.Count = 2
	h := New(Config{Desk: openDeskWith(t, p), Tokens: tokensOf(t)})
	two := `{"name":"c.be","authority":"a","reference":"1"}` + "\n" + `{"name":"d.be","authority":"a","reference":"1"}`
	tell(t, h, []step{
		{name: "one", call: "PUT /v1/flags/a.be", body: order, status: 201},
		{name: "an import that goes beyond", call: "POST /v1/flags/import", body: two, status: 429, want: []string{"expected at most 2 names newly flagged"}},
		{name: "two", call: "PUT /v1/flags/b.be", body: order, status: 201},
		{name: "three", call: "PUT /v1/flags/c.be", body: order, status: 429, want: []string{"expected at most 2 names newly flagged in 1h0m0s"}},
		{name: "replacing goes on", call: "PUT /v1/flags/a.be", body: another, status: 200},
		{name: "an operator may not force it", who: bearer("operator"), call: "PUT /v1/flags/c.be?force=brake", body: order, status: 403,
			want: []string{"expected one of the roles admin for force=brake, got operator"}},
		{name: "nor in an import", who: bearer("operator"), call: "POST /v1/flags/import?force=brake", body: two, status: 403},
		{name: "an admin may", call: "POST /v1/flags/import?force=brake", body: two, status: 200, want: []string{`"created":2`}},
		{name: "the journal keeps it", call: "GET /v1/audit?name=c.be", status: 200, want: []string{`"forced":["brake"]`, `"actor":"uid:1000"`}},
	})
}
