package casework

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// What leaves because of a case stands in lines: its orders in one, its mails in one for each set of
// recipients. Nobody is to read of the end of a redirect before its beginning, and no name is to be cancelled
// after it was reinstated.

func sameLine(a, b store.Outgoing) bool {
	return a.Kind == b.Kind && a.Case == b.Case && (a.Kind == store.Order || slices.Equal(a.Recipients, b.Recipients))
}

// turn returns when something new is due: not before what waits in the same line.
func (b *batch) turn(out store.Outgoing) (time.Time, error) {
	at := out.Next
	for other, err := range b.tx.Outbox(store.OutgoingQuery{Kind: out.Kind, Case: out.Case, Status: store.Queued}) {
		if err != nil {
			return at, err
		}
		if sameLine(out, other) && other.Next.After(at) {
			at = other.Next
		}
	}
	return at, nil
}

// behind returns what waits behind something in the same line.
func (b *batch) behind(out store.Outgoing) (all []store.Outgoing, err error) {
	for other, err := range b.tx.Outbox(store.OutgoingQuery{After: out.ID, Kind: out.Kind, Case: out.Case, Status: store.Queued}) {
		if err != nil {
			return nil, err
		}
		if sameLine(out, other) {
			all = append(all, other)
		}
	}
	return all, nil
}

// holdBack keeps the line in its order.
func (b *batch) holdBack(out store.Outgoing) error {
	behind, err := b.behind(out)
	for i := 0; i < len(behind) && err == nil; i++ {
		behind[i].Next = out.Next
		err = b.tx.PutOutgoing(behind[i])
	}
	return err
}

// withdraw has no order of the case carried out any more for names that were given back.
func (b *batch) withdraw(c procedure.Case) error {
	var all []store.Outgoing
	for out, err := range b.tx.Outbox(store.OutgoingQuery{Case: c.ID, Kind: store.Order}) {
		if err != nil {
			return err
		}
		if slices.Contains([]store.Status{store.Queued, store.Failed, store.Manual}, out.Status) {
			all = append(all, out)
		}
	}
	for i := range all {
		if err := b.narrow(c, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

// narrow keeps an order to the names that it still holds for. Without any it is withdrawn.
func (b *batch) narrow(c procedure.Case, out *store.Outgoing) error {
	names := holdsFor(c, *out)
	if out.Kind != store.Order || len(names) == len(out.Names) {
		return nil
	}
	b.touched = true
	if len(names) == 0 {
		out.Status, out.Next, out.Error = store.Withdrawn, zeroTime, ""
		if err := b.closeAbout(*out); err != nil {
			return err
		}
		return b.tx.PutOutgoing(*out)
	}
	var data orderData
	if err := json.Unmarshal(b.tx.Payload(out.ID), &data); err != nil {
		return fmt.Errorf("%w: order %d: %w", store.ErrDamaged, out.ID, err)
	}
	out.Names, data.Names = names, names
	payload, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encoding order: %w", err)
	}
	if err := b.tx.PutPayload(out.ID, payload); err != nil {
		return err
	}
	return b.tx.PutOutgoing(*out)
}

// holdsFor returns the names of an order without those that were given back since. To give back, and to
// release what was cancelled, holds for ever.
func holdsFor(c procedure.Case, out store.Outgoing) []string {
	if out.Order == procedure.OrderReinstate || out.Order == procedure.OrderRelease {
		return out.Names
	}
	return slices.DeleteFunc(slices.Clone(out.Names), func(name string) bool {
		return slices.ContainsFunc(c.Names, func(n procedure.Name) bool {
			return n.Name == name && n.Outcome != "" && n.Outcome != procedure.Cancelled
		})
	})
}
