package mail

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/email"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

// address returns the mailbox of a contact, its domain in A-labels.
func address(field string, c procedure.Contact) (*mail.Address, error) {
	canonical, err := email.Canonical(c.Email)
	if err != nil {
		return nil, &procedure.InvalidError{Field: field, Detail: err.Error()}
	}
	return &mail.Address{Name: line(c.Name), Address: canonical}, nil
}

// path returns the address as it stands in an SMTP command (RFC 5321 section 4.1.2), with angle brackets, and
// its local part quoted where that is needed. The error does not repeat the address.
func path(address string) (string, error) {
	s := (&mail.Address{Address: address}).String()
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != address || len(s) > 256 || strings.ContainsAny(s, "\r\n") {
		return "", fmt.Errorf("expected an address as local@domain")
	}
	return s, nil
}

// messageID returns the content of a Message-ID header: id, with the domain if it has none.
func (c Composer) messageID(id string) (string, error) {
	if !strings.Contains(id, "@") {
		id += "@" + c.Host
	}
	local, domain, _ := strings.Cut(id, "@")
	if !dotAtom(local) || !dotAtom(domain) || len(id) > 250 {
		return "", fmt.Errorf("composing a mail: expected a Message-ID as local@domain, got %.100q", id)
	}
	return id, nil
}

// dotAtom tells whether s is one by RFC 5322 section 3.2.3.
func dotAtom(s string) bool {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	}
	return !slices.ContainsFunc(strings.Split(s, "."), func(atom string) bool { return atom == "" || strings.ContainsFunc(atom, other) })
}
