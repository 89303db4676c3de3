package redirect

import (
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
)

// limits say when a set moves from one form to the other.
type limits struct {
	merge int // names in the overlay from which it wants to be merged; a table of fewer has none
	fold  int // names in the overlay above which Apply itself builds a base
	arena int // bytes of names in a base
}

// One Apply rebuilds the overlay, so its limit is what a caller may wait for: far less than the fsync
// before it. The room up to fold is for what arrives while Merge runs.
var defaultLimits = limits{merge: 2048, fold: 3 * 2048, arena: maxArena}

// Set publishes tables: one writer at a time, any number of readers. The zero Set is not usable; make
// one with NewSet. All its methods may be called concurrently; writers wait for one another.
type Set struct {
	current atomic.Pointer[Table] // written with writing held

	merging sync.Mutex // held through one Merge; taken before writing
	writing sync.Mutex // held through Load and Apply, and briefly by Merge

	authorities authorities // guarded by writing
	limits      limits      // never changed
}

// NewSet returns a set that publishes an empty table of generation 0.
func NewSet() *Set { return newSet(defaultLimits) }

func newSet(l limits) *Set {
	s := &Set{limits: l}
	s.current.Store(&Table{base: newBuilder(l.arena).index()})
	return s
}

// Table returns the last published table, never nil.
func (s *Set) Table() *Table { return s.current.Load() }

// Load publishes a table of the entries alone, in place of all there was: at start, and when a
// replica lists anew. Of two entries of one name the later counts. On error, which is ErrName,
// ErrAuthority, ErrAuthorities or ErrFull, nothing is published. The entries are read once, while
// other writers wait; they must not write to the set.
func (s *Set) Load(generation uint64, entries iter.Seq[Entry]) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	b := newBuilder(s.limits.arena)
	var known authorities
	for e := range entries {
		if err := stage(b, &known, Change{Entry: e}); err != nil {
			return fmt.Errorf("loading generation %d: %w", generation, err)
		}
	}
	base := b.index()
	s.authorities = known
	s.current.Store(&Table{
		base:        base,
		authorities: known.names,
		zones:       zonesOf(base),
		len:         base.len,
		generation:  generation,
	})
	return nil
}

// Apply publishes one new table with all the changes. Of two changes of one name the later counts;
// to remove a name that is not there is no error. On error, as for Load, nothing is published.
//
// The table is not copied: it takes the time to rebuild the overlay, tens of microseconds, or, with
// thousands of changes at once, to build a new base.
func (s *Set) Apply(generation uint64, changes []Change) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	known := len(s.authorities.names)
	next, err := s.next(changes)
	if err != nil {
		s.authorities.truncate(known)
		return fmt.Errorf("applying generation %d: %w", generation, err)
	}
	next.generation = generation
	s.current.Store(next)
	return nil
}

// next makes the table that follows the current one.
func (s *Set) next(changes []Change) (*Table, error) {
	t := s.current.Load()
	b := newBuilder(s.limits.arena)
	for _, c := range changes {
		if err := stage(b, &s.authorities, c); err != nil {
			return nil, err
		}
	}
	newest := b.index()
	layers := []*index{newest}
	if t.overlay != nil {
		layers = []*index{t.overlay, newest}
	}
	size := 0
	for _, x := range layers {
		size += x.len
	}
	if size > s.limits.fold || t.base.len+size < s.limits.merge {
		base, err := merge(s.limits.arena, false, append([]*index{t.base}, layers...)...)
		if err != nil {
			return nil, err
		}
		return &Table{base: base, authorities: s.authorities.names, zones: zonesOf(base), len: base.len}, nil
	}
	overlay, err := merge(s.limits.arena, true, layers...)
	if err != nil {
		return nil, err
	}
	zones, n := t.counted(newest)
	return &Table{base: t.base, overlay: overlay.orNil(), authorities: s.authorities.names, zones: zones, len: n}, nil
}

// stage checks one change and hands it to the builder.
func stage(b *builder, known *authorities, c Change) error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	id := tombstone
	if !c.Remove {
		var err error
		if id, err = known.id(c.Authority); err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	k := keyOf(c.Name)
	return add(b, &k, c.Name, id)
}

// NeedsMerge reports whether the overlay has grown so large that Merge should be called.
func (s *Set) NeedsMerge() bool {
	t := s.current.Load()
	return t.overlay != nil && t.overlay.len >= s.limits.merge
}

// Merge publishes a table that says the same as the current one, with the overlay folded into a new
// base. It builds while others write, and what they changed meanwhile becomes the new overlay. If
// they replaced the base itself there is nothing left to merge. A base too large to build is left to
// the next Apply to report.
func (s *Set) Merge() {
	s.merging.Lock()
	defer s.merging.Unlock()
	old := s.current.Load()
	if old.overlay == nil {
		return
	}
	base, err := merge(s.limits.arena, false, old.base, old.overlay)
	if err != nil {
		return
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	t := s.current.Load()
	if t.base != old.base {
		return
	}
	overlay, err := since(s.limits.arena, t.overlay, old.overlay)
	if err != nil {
		return
	}
	merged := *t
	merged.base, merged.overlay = base, overlay.orNil()
	s.current.Store(&merged)
}
