package replica

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// plan is what has to be written.
type plan struct {
	head    Head
	changes []change
	set     *records // what etcd holds then
}

// plan says what has to be written so that etcd holds the state; nil: nothing.
func (r *remote) plan(s State, how mode, touched map[string]bool) (*plan, error) {
	lineage, err := r.lineage(s, how.override)
	if err != nil {
		return nil, err
	}
	todo := &plan{head: Head{Generation: s.Generation(), Count: uint64(s.Count()), Digest: s.Digest()}}
	todo.head.Journal, todo.head.JournalHash = s.Journal()
	after := uint64(0)
	if lineage && r.own { // what another key has signed, or none, accounts for nothing
		after, todo.head.Removed, todo.head.Override = r.known.Journal, r.known.Removed, r.known.Override
	}
	const most = 20_000 // lines of the journal; beyond that reading everything is faster
	names, full := maps.Clone(touched), how.full || how.override
	for step, err := range s.Changes(after) {
		if err != nil {
			return nil, err
		}
		if step.Lifted {
			todo.head.Removed++
		}
		if full = full || len(names) > most; !full {
			names[step.Name] = true
		}
	}
	if !full {
		if err := todo.incremental(s, r.set, names); err != nil {
			return nil, err
		}
		full = todo.wrong()
	}
	if full {
		if err := todo.complete(s, r.set); err != nil {
			return nil, err
		}
	}
	for name := range r.bad {
		if _, ok := todo.set.get(name); !ok {
			todo.changes = append(todo.changes, change{Record: Record{Name: name}, remove: true})
		}
	}
	same := r.known != nil && len(todo.changes) == 0 && r.known.Generation == todo.head.Generation && r.known.Root == todo.set.root()
	if same && !how.renew && !how.override {
		return nil, nil
	}
	return todo, nil
}

// lineage tells whether the journal goes on from what etcd holds. If it does not and nobody ordered otherwise,
// nothing may be written: what the set of etcd says was committed once, and would be lost in silence.
func (r *remote) lineage(s State, override bool) (bool, error) {
	if r.known == nil {
		return false, nil
	}
	if r.known.Journal == 0 {
		return true, nil
	}
	if hash, ok := s.JournalHash(r.known.Journal); ok && hash == r.known.JournalHash {
		return true, nil
	}
	if override {
		return false, nil
	}
	return false, fmt.Errorf("%w: it is of generation %d, after %d lines of a journal that is not the desk's; the desk is at generation %d",
		ErrDiverged, r.known.Generation, r.known.Journal, s.Generation())
}

// incremental plans for the names that may have changed.
func (t *plan) incremental(s State, now *records, names map[string]bool) error {
	for name := range names {
		record, ok, err := s.Record(name)
		if err == nil && ok {
			err = record.check()
		}
		if err != nil {
			return err
		}
		was, had := now.get(name)
		switch {
		case !ok && had:
			t.changes = append(t.changes, change{Record: Record{Name: name}, remove: true})
		case ok && (!had || !was.equal(record)):
			t.changes = append(t.changes, change{Record: record})
		}
	}
	t.set = now.with(t.changes)
	return nil
}

// complete plans by comparing everything.
func (t *plan) complete(s State, now *records) error {
	var b builder
	for record, err := range s.Records() {
		if err == nil {
			err = errors.Join(record.check(), b.add(record))
		}
		if err != nil {
			return err
		}
	}
	t.set = b.records()
	t.changes = slices.Collect(t.set.since(now))
	if t.wrong() {
		return fmt.Errorf("the store holds %d flags of digest %s, but its own account says %d of %s", t.set.count, t.set.digest, t.head.Count, t.head.Digest)
	}
	return nil
}

// wrong tells whether the set is not the one that the desk says it has.
func (t *plan) wrong() bool {
	return t.set.digest != t.head.Digest || uint64(t.set.count) != t.head.Count
}
