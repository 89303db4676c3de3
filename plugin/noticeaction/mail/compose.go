package mail

import (
	"bufio"
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"github.com/emersion/go-message/textproto"
	gomail "github.com/wneessen/go-mail"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/authority"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

// Composer writes the mails of the procedure. It is a plain value; any number of goroutines may use it.
type Composer struct {
	From      mail.Address // the mailbox of the procedure, to which answers go; the name may be empty
	Registry  string       // as "DNS Belgium"
	Contact   []string     // lines that say how to reach the registry otherwise; may be none
	Host      string       // domain part of a Message-ID, for those that have none
	Directory *authority.Directory
}

// Compose writes the mail that the effect of the letter asks for. The error is a [*procedure.InvalidError] when
// an address, or the language, of the case cannot be used; all of them are used by the mails of an approval, so
// that a case that was approved has none. Any other error says that the letter makes no sense.
func (c Composer) Compose(l casework.Letter) (casework.Composed, error) {
	script, err := scriptOf(l.Effect)
	if err != nil {
		return casework.Composed{}, err
	}
	languages := script.languages
	if languages == nil {
		languages = []string{l.Case.Parties.Language}
	}
	text, err := c.render(script, languages, l)
	if err != nil {
		return casework.Composed{}, err
	}
	to, err := c.recipients(l, l.Effect.To)
	if err != nil {
		return casework.Composed{}, err
	}
	cc, err := c.recipients(l, l.Effect.Copy)
	if err != nil {
		return casework.Composed{}, err
	}
	id, err := c.messageID(l.MessageID)
	if err != nil {
		return casework.Composed{}, err
	}
	composed := casework.Composed{
		Recipients: envelope(to, cc),
		Language:   languages[0],
		Subject:    text.subject,
	}
	from, err := address("mail_from", procedure.Contact{Name: c.From.Name, Email: c.From.Address})
	if err != nil {
		return casework.Composed{}, err
	}

	// Nothing may be left to go-mail that it takes from the machine, the clock or chance: it fills in a
	// Date, a Message-ID and a User-Agent. A message of one part has no boundary.
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP))
	m.FromMailAddress(from)
	m.ToMailAddress(to...)
	if len(cc) > 0 {
		m.CcMailAddress(cc...)
	}
	m.Subject(encode(composed.Subject))
	m.SetDateWithValue(l.At.In(brussels))
	m.SetMessageIDWithValue(id)
	if thread, err := c.messageID(l.Case.ID); err == nil {
		m.SetGenHeader(gomail.HeaderReferences, "<"+thread+">") // keeps the mails of a case together
	}
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	m.SetGenHeader(gomail.HeaderContentLang, strings.Join(languages, ", "))
	m.SetBodyString(gomail.TypeTextPlain, text.body)

	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return casework.Composed{}, fmt.Errorf("writing the mail: %w", err)
	}
	composed.Message = b.Bytes()
	return composed, nil
}

// Readdress has a mail that Compose wrote go to the addresses that the case of the letter has now, and returns
// them with the message. Its words, date and Message-ID stay. The errors are those of Compose.
func (c Composer) Readdress(l casework.Letter, message []byte) (casework.Composed, error) {
	to, err := c.recipients(l, l.Effect.To)
	if err != nil {
		return casework.Composed{}, err
	}
	cc, err := c.recipients(l, l.Effect.Copy)
	if err != nil {
		return casework.Composed{}, err
	}
	r := bufio.NewReader(bytes.NewReader(message))
	h, err := textproto.ReadHeader(r)
	if err != nil {
		return casework.Composed{}, fmt.Errorf("reading the header of a mail: %w", err)
	}
	h, err = withAddresses(h, map[string][]*mail.Address{"To": to, "Cc": cc})
	if err != nil {
		return casework.Composed{}, fmt.Errorf("reading the header of a mail: %w", err)
	}
	var b bytes.Buffer
	if err := textproto.WriteHeader(&b, h); err != nil {
		return casework.Composed{}, fmt.Errorf("writing the mail: %w", err)
	}
	if _, err := r.WriteTo(&b); err != nil {
		return casework.Composed{}, fmt.Errorf("writing the mail: %w", err)
	}
	return casework.Composed{Recipients: envelope(to, cc), Message: b.Bytes()}, nil
}

// withAddresses returns the header with other addresses in the fields by their names, each in its place.
func withAddresses(h textproto.Header, by map[string][]*mail.Address) (textproto.Header, error) {
	var all []func(*textproto.Header)
	for fields := h.Fields(); fields.Next(); {
		key := fields.Key()
		raw, err := fields.Raw()
		if err != nil {
			return h, err
		}
		all = append(all, func(h *textproto.Header) {
			if addresses := by[key]; len(addresses) > 0 {
				h.Add(key, list(addresses))
				return
			}
			h.AddRaw(raw)
		})
	}
	var other textproto.Header
	for _, add := range slices.Backward(all) { // each goes before those that are there
		add(&other)
	}
	return other, nil
}

// list writes addresses as a field has them (RFC 5322 section 3.4).
func list(all []*mail.Address) string {
	var text []string
	for _, a := range all {
		text = append(text, a.String())
	}
	return strings.Join(text, ", ")
}

// recipients returns whom a role stands for; none for no role.
func (c Composer) recipients(l casework.Letter, role procedure.Role) ([]*mail.Address, error) {
	var all []*mail.Address
	add := func(field string, contact procedure.Contact) error {
		a, err := address(field, contact)
		all = append(all, a)
		return err
	}
	switch role {
	case procedure.ToHolder:
		return all, add("parties.holder.email", l.Case.Parties.Holder)
	case procedure.ToRegistrar:
		return all, add("parties.sites.registrar.email", l.Case.Parties.Site(l.Effect.Names[0]).Registrar)
	case procedure.ToAuthority:
		if err := add("notice.inspector.email", l.Case.Notice.Inspector); err != nil {
			return nil, err
		}
		a, _ := c.Directory.Find(l.Case.Notice.Authority)
		for _, email := range a.MailFor(l.Case.Notice.Office) {
			if strings.EqualFold(email, l.Case.Notice.Inspector.Email) {
				continue
			}
			if err := add("authorities.mail", procedure.Contact{Email: email}); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// envelope returns each address once.
func envelope(lists ...[]*mail.Address) []string {
	var all []string
	for _, a := range slices.Concat(lists...) {
		if !slices.ContainsFunc(all, func(s string) bool { return strings.EqualFold(s, a.Address) }) {
			all = append(all, a.Address)
		}
	}
	return all
}
