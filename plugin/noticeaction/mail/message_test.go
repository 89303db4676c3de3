package mail

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// headers are all that a mail has, in their order.
var headers = []string{
	"Auto-Submitted", "Content-Language", "Date", "MIME-Version", "Message-ID", "References", "Subject",
	"From", "To", "Cc", "Content-Transfer-Encoding", "Content-Type",
}

// checkMessage wants a message of one part that has the headers of a mail and no other, once each, its own
// recipients, and lines that every server passes.
func checkMessage(t testing.TB, c casework.Composed) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(c.Message))
	if err != nil {
		t.Fatalf("the message cannot be read: %v", err)
	}
	if bare := strings.NewReplacer("\r\n", "").Replace(string(c.Message)); strings.ContainsAny(bare, "\r\n\x00") {
		t.Error("the message has a bare CR or LF, or a NUL")
	}
	block, _, _ := strings.Cut(string(c.Message), "\r\n\r\n")
	next := 0
	for l := range strings.SplitSeq(block, "\r\n") {
		if len(l) > 998 || strings.TrimSpace(l) == "" {
			t.Errorf("header line %q", l)
		}
		if l[0] == ' ' {
			continue
		}
		name, _, _ := strings.Cut(l, ":")
		i := slices.Index(headers[next:], name)
		if i < 0 {
			t.Fatalf("header %q is not one of the mail's, or not in its place", l)
		}
		next += i + 1
	}
	for name, values := range m.Header {
		if len(values) != 1 {
			t.Errorf("%s is there %d times", name, len(values))
		}
	}
	var to []string
	for _, field := range []string{"To", "Cc"} {
		list, err := m.Header.AddressList(field)
		if err != nil && m.Header.Get(field) != "" {
			t.Errorf("%s: %v", field, err)
		}
		for _, a := range list {
			to = append(to, a.Address)
		}
	}
	for _, a := range to {
		if !slices.ContainsFunc(c.Recipients, func(r string) bool { return strings.EqualFold(r, a) }) {
			t.Errorf("the header names somebody who is not in the envelope, %v", c.Recipients)
		}
	}
	for _, r := range c.Recipients {
		if !slices.Contains(to, r) {
			t.Errorf("the envelope has somebody who is not in the header, %v", to)
		}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != c.Subject {
		t.Errorf("subject: got %q, %v; want %q", subject, err, c.Subject)
	}
	for l := range strings.SplitSeq(body(t, c.Message), "\r\n") {
		if utf8.RuneCountInString(l) > 78 && strings.Contains(strings.TrimLeft(l, "> -"), " ") {
			t.Errorf("line of %d characters: %q", utf8.RuneCountInString(l), l)
		}
		if strings.Contains(l, "<no value>") || strings.Contains(l, "%!") || strings.HasSuffix(l, " ") {
			t.Errorf("line %q", l)
		}
	}
}

// body returns the decoded text of a message.
func body(t testing.TB, message []byte) string {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// plain is body with its lines joined, as a person reads it.
func plain(t testing.TB, message []byte) string {
	return strings.Join(strings.Fields(body(t, message)), " ")
}
