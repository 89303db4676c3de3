// Package page is what a warning page says and how it looks: the authority's text in each language, checked and
// made into HTML, within the frame of the registry that hosts it (Art. 4d of the protocol).
//
// The text is a small subset of Markdown. Anything else is refused with the line that it stands in: HTML,
// images, code, and links to anything but web and mail addresses. What is made here loads nothing, runs
// nothing and says nothing about its visitor. The package does not know who visits, who may change a text, or
// where it is kept.
package page

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/mail"
	"regexp"
	"slices"
	"strings"
)

// Languages are those that every page has, in the order in which they are offered.
var Languages = []string{"nl", "fr", "de", "en"}

const (
	maxText    = 8 << 10 // bytes in one language
	maxContact = 254     // RFC 5321 section 4.5.3.1.3, without angle brackets
	maxLink    = 500     // bytes
)

// Content is what an authority provides.
type Content struct {
	Texts   Texts  `json:"texts"`
	Contact string `json:"contact,omitempty"` // a mail address of the authority; empty: none
	Link    string `json:"link,omitempty"`    // an https address of the authority; empty: none
}

// Texts is the text in each of the languages, in the subset of Markdown that [New] takes: a first heading of
// level 1, which is the title, and below it paragraphs, lists, headings of level 2 and 3, emphasis and links.
type Texts struct {
	NL string `json:"nl"`
	FR string `json:"fr"`
	DE string `json:"de"`
	EN string `json:"en"`
}

// in returns where the text of a language is; the language is one of Languages.
func (t *Texts) in(language string) *string {
	switch language {
	case "nl":
		return &t.NL
	case "fr":
		return &t.FR
	case "de":
		return &t.DE
	}
	return &t.EN
}

// Sum is the SHA-256 of the content as compact JSON, in hex.
func (c Content) Sum() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic("page: encoding strings: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Error is why a content is refused.
type Error struct {
	Field  string // as "texts.nl", "contact" or "link"
	Line   int    // of the text, from 1; 0: not about a line
	Detail string // what was expected
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Field + ": " + e.Detail
	}
	return fmt.Sprintf("%s: line %d: %s", e.Field, e.Line, e.Detail)
}

// Page is a content that was checked and made into HTML. Immutable: any number of goroutines may use it.
type Page struct {
	content Content
	texts   map[string]text
}

// text is one language's.
type text struct {
	title string
	body  template.HTML // below the title
}

// New checks a content. The error is an [*Error].
func New(c Content) (*Page, error) {
	p := &Page{content: c, texts: make(map[string]text, len(Languages))}
	for _, language := range Languages {
		t, err := parse(*c.Texts.in(language))
		if err != nil {
			err.Field = "texts." + language
			return nil, err
		}
		p.texts[language] = t
	}
	if c.Contact != "" && !validAddress(c.Contact) {
		return nil, &Error{Field: "contact", Detail: "expected one mail address such as contact@apd-gba.be, or none"}
	}
	if c.Link != "" && (len(c.Link) > maxLink || !validURL(c.Link, "https")) {
		return nil, &Error{Field: "link", Detail: "expected https://HOST with or without a path, or none"}
	}
	return p, nil
}

// Content is what the page was made of.
func (p *Page) Content() Content { return p.content }

// validAddress wants nothing but local@domain, in ASCII.
func validAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= maxContact && printable(s) && !strings.ContainsAny(s, `"?&%<>'`)
}

// webURL is what a link to the web may look like: a host in the DNS, and the characters of RFC 3986.
var webURL = regexp.MustCompile(`^(https?)://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#](?:[A-Za-z0-9._~:/?#@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})*)?$`)

// validURL wants an address in the web of one of the schemes, without a user.
func validURL(s string, schemes ...string) bool {
	m := webURL.FindStringSubmatch(s)
	return m != nil && slices.Contains(schemes, m[1])
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
