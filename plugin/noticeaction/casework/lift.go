package casework

import (
	"errors"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const (
	actorSystem = "system"
	liftReason  = "not_after reached"
	maxLifts    = 10_000 // in one commit
	minBackoff  = time.Second
	maxBackoff  = time.Minute
)

// lifts say what the clock will ask of the writer. When the commit of a lift fails the name leaves
// the table all the same, as silence restores it, and the commit is owed.
type lifts struct {
	next    time.Time     // when the next flag ends that is still in the table; zero: none
	freed   time.Time     // up to when flags that ended left the table without a commit; zero: none is owed
	retry   time.Time     // when the owed commit is tried again
	backoff time.Duration // between tries
}

func (l *lifts) due(now time.Time) bool {
	reached := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	return reached(l.next) || reached(l.retry)
}

// wait returns how long until something may be due.
func (l *lifts) wait(now time.Time) time.Duration {
	wait := maxWait
	for _, t := range []time.Time{l.next, l.retry} {
		if !t.IsZero() {
			wait = min(wait, max(t.Sub(now), 0))
		}
	}
	return wait
}

// lift lifts every flag that has ended.
func (d *Desk) lift() {
	for l := &d.w.lifts; l.due(d.now()); {
		b := d.newBatch()
		err := d.update(b.lift)
		if err == nil {
			*l = lifts{next: b.next}
			err = d.publish(b)
		}
		if err != nil {
			d.onStoreError(errors.Join(err, d.free(b.now)))
			return
		}
	}
}

// lift removes the flags that have ended, as many as fit in one commit.
func (b *batch) lift(tx *store.Tx) error {
	var names []string
	for name := range tx.Due(b.now) {
		if names = append(names, name); len(names) == maxLifts {
			break
		}
	}
	if len(names) > 0 {
		b.generation = tx.NextGeneration()
	}
	for _, name := range names {
		old, _, err := tx.Flag(name)
		if err != nil {
			return err
		}
		if err := tx.DeleteFlag(name); err != nil {
			return err
		}
		err = tx.Append(store.Entry{
			Time: b.now, Generation: b.generation, Actor: actorSystem, Action: actionLift,
			Name: name, Reason: liftReason, Before: &old,
		})
		if err != nil {
			return err
		}
		b.changes = append(b.changes, redirect.Change{Entry: redirect.Entry{Name: name}, Remove: true})
		b.reached[name] = nil
	}
	b.next, _ = tx.NextExpiry(time.Time{})
	return nil
}

// free takes the flags that have ended out of the table though their lift could not be committed, and
// sets the time for the next try.
func (d *Desk) free(now time.Time) error {
	l := &d.w.lifts
	l.backoff = min(max(2*l.backoff, minBackoff), maxBackoff)
	l.freed, l.retry, l.next = now, d.now().Add(l.backoff), time.Time{}
	var changes []redirect.Change
	err := d.store.View(func(tx *store.Tx) error {
		for name := range tx.Due(now) {
			changes = append(changes, redirect.Change{Entry: redirect.Entry{Name: name}, Remove: true})
		}
		l.next, _ = tx.NextExpiry(now)
		return nil
	})
	if err != nil || !d.w.loaded {
		return err
	}
	return d.set.Apply(d.set.Table().Generation(), changes)
}
