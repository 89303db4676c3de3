package casework

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// A message that came in about a case is filed in its timeline and kept as evidence. What it says is for a person
// to read: only the event that a person records, with the message as its evidence, starts a clock.

const (
	actionFile   = "file"
	maxSuggested = 10
	maxUnread    = 50 // messages of a case that nobody has read yet; more are not filed by themselves
	leastRef     = 4  // characters of a reference, of which a shorter one stands in a subject by chance
)

// noticeID is what the id of a message that came in looks like.
var noticeID = regexp.MustCompile(`^N[0-9]{4}-[0-9]{5,}$`)

// errErased says why nothing is filed.
var errErased = &Error{Kind: Conflict, Field: "case", Detail: "expected a case that still has its personal data"}

// place files a message that answers a mail of ours, and notes for another which cases it may be about.
func (b *batch) place(o Order, n *store.Notice) error {
	if n.Status != store.Draft && n.Status != store.Unreadable {
		return nil
	}
	id, err := b.answered(*n)
	if err != nil {
		return err
	}
	if id != "" && n.Status == store.Unreadable {
		unread, err := b.unread(id)
		if err != nil || unread >= maxUnread { // anyone can write into a thread, and is not to fill a timeline
			return errors.Join(err, b.suggest(n, id))
		}
		err = b.file(o, procedure.Actor{Kind: procedure.System, Name: o.Actor}, n, id)
		if refusal := new(Error); !errors.As(err, &refusal) { // nothing of a message is lost by a refusal
			return err
		}
	}
	return b.suggest(n, id)
}

// answered returns the case of the mail of ours that a message answers (RFC 5322 section 3.6.4); empty: none.
func (b *batch) answered(n store.Notice) (string, error) {
	for _, id := range n.References {
		out, ok, err := b.tx.OutgoingByMessageID(id)
		if err != nil || ok {
			return out.Case, err
		}
		thread, ours := strings.CutSuffix(id, "@"+b.policy.Procedure.MailHost)
		if _, ok, err := b.tx.Case(thread); err != nil || ours && ok {
			return thread, err
		}
	}
	return "", nil
}

// suggest notes the cases whose id, reference or names stand in the subject line, besides the one that was answered.
func (b *batch) suggest(n *store.Notice, answered string) error {
	add := func(id string) {
		if id != "" && len(n.Suggested) < maxSuggested && !slices.Contains(n.Suggested, id) {
			n.Suggested = append(n.Suggested, id)
		}
	}
	add(answered)
	for _, word := range strings.FieldsFunc(n.Subject, func(r rune) bool {
		return r != '.' && r != '-' && !unicode.In(r, unicode.L, unicode.M, unicode.N)
	}) {
		if _, ok, err := b.tx.Case(word); err != nil {
			return err
		} else if ok {
			add(word)
		}
		if name, err := canonical(strings.Trim(word, ".")); err == nil {
			id, _ := b.tx.RunningCaseOf(name)
			add(id)
		}
	}
	if len(n.Subject) < leastRef {
		return nil
	}
	for c, err := range b.tx.Cases(store.CaseQuery{Running: true}) {
		if err != nil {
			return err
		}
		if len(c.Notice.Reference) >= leastRef && strings.Contains(n.Subject, c.Notice.Reference) {
			add(c.ID)
		}
	}
	return nil
}

// file puts a message into the timeline of a case.
func (b *batch) file(o Order, by procedure.Actor, n *store.Notice, id string) error {
	c, err := b.openCase(o, id)
	if err != nil {
		return err
	}
	if err := b.personal(id); err != nil {
		return err
	}
	e := procedure.Event{Kind: procedure.File, At: b.now, Actor: by, Evidence: n.ID}
	steps, err := b.policy.Procedure.Rules.Run(c, e, b.now)
	if err != nil {
		return fromProcedure(err)
	}
	plan, err := b.plan(o, steps, nil, false)
	if err != nil {
		return err
	}
	n.Status, n.Case, n.Suggested = store.Filed, id, nil
	return b.keepCase(plan)
}

// unread returns how many messages about a case nobody has seen to yet.
func (b *batch) unread(id string) (int, error) {
	n := 0
	for t, err := range b.tx.Tasks(store.TaskQuery{Open: true, Case: id}) {
		if err != nil {
			return n, err
		}
		if t.Kind == store.TaskNotice {
			n++
		}
	}
	return n, nil
}

// personal refuses a case that was erased.
func (b *batch) personal(id string) error {
	events, err := b.tx.CaseEvents(id)
	if err == nil && len(events) > 0 && events[0].Erased {
		err = errErased
	}
	return err
}

// FileNotice says which case a message that came in is about. It is put into the timeline of the case; one that
// was filed in another stays in that timeline too. The refusal is an *Error of kind Invalid, NotFound, Conflict
// when it was decided on or the case was erased, or Unavailable.
func (d *Desk) FileNotice(ctx context.Context, o Order, id, caseID string) (n store.Notice, err error) {
	if err := checkOrder(o); err != nil {
		return n, err
	}
	if err := o.registryOnly("messages that came in"); err != nil {
		return n, err
	}
	err = d.do(ctx, &operation{alone: true, dry: o.DryRun, run: func(b *batch) error {
		if n, err = noticeOf(b.tx, id); err != nil {
			return err
		}
		filed := n.Status == store.Filed && n.Case == caseID
		if !n.Decided.IsZero() || filed || n.Status == store.Bounce && n.Case != "" {
			return &Error{Kind: Conflict, Field: "id", Value: id, Detail: fmt.Sprintf("expected a message that waits for a decision, and that is not filed there; this one is %s", n.Status)}
		}
		if err := b.file(o, o.actor(), &n, caseID); err != nil {
			return err
		}
		if err := b.closeNoticeTasks(n.ID, o.Actor); err != nil {
			return err
		}
		if err := b.raise(store.Task{Kind: store.TaskNotice, Notice: n.ID, Case: n.Case, Detail: asks(&n)}); err != nil {
			return err
		}
		if err := b.tx.PutNotice(n); err != nil {
			return err
		}
		return b.tx.Append(store.Entry{
			Time: b.now, Generation: b.tx.Generation(), Actor: o.Actor, Action: actionFile, Case: n.Case, Reason: "notice " + n.ID, Record: n.SHA256,
		})
	}})
	return n, err
}

// takeUp fills in, for an event whose evidence is a message that came in, what the message says of itself: the
// holder's word is from when it came in (4(a) para. 9), and says what it says.
func (b *batch) takeUp(w *caseWork, e *procedure.Event) error {
	n, ok, err := b.tx.Notice(e.Evidence)
	if err != nil || w.order.Authority != "" { // to whom the evidence is a text like any other
		return err
	}
	if !ok {
		if noticeID.MatchString(e.Evidence) {
			return &Error{Kind: Invalid, Field: "evidence", Value: e.Evidence, Detail: "expected the id of a message that came in; there is none of this id"}
		}
		return nil
	}
	if n.Status == store.Filed && n.Case != w.id {
		return &Error{Kind: Conflict, Field: "evidence", Value: n.ID, Detail: "expected a message about this case; " + n.ID + " is filed in case " + n.Case}
	}
	if e.Kind != procedure.Claim && e.Kind != procedure.Word || n.Erased {
		return nil
	}
	if e.At.IsZero() && n.Received.Before(b.now) {
		e.At = n.Received
	}
	if e.Text == "" {
		e.Text = n.Text
	}
	return nil
}

// tookUp notes that an event was recorded from a message, which nobody needs to see to any more.
func (b *batch) tookUp(w *caseWork) error {
	n, ok, err := b.tx.Notice(w.event.Evidence)
	waits := n.Status == store.Filed || n.Status == store.Draft || n.Status == store.Unreadable
	if err != nil || !ok || !waits || !n.Decided.IsZero() || w.order.Authority != "" {
		return err
	}
	n.Status, n.Case, n.Suggested = store.Filed, w.id, nil
	return b.decideNotice(&n, w.order.Actor)
}
