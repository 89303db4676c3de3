package casework

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const (
	reachAge    = 24 * time.Hour   // after which a name is looked up again
	reachEvery  = 10 * time.Minute // between two searches for such names
	reachPage   = 64               // names looked up for one commit
	reachAtOnce = 4                // look-ups of the background

	importLooks    = 1000             // most new names of an import that are looked up
	importAtOnce   = 16               // look-ups of an import
	importLookTime = 30 * time.Second // for all of an import

	reachUnknown = "reach-unknown"
)

// Reach returns where a flagged name, in any form, can be reached. The refusal is an *Error of kind
// Invalid, NotFound, also when nothing was recorded, or Unavailable.
func (d *Desk) Reach(name string) (r store.Reach, err error) {
	name, err = canonical(name)
	if err != nil {
		return store.Reach{}, err
	}
	err = d.view(func(tx *store.Tx) error {
		if _, ok, err := tx.Flag(name); err != nil || !ok {
			return errOr(err, notFlagged(name))
		}
		r, _, err = tx.Reach(name)
		if err == nil && r.Record.Empty() {
			err = &Error{Kind: NotFound, Field: "name", Value: name, Detail: "expected a name of which it was recorded where it can be reached"}
		}
		return err
	})
	return r, err
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// redirects reports whether a name is redirected already, so that it is too late to look it up.
func (d *Desk) redirects(name string) bool {
	_, ok := d.set.Table().Lookup(name)
	return ok
}

// lookUp finds out where a name that is to be flagged can be reached; nil when the policy has no eyes for that.
// It never stands against the flag.
func (d *Desk) lookUp(ctx context.Context, p *Policy, name string) (*store.Reach, []Warning) {
	if p.Look == nil || d.redirects(name) {
		return nil, nil
	}
	record, err := p.Look(ctx, name)
	found := &store.Reach{Tried: wholeSecond(d.now())}
	if !record.Empty() {
		found.Record, found.Record.At = record, found.Tried
	}
	if err == nil {
		return found, nil
	}
	return found, []Warning{{Code: reachUnknown, Detail: "where the name can be reached could not be recorded in full: " + err.Error()}}
}

// lookUpAll looks up the new names of an import, if they are not too many.
func (d *Desk) lookUpAll(ctx context.Context, p *Policy, in *importer) {
	if p.Look == nil || len(in.report.Errors) > 0 {
		return
	}
	var fresh []*item
	for i := range in.items {
		it := &in.items[i]
		if it.around.objection == nil && !d.redirects(it.name) {
			fresh = append(fresh, it)
		}
	}
	if len(fresh) > importLooks {
		fresh[0].saw(nil, Warning{Code: reachUnknown, Detail: fmt.Sprintf(
			"where the names can be reached was not recorded, for this or any other of the %d new ones: that is done for at most %d in an import", len(fresh), importLooks)})
		return
	}
	ctx, cancel := context.WithTimeout(ctx, importLookTime)
	defer cancel()
	each(len(fresh), importAtOnce, func(i int) {
		found, warnings := d.lookUp(ctx, p, fresh[i].name)
		fresh[i].saw(found, warnings...)
	})
}

// keepReach puts what was found out about a name when it is flagged, and returns whether there is a
// record.
func (b *batch) keepReach(name string, found *store.Reach) (bool, error) {
	if found == nil {
		return false, nil
	}
	b.reached[name] = &found.Record
	return !found.Record.Empty(), b.tx.PutReach(name, *found)
}

// refresh looks up again, daily, where the flagged names can be reached, until ctx ends.
func (d *Desk) refresh(ctx context.Context) {
	tick := time.NewTicker(reachEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for after, more := "", true; more; {
			after, more = d.refreshPage(ctx, after)
		}
	}
}

// refreshPage looks up the first names after one that are due, and returns the last of them. There is
// no more to do when there were none or the desk closes.
func (d *Desk) refreshPage(ctx context.Context, after string) (last string, more bool) {
	p, begin := d.policy.Load(), wholeSecond(d.now())
	if p.Look == nil {
		return "", false
	}
	due, err := d.due(after, begin.Add(-reachAge))
	if err != nil || len(due) == 0 {
		return "", false
	}
	looks := make([]renewal, len(due))
	each(len(due), reachAtOnce, func(i int) {
		looks[i].name = due[i]
		looks[i].record, looks[i].err = p.Look(ctx, due[i])
	})
	if ctx.Err() != nil {
		return "", false
	}
	err = d.do(ctx, &operation{run: func(b *batch) error {
		for _, r := range looks {
			if err := b.renew(r, begin); err != nil {
				return err
			}
		}
		return nil
	}})
	return due[len(due)-1], err == nil
}

// due returns the first names after one that were not looked up since a time.
func (d *Desk) due(after string, since time.Time) (names []string, err error) {
	err = d.view(func(tx *store.Tx) error {
		for name, err := range tx.Untried(after, since) {
			if err != nil {
				return err
			}
			if names = append(names, name); len(names) == reachPage {
				break
			}
		}
		return nil
	})
	return names, err
}

// renewal is what looking up a flagged name again gave.
type renewal struct {
	name   string
	record reach.Record
	err    error
}

// renew takes over what is new about a name that is still flagged. A look-up that failed or saw the
// redirect leaves the record as it was; only where there was none, a part is better than nothing.
func (b *batch) renew(r renewal, begin time.Time) error {
	if _, ok, err := b.tx.Flag(r.name); err != nil || !ok {
		return err
	}
	now, _, err := b.tx.Reach(r.name)
	if err != nil || !now.Tried.Before(begin) { // flagged anew meanwhile
		return err
	}
	now.Tried = begin
	if !r.record.Empty() && (r.err == nil || now.Record.Empty()) {
		now.Record = r.record.Over(now.Record)
		now.Record.At = begin
		b.reached[r.name] = &now.Record
	}
	return b.tx.PutReach(r.name, now)
}

// tellReach passes on what a batch changed: of names that are flagged before the table redirects them,
// of names that are not any more after it.
func (d *Desk) tellReach(b *batch, gone bool) {
	for name, record := range b.reached {
		if (record == nil) == gone {
			d.onReach(name, record)
		}
	}
}

// tellAllReach passes on what the store holds.
func (d *Desk) tellAllReach() error {
	return d.store.View(func(tx *store.Tx) error {
		return tx.Reaches(func(name string, r store.Reach) error {
			d.onReach(name, &r.Record)
			return nil
		})
	})
}

// each calls do for all numbers below n, at most so many at once.
func each(n, most int, do func(i int)) {
	slots := make(chan struct{}, most)
	var running sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	running.Wait()
}
