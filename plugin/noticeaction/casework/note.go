package casework

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// Actions of the journal about other servers.
const (
	actionOverride = "override"
	actionReached  = "reached"
)

// NoteOverride journals that somebody had the other servers take the flags of this one whatever they hold. The
// refusal is an *Error of kind Invalid or Unavailable. A dry run is not journaled.
func (d *Desk) NoteOverride(ctx context.Context, o Order) error {
	if err := checkOrder(Order{Actor: o.Actor}); err != nil {
		return err
	}
	return d.do(ctx, &operation{alone: o.DryRun, dry: o.DryRun, run: func(b *batch) error {
		return b.tx.Append(store.Entry{Time: b.now, Generation: b.tx.Generation(), Actor: o.Actor, Action: actionOverride})
	}})
}

// NoteReached journals that all other servers, so many, had a generation at a time.
func (d *Desk) NoteReached(ctx context.Context, generation uint64, at time.Time, nodes int) error {
	return d.do(ctx, &operation{run: func(b *batch) error {
		return b.tx.Append(store.Entry{
			Time: wholeSecond(at), Generation: min(generation, b.tx.Generation()), Actor: actorSystem, Action: actionReached,
			Reason: fmt.Sprintf("on %d nodes", nodes),
		})
	}})
}

// CaseChange is a generation in which a case flagged or lifted names.
type CaseChange struct {
	Generation      uint64
	At              time.Time // of the commit
	Flagged, Lifted []string
	Everywhere      time.Time // when all other servers had it; zero: not yet, or there are none
}

// Everywhere returns what a case changed of the redirects, and when all other servers had each change, by the journal.
// It reads all of that.
func (d *Desk) Everywhere(o Order, id string) (changes []CaseChange, err error) {
	err = d.view(func(tx *store.Tx) error {
		if _, err := caseFor(tx, o, id); err != nil {
			return err
		}
		of, reached := []byte(`"case":"`+id+`"`), []byte(`"action":"`+actionReached+`"`)
		for _, line := range tx.Journal(0) {
			if !bytes.Contains(line, of) && !bytes.Contains(line, reached) {
				continue
			}
			e, err := store.DecodeEntry(line)
			if err != nil {
				return err
			}
			changes = follow(changes, id, e)
		}
		return nil
	})
	return changes, err
}

// follow takes a line of the journal into the changes of a case.
func follow(changes []CaseChange, id string, e store.Entry) []CaseChange {
	if e.Action == actionReached {
		for i := range changes {
			if c := &changes[i]; c.Everywhere.IsZero() && c.Generation <= e.Generation {
				c.Everywhere = e.Time
			}
		}
		return changes
	}
	before, after := e.Before != nil && e.Before.Case == id, e.After != nil && e.After.Case == id
	if !before && !after {
		return changes
	}
	if n := len(changes); n == 0 || changes[n-1].Generation != e.Generation {
		changes = append(changes, CaseChange{Generation: e.Generation, At: e.Time})
	}
	c := &changes[len(changes)-1]
	if e.After != nil {
		c.Flagged = append(c.Flagged, e.Name)
	} else {
		c.Lifted = append(c.Lifted, e.Name)
	}
	return changes
}
