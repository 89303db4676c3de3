package redirect

import (
	"fmt"
	"math/bits"
	"runtime"
	"slices"
)

// work counts names that are written to an index.
type work int

// pause lets goroutines that answer have their turn now and then. On a machine of few processors they
// would else wait until the scheduler takes the processor away, which is after ten milliseconds.
func (w *work) pause() {
	const breath = 2048 // names, a fraction of a millisecond
	if *w++; *w%breath == 0 {
		runtime.Gosched()
	}
}

// staged holds names on their way into an index, whose size is known once all are there. They lie in
// parts by their hash, so that an index of many is filled a piece at a time that a processor can keep.
type staged struct {
	parts [][]byte // records as in the rest of an index; in each part in the order they came
	shift int      // of a hash, to its part
	len   int
	size  int // bytes of all records
	limit int // of size
}

// newStaged returns an empty one for about so many names.
func newStaged(names, limit int) *staged {
	const piece = 1 << 14 // names
	parts := 1
	for parts*piece < names {
		parts *= 2
	}
	return &staged{parts: make([][]byte, parts), shift: 64 - bits.TrailingZeros(uint(parts)), limit: limit}
}

// stage checks a change and takes it in.
func (s *staged) stage(known *authorities, c Change) error {
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
	if s.size+recordSize(c.Name) > s.limit {
		return fmt.Errorf("%w: expected at most %d bytes, after %d names", ErrFull, s.limit, s.len)
	}
	s.len++
	s.size += recordSize(c.Name)
	k := keyOf(c.Name)
	part := &s.parts[k.hash>>s.shift]
	*part = append(append(*part, byte(len(c.Name)), byte(id), byte(id>>8)), c.Name...)
	return nil
}

// index makes an index. Of two equal names the later counts. What was staged is spent afterwards.
func (s *staged) index() *index {
	x := newIndex(s.len, s.size)
	var w work
	for i := range s.parts {
		records := rest{arena: s.parts[i]}
		s.parts[i] = nil
		for name, id := range records.all {
			w.pause()
			lay(x, name, id)
		}
	}
	return x.fitted()
}

// merge makes one index of layers, oldest first, for a base: of each name what the last layer says that has
// it. Tombstones go, as there is nothing below for them to hide.
func merge(limit int, layers ...*index) (*index, error) {
	names, size := 0, 0
	for _, layer := range layers {
		names += layer.len
		size += layer.size
	}
	x := newIndex(names, size)
	var w work
	for i, layer := range layers {
		for name, id := range layer.all() {
			w.pause()
			if id == tombstone {
				continue
			}
			k := keyOf(name)
			if hidden(layers[i+1:], &k, name) {
				continue
			}
			insert(x, &k, name, id)
		}
	}
	if x.size > limit {
		return nil, fullOf(x, limit)
	}
	return x.fitted(), nil
}

func fullOf(x *index, limit int) error {
	return fmt.Errorf("%w: expected at most %d bytes, got %d", ErrFull, limit, x.size)
}

func hidden(layers []*index, k *key, name []byte) bool {
	for _, layer := range layers {
		if locate(layer, k, name) != nil {
			return true
		}
	}
	return false
}

// since returns an index of the records of x that are not in old.
func since(x, old *index) *index {
	y := newIndex(x.len, x.size)
	for name, id := range x.all() {
		k := keyOf(name)
		if was, ok := find(old, &k, name); !ok || was != id {
			insert(y, &k, name, id)
		}
	}
	return y.fitted()
}

// fitted returns x, or the same in less memory if x was made for much more than it got.
func (x *index) fitted() *index {
	y := newIndex(x.len, x.size)
	if 10*len(y.lines) > 9*len(x.lines) {
		x.rest.arena = slices.Clone(x.rest.arena)
		return x
	}
	for name, id := range x.all() {
		k := keyOf(name)
		insert(y, &k, name, id)
	}
	return y
}
