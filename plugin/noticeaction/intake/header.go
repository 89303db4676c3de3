package intake

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
	"golang.org/x/net/idna"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// problems is what a person should know of a message. It holds no personal data.
type problems []string

func (p *problems) add(s string) {
	if !slices.Contains(*p, s) {
		*p = append(*p, s)
	}
}

func (p problems) String() string { return strings.Join(p, "; ") }

// crlf returns the message with CRLF at the end of every line, which is what signatures are made over.
func crlf(raw []byte) []byte {
	if bytes.Count(raw, []byte("\n")) == bytes.Count(raw, []byte("\r\n")) {
		return raw
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// cutHeader returns the header with the CRLF of its last line, and the body.
func cutHeader(raw []byte) (header, body []byte, problem string) {
	header, body, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	header = append(header[:len(header):len(header)], "\r\n"...)
	switch {
	case bytes.HasPrefix(raw, []byte("\r\n")) || len(raw) == 0:
		problem = "expected a header as in RFC 5322"
	case !found && len(header) <= maxHeader:
		problem = "expected an empty line between header and body"
	case len(header) > maxHeader || bytes.Count(header, []byte("\n")) > maxHeaderLines:
		problem = "expected a header of at most 128 KiB and 2000 lines"
	}
	return header, body, problem
}

// fields returns the fields of a header with their continuation lines.
func fields(header []byte) [][]byte {
	var all [][]byte
	start := 0
	for at := 0; at < len(header); {
		next := len(header)
		if i := bytes.IndexByte(header[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		if next == len(header) || header[next] != ' ' && header[next] != '\t' {
			all = append(all, header[start:next])
			start = next
		}
		at = next
	}
	return all
}

// text returns a field with its encoded words decoded (RFC 2047); as it is if they cannot be.
func text(h message.Header, key string) string {
	s, err := h.Text(key)
	if err != nil {
		s = h.Get(key)
	}
	return s
}

func once(h mail.Header, key string) bool { return len(h.Values(key)) == 1 }

// line returns s as one line of at most limit characters, without what a terminal or a reader could be misled by.
func line(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.C, r):
			return -1
		}
		return r
	}, norm.NFC.String(utf(s)))
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > limit {
		s = strings.TrimSpace(string([]rune(s)[:limit]))
	}
	return s
}

// utf returns s, or what it says in Windows-1252 when it is not UTF-8 and nothing says what it is.
func utf(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	decoded, err := charmap.Windows1252.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return decoded
}

// sender is who a message says it is from.
type sender struct {
	shown  string // name and address
	email  string
	local  string // in lower case
	domain string // in lower case, A-labels
	single bool   // there is one From line, with one address
}

func senderOf(h mail.Header) sender {
	s := sender{shown: line(text(h.Header, "From"), maxLine)}
	all, err := h.AddressList("From")
	if err != nil || len(all) == 0 {
		return s
	}
	s.email, s.single = line(all[0].Address, maxEmail), len(all) == 1 && once(h, "From")
	s.shown = s.email
	if name := line(all[0].Name, maxLine-maxEmail-3); name != "" {
		s.shown = name + " <" + s.email + ">"
	}
	at := strings.LastIndexByte(s.email, '@')
	s.local = strings.ToLower(s.email[:max(at, 0)])
	if domain, err := idna.Lookup.ToASCII(s.email[at+1:]); err == nil {
		s.domain = strings.TrimSuffix(domain, ".")
	}
	return s
}

// references returns the identifiers of the messages that this one answers, the nearest first (RFC 5322 section
// 3.6.4).
func references(h mail.Header) []string {
	ids := strings.Fields(strings.ReplaceAll(h.Get("References"), ">", "> "))
	slices.Reverse(ids)
	var all []string
	for _, id := range append(strings.Fields(strings.ReplaceAll(h.Get("In-Reply-To"), ">", "> ")), ids...) {
		if id = messageID(id); id != "" && !slices.Contains(all, id) && len(all) < maxReferences {
			all = append(all, id)
		}
	}
	return all
}

// messageID returns an identifier without its angle brackets; nothing if it is none.
func messageID(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.IndexByte(s, '<'); i >= 0 {
		s, _, _ = strings.Cut(s[i+1:], ">")
	}
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' }
	if len(s) > maxLine || !strings.Contains(s, "@") || strings.ContainsFunc(s, odd) {
		return ""
	}
	return s
}
