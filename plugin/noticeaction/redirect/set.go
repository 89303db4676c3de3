package redirect

import (
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// limits say when a set moves from one form to the other.
type limits struct {
	merge int // names in the overlay from which it wants to be merged; a table of fewer has none
	fold  int // names in the overlay above which Apply itself merges it
	share int // the layer between overlay and base may have one in so many names of the base
	arena int // bytes of names in a layer
}

// One Apply copies the overlay, so its limit is what a caller may wait for: far less than the fsync
// before it. The room up to fold is for what arrives while Merge runs. The larger the middle layer may
// grow, the more seldom a base is built, and the more memory the names take that are in both.
var defaultLimits = limits{merge: 512, fold: 6 * 1024, share: 16, arena: maxArena}

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
	s.current.Store(&Table{base: newIndex(0, 0)})
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
	names := staged{limit: s.limits.arena}
	var known authorities
	for e := range entries {
		if err := names.stage(&known, Change{Entry: e}); err != nil {
			return fmt.Errorf("loading generation %d: %w", generation, err)
		}
	}
	var zones zoneCount
	base := names.index(&zones)
	s.publish(generation, base, known, zones.zones)
	return nil
}

// publish publishes a base in place of all there was. Called with writing held.
func (s *Set) publish(generation uint64, base *index, known authorities, zones []zone) {
	s.authorities = known
	s.current.Store(&Table{base: base, authorities: known.names, zones: zones, len: base.len, generation: generation})
}

// Apply publishes one new table with all the changes. Of two changes of one name the later counts;
// to remove a name that is not there is no error. On error, as for Load, nothing is published.
//
// The table is not copied: it takes the time to copy the overlay, microseconds, or, with thousands of
// changes at once, to merge.
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
	newest, err := s.indexOf(changes)
	if err != nil {
		return nil, err
	}
	var next Table
	if size := t.overlay.names() + newest.len; size <= s.limits.fold && t.base.len+t.middle.names()+size >= s.limits.merge {
		next.base, next.middle = t.base, t.middle
		next.overlay, err = extend(s.limits.arena, layers(t.overlay, newest)...)
		next.overlay = next.overlay.orNil()
	} else {
		next.base, next.middle, err = s.fold(t.base, layers(t.middle, t.overlay, newest))
	}
	if err != nil {
		return nil, err
	}
	next.authorities = s.authorities.names
	next.zones, next.len = t.counted(newest)
	return &next, nil
}

// indexOf checks the changes and makes an index of them.
func (s *Set) indexOf(changes []Change) (*index, error) {
	names := staged{limit: s.limits.arena}
	for _, c := range changes {
		if err := names.stage(&s.authorities, c); err != nil {
			return nil, err
		}
	}
	return names.index(nil), nil
}

// fold merges what lies over a base: into one middle layer, or, where that would be too large, into a
// new base.
func (s *Set) fold(base *index, over []*index) (_, middle *index, err error) {
	size := 0
	for _, x := range over {
		size += x.len
	}
	if base.len >= s.limits.merge && size <= base.len/s.limits.share {
		middle, err = extend(s.limits.arena, over...)
		return base, middle.orNil(), err
	}
	base, err = merge(s.limits.arena, append([]*index{base}, over...)...)
	return base, nil, err
}

// layers returns those of the layers that there are.
func layers(all ...*index) []*index {
	return slices.DeleteFunc(all, func(x *index) bool { return x == nil })
}

// NeedsMerge reports whether the overlay has grown so large that Merge should be called.
func (s *Set) NeedsMerge() bool {
	return s.current.Load().overlay.names() >= max(1, s.limits.merge)
}

// Merge publishes a table that says the same as the current one, with the overlay folded into the
// layers below. It builds while others write, and what they changed meanwhile becomes the new overlay.
// If they folded it themselves there is nothing left to merge. Layers too large to build are left to
// the next Apply to report.
func (s *Set) Merge() {
	s.merging.Lock()
	defer s.merging.Unlock()
	old := s.current.Load()
	if old.overlay == nil {
		return
	}
	base, middle, err := s.fold(old.base, layers(old.middle, old.overlay))
	if err != nil {
		return
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	t := s.current.Load()
	if t.base != old.base || t.middle != old.middle || t.overlay == nil {
		return
	}
	merged := *t
	merged.base, merged.middle, merged.overlay = base, middle, since(t.overlay, old.overlay).orNil()
	s.current.Store(&merged)
}
