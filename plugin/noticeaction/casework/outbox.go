package casework

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const (
	actionRetry = "retry"
	firstRetry  = time.Minute
	lastRetry   = time.Hour // between two attempts
	maxAttempts = 126       // about five days
	slowAfter   = 6         // attempts, about an hour, after which a person is told
)

var zeroTime time.Time

// Deliver hands what is due in the outbox to send, one after the other, until ctx is done. What is handed
// over is marked before and after. When nobody marked it after, because the program ended in between, it is handed over
// again, marked as Resent: a mail has the same Message-ID then, an order the same id, by which the other side
// can tell. An error of send is tried again with growing pauses, for about five days; not if it has a method
// Permanent() bool that says so. Each kind wants exactly one Deliver.
func (d *Desk) Deliver(ctx context.Context, kind store.OutgoingKind, send func(context.Context, Leaving) error) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for ctx.Err() == nil {
		l, wait, err := d.take(ctx, kind)
		if err == nil && l != nil {
			failure := send(ctx, *l)
			if ctx.Err() != nil && errors.Is(failure, context.Canceled) {
				return // cut off: as after a crash, nobody knows whether the other side has it
			}
			err = d.delivered(context.WithoutCancel(ctx), *l, failure)
			wait = 0
		}
		if err != nil {
			wait = maxBackoff // the writer has told of it
		}
		if wait == 0 {
			continue
		}
		pause.Reset(wait)
		select {
		case <-pause.C:
		case <-d.outbox[kind]:
		case <-ctx.Done():
		}
	}
}

// take returns what is due and marks it as being sent; or how long to wait.
func (d *Desk) take(ctx context.Context, kind store.OutgoingKind) (l *Leaving, wait time.Duration, err error) {
	var next store.Outgoing
	var ok bool
	err = d.view(func(tx *store.Tx) (err error) {
		next, ok, err = tx.NextOutgoing(kind)
		return err
	})
	if err != nil || !ok {
		return nil, maxWait, err
	}
	if wait := next.Next.Sub(d.now()); wait > 0 {
		return nil, min(wait, maxWait), nil
	}
	err = d.do(ctx, &operation{run: func(b *batch) error {
		now, ok, err := b.tx.Outgoing(next.ID)
		if err != nil || !ok || now.Status != store.Queued && now.Status != store.Sending {
			return err
		}
		c, _, err := b.tx.Case(now.Case)
		if err != nil {
			return err
		}
		if err := b.narrow(c, &now); err != nil || now.Status == store.Withdrawn {
			return err
		}
		if on, err := b.catchUp(c, &now); err != nil || !on {
			return err
		}
		now.Resent = now.Resent || now.Status == store.Sending
		now.Status = store.Sending
		now.Attempts++
		b.touched = true
		if err := b.tx.PutOutgoing(now); err != nil {
			return err
		}
		l = &Leaving{Outgoing: now, Payload: b.tx.Payload(now.ID)}
		return nil
	}})
	return l, 0, err
}

// delivered marks the outcome of an attempt.
func (d *Desk) delivered(ctx context.Context, l Leaving, failure error) error {
	return d.do(ctx, &operation{run: func(b *batch) error {
		out, ok, err := b.tx.Outgoing(l.ID)
		if err != nil || !ok || out.Status != store.Sending {
			return err
		}
		b.touched = true
		if failure == nil {
			out.Status, out.Sent, out.Next, out.Error = store.Sent, b.now, zeroTime, ""
			if err := b.closeAbout(out); err != nil {
				return err
			}
			return b.tx.PutOutgoing(out)
		}
		return b.retry(out, failure)
	}})
}

// retry says when something that could not be delivered is tried again, if it is.
func (b *batch) retry(out store.Outgoing, failure error) error {
	out.Error = clipTo(failure.Error(), maxNote)
	var lasting interface{ Permanent() bool }
	if errors.As(failure, &lasting) && lasting.Permanent() || out.Attempts >= maxAttempts {
		return b.fail(out, fmt.Sprintf("%s could not be delivered after %d attempts", what(out), out.Attempts))
	}
	pause := min(firstRetry<<min(out.Attempts-1, 10), lastRetry)
	var asked interface{ RetryAfter() time.Duration }
	if errors.As(failure, &asked) {
		pause = min(max(pause, asked.RetryAfter()), 24*time.Hour)
	}
	out.Status, out.Next = store.Queued, b.now.Add(pause)
	if err := b.holdBack(out); err != nil {
		return err
	}
	if out.Attempts == slowAfter {
		if err := b.raise(store.Task{Kind: taskAbout(out), Case: out.Case, Outgoing: out.ID, Detail: what(out) + " could not be delivered yet; attempts go on"}); err != nil {
			return err
		}
	}
	return b.tx.PutOutgoing(out)
}

// fail gives up an attempt, and the orders of the case behind it: cancelling a name that could not be
// attached to the temporary account would be wrong.
func (b *batch) fail(out store.Outgoing, why string) error {
	out.Status, out.Next = store.Failed, zeroTime
	if err := b.tx.PutOutgoing(out); err != nil {
		return err
	}
	if err := b.raise(store.Task{Kind: taskAbout(out), Case: out.Case, Outgoing: out.ID, Detail: why}); err != nil || out.Kind != store.Order {
		return err
	}
	behind, err := b.behind(out)
	for i := 0; i < len(behind) && err == nil; i++ {
		behind[i].Status, behind[i].Next = store.Failed, zeroTime
		behind[i].Error = fmt.Sprintf("not tried, as the order %s before it failed", out.Order)
		if err = b.tx.PutOutgoing(behind[i]); err == nil {
			err = b.raise(store.Task{Kind: store.TaskOrder, Case: out.Case, Outgoing: behind[i].ID, Detail: what(behind[i]) + " waits for the one before it"})
		}
	}
	return err
}

// Retry has something that failed or bounced sent again; a mail that could not be written is written now. The refusal is an *Error of kind Invalid, NotFound,
// Conflict when it is in another state, or Unavailable.
func (d *Desk) Retry(ctx context.Context, o Order, id uint64) (out store.Outgoing, err error) {
	if err := checkOrder(o); err != nil {
		return out, err
	}
	if err := o.registryOnly("what leaves"); err != nil {
		return out, err
	}
	err = d.do(ctx, &operation{alone: true, dry: o.DryRun, run: func(b *batch) error {
		var ok bool
		if out, ok, err = b.tx.Outgoing(id); err != nil {
			return err
		}
		if !ok {
			return noOutgoing()
		}
		again := out.Status == store.Failed || out.Status == store.Bounced || out.Status == store.Manual && b.policy.Procedure.OrdersLeave
		if !again {
			return &Error{Kind: Conflict, Field: "id", Detail: fmt.Sprintf("expected something that failed or bounced; this is %s", out.Status)}
		}
		if err := b.writeFor(&out); err != nil {
			return err
		}
		out.Status, out.Next, out.Attempts, out.Error = store.Queued, b.now, 0, ""
		b.touched, b.leaves = true, append(b.leaves, out.Kind)
		if err := b.closeAbout(out); err != nil {
			return err
		}
		if err := b.tx.PutOutgoing(out); err != nil {
			return err
		}
		return b.tx.Append(store.Entry{Time: b.now, Generation: b.tx.Generation(), Actor: o.Actor, Action: actionRetry, Case: out.Case, Event: out.Event, Kind: string(out.Kind)})
	}})
	return out, err
}

// writeFor has what is tried again say what it is to say, to the addresses of now.
func (b *batch) writeFor(out *store.Outgoing) error {
	if len(b.tx.Payload(out.ID)) == 0 {
		return b.writeAgain(out)
	}
	c, _, err := b.tx.Case(out.Case)
	if err != nil {
		return err
	}
	return b.readdress(c, out)
}

// writeAgain writes a mail that could not be written when its event was recorded: from the case as it was then,
// to the addresses of now.
func (b *batch) writeAgain(out *store.Outgoing) error {
	now, _, err := b.tx.Case(out.Case)
	if err != nil {
		return err
	}
	c := now
	if out.About != nil {
		c = *out.About
		c.Parties = now.Parties
	}
	events, err := b.tx.CaseEvents(out.Case)
	if err != nil {
		return err
	}
	e, i, ok := askedBy(events, *out)
	if !ok {
		return &Error{Kind: Conflict, Field: "id", Detail: "expected a message whose case still has its personal data"}
	}
	event := events[out.Event-1]
	id := b.messageID(c.ID, event.Number, i)
	composed, err := b.compose(&casePlan{c: c}, procedure.Step{Event: event.Event, Case: c}, e, id)
	if err != nil {
		return &Error{Kind: Unavailable, Detail: "the mail still could not be written", Err: err}
	}
	out.About, out.MessageID, out.Recipients, out.Language, out.Subject = nil, id, composed.Recipients, composed.Language, composed.Subject
	return b.tx.PutPayload(out.ID, composed.Message)
}

// closeAbout closes the tasks about something that leaves after all.
func (b *batch) closeAbout(out store.Outgoing) error {
	var about []store.Task
	for t, err := range b.tx.Tasks(store.TaskQuery{Open: true, Case: out.Case}) {
		if err != nil {
			return err
		}
		if t.Outgoing == out.ID {
			about = append(about, t)
		}
	}
	for i := range about {
		if err := b.closeTask(&about[i], actorSystem); err != nil {
			return err
		}
	}
	return nil
}

func what(out store.Outgoing) string {
	if out.Kind == store.Order {
		return fmt.Sprintf("the order %s", out.Order)
	}
	return fmt.Sprintf("the mail %s to the %s", out.Mail, out.To)
}

func taskAbout(out store.Outgoing) store.TaskKind {
	if out.Kind == store.Order {
		return store.TaskOrder
	}
	return store.TaskMail
}

func noOutgoing() error {
	return &Error{Kind: NotFound, Field: "id", Detail: "expected the id of a mail or an order"}
}
