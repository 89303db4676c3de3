package intake

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// textOf returns the text of HTML as lines: one for each block, cells apart by a tab, items of lists with a dash.
func textOf(s string) string {
	var b strings.Builder
	hidden := atom.Atom(0) // the element whose text is not shown
	cell := false          // within one, paragraphs do not part a label from its value
	for z := html.NewTokenizer(strings.NewReader(s)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.TextToken:
			if hidden == 0 {
				// A line break in HTML is a space; those of blocks are ours.
				b.WriteString(strings.NewReplacer("\r", " ", "\n", " ", "\u00a0", " ").Replace(string(z.Text())))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			tag := atom.Lookup(name)
			switch tag {
			case atom.Style, atom.Script, atom.Title:
				hidden = tag
			case atom.Li:
				b.WriteString("\n- ")
			case atom.Td, atom.Th:
				cell = true
			}
			if block[tag] {
				b.WriteByte(apart(cell))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			tag := atom.Lookup(name)
			switch {
			case tag == hidden:
				hidden = 0
			case tag == atom.Td || tag == atom.Th:
				cell = false
				b.WriteByte('\t')
			case block[tag] || tag == atom.Li:
				b.WriteByte(apart(cell))
			}
		}
	}
}

func apart(cell bool) byte {
	if cell {
		return ' '
	}
	return '\n'
}

// block are the elements that begin and end a line.
var block = map[atom.Atom]bool{
	atom.Br: true, atom.P: true, atom.Div: true, atom.Tr: true, atom.Ul: true, atom.Ol: true, atom.Table: true,
	atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.Blockquote: true, atom.Hr: true, atom.Dt: true, atom.Dd: true, atom.Pre: true,
}
