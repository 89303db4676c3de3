package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the template and its style
	"encoding/base64"
	"html/template"
)

// RegistryURL is the registry's, which implements the order (RFC 7725 section 4).
const RegistryURL = "https://www.dnsbelgium.be/"

var (
	//go:embed page.html
	source string
	//go:embed page.css
	style string

	frame = template.Must(template.New("page").Parse(source))
)

// Policy is the Content-Security-Policy that every page is to be sent with: its own style, and nothing else.
var Policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// View is what is shown around the text.
type View struct {
	Language  string // one of Languages
	Name      string // that is redirected, in U-labels; empty: none is shown
	Authority string // what it is called in the language
	Website   string // the authority's, if its content has no link; empty: none
	Abuse     string // where abuse is reported, as a mailto or https URL; empty: nowhere
}

// document is what the template takes.
type document struct {
	View
	Say         words
	Title       string
	Body        template.HTML
	Mail        string
	Link        string
	Style       template.CSS
	RegistryURL string
	Languages   []choice
	Blank       bool // there is no authority's text
}

type choice struct {
	Code, Name string
	Current    bool
}

// Render makes the page into HTML.
func (p *Page) Render(v View) []byte {
	t := p.texts[v.Language]
	link := p.content.Link
	if link == "" {
		link = v.Website
	}
	return render(document{View: v, Title: t.title, Body: t.body, Mail: p.content.Contact, Link: link})
}

// Nothing is the page for what is not a redirected name, in a language.
func Nothing(language, abuse string) []byte {
	w := frames[language]
	return render(document{View: View{Language: language, Abuse: abuse}, Title: w.Nothing[0], Body: template.HTML("<p>" + template.HTMLEscapeString(w.Nothing[1]) + "</p>\n"), Blank: true}) //nolint:gosec // escaped
}

func render(d document) []byte {
	d.Say, d.Style, d.RegistryURL = frames[d.Language], template.CSS(style), RegistryURL //nolint:gosec // our own
	for _, language := range Languages {
		d.Languages = append(d.Languages, choice{Code: language, Name: frames[language].Language, Current: language == d.Language})
	}
	var b bytes.Buffer
	if err := frame.Execute(&b, d); err != nil {
		panic("page: " + err.Error()) // a bytes.Buffer takes everything, and a test renders every field
	}
	return b.Bytes()
}
