package redirect

import (
	"iter"
	"math/bits"
)

// index maps names to authorities. It is immutable and holds two pointers, however many names.
//
// The names of a bucket lie side by side in the arena, so a hit touches a directory entry and one or
// two cache lines of names. A miss, as nearly every query is, ends at the directory entry: its filter
// lets through about one in fifty.
type index struct {
	dir   []bucket // one more than there are buckets: a bucket's names end where the next one's begin
	arena []byte   // records: len uint8, tag uint8, authority uint16, name
	len   int
}

// bucket is a directory entry.
type bucket struct {
	at     uint32 // of its first record in the arena
	filter uint32 // a Bloom filter of its names, two bits each
}

const (
	headSize  = 4
	perBucket = 2 // names to a bucket, on average
)

func head(k *key, n int, id AuthorityID) uint32 {
	return uint32(n) | uint32(k.hash>>10&0xff)<<8 | uint32(id)<<16
}

func filterBits(hash uint64) uint32 {
	return 1<<(hash&31) | 1<<(hash>>5&31)
}

// bucketOf scales the hash to the directory. It rises with the hash: an index read from front to
// back fills another in nearly the same order.
func bucketOf(hash uint64, buckets int) int {
	hi, _ := bits.Mul64(hash, uint64(buckets))
	return int(hi)
}

// find returns what the index holds for name, whose key is k: an authority or the tombstone.
func find[S text](x *index, k *key, name S) (AuthorityID, bool) {
	i := bucketOf(k.hash, len(x.dir)-1)
	b := x.dir[i]
	if bit := filterBits(k.hash); b.filter&bit != bit {
		return 0, false
	}
	want := uint16(head(k, len(name), 0))
	for run := x.arena[b.at:x.dir[i+1].at]; len(run) >= headSize; {
		h := load32(run, 0)
		end := headSize + int(h&0xff)
		if uint16(h) == want && same(k, name, run[headSize:end]) {
			return AuthorityID(h >> 16), true
		}
		run = run[end:]
	}
	return 0, false
}

// all yields every name in the order it is stored in. The name is only lent.
func (x *index) all() iter.Seq2[[]byte, AuthorityID] {
	return func(yield func([]byte, AuthorityID) bool) {
		for rest := x.arena; len(rest) >= headSize; {
			h := load32(rest, 0)
			end := headSize + int(h&0xff)
			if !yield(rest[headSize:end], AuthorityID(h>>16)) {
				return
			}
			rest = rest[end:]
		}
	}
}

// orNil spares readers of an empty overlay the look-up in it.
func (x *index) orNil() *index {
	if x.len == 0 {
		return nil
	}
	return x
}

func (x *index) bytes() int {
	if x == nil {
		return 0
	}
	return sizeOf[index]() + cap(x.arena) + cap(x.dir)*sizeOf[bucket]()
}
