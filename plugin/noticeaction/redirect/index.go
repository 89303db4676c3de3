package redirect

import (
	"iter"
	"math"
	"math/bits"
)

// index maps names to authorities: a filter, and lines of records. Once published it is immutable. It
// holds a handful of pointers, however many names.
//
// A miss, as nearly every query is, ends at the filter, which is small enough to stay in a processor's
// cache and lets about one in sixty through. Where a name lies follows from its hash alone, so the
// processor fetches the line while it looks at the filter: a hit waits for memory once.
//
// Lines come in groups. A name that finds its own line full goes to the next line of the group that has
// room, and where none has, as one that is longer than a line, to the rest.
type index struct {
	filter []uint64 // a Bloom filter, three bits a name in one word
	lines  []line   // whole groups
	rest   rest

	len  int // names
	size int // bytes of their records
}

const (
	group       = 4  // lines
	filled      = 47 // bytes of a line that records and their tags take up on average
	namesToLine = 3  // on average at most
	namesToWord = 6  // of the filter
)

// newIndex returns an empty index for so many names, whose records take so many bytes.
func newIndex(names, size int) *index {
	return &index{
		filter: make([]uint64, names/namesToWord+1),
		lines:  make([]line, linesFor(names, size)),
	}
}

// linesFor returns how many lines an index has for so many names, whose records take so many bytes.
func linesFor(names, size int) int {
	return (max(names/(namesToLine*group), size/(filled*group)) + 1) * group
}

func recordSize[S text](name S) int { return overhead + len(name) }

func filterBits(hash uint64) uint64 {
	return 1<<(hash&63) | 1<<(hash>>6&63) | 1<<(hash>>12&63)
}

// scale maps the hash to 0..n-1. It rises with the hash: an index read from front to back fills another
// in nearly the same order.
func scale(hash uint64, n int) int {
	hi, _ := bits.Mul64(hash, uint64(n))
	return int(hi)
}

// mayHold reports false when there is no name of that hash. It is so short that it is compiled into the
// look-up, where it ends nearly every one.
func (x *index) mayHold(hash uint64) bool {
	want := filterBits(hash)
	return x.filter[scale(hash, len(x.filter))]&want == want
}

// mark has the filter let the hash through, and reports whether it did before.
func (x *index) mark(hash uint64) (before bool) {
	word, bits := &x.filter[scale(hash, len(x.filter))], filterBits(hash)
	before = *word&bits == bits
	*word |= bits
	return before
}

// find returns what the index holds for name, whose key is k: an authority or the tombstone.
func find[S text](x *index, k *key, name S) (AuthorityID, bool) {
	record := locate(x, k, name)
	if record == nil {
		return 0, false
	}
	return authorityOf(record), true
}

// locate returns the record of name, or nil.
func locate[S text](x *index, k *key, name S) []byte {
	if !x.mayHold(k.hash) {
		return nil
	}
	return inLines(x, k, name)
}

// inLines is locate for a name that the filter lets through.
func inLines[S text](x *index, k *key, name S) []byte {
	if len(name) == 0 || len(name) > longest {
		return inRest(&x.rest, k, name)
	}
	home, tag := scale(k.hash, len(x.lines)), tagOf(k.hash, len(name))
	for i := range group {
		l := &x.lines[home^i]
		head := l.head()
		for found := head.tagged(tag); found != 0; found &= found - 1 {
			at := head.record(found)
			record := l[at : at+idSize+len(name)]
			if isUsual(len(name)) { // what is compiled into this loop has no call
				if sameWords(k, record[idSize:]) {
					return record
				}
			} else if same(k, name, record[idSize:]) {
				return record
			}
		}
		if l[more] == 0 {
			return nil
		}
	}
	return inRest(&x.rest, k, name)
}

// insert adds a name that is not there. For speed alone, an index should not get more than it was made
// for.
func insert[S text](x *index, k *key, name S, id AuthorityID) {
	x.mark(k.hash)
	place(x, k, name, id)
}

// place is insert for a name that the filter has been told of, of 1 to maxName bytes.
func place[S text](x *index, k *key, name S, id AuthorityID) {
	x.size += recordSize(name)
	x.len++
	if len(name) > longest {
		addRest(&x.rest, k, name, id)
		return
	}
	home, tag := scale(k.hash, len(x.lines)), tagOf(k.hash, len(name))
	for i := range group {
		l := &x.lines[home^i]
		if record := l.take(tag); record != nil {
			setAuthority(record, id)
			write(record[idSize:], k, name)
			return
		}
		l[more] = 1
	}
	addRest(&x.rest, k, name, id)
}

// all yields every name in the order it is stored in. The name is only lent.
func (x *index) all() iter.Seq2[[]byte, AuthorityID] {
	return func(yield func([]byte, AuthorityID) bool) {
		for i := range x.lines {
			if !x.lines[i].all(yield) {
				return
			}
		}
		x.rest.all(yield)
	}
}

// orNil spares readers of an empty layer the look-up in it.
func (x *index) orNil() *index {
	if x.names() == 0 {
		return nil
	}
	return x
}

// names is the number of names, of a layer that may not be there.
func (x *index) names() int {
	if x == nil {
		return 0
	}
	return x.len
}

func (x *index) bytes() int {
	if x == nil {
		return 0
	}
	return sizeOf[index]() + cap(x.filter)*sizeOf[uint64]() + cap(x.lines)*sizeOf[line]() + x.rest.bytes()
}

// rest holds the few names that found no room in their lines.
type rest struct {
	arena []byte   // a byte with the name's length, and the record, as in a line
	slots []uint32 // an open hash table, a power of two: where in the arena a record begins, plus one; 0: none
	len   int
}

// maxArena is what a slot can reach.
const maxArena = math.MaxUint32 - 1

func inRest[S text](r *rest, k *key, name S) []byte {
	if r.len == 0 {
		return nil
	}
	for i := r.slot(k.hash); r.slots[i] != 0; i = r.slot(i + 1) {
		n, record := int(r.arena[r.slots[i]-1]), r.arena[r.slots[i]:]
		if n == len(name) && same(k, name, record[idSize:idSize+n]) {
			return record
		}
	}
	return nil
}

func addRest[S text](r *rest, k *key, name S, id AuthorityID) {
	if r.len++; r.len*2 > len(r.slots) {
		r.grow()
	}
	r.link(k.hash, len(r.arena))
	r.arena = append(r.arena, byte(len(name)), byte(id), byte(id>>8))
	r.arena = append(r.arena, name...)
}

// link points a slot at the record that begins at a place in the arena.
func (r *rest) link(hash uint64, at int) {
	i := r.slot(hash)
	for r.slots[i] != 0 {
		i = r.slot(i + 1)
	}
	r.slots[i] = uint32(at) + 1
}

// slot goes by the low bits of the hash, as names mostly come in the order of the high ones.
func (r *rest) slot(hash uint64) uint64 { return hash & uint64(len(r.slots)-1) }

// grow doubles the table.
func (r *rest) grow() {
	r.slots = make([]uint32, max(8, 2*len(r.slots)))
	for at := 0; at < len(r.arena); at += overhead + int(r.arena[at]) {
		k := keyOf(r.arena[at+overhead : at+overhead+int(r.arena[at])])
		r.link(k.hash, at)
	}
}

func (r *rest) all(yield func([]byte, AuthorityID) bool) {
	for left := r.arena; len(left) > 0; {
		end := overhead + int(left[0])
		if !yield(left[overhead:end], authorityOf(left[1:])) {
			return
		}
		left = left[end:]
	}
}

func (r *rest) bytes() int { return cap(r.arena) + cap(r.slots)*sizeOf[uint32]() }
