package casework

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const (
	actionErase = "erase"
	maxCases    = 64 // in one commit of the clock
	eraseEvery  = time.Hour
)

// clock says when the procedure will ask something of the writer.
type clock struct {
	next    time.Time     // when the first deadline of any case ends; zero: none runs
	retry   time.Time     // when what failed is tried again; zero: nothing did
	backoff time.Duration // between tries
	erase   time.Time     // when to look next for cases whose retention has ended
}

func (k *clock) due(now time.Time) bool {
	if !k.retry.IsZero() {
		return !now.Before(k.retry)
	}
	return !k.next.IsZero() && !now.Before(k.next)
}

// wait returns how long until something may be due.
func (k *clock) wait(now time.Time) time.Duration {
	at := k.next
	if !k.retry.IsZero() {
		at = k.retry
	}
	if at.IsZero() {
		return maxWait
	}
	return min(max(at.Sub(now), 0), maxWait)
}

// Tick has the writer do what is due by now, and those look again who deliver.
func (d *Desk) Tick(ctx context.Context) error {
	err := d.do(ctx, &operation{run: func(*batch) error { return nil }})
	for _, woken := range d.outbox {
		wake(woken)
	}
	return err
}

// ruled tells whether the lines that say how cases go on are in force.
func (d *Desk) ruled() bool { return len(d.policy.Load().Zones) > 0 }

// advance applies the deadlines that have ended, once the lines that say how are in force. A case that
// cannot go on keeps no other waiting.
func (d *Desk) advance() {
	for k := &d.w.clock; d.ruled() && k.due(d.now()); {
		b := d.newBatch()
		err := d.update(func(tx *store.Tx) (err error) {
			b.tx = tx
			if err = b.advance(); err == nil {
				b.generation = tx.Generation()
				b.next, _ = tx.NextExpiry(d.w.lifts.freed)
				k.next, _ = tx.NextCaseDeadline()
			}
			return err
		})
		if err == nil {
			d.w.lifts.next = b.next
			err = errors.Join(d.publish(b), b.stuck)
			d.tellCases(b)
		}
		if err != nil {
			d.onStoreError(fmt.Errorf("applying deadlines: %w", err))
			k.backoff = min(max(2*k.backoff, minBackoff), maxBackoff)
			k.retry = d.now().Add(k.backoff)
			return
		}
		k.retry, k.backoff = time.Time{}, 0
	}
}

// advance brings the cases that are due up to now.
func (b *batch) advance() error {
	var ids []string
	for id := range b.tx.DueCases(b.now) {
		ids = append(ids, id)
	}
	applied := 0
	for _, id := range ids {
		plan, err := b.planAdvance(id)
		if err != nil {
			b.stuck = errors.Join(b.stuck, fmt.Errorf("case %s: %w", id, err))
			continue
		}
		if plan == nil {
			continue
		}
		if err := b.keepCase(plan); err != nil {
			return err
		}
		if applied++; applied == maxCases {
			break
		}
	}
	return nil
}

func (b *batch) planAdvance(id string) (*casePlan, error) {
	c, ok, err := b.tx.Case(id)
	if err != nil || !ok {
		return nil, err
	}
	steps, err := b.policy.Procedure.Rules.Advance(c, b.now)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	return b.plan(Order{Actor: actorSystem}, steps, nil, false)
}

// erase erases the personal data of the cases whose retention has ended (Art. 6).
func (d *Desk) erase() {
	p, now := d.policy.Load(), d.now()
	k := &d.w.clock
	if p.Procedure.Retention <= 0 || now.Before(k.erase) {
		return
	}
	k.erase = now.Add(eraseEvery)
	b := d.newBatch()
	err := d.update(func(tx *store.Tx) error {
		b.tx = tx
		return b.erase(b.now.Add(-p.Procedure.Retention))
	})
	if err != nil {
		d.onStoreError(fmt.Errorf("erasing: %w", err))
		return
	}
	d.tellCases(b)
}

// erase erases the cases that ended before a time, and the messages decided on before it that became no case.
func (b *batch) erase(before time.Time) error {
	ids, err := b.tx.Erasable(before)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := b.giveUp(id); err != nil {
			return err
		}
		if err := b.tx.EraseCase(id); err != nil {
			return err
		}
		if err := b.leaveUnread(id); err != nil {
			return err
		}
		b.touched = true
		if err := b.tx.Append(store.Entry{Time: b.now, Generation: b.tx.Generation(), Actor: actorSystem, Action: actionErase, Case: id}); err != nil {
			return err
		}
	}
	return b.eraseNotices(before)
}

// leaveUnread closes the tasks to read what was erased with a case.
func (b *batch) leaveUnread(id string) error {
	var unread []store.Task
	for t, err := range b.tx.Tasks(store.TaskQuery{Open: true, Case: id}) {
		if err != nil {
			return err
		}
		if t.Kind == store.TaskNotice {
			unread = append(unread, t)
		}
	}
	for i := range unread {
		if err := b.closeTask(&unread[i], actorSystem); err != nil {
			return err
		}
	}
	return nil
}

// giveUp marks what a case still has to send as failed.
func (b *batch) giveUp(id string) error {
	var late []store.Outgoing
	for out, err := range b.tx.Outbox(store.OutgoingQuery{Case: id}) {
		if err != nil {
			return err
		}
		if out.Status == store.Queued || out.Status == store.Sending {
			late = append(late, out)
		}
	}
	for _, out := range late {
		out.Status, out.Next = store.Failed, time.Time{}
		if err := b.tx.PutOutgoing(out); err != nil {
			return err
		}
	}
	return nil
}

// tellCases tells those who wait for it of what was committed.
func (d *Desk) tellCases(b *batch) {
	for _, kind := range b.leaves {
		wake(d.outbox[kind])
	}
	if b.touched {
		d.onCases()
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
