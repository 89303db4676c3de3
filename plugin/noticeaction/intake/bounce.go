package intake

import (
	"bufio"
	"io"
	"regexp"
	"strings"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// What of a delivery report is read.
const (
	maxReport     = 256 << 10 // bytes of one part
	maxRecipients = 100       // groups of fields
)

// isReport tells whether a message is a delivery report.
func isReport(e *message.Entity) bool {
	_, params, _ := e.Header.ContentType()
	return entityType(e) == "multipart/report" && strings.EqualFold(params["report-type"], "delivery-status")
}

// report is what a delivery report says (RFC 3464, RFC 6533).
type report struct {
	actions  []string // in lower case, one for each recipient
	envelope string   // Original-Envelope-Id
	returned string   // Message-ID of the mail that is returned
}

func (r Reader) readReport(n *store.Notice, e *message.Entity) {
	n.Status = store.Bounce
	var said report
	parts := e.MultipartReader()
	for range maxParts {
		part, _ := parts.NextPart()
		if part == nil {
			break // what was read until a fault counts
		}
		said.read(part)
	}
	id := said.returned
	if id == "" {
		id = messageID(said.envelope)
	}
	n.Report = "unknown"
	for _, action := range said.actions {
		switch action {
		case "failed":
			n.Report = action
		case "delayed", "delivered", "relayed", "expanded":
			if n.Report != "failed" {
				n.Report = action
			}
		}
	}
	switch {
	case n.Report != "failed":
		n.Problem = "expected a report of a failure, got one of action " + n.Report
	case id == "" || r.Ours != nil && !r.Ours(id):
		n.Problem = "expected the Message-ID of a mail of ours in the delivery report"
	default:
		n.Bounced = id
	}
}

func (s *report) read(part *message.Entity) {
	body := io.LimitReader(part.Body, maxReport)
	switch entityType(part) {
	case "message/delivery-status", "message/global-delivery-status":
		br := bufio.NewReader(body)
		for range maxRecipients {
			group, err := textproto.ReadHeader(br)
			if id := group.Get("Original-Envelope-Id"); id != "" && s.envelope == "" {
				s.envelope = id
			}
			if action := group.Get("Action"); action != "" {
				action, _, _ = strings.Cut(action, "(") // a comment
				s.actions = append(s.actions, strings.ToLower(strings.TrimSpace(action)))
			}
			if _, end := br.Peek(1); err != nil || end != nil {
				return
			}
		}
	case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
		h, _ := textproto.ReadHeader(bufio.NewReader(body))
		if s.returned == "" {
			s.returned = messageID(h.Get("Message-Id"))
		}
	}
}

// isOldBounce tells whether a mail that is no delivery report says all the same that one was not delivered, as
// qmail and older servers do.
func isOldBounce(h mail.Header, from sender) bool {
	return h.Has("X-Failed-Recipients") || from.local == "mailer-daemon" || strings.TrimSpace(h.Get("Return-Path")) == "<>" && from.local == "postmaster"
}

// returned finds the fields of a mail that was returned as text.
var returned = regexp.MustCompile(`(?im)^[> \t]*Message-ID:\s*(<[^<>\s]{3,250}>)`)

// readOldBounce looks for the mail in the text, then in what the bounce answers.
func (r Reader) readOldBounce(n *store.Notice, h mail.Header, body []byte) {
	n.Status, n.Report = store.Bounce, "failed"
	if subject := strings.ToLower(n.Subject); strings.Contains(subject, "delayed") || strings.HasPrefix(subject, "warning") {
		n.Report = "delayed"
		n.Problem = "expected a report of a failure, got one of action delayed"
		return
	}
	var ids []string
	for _, m := range returned.FindAllSubmatch(body[:min(len(body), maxReport)], 10) {
		ids = append(ids, string(m[1]))
	}
	ids = append(ids, h.Get("In-Reply-To"))
	if refs := strings.Fields(h.Get("References")); len(refs) > 0 {
		ids = append(ids, refs[len(refs)-1])
	}
	for _, id := range ids {
		if id = messageID(id); id != "" && (r.Ours == nil || r.Ours(id)) {
			n.Bounced = id
			return
		}
	}
	n.Problem = "expected the Message-ID of a mail of ours in the bounce"
}
