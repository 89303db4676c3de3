package page

import (
	"bufio"
	"bytes"
	"fmt"
	"html"
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	goldmarkhtml "github.com/yuin/goldmark/renderer/html"
	gmtext "github.com/yuin/goldmark/text"
)

// maxDepth is how deep lists and emphasis may nest.
const maxDepth = 12

// commonMark reads all of CommonMark, so that what the subset lacks is seen and refused, and not shown as
// something else.
var commonMark = goldmark.New()

// parse checks a text and makes it into HTML. The error has its line.
func parse(source string) (text, *Error) {
	if err := checkCharacters(source); err != nil {
		return text{}, err
	}
	src := []byte(source)
	document := commonMark.Parser().Parse(gmtext.NewReader(src))
	heading, ok := document.FirstChild().(*ast.Heading)
	if !ok || heading.Level != 1 {
		return text{}, &Error{Line: 1, Detail: "expected the title first, as \"# Title\""}
	}
	title := plain(heading, src)
	if !strings.ContainsFunc(title, visible) {
		return text{}, &Error{Line: 1, Detail: "expected a title after \"#\""}
	}
	if heading.NextSibling() == nil {
		return text{}, &Error{Line: 1, Detail: "expected a text below the title"}
	}
	if err := check(document, src, 0); err != nil {
		return text{}, err
	}
	document.RemoveChild(document, heading)
	var body bytes.Buffer
	if err := commonMark.Renderer().Render(&body, src, document); err != nil {
		return text{}, &Error{Line: 1, Detail: "expected a text that can be shown: " + err.Error()}
	}
	if r := firstBad(title + html.UnescapeString(body.String())); r != nil { // by its number, as &#x202e;
		return text{}, &Error{Line: 1, Detail: fmt.Sprintf("expected no control characters, got %U by its number", *r)}
	}
	return text{title: title, body: template.HTML(body.String())}, nil //nolint:gosec // of checked nodes only
}

func checkCharacters(source string) *Error {
	switch {
	case strings.TrimSpace(source) == "":
		return &Error{Detail: "expected a text; every page has all four languages: nl, fr, de, en"}
	case len(source) > maxText:
		return &Error{Detail: fmt.Sprintf("expected at most %d bytes, got %d", maxText, len(source))}
	case !utf8.ValidString(source):
		return &Error{Detail: "expected UTF-8"}
	}
	for i, r := range source {
		if bad(r) {
			return &Error{Line: lineAt(source, i), Detail: fmt.Sprintf("expected no control characters, got %U", r)}
		}
	}
	return nil
}

// bad are characters that turn, hide or break what is around them, and those that mean nothing to others.
func bad(r rune) bool {
	switch r {
	case '\n', '\r', '\t':
		return false
	case '\u2028', '\u2029':
		return true
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Co)
}

func firstBad(s string) *rune {
	for _, r := range s {
		if bad(r) {
			return &r
		}
	}
	return nil
}

func visible(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// check refuses the first node at or below n that the subset does not have.
func check(n ast.Node, src []byte, depth int) *Error {
	if depth > maxDepth {
		return refuse(n, src, fmt.Sprintf("expected nesting of at most %d levels", maxDepth))
	}
	if expected := objection(n, src); expected != "" {
		return refuse(n, src, expected)
	}
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		if err := check(child, src, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// objection says what was expected instead of the node; empty: it may stand.
func objection(n ast.Node, src []byte) string {
	switch n := n.(type) {
	case *ast.Document, *ast.Paragraph, *ast.TextBlock, *ast.Text, *ast.String, *ast.Emphasis, *ast.List, *ast.ListItem:
		return ""
	case *ast.Heading:
		first := n.PreviousSibling() == nil && n.Parent().Kind() == ast.KindDocument
		if n.Level > 3 || (n.Level == 1) != first {
			return "expected headings of level 2 and 3 below the title, as \"## Heading\""
		}
		return ""
	case *ast.Link:
		if len(n.Title) > 0 {
			return "expected a link without a title"
		}
		return badTarget(string(n.Destination))
	case *ast.AutoLink:
		if n.AutoLinkType == ast.AutoLinkEmail {
			return badTarget("mailto:" + string(n.URL(src)))
		}
		return badTarget(string(n.URL(src)))
	case *ast.HTMLBlock, *ast.RawHTML:
		return "expected no HTML; write \\< for the character"
	case *ast.Image:
		return "expected no image; the page is readable without"
	case *ast.CodeBlock:
		return "expected a paragraph that does not begin with four spaces or a tab"
	case *ast.CodeSpan, *ast.FencedCodeBlock:
		return "expected no code; write \\` for the character"
	case *ast.LinkReferenceDefinition:
		return "expected the address within the link, as [text](https://HOST)"
	case *ast.Blockquote:
		return "expected no quotation; write \\> for the character"
	case *ast.ThematicBreak:
		return "expected no rule across the page; use a heading"
	}
	return "expected paragraphs, headings, lists, emphasis and links, got " + n.Kind().String()
}

// badTarget says what was expected of where a link leads; empty: it is good.
func badTarget(target string) string {
	address, isMail := strings.CutPrefix(target, "mailto:")
	if isMail && validAddress(address) || !isMail && validURL(target, "http", "https") {
		return ""
	}
	return "expected a link to https://HOST, http://HOST or mailto:ADDRESS"
}

func refuse(n ast.Node, src []byte, expected string) *Error {
	return &Error{Line: lineOf(n, src), Detail: expected}
}

// lineOf is the line that a node begins in, or else what it stands in.
func lineOf(n ast.Node, src []byte) int {
	for ; n != nil; n = n.Parent() {
		if n.Kind() != ast.KindDocument && n.Pos() >= 0 {
			return lineAt(string(src), n.Pos())
		}
	}
	return 1
}

func lineAt(source string, offset int) int {
	return 1 + strings.Count(source[:min(offset, len(source))], "\n")
}

// plain is what a node says, without its mark-up.
func plain(n ast.Node, src []byte) string {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				goldmarkhtml.DefaultWriter.Write(w, n.Segment.Value(src)) // which knows escapes and entities
				if n.SoftLineBreak() || n.HardLineBreak() {
					_ = w.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				goldmarkhtml.DefaultWriter.Write(w, n.Value)
			}
		}
		return ast.WalkContinue, nil
	})
	_ = w.Flush() // to a buffer, which takes everything
	return html.UnescapeString(b.String())
}
