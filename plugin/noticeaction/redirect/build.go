package redirect

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// maxArena is what a bucket's offset can reach.
const maxArena = math.MaxUint32

// builder gathers names in any order and makes an index of them. Of two equal names the later counts.
type builder struct {
	arena  []byte // records as in an index, in the order they came
	hashes []uint64
	starts []uint32
	limit  int // of the arena, in bytes
}

// newBuilder returns a builder with room for the names of the layers.
func newBuilder(limit int, layers ...*index) *builder {
	names, size := 0, 0
	for _, x := range layers {
		names += x.len
		size += len(x.arena)
	}
	return &builder{
		arena:  make([]byte, 0, size),
		hashes: make([]uint64, 0, names),
		starts: make([]uint32, 0, names),
		limit:  limit,
	}
}

func add[S text](b *builder, k *key, name S, id AuthorityID) error {
	if len(b.arena)+headSize+len(name) > b.limit {
		return fmt.Errorf("%w: expected at most %d bytes, after %d names", ErrFull, b.limit, len(b.hashes))
	}
	b.starts = append(b.starts, uint32(len(b.arena)))
	b.hashes = append(b.hashes, k.hash)
	b.arena = binary.LittleEndian.AppendUint32(b.arena, head(k, len(name), id))
	b.arena = append(b.arena, name...)
	return nil
}

// index makes the index. The builder is spent afterwards.
func (b *builder) index() *index {
	order, dir := b.sort()
	x := &index{dir: dir, arena: make([]byte, 0, len(b.arena))}
	from := uint32(0)
	for i := range len(dir) - 1 {
		to := dir[i].at
		start := len(x.arena)
		dir[i].at = uint32(start)
		for _, j := range order[from:to] {
			at := b.starts[j]
			record := b.arena[at : at+headSize+uint32(b.arena[at])]
			if old := sameRecord(x.arena[start:], record); old != nil {
				copy(old, record)
				continue
			}
			x.arena = append(x.arena, record...)
			x.len++
			dir[i].filter |= filterBits(b.hashes[j])
		}
		from = to
	}
	dir[len(dir)-1].at = uint32(len(x.arena))
	if len(x.arena) < cap(x.arena) {
		x.arena = slices.Clone(x.arena)
	}
	return x
}

// sort orders the records by bucket, and by age within one. It returns their numbers, and a
// directory whose buckets tell where, among these numbers, their own end.
func (b *builder) sort() ([]uint32, []bucket) {
	buckets := max(1, len(b.hashes)/perBucket)
	dir := make([]bucket, buckets+1)
	for _, h := range b.hashes {
		dir[bucketOf(h, buckets)].at++
	}
	sum := uint32(0)
	for i := range dir {
		sum, dir[i].at = sum+dir[i].at, sum
	}
	order := make([]uint32, len(b.hashes))
	for j, h := range b.hashes {
		end := &dir[bucketOf(h, buckets)].at
		order[*end] = uint32(j)
		*end++
	}
	return order, dir
}

// sameRecord returns the record of run that has the name of record, or nil.
func sameRecord(run, record []byte) []byte {
	for len(run) > 0 {
		end := headSize + int(run[0])
		if run[0] == record[0] && run[1] == record[1] && string(run[headSize:end]) == string(record[headSize:]) {
			return run[:end]
		}
		run = run[end:]
	}
	return nil
}

// merge makes one index of layers, oldest first: of each name what the last layer says that has it.
// Tombstones go, unless there is a layer below the merged ones for them to hide.
func merge(limit int, tombstones bool, layers ...*index) (*index, error) {
	b := newBuilder(limit, layers...)
	for i, layer := range layers {
		for name, id := range layer.all() {
			if id == tombstone && !tombstones {
				continue
			}
			k := keyOf(name)
			if hidden(layers[i+1:], &k, name) {
				continue
			}
			if err := add(b, &k, name, id); err != nil {
				return nil, err
			}
		}
	}
	return b.index(), nil
}

func hidden(layers []*index, k *key, name []byte) bool {
	for _, layer := range layers {
		if _, ok := find(layer, k, name); ok {
			return true
		}
	}
	return false
}

// since returns an index of the records of x that are not in old.
func since(limit int, x, old *index) (*index, error) {
	b := newBuilder(limit)
	for name, id := range x.all() {
		k := keyOf(name)
		if was, ok := find(old, &k, name); ok && was == id {
			continue
		}
		if err := add(b, &k, name, id); err != nil {
			return nil, err
		}
	}
	return b.index(), nil
}
