package redirect

import (
	"fmt"
	"runtime"
	"slices"
)

// work counts names that are written to an index.
type work int

// pause lets goroutines that answer have their turn now and then. On a machine of few processors they
// would else wait until the scheduler takes the processor away, which is after ten milliseconds.
func (w *work) pause(names int) {
	const breath = 2048 // names, a fraction of a millisecond
	if *w += work(names); *w >= breath {
		*w = 0
		runtime.Gosched()
	}
}

// staged holds names on their way into an index, whose size is known once all are there.
type staged struct {
	chunks [][]byte // records as in the rest of an index, in the order they came
	len    int
	size   int // bytes of all records
	limit  int // of size
}

// stage checks a change and takes it in.
func (s *staged) stage(known *authorities, c Change) error {
	k := keyOf(c.Name)
	if err := checkName(c.Name, isLower(&k, c.Name)); err != nil {
		return err
	}
	id := tombstone
	if !c.Remove {
		var err error
		if id, err = idOf(known, c.Authority); err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	if s.size+recordSize(c.Name) > s.limit {
		return errFull(s.limit, s.len)
	}
	s.len++
	s.size += recordSize(c.Name)
	chunk := s.chunk(recordSize(c.Name))
	*chunk = append(append(*chunk, byte(len(c.Name)), byte(id), byte(id>>8)), c.Name...)
	return nil
}

// chunk returns the last chunk, with room for n bytes.
func (s *staged) chunk(n int) *[]byte {
	const least, most = 1 << 9, 1 << 18 // bytes
	size := least
	if last := len(s.chunks) - 1; last >= 0 {
		chunk := &s.chunks[last]
		if cap(*chunk)-len(*chunk) >= n {
			return chunk
		}
		size = min(2*cap(*chunk), most)
	}
	s.chunks = append(s.chunks, make([]byte, 0, size))
	return &s.chunks[len(s.chunks)-1]
}

// index makes an index, and counts the zones of its names in zones unless that is nil. Of two equal names the
// later counts.
func (s *staged) index(zones *zoneCount) *index {
	f := newFiller(s.len, s.size, zones)
	for _, chunk := range s.chunks {
		for name, id := range (&rest{arena: chunk}).all {
			k := keyOf(name)
			f.add(&k, name, id)
		}
	}
	return f.finish()
}

func errFull(limit, names int) error {
	return fmt.Errorf("%w: expected at most %d bytes, after %d names", ErrFull, limit, names)
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
			w.pause(1)
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
	if 10*linesFor(x.len, x.size) > 9*len(x.lines) {
		x.rest.arena = slices.Clone(x.rest.arena)
		return x
	}
	y := newIndex(x.len, x.size)
	for name, id := range x.all() {
		k := keyOf(name)
		insert(y, &k, name, id)
	}
	return y
}
