package api

import (
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/page"
)

var _ Pages = (*casework.Desk)(nil)

const (
	newPage   = `{"texts":{"nl":"# Eén\n\nTekst.","fr":"# Un\n\nTexte.","de":"# Eins\n\nText.","en":"# One\n\nText."},"contact":"contact@apd-gba.be"}`
	otherPage = `{"texts":{"nl":"# Twee\n\nTekst.","fr":"# Deux\n\nTexte.","de":"# Zwei\n\nText.","en":"# Two\n\nText."}}`
)

func htmlOf(authority string, p *page.Page, language string) []byte {
	if p == nil {
		p = page.Default(authority)
	}
	return p.Render(page.View{Language: language, Name: "example.be", Authority: authority})
}

func TestPages(t *testing.T) {
	desk := openDesk(t)
	h := New(Config{Desk: desk, Pages: desk, ShowPage: htmlOf, Tokens: tokensOf(t)})
	const path = "/v1/authorities/apd-gba/page"
	tell(t, h, []step{
		{name: "none is published yet", call: "GET " + path, status: 404, want: []string{"the one that is built in"}},
		{name: "which is what visitors see", call: "GET " + path + "/preview?language=nl", status: 200,
			want: []string{"Content-Type: " + textHTML, "Content-Security-Policy: " + page.Policy, "Deze website is geblokkeerd", "example.be"}},
		{name: "no version either", call: "GET " + path + "/versions", status: 200, want: []string{`"versions":[]`}},
		{name: "try one", call: "POST " + path + "/preview?language=fr", body: newPage, status: 200, want: []string{"Un</h1>", `<html lang="fr">`}},
		{name: "publish it, dry", call: "PUT " + path + "?dry_run=true", body: newPage, status: 200,
			want: []string{`"created":true`, `"changed":true`, `"dry_run":true`, `"version":1`}},
		{name: "if there is one", call: "PUT " + path, headers: []string{"If-Match: *"}, body: newPage, status: 412},
		{name: "publish it", call: "PUT " + path, headers: []string{"If-None-Match: *"}, body: newPage, status: 201,
			want: []string{`ETag: "1"`, `"version":1`, `"created":true`, `"by":"uid:1000"`, `"published":"2026-05-12T09:30:00Z"`}},
		{name: "the same again changes nothing", call: "PUT " + path, body: newPage, status: 200, want: []string{`ETag: "1"`, `"created":false`, `"changed":false`}},
		{name: "if there is none", call: "PUT " + path, headers: []string{"If-None-Match: *"}, body: otherPage, status: 412},
		{name: "if it is another", call: "PUT " + path, headers: []string{`If-Match: "7"`}, body: otherPage, status: 412, want: []string{"it is at 1"}},
		{name: "a tag that is none of ours", call: "PUT " + path, headers: []string{`If-Match: "abc"`}, body: otherPage, status: 412},
		{name: "a weak tag", call: "PUT " + path, headers: []string{`If-Match: W/"1"`}, body: otherPage, status: 422},
		{name: "if none, with a tag", call: "PUT " + path, headers: []string{`If-None-Match: "1"`}, body: otherPage, status: 422},
		{name: "the authority's own next", who: bearer("authority"), call: "PUT " + path, headers: []string{`If-Match: "1"`}, body: otherPage, status: 200,
			want: []string{`ETag: "2"`, `"version":2`, `"changed":true`}},
		{name: "shown", call: "GET " + path, status: 200, want: []string{`ETag: "2"`, `"en":"# Two\n\nText."`}, never: "contact"},
		{name: "not shown again", call: "GET " + path, headers: []string{`If-None-Match: "2"`}, status: 304},
		{name: "the older one", call: "GET " + path + "/versions/1", status: 200, want: []string{`ETag: "1"`, `"contact":"contact@apd-gba.be"`}},
		{name: "as visitors would see it", call: "GET " + path + "/preview?version=1", status: 200, want: []string{"One</h1>"}},
		{name: "one that is not there", call: "GET " + path + "/versions/3", status: 404, want: []string{"expected a version that was published"}},
		{name: "no version at all", call: "GET " + path + "/versions/0", status: 422},
		{name: "roll back to one that is not there", call: "POST " + path + "/rollback", body: `{"version":9}`, status: 404},
		{name: "roll back, but not over what is new", call: "POST " + path + "/rollback", headers: []string{`If-Match: "1"`}, body: `{"version":1}`, status: 412},
		{name: "roll back", call: "POST " + path + "/rollback", headers: []string{`If-Match: "2"`}, body: `{"version":1}`, status: 200,
			want: []string{`ETag: "3"`, `"version":3`, `"repeats":1`, `"changed":true`}},
		{name: "and again", call: "POST " + path + "/rollback", body: `{"version":1}`, status: 200, want: []string{`ETag: "3"`, `"changed":false`}},
		{name: "all versions", call: "GET " + path + "/versions", status: 200, want: []string{`"version":1`, `"version":2`, `"version":3`}, never: "Tekst"},
		{name: "a page of them", call: "GET " + path + "/versions?limit=1&after=1", status: 200, want: []string{`"version":2`, `"next":2`}, never: `"version":3`},
		{name: "the journal", call: "GET /v1/audit", status: 200, want: []string{
			`"action":"page","name":"","authority":"apd-gba","version":3,"record":"` + content(t, newPage).Sum() + `"`}},
	})
}

func content(t *testing.T, body string) page.Content {
	t.Helper()
	var b pageBody
	if err := strictJSON.Unmarshal([]byte(body), &b); err != nil {
		t.Fatal(err)
	}
	return b.content()
}

func TestWhatIsNoPage(t *testing.T) {
	desk := openDesk(t)
	h := New(Config{Desk: desk, Pages: desk, ShowPage: htmlOf})
	with := func(de string) string { return strings.Replace(newPage, `# Eins\n\nText.`, de, 1) }
	var story []step
	for _, s := range []step{
		{name: "HTML", body: with(`# Eins\n\nEin <script>`), want: []string{`"location":"body.texts.de"`, "line 3", "expected no HTML"}},
		{name: "no title", body: with(`Eins`), want: []string{"body.texts.de", "expected the title first"}},
		{name: "an empty text", body: with(``), want: []string{"all four languages"}},
		{name: "a language missing", body: strings.Replace(newPage, `"fr"`, `"pl"`, 1), want: []string{"expected required property fr"}},
		{name: "a contact that is none", body: strings.Replace(newPage, "contact@", "contact ", 1), want: []string{"body.contact", "expected one mail address"}},
		{name: "a link that is none", body: strings.Replace(newPage, `"contact":"contact@apd-gba.be"`, `"link":"javascript:alert(1)"`, 1), want: []string{"body.link", "expected https://"}},
	} {
		for _, call := range []string{"PUT /v1/authorities/apd-gba/page", "POST /v1/authorities/apd-gba/page/preview"} {
			s.call, s.status = call, 422
			story = append(story, s)
		}
	}
	story = append(story,
		step{name: "another authority's id", call: "PUT /v1/authorities/APD_GBA/page", body: newPage, status: 422, want: []string{"lowercase letters"}},
		step{name: "another type", call: "PUT /v1/authorities/apd-gba/page", headers: []string{"Content-Type: text/html"}, body: "<p>", status: 415},
		step{name: "nothing was kept", call: "GET /v1/authorities/apd-gba/page/versions", status: 200, want: []string{`"versions":[]`}},
	)
	tell(t, h, story)
}

func TestWithoutPages(t *testing.T) {
	tell(t, New(Config{Desk: openDesk(t)}), []step{
		{name: "shown", call: "GET /v1/authorities/apd-gba/page", status: 404, want: []string{"expected a server that keeps pages"}},
	})
}
