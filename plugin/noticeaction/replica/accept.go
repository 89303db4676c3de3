package replica

import (
	"fmt"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/leeway"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// judge decides whether a head and what was heard of its records is believed, and if so answers by it. The error is
// errMismatch when the records are not those of the head, so that it is worth looking at all of them again.
func (f *Follower) judge(in *incoming, value []byte) error {
	in.verified = 0
	h, err := f.cfg.Keys.verifyHead(f.cfg.Prefix, value)
	if err != nil {
		f.refuse(RefusedSignature, err.Error())
		return nil
	}
	st := f.Status()
	if st.Held && h.Sequence < st.Head.Sequence {
		f.refuse(RefusedReplay, fmt.Sprintf("expected a head not older than %d of %s, got %d of %s",
			st.Head.Sequence, st.Head.Signed.Format(time.RFC3339), h.Sequence, h.Signed.Format(time.RFC3339)))
		return nil
	}
	if len(in.bad) > 0 || !h.covers(in.set) {
		return fmt.Errorf("%w: expected the %d of generation %d, got %d that can be believed", errMismatch, h.Count, h.Generation, in.set.count)
	}
	if reason, detail := f.objection(h, in.set); reason != "" {
		f.refuse(reason, detail)
		return nil
	}
	if err := f.accept(h, value, in.set); err != nil {
		f.refuse(RefusedTable, err.Error())
	}
	return nil
}

// objection says why a set that is truly the publisher's is not believed all the same: something went wrong at
// the desk, and a person has to order it.
func (f *Follower) objection(h Head, set *records) (Refusal, string) {
	f.mu.Lock()
	held, was := f.held, f.status.Head
	f.mu.Unlock()
	switch {
	case held == nil || h.Override > was.Sequence:
		return "", ""
	case h.Generation < was.Generation:
		return RefusedOlder, fmt.Sprintf("expected a generation not lower than %d, got %d", was.Generation, h.Generation)
	}
	gone := 0
	for c := range set.since(held) {
		if c.remove {
			gone++
		}
	}
	accounted := 0
	if h.Removed > was.Removed {
		accounted = int(min(h.Removed-was.Removed, uint64(held.count)))
	}
	unaccounted := max(gone-accounted, 0)
	switch {
	case unaccounted == 0:
		return "", ""
	case set.count == 0:
		return RefusedEmpty, fmt.Sprintf("expected the desk to account for %d names that are gone, got %d", gone, accounted)
	case unaccounted*100 > held.count*f.cfg.Limit:
		return RefusedShrunk, fmt.Sprintf("expected at most %d%% of %d names to be gone unaccounted for, got %d", f.cfg.Limit, held.count, unaccounted)
	}
	return "", ""
}

// accept answers by a set from now on.
func (f *Follower) accept(h Head, value []byte, set *records) error {
	f.mu.Lock()
	changed, err := f.publish(h, set)
	if err == nil {
		f.held, f.value = set, value
		f.status.Held, f.status.Head, f.status.Refusal, f.status.Detail = true, h, "", ""
		if changed {
			f.status.Applied = f.cfg.Now()
		}
	}
	f.mu.Unlock()
	if err != nil {
		return err
	}
	if changed {
		f.cfg.OnChange()
		wake(f.report)
		wake(f.store)
	}
	wake(f.again)
	return nil
}

// publish brings the table from what is held to a set, without the flags that have ended. It reports whether
// that is another set or generation. Called with mu held.
func (f *Follower) publish(h Head, set *records) (changed bool, err error) {
	at := max(f.lifted, f.cfg.Now().Unix())
	if f.held == nil {
		f.lifted = at
		for r := range set.all() {
			if !r.due(at) && len(r.Mail) > 0 {
				f.cfg.OnMail(r.Name, r.Mail)
			}
		}
		leeway.For(func() {
			err = f.cfg.Set.Load(h.Generation, func(yield func(redirect.Entry) bool) {
				for r := range set.all() {
					if !r.due(at) && !yield(r.Entry()) {
						return
					}
				}
			})
		})
		return true, err
	}
	// what did not change and has ended meanwhile is left to the clock, which goes by lifted
	var changes []redirect.Change
	for c := range set.since(f.held) {
		c.remove = c.remove || c.due(at)
		if !c.remove {
			f.cfg.OnMail(c.Name, c.Mail)
		}
		changes = append(changes, redirect.Change{Entry: c.Entry(), Remove: c.remove})
	}
	if len(changes) == 0 && h.Generation == f.status.Head.Generation {
		return false, nil
	}
	return true, f.apply(h.Generation, changes)
}

// apply changes the table. Called with mu held.
func (f *Follower) apply(generation uint64, changes []redirect.Change) error {
	if err := f.cfg.Set.Apply(generation, changes); err != nil {
		return err
	}
	for _, c := range changes {
		if c.Remove {
			f.cfg.OnMail(c.Name, nil)
		}
	}
	if f.cfg.Set.NeedsMerge() {
		leeway.For(f.cfg.Set.Merge)
	}
	return nil
}
