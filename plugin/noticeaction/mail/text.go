package mail

import (
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	width    = 76  // characters of a line of text, within the 78 of RFC 5322 section 2.1.1
	maxLine  = 500 // characters of a text that came from outside and is to be one line
	maxTitle = 200 // characters of a subject
)

// line makes one line of a text that came from outside: no control character, nothing that turns the
// direction of the text behind it, single spaces, at most maxLine characters.
func line(s string) string {
	s = strings.Join(strings.Fields(strings.Map(tame, strings.ToValidUTF8(s, "\uFFFD"))), " ")
	return clip(s, maxLine)
}

func lines(all []string) []string {
	var tamed []string
	for _, s := range all {
		tamed = append(tamed, line(s))
	}
	return tamed
}

// quote marks each line of a text that came from outside, so that none passes for the mail's own.
func quote(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	var b strings.Builder
	for l := range strings.SplitSeq(s, "\n") {
		b.WriteString("> " + strings.TrimRightFunc(strings.Map(tame, l), unicode.IsSpace) + "\n")
	}
	return b.String()
}

// tame makes a space of what ends a line or controls how text is shown.
func tame(r rune) rune {
	if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
		return ' '
	}
	return r
}

func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-3]) + "..."
}

// encode writes the words of a header that are not ASCII as encoded words (RFC 2047), and leaves the others as
// they are: there the header can be folded, and people can read it raw.
func encode(s string) string {
	var out []string
	before := false
	for word := range strings.SplitSeq(s, " ") {
		encoded := mime.QEncoding.Encode("utf-8", word)
		if encoded != word && before { // the space between two encoded words is not shown
			encoded = mime.QEncoding.Encode("utf-8", " "+word)
		}
		before = encoded != word
		out = append(out, encoded)
	}
	return strings.Join(out, " ")
}

// wrap breaks the lines of the text between words, so that none is longer than width unless one word is. What
// follows the mark of an item or a quote bears it, or is indented, on each line. No two empty lines follow
// each other, and none is first or last.
func wrap(text string) string {
	var out []string
	for l := range strings.SplitSeq(text, "\n") {
		l = strings.TrimRight(l, " ")
		if l == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, fill(l)...)
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n") + "\n"
}

// fill breaks one line.
func fill(l string) []string {
	mark, indent := "", ""
	switch {
	case strings.HasPrefix(l, "> "):
		mark, indent = "> ", "> "
	case strings.HasPrefix(l, "- "):
		mark, indent = "- ", "  "
	}
	if utf8.RuneCountInString(l) <= width {
		return []string{l}
	}
	var out []string
	current := mark
	empty := true
	for word := range strings.SplitSeq(strings.TrimPrefix(l, mark), " ") {
		if !empty && utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > width {
			out = append(out, strings.TrimRight(current, " "))
			current, empty = indent, true
		}
		if !empty {
			current += " "
		}
		current += word
		empty = false
	}
	return append(out, strings.TrimRight(current, " "))
}
