// Package intake takes the mail of the notice and action mailbox: it listens for it over SMTP or LMTP, and
// reads what is in it. Articles in this package are those of the protocol between DNS Belgium and the Data
// Protection Authority of 1 December 2020.
//
// What a message is:
//
//   - A draft of a notice, when the lines of its body say at least two of the items of Art. 4(b), or when an
//     authority's domain sent it afresh with a domain name in the subject line (4(a) para. 1). A person
//     completes and confirms it. It names the authority only when S/MIME or an aligned DKIM signature proves
//     the sender.
//   - A bounce, when it is a delivery report (RFC 3464, or the prose of older servers). Bounced is set only
//     when the delivery failed for good; a report of a delay, a relay or a delivery is a bounce without it,
//     and its Problem says which.
//   - Unreadable, when it is neither: its Problem says what was expected, and a person reads it. Which messages it
//     answers is noted, for the case to be found that it is about.
//
// The names of a draft are those of the subject line. When the body lists others the Problem says so, and
// theirs are left out: the person who confirms sees both.
//
// The body is read as lines of "LABEL: value" in nl, fr, de or en; the labels are in labels.go. A value goes
// on in lines that are indented or begin with "-", "*" or "•", or in the next line when its own is empty.
// Provisions are such lines or separated by ";", and go on up to an empty line. A date is 2026-05-12,
// 12/5/2026, 12.5.2026 or written out. The confirmations are "yes" or "I confirm ...", and what that is in
// the other languages. Quoted lines (">") and what follows "-- " are not read, nor are attachments.
//
// The package refuses to decide: it opens no case, marks no mail, answers no one. It is no mail server
// either: it stands behind one that filters and queues, and takes mail only for its mailboxes.
package intake

import (
	"bytes"
	"context"
	"crypto/x509"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // beyond UTF-8
	"github.com/emersion/go-message/mail"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// MaxMessage is the size of the largest message that is read, in bytes.
const MaxMessage = 10 << 20

// What a message may hold. Beyond it the message is unreadable, or the rest of it is not read.
const (
	maxHeader      = 128 << 10 // bytes; what a header costs grows faster than its size
	maxHeaderLines = 2000
	maxDepth       = 8 // of parts within parts
	maxParts       = 200
	maxText        = 1 << 20 // bytes of text that are read
	maxLines       = 10000
	maxEntries     = 200 // lines of one item
	maxLine        = 500 // characters of one item, as in procedure
	maxEmail       = 320
	maxNames       = 100
	maxProvisions  = 50
	maxShown       = 32 << 10 // bytes of the text that is kept besides the message
	maxReferences  = 50       // Message-IDs that a message answers
)

// Reader reads messages. It may be used concurrently, as long as its functions may.
type Reader struct {
	// Zones are those that are served, as "be"; only names one label below them are domain names.
	Zones []string
	// OfDomain returns the id of the authority that sends from a mail domain, in lower case; nil: none does.
	OfDomain func(domain string) (id string, ok bool)
	// LookupTXT finds the keys of DKIM. An error that is a temporary net.Error makes the result temporary.
	// nil: DKIM is not checked.
	LookupTXT func(ctx context.Context, name string) ([]string, error)
	// Roots are those that issue certificates for S/MIME; nil: no signature is valid.
	Roots *x509.CertPool
	// Ours tells whether a Message-ID, without angle brackets, is that of a mail of ours; nil: any may be.
	Ours func(messageID string) bool
}

// Read tells what a message is. It never fails: what it cannot read is [store.Unreadable]. The message may have
// CRLF or LF at the ends of its lines. The notice lacks its ID, Via, SHA256 and Size. ctx bounds the look-ups of
// DKIM, which take 10 seconds at most.
func (r Reader) Read(ctx context.Context, message []byte, received time.Time) (n store.Notice) {
	defer func() {
		// Mail comes from anyone, and must not stop a name server whatever it makes a decoder do.
		if recover() != nil {
			n = blank(received)
			n.Problem = "expected a message that can be decoded"
		}
	}()
	return r.read(ctx, message, received)
}

func blank(received time.Time) store.Notice {
	return store.Notice{Received: received.UTC().Truncate(time.Second), Status: store.Unreadable, SMIME: "none"}
}

func (r Reader) read(ctx context.Context, raw []byte, received time.Time) store.Notice {
	n := blank(received)
	if len(raw) > MaxMessage {
		n.Problem = "expected a message of at most 10 MiB"
		return n
	}
	raw = crlf(raw)
	header, body, problem := cutHeader(raw)
	if problem != "" {
		n.Problem = problem
		return n
	}
	entity, _ := message.Read(bytes.NewReader(raw)) // its error quotes the message
	if entity == nil {
		n.Problem = "expected a header as in RFC 5322"
		return n
	}
	m := mail.Header{Header: entity.Header}
	sender := senderOf(m)
	n.From, n.Subject, n.MessageID = sender.shown, line(text(m.Header, "Subject"), maxLine), messageID(m.Get("Message-Id"))

	n.References = references(m)
	checks := r.checkDKIM(ctx, header, body)
	n.DKIM = results(checks)
	content, signed := r.unwrap(entity, body, sender.email, received)
	n.SMIME = signed.String()
	proven := sender.single && (signed.valid || once(m, "Subject") && aligned(checks, sender.domain))

	switch {
	case isReport(entity):
		r.readReport(&n, entity)
	case isOldBounce(m, sender):
		r.readOldBounce(&n, m, body)
	case strings.HasPrefix(strings.ToLower(m.Get("Auto-Submitted")), "auto-replied"):
		n.Problem = "expected a mail that a person wrote, got an automatic reply (RFC 3834)"
		n.Text = r.formOf(content, new(problems)).text
	case signed.encrypted || entityType(entity) == "multipart/encrypted":
		n.Problem = "expected a message that is not encrypted"
	default:
		r.readNotice(&n, read{sender: sender, reply: m.Has("In-Reply-To") || m.Has("References"), signed: signed, proven: proven}, content)
	}
	return n
}

// read is what is known of a message before its text.
type read struct {
	sender sender
	reply  bool
	signed signed
	proven bool
}

// readNotice makes a draft of the message if it is one.
func (r Reader) readNotice(n *store.Notice, m read, content *message.Entity) {
	var p problems
	form := r.formOf(content, &p)
	n.Text = form.text
	names := r.names(n.Subject, &p)
	authority, known := "", false
	if r.OfDomain != nil && m.sender.domain != "" {
		authority, known = r.OfDomain(m.sender.domain)
	}
	if form.items < 2 && (len(names) == 0 || !known || m.reply) {
		if len(names) == 0 {
			p.add("expected the domain name in the subject line")
		}
		p.add("expected the items of Art. 4(b) as lines of LABEL: value")
		n.Problem = p.String()
		return
	}
	switch {
	case !m.sender.single:
		p.add("expected one From line with one address")
	case !known:
		p.add("expected a sender at a mail domain of an authority")
	case !m.proven:
		p.add("expected a DKIM or S/MIME signature that proves the sender")
	}
	if len(names) == 0 {
		p.add("expected the domain names in the subject line")
	}
	if len(names) > 0 && !sameNames(names, form.names) {
		p.add("expected the domain names of the subject line, and no others, in the body")
	}
	n.Status, n.Draft = store.Draft, form.notice(names)
	if known && m.proven {
		n.Draft.Authority = authority
	}
	if m.signed.valid {
		n.Draft.Signature = line("S/MIME, valid: "+m.signed.name, maxLine)
	}
	n.Missing, n.Problem = n.Draft.Missing(), p.String()
}

// notice returns what the form says, about these names.
func (f form) notice(names []string) procedure.Notice {
	return procedure.Notice{
		Inspector: procedure.Contact{Name: f.inspector, Email: f.email}, Office: f.office,
		Names: names, Provisions: f.provisions, Reference: f.reference,
		Signed: f.signed, Signature: f.signature, Competent: f.competent, Found: f.found,
	}
}
