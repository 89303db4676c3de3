package casework

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const (
	actionReceive = "receive"
	actionDiscard = "discard"

	maxMessage = 16 << 20 // bytes
)

// Receive keeps a message that came in by mail, as it was read, and opens a task for it. The same message
// again is the notice that it was. A delivery report marks the mail of ours that it is about. The refusal is
// an *Error of kind Invalid or Unavailable.
func (d *Desk) Receive(ctx context.Context, o Order, n store.Notice, message []byte) (store.Notice, error) {
	if err := checkOrder(o); err != nil {
		return n, err
	}
	if len(message) == 0 || len(message) > maxMessage {
		return n, &Error{Kind: Invalid, Field: "body", Detail: fmt.Sprintf("expected a message of 1 to %d bytes, got %d", maxMessage, len(message))}
	}
	sum := sha256.Sum256(message)
	n.SHA256, n.Size = hex.EncodeToString(sum[:]), len(message)
	err := d.do(ctx, &operation{alone: true, dry: o.DryRun, run: func(b *batch) error { return b.receive(o, &n, message) }})
	return n, err
}

func (b *batch) receive(o Order, n *store.Notice, message []byte) error {
	if old, ok, err := b.tx.NoticeBySum(n.SHA256); err != nil || ok {
		if ok {
			*n = old
		}
		return err
	}
	if n.Received.IsZero() {
		n.Received = b.now
	}
	n.ID, n.Received = b.tx.NextNoticeID(yearOf(b.now)), wholeSecond(n.Received)
	if n.Status == store.Bounce {
		if err := b.bounced(n); err != nil {
			return err
		}
	}
	if err := b.place(o, n); err != nil {
		return err
	}
	if err := b.tx.PutNotice(*n); err != nil {
		return err
	}
	if err := b.tx.PutEvidence(n.ID, message); err != nil {
		return err
	}
	b.touched = true
	if detail := asks(n); detail != "" {
		if err := b.raise(store.Task{Kind: store.TaskNotice, Notice: n.ID, Case: n.Case, Detail: detail}); err != nil {
			return err
		}
	}
	return b.tx.Append(store.Entry{
		Time: b.now, Generation: b.tx.Generation(), Actor: o.Actor, Action: actionReceive,
		Case: n.Case, Kind: string(n.Status), Reason: "notice " + n.ID, Record: n.SHA256,
	})
}

// asks says what a person is to do with a message that came in; nothing when it is about a mail that is
// marked itself.
func asks(n *store.Notice) string {
	perhaps := ""
	if len(n.Suggested) > 0 {
		perhaps = "; it may be about case " + strings.Join(n.Suggested, " or ")
	}
	switch {
	case n.Status == store.Filed:
		return "message " + n.ID + " came in about case " + n.Case + "; read it, and record what it says with it as evidence, or discard it"
	case n.Status == store.Draft:
		return "notice " + n.ID + " was read; complete and confirm it, or discard it" + perhaps
	case n.Status == store.Unreadable:
		return "message " + n.ID + " could not be read as a notice; read it, and open a case for it, file it or discard it" + perhaps
	case n.Status == store.Bounce && n.Case == "" && (n.Bounced != "" || n.Report == "failed"):
		return "message " + n.ID + " reports a mail that is not known here as undelivered; read it"
	case n.Status == store.Bounce && n.Case == "" && n.Report == "unknown":
		return "message " + n.ID + " reports on a mail, and what it reports could not be read; read it"
	}
	return ""
}

// bounced marks the mail that a delivery report is about. One that has not left cannot have come back: who
// forges a report must not keep a mail from leaving.
func (b *batch) bounced(n *store.Notice) error {
	if n.Bounced == "" {
		return nil
	}
	out, ok, err := b.tx.OutgoingByMessageID(n.Bounced)
	if err != nil || !ok {
		return err
	}
	n.Case = out.Case
	if out.Status != store.Sent {
		return b.raise(store.Task{Kind: store.TaskNotice, Case: out.Case, Notice: n.ID, Detail: fmt.Sprintf("message %s reports %s as undelivered, which is %s; read it", n.ID, what(out), out.Status)})
	}
	out.Status = store.Bounced
	if err := b.tx.PutOutgoing(out); err != nil {
		return err
	}
	return b.raise(store.Task{Kind: store.TaskMail, Case: out.Case, Outgoing: out.ID, Notice: n.ID, Detail: what(out) + " came back; see message " + n.ID})
}

// usable refuses a notice that became a case, or cannot become one.
func (b *batch) usable(id string) error {
	n, ok, err := b.tx.Notice(id)
	switch {
	case err != nil:
		return err
	case !ok:
		return &Error{Kind: Invalid, Field: "message", Value: Clip(id), Detail: "expected the id of a message that came in, such as N2026-00001"}
	case !n.Decided.IsZero() || n.Status == store.Bounce: // one that was filed may be a notice all the same
		return &Error{Kind: Conflict, Field: "message", Value: id, Detail: fmt.Sprintf("expected a message that waits for a decision; this one is %s", n.Status)}
	}
	return nil
}

// useNotice notes that a case was opened from a message.
func (b *batch) useNotice(w *caseWork) error {
	n, _, err := b.tx.Notice(w.event.Evidence)
	if err != nil {
		return err
	}
	n.Status, n.Case = store.Opened, w.id
	return b.decideNotice(&n, w.order.Actor)
}

func (b *batch) decideNotice(n *store.Notice, by string) error {
	b.touched = true
	n.Decided, n.DecidedBy = b.now, by
	if err := b.closeNoticeTasks(n.ID, by); err != nil {
		return err
	}
	return b.tx.PutNotice(*n)
}

func (b *batch) closeNoticeTasks(id, by string) error {
	var tasks []store.Task
	for t, err := range b.tx.Tasks(store.TaskQuery{Open: true}) {
		if err != nil {
			return err
		}
		if t.Notice == id && t.Kind == store.TaskNotice {
			tasks = append(tasks, t)
		}
	}
	for i := range tasks {
		if err := b.closeTask(&tasks[i], by); err != nil {
			return err
		}
	}
	return nil
}

// DiscardNotice decides that a message becomes no case, for a reason of 1 to 2000 characters. The refusal is
// an *Error of kind Invalid, NotFound, Conflict when it was decided on, or Unavailable.
func (d *Desk) DiscardNotice(ctx context.Context, o Order, id, reason string) (n store.Notice, err error) {
	if err := checkOrder(o); err != nil {
		return n, err
	}
	if err := o.registryOnly("messages that came in"); err != nil {
		return n, err
	}
	if err := checkText("reason", reason, 1, maxNote, true); err != nil {
		return n, err
	}
	err = d.do(ctx, &operation{alone: true, dry: o.DryRun, run: func(b *batch) error {
		if n, err = noticeOf(b.tx, id); err != nil {
			return err
		}
		if !n.Decided.IsZero() {
			return &Error{Kind: Conflict, Field: "id", Value: id, Detail: fmt.Sprintf("expected a message that waits for a decision; this one is %s", n.Status)}
		}
		n.Status, n.Reason = store.Discarded, reason
		if err := b.decideNotice(&n, o.Actor); err != nil {
			return err
		}
		return b.tx.Append(store.Entry{
			Time: b.now, Generation: b.tx.Generation(), Actor: o.Actor, Action: actionDiscard, Reason: "notice " + n.ID, Record: n.SHA256,
		})
	}})
	return n, err
}

func noticeOf(tx *store.Tx, id string) (store.Notice, error) {
	n, ok, err := tx.Notice(id)
	if err == nil && !ok {
		err = &Error{Kind: NotFound, Field: "id", Value: Clip(id), Detail: "expected the id of a message that came in, such as N2026-00001"}
	}
	return n, err
}

// Notice returns a message that came in. The refusal is an *Error of kind NotFound, Forbidden or Unavailable.
func (d *Desk) Notice(o Order, id string) (r NoticeResult, err error) {
	if err := o.registryOnly("messages that came in"); err != nil {
		return r, err
	}
	err = d.view(func(tx *store.Tx) error {
		r.Notice, err = noticeOf(tx, id)
		r.Message = tx.Evidence(id)
		return err
	})
	return r, err
}

// Notices returns messages that came in, oldest first, and what to put in After for the next page; empty at
// the end.
func (d *Desk) Notices(o Order, q store.NoticeQuery, limit int) (all []store.Notice, next string, err error) {
	if err := o.registryOnly("messages that came in"); err != nil {
		return nil, "", err
	}
	err = d.view(func(tx *store.Tx) error {
		all, next, err = page(tx.Notices(q), limit, func(n store.Notice) string { return n.ID }, func(store.Notice) bool { return true })
		return err
	})
	return all, next, err
}

// eraseNotices erases the messages that were decided on before a time and became no case.
func (b *batch) eraseNotices(before time.Time) error {
	var old []string
	for n, err := range b.tx.Notices(store.NoticeQuery{}) {
		if err != nil {
			return err
		}
		done := n.Status == store.Discarded && n.Decided.Before(before) || n.Status == store.Bounce && n.Case == "" && n.Received.Before(before)
		if done && !n.Erased {
			old = append(old, n.ID)
		}
	}
	slices.Sort(old)
	for _, id := range old {
		b.touched = true
		if err := b.tx.EraseNotice(id); err != nil {
			return err
		}
	}
	return nil
}
