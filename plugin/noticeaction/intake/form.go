package intake

import (
	"regexp"
	"slices"
	"strings"

	mailaddress "github.com/coredns-na/coredns-na/plugin/noticeaction/email"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// form is what the lines of a body say.
type form struct {
	inspector, email, office, reference, signature string

	names      []string
	provisions []string
	signed     workday.Date
	competent  bool
	found      bool
	items      int // that had a label and a value
	text       string
}

// entry is one line of a value.
type entry struct {
	text   string
	bullet bool
}

var (
	bullets      = regexp.MustCompile(`^(?:[-*–·]\s+|•\s*)`)
	numbering    = regexp.MustCompile(`^(?:\d{1,2}[.)]|[a-z]\))\s+`)
	emailAddress = regexp.MustCompile(`[^\s<>,;:()"'|\[\]]{1,64}@[\p{L}\p{N}.-]{1,255}`)
)

// lines reads a text as lines of "LABEL: value". Of an item that comes twice the first counts. In a text that is
// wrapped the lines of a provision need no mark.
func lines(s string, wrapped bool, p *problems) map[item][]entry {
	values := make(map[item][]entry)
	at, gap, count := none, false, 0
	for raw := range strings.SplitSeq(s, "\n") {
		raw = strings.TrimRight(raw, "\r")
		count++
		if raw == "-- " || count > maxLines {
			break
		}
		indented := strings.HasPrefix(raw, " ") || strings.HasPrefix(raw, "\t")
		e, i := entryOf(raw)
		switch {
		case strings.HasPrefix(strings.TrimSpace(raw), ">"):
			at = none
		case e.text == "" && i == none:
			if gap = true; !empty(values[at]) { // a list may stand below its label with an empty line between
				at = none
			}
		case i != none:
			gap = false
			if at = i; values[i] != nil {
				p.add("expected each item once in the body")
				at = none
				continue
			}
			values[i] = []entry{e}
		case at != none && len(values[at]) < maxEntries && (indented || e.bullet || below(at, values[at], wrapped, gap)):
			values[at] = append(values[at], e)
		default:
			at = none
		}
	}
	return values
}

// below tells whether a line without a mark, below a value, belongs to it. What follows a signature that is none
// in words, as a picture, does not.
func below(i item, value []entry, wrapped, gap bool) bool {
	if i == provisions {
		return wrapped || value[0].text == ""
	}
	return i != signature && !gap && empty(value)
}

// entryOf returns a line without its bullet, and without its label if it has one that is known.
func entryOf(raw string) (entry, item) {
	if _, value, i := cutLabel(raw); i != none {
		return entry{text: line(value, 10*maxLine)}, i
	}
	s := strings.TrimSpace(raw)
	bare := bullets.ReplaceAllString(s, "")
	return entry{text: line(bare, 10*maxLine), bullet: bare != s || numbering.MatchString(s)}, none
}

// cutLabel returns a line's label and value; all of the line and none if it has no label that is known.
func cutLabel(raw string) (label, value string, i item) {
	s := numbering.ReplaceAllString(bullets.ReplaceAllString(strings.TrimSpace(raw), ""), "")
	if at := strings.IndexAny(s, ":\t"); at > 0 {
		if i = itemOf(s[:at]); i != none {
			return s[:at], strings.TrimLeft(s[at:], ": \t"), i
		}
	}
	return s, "", none
}

// address returns the first mail address in a text.
func address(s string) string {
	s = strings.TrimRight(emailAddress.FindString(s), ".-")
	if strings.HasSuffix(s, "@") {
		return ""
	}
	return s
}

func empty(value []entry) bool {
	return len(value) > 0 && !slices.ContainsFunc(value, func(e entry) bool { return e.text != "" })
}

func joined(value []entry) string {
	var all []string
	for _, e := range value {
		all = append(all, e.text)
	}
	return line(strings.Join(all, " "), maxLine)
}

// formOfText reads one text.
func (r Reader) formOfText(s string, wrapped bool, p *problems) form {
	values := lines(s, wrapped, p)
	f := form{
		inspector: joined(values[inspector]), office: joined(values[office]), reference: joined(values[reference]),
		signature: joined(values[signature]), provisions: list(values[provisions], p),
		email:     address(joined(values[email])),
		competent: confirmed(joined(values[competent])), found: confirmed(joined(values[found])),
	}
	if name := joined(values[officer]); name != "" && f.inspector == "" {
		f.inspector = name
		if f.office == "" {
			f.office = officeIn(s)
		}
	}
	if within := address(f.inspector); within != "" {
		f.inspector = line(strings.NewReplacer(within, "", "<", "", ">", "", "(", "", ")", "", "mailto:", "").Replace(f.inspector), maxLine)
		if f.email == "" {
			f.email = within
		}
	}
	if f.email != "" && mailaddress.Check(f.email) != nil {
		f.email = ""
		p.add("expected the e-mail address of the inspector as local@domain")
	}
	var names []string
	for _, e := range values[domain] {
		names = append(names, e.text)
	}
	f.names = r.names(strings.Join(names, " "), p)
	if value := joined(values[signedOn]); value != "" {
		var ok bool
		if f.signed, ok = date(value); !ok {
			p.add("expected a date of signature as 2026-05-12, 12/5/2026 or 12 May 2026")
		}
	}
	for _, value := range values {
		if !empty(value) {
			f.items++
		}
	}
	return f
}

// officeIn returns the first label that is an office, as it is written.
func officeIn(s string) string {
	for raw := range strings.SplitSeq(s, "\n") {
		if label, _, i := cutLabel(raw); i == officer {
			return line(label, maxLine)
		}
	}
	return ""
}

// list returns provisions: a line that has a bullet, or any line when the label stood alone and none has one,
// begins the next; ";" ends one.
func list(value []entry, p *problems) []string {
	anyBullet := slices.ContainsFunc(value, func(e entry) bool { return e.bullet })
	alone := len(value) > 0 && value[0].text == ""
	var items []string
	for _, e := range value {
		if len(items) == 0 || e.bullet || alone && !anyBullet {
			items = append(items, e.text)
		} else {
			items[len(items)-1] += " " + e.text
		}
	}
	var all []string
	for _, text := range items {
		for s := range strings.SplitSeq(text, ";") {
			switch s = strings.TrimSpace(s); {
			case s == "":
			case len(all) == maxProvisions:
				p.add("expected at most 50 provisions")
			default:
				if line(s, maxLine) != s {
					p.add("expected provisions of at most 500 characters")
				}
				all = append(all, line(s, maxLine))
			}
		}
	}
	return all
}
