package intake

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// textOf returns the text of HTML as lines: one for each block, cells apart by a tab, items of lists with a dash.
func textOf(s string) string {
	var b shown
	for z := html.NewTokenizer(strings.NewReader(s)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.TextToken:
			b.text(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			b.start(atom.Lookup(name))
		case html.EndTagToken:
			name, _ := z.TagName()
			b.end(atom.Lookup(name))
		}
	}
}

// shown is what a reader of HTML sees.
type shown struct {
	strings.Builder
	hidden atom.Atom // the element whose text is not shown
	cell   bool      // within one, paragraphs do not part a label from its value
	begun  bool      // the line has something in it
}

// text adds text, in which a line break is a space.
func (b *shown) text(s string) {
	if b.hidden != 0 {
		return
	}
	s = strings.NewReplacer("\r", " ", "\n", " ", "\t", " ", "\u00a0", " ").Replace(s)
	if !b.begun {
		s = strings.TrimLeft(s, " ")
	}
	b.begun = b.begun || s != ""
	b.WriteString(s)
}

func (b *shown) start(tag atom.Atom) {
	switch {
	case tag == atom.Style || tag == atom.Script || tag == atom.Title:
		b.hidden = tag
	case tag == atom.Td || tag == atom.Th:
		b.cell = true
	case tag == atom.Li:
		b.apart()
		b.WriteString("- ")
		b.begun = true
	case block[tag]:
		b.apart()
	}
}

func (b *shown) end(tag atom.Atom) {
	switch {
	case tag == 0:
	case tag == b.hidden:
		b.hidden = 0
	case tag == atom.Td || tag == atom.Th:
		b.cell = false
		b.WriteByte('\t')
	case block[tag]:
		b.apart()
	}
}

// apart begins a line, unless one is begun.
func (b *shown) apart() {
	switch {
	case b.cell:
		b.WriteByte(' ')
	case b.begun:
		b.WriteByte('\n')
		b.begun = false
	}
}

// block are the elements that begin and end a line.
var block = map[atom.Atom]bool{
	atom.Br: true, atom.P: true, atom.Div: true, atom.Tr: true, atom.Ul: true, atom.Ol: true, atom.Table: true, atom.Li: true,
	atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.Blockquote: true, atom.Hr: true, atom.Dt: true, atom.Dd: true, atom.Pre: true,
}
