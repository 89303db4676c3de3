package redirect

import (
	"encoding/binary"
	"math/bits"
)

// line is as much as a processor fetches at once: a tag for each of up to four records, a byte that is not
// zero if names that belong in the line, or in one before it in the group, lie further on, and the records one
// after the other. A record is two bytes with the authority, little-endian, and the name.
//
// A tag is the name's length and two bits of its hash; zero: no record. From the tags, taken as one word, follows
// without a branch which record may be the name and where it is. A branch for each record waits for the line to
// come from memory and goes this way or that; when the processor has guessed wrong, it begins with the next
// look-up only then.
type line [64]byte

const (
	tags        = 4
	more        = tags // where the byte is
	firstRecord = more + 1
	idSize      = 2
	overhead    = 1 + idSize // what a name takes besides itself
	longest     = len(line{}) - firstRecord - idSize
	hashBits    = 2 // of a tag
	lengthMask  = 1<<(8-hashBits) - 1
)

// take gives a new record its tag and place; nil: there is no room.
func (l *line) take(tag byte) []byte {
	head := l.head()
	free := head.tagged(0)
	if free == 0 {
		return nil
	}
	at := head.record(free)
	end := at + idSize + int(tag&lengthMask)
	if end > len(l) {
		return nil
	}
	l[bits.TrailingZeros32(free)/8] = tag
	return l[at:end]
}

// head is the first eight bytes of a line.
type head uint64

func (l *line) head() head { return head(binary.LittleEndian.Uint64(l[:])) }

// tagOf returns the tag of a name of n bytes, from 1 to longest.
func tagOf(hash uint64, n int) byte { return byte(n) | byte(hash>>18<<(8-hashBits)) }

// tagged returns which records have the tag: the highest bit of a byte for each.
func (h head) tagged(tag byte) uint32 {
	const ones, low = 0x01010101, 0x7f7f7f7f
	other := uint32(h) ^ uint32(tag)*ones
	return ^(other&low + low | other | low)
}

// record returns where the first of some records begins: after those before it, whose sizes are added up for
// each tag at once.
func (h head) record(tagged uint32) int {
	const ones = 0x01010101
	sizes := uint64(h)&(lengthMask*ones) + idSize*ones
	begins := sizes*ones<<8 + firstRecord*ones
	return int(begins >> (bits.TrailingZeros32(tagged) &^ 7) & 0xff)
}

func authorityOf(record []byte) AuthorityID {
	return AuthorityID(binary.LittleEndian.Uint16(record))
}

func setAuthority(record []byte, id AuthorityID) {
	binary.LittleEndian.PutUint16(record, uint16(id))
}

// all yields the names, which are only lent, and reports whether it is to go on.
func (l *line) all(yield func([]byte, AuthorityID) bool) bool {
	left := l[firstRecord:]
	for _, tag := range l[:tags] {
		if tag == 0 {
			break
		}
		end := idSize + int(tag&lengthMask)
		if !yield(left[idSize:end], authorityOf(left)) {
			return false
		}
		left = left[end:]
	}
	return true
}
