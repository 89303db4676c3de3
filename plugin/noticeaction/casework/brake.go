package casework

import (
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// brake counts names newly flagged in a sliding window. As a value it is a snapshot to go back to:
// events are only appended and taken off the front.
type brake struct {
	events []event // oldest first
	used   int     // their sum
}

type event struct {
	at time.Time
	n  int
}

// prune forgets what has left the window.
func (k *brake) prune(now time.Time, per time.Duration) {
	for len(k.events) > 0 && !k.events[0].at.Add(per).After(now) {
		k.used -= k.events[0].n
		k.events = k.events[1:]
	}
}

// add counts n names; it must have been allowed.
func (k *brake) add(now time.Time, n int) {
	if n > 0 {
		k.events = append(k.events, event{now, n})
		k.used += n
	}
}

// allows reports whether n more names may be flagged now, and if not when they may: never, the zero
// time, if they are more than the brake ever allows.
func (k *brake) allows(limit Brake, n int) (at time.Time, ok bool) {
	if limit == (Brake{}) || k.used+n <= limit.Count {
		return time.Time{}, true
	}
	if n > limit.Count {
		return time.Time{}, false
	}
	left := k.used
	for _, e := range k.events {
		left -= e.n
		if left+n <= limit.Count {
			return e.at.Add(limit.Per), false
		}
	}
	return time.Time{}, false
}

// setBrake brings the brake to the batch's moment. After a start or a change of policy it is built
// anew from the end of the journal.
func (d *Desk) setBrake(b *batch) error {
	if d.w.braked != b.policy {
		events, err := flaggedSince(b.tx, b.now.Add(-b.policy.Brake.Per))
		if err != nil {
			return err
		}
		d.w.brake = brake{}
		for _, e := range events {
			d.w.brake.add(e.at, e.n)
		}
		d.w.braked = b.policy
	}
	d.w.brake.prune(b.now, b.policy.Brake.Per)
	return nil
}

// flaggedSince reads the journal backwards for the names flagged after a time that count towards the
// brake. All entries of one generation were made by one order, so those of a lift, or of an import
// past the brake, are skipped at once however many they are.
func flaggedSince(tx *store.Tx, after time.Time) ([]event, error) {
	var events []event
	for seq := tx.JournalLength(); seq > 0; seq-- {
		e, err := tx.Entry(seq)
		if err != nil {
			return nil, err
		}
		if !e.Time.After(after) {
			break
		}
		if e.Action == actionLift || slices.Contains(e.Forced, string(ForceBrake)) {
			if seq, err = firstOf(tx, e.Generation, seq); err != nil {
				return nil, err
			}
			continue
		}
		if e.Before == nil && e.After != nil {
			events = append(events, event{e.Time, 1})
		}
	}
	slices.Reverse(events)
	return events, nil
}

// firstOf returns the first entry of a generation, given any of them.
func firstOf(tx *store.Tx, generation, seq uint64) (uint64, error) {
	low := uint64(1)
	for low < seq {
		middle := low + (seq-low)/2
		e, err := tx.Entry(middle)
		if err != nil {
			return 0, err
		}
		if e.Generation < generation {
			low = middle + 1
		} else {
			seq = middle
		}
	}
	return seq, nil
}
