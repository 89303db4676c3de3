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
	actionRefuse = "refuse"

	// Refusals are journaled up to so many in a while: each is a commit, and somebody who is refused must
	// not be able to fill the disk.
	maxRefusals = 200
	refusalsPer = time.Hour
)

// refusals count what was journaled of late. They belong to the writing goroutine.
type refusals struct {
	since   time.Time
	count   int
	skipped int
}

// noteRefusal has a refused attempt on a case journaled and returns the refusal.
func (d *Desk) noteRefusal(ctx context.Context, w *caseWork, err error) error {
	var refusal *Error
	if errors.As(err, &refusal) && refusal.Kind != Unavailable && !w.order.DryRun {
		d.NoteRefusal(ctx, w.order, w.id, w.kind, refusal)
	}
	return err
}

// NoteRefusal journals an attempt to change a case, or to bring a notice in, that was refused. The journal
// says who, which case, which event and what was expected, and not what was given, which may be personal.
// Beyond 200 an hour they are only counted. It is best effort: the refusal stands without.
func (d *Desk) NoteRefusal(ctx context.Context, o Order, id string, kind procedure.Kind, refusal *Error) {
	if checkOrder(Order{Actor: o.Actor}) != nil {
		return
	}
	_ = d.do(context.WithoutCancel(ctx), &operation{run: func(b *batch) error {
		r := b.refusals
		if b.now.Sub(r.since) >= refusalsPer {
			r.since, r.count = b.now, 0
		}
		if r.count++; r.count > maxRefusals {
			r.skipped++
			return nil
		}
		e := store.Entry{
			Time: b.now, Generation: b.tx.Generation(), Actor: o.Actor, Action: actionRefuse,
			Case: Clip(id), Kind: Clip(string(kind)), State: string(refusal.State), Reason: reasonOf(refusal),
		}
		if r.skipped > 0 {
			e.Reason += fmt.Sprintf(" (and %d more that are not listed)", r.skipped)
			r.skipped = 0
		}
		return b.tx.Append(e)
	}})
}

func reasonOf(refusal *Error) string {
	reason := refusal.Kind.String()
	if refusal.Field != "" {
		reason += ", " + refusal.Field
	}
	return clipTo(reason+": "+refusal.Detail, maxNote)
}
