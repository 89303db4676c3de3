package casework

import (
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
