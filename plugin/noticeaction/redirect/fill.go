package redirect

import (
	"bytes"
	"slices"
)

// filler writes names to an index in any order. Where a name goes follows from its hash, so that each would wait for
// memory; some dozens wait together, and the processor fetches their places all at once.
type filler struct {
	index   *index
	zones   *zoneCount // of the names; nil: they are not counted
	waiting []waiting
	work    work
	fetched byte // without it the compiler would leave out the fetching
}

// waiting is a name that is not written yet. It is only lent.
type waiting struct {
	key  key
	name []byte
	line uint32 // of the index, where the name belongs
	word uint32 // of the filter
	id   AuthorityID
}

// newFiller returns one for an empty index of so many names, whose records take so many bytes.
func newFiller(names, size int, zones *zoneCount) *filler {
	const dozens = 128
	f := &filler{index: newIndex(names, size), zones: zones, waiting: make([]waiting, 0, min(names+1, dozens))}
	const page = 4096 / len(line{}) // the kernel gives memory by the page, fastest in order
	for i := 0; i < len(f.index.lines); i += page {
		f.index.lines[i] = line{}
	}
	return f
}

// add takes in a name, which is in lower case and whose key is k. It must stay as it is until finish returns.
func (f *filler) add(k *key, name []byte, id AuthorityID) {
	n := len(f.waiting)
	f.waiting = f.waiting[:n+1]
	w := &f.waiting[n]
	w.key, w.name, w.id = *k, name, id
	w.line, w.word = uint32(scale(k.hash, len(f.index.lines))), uint32(scale(k.hash, len(f.index.filter)))
	if len(f.waiting) == cap(f.waiting) {
		f.write()
	}
}

func (f *filler) write() {
	x := f.index
	fetched := byte(0)
	for i := range f.waiting {
		w := &f.waiting[i]
		fetched += x.lines[w.line][0] + byte(x.filter[w.word])
	}
	f.fetched = fetched
	for i := range f.waiting {
		w := &f.waiting[i]
		if x.mark(w.key.hash) {
			if record := inLines(x, &w.key, w.name); record != nil {
				setAuthority(record, w.id)
				continue
			}
		}
		place(x, &w.key, w.name, w.id)
		if f.zones != nil {
			f.zones.add(&w.key, w.name)
		}
	}
	f.work.pause(len(f.waiting))
	f.waiting = f.waiting[:0]
}

// finish returns the index. Of two equal names the later counts.
func (f *filler) finish() *index {
	f.write()
	return f.index.fitted()
}

// zoneCount counts names by their zones.
type zoneCount struct {
	zones []zone
	last  int    // counted; mostly it is counted again
	tail  uint64 // how names directly below that zone end, as a number
	size  uint   // of the tail in bytes, at most 8; 0: it is longer, or there is none
}

// add counts a name, which is in lower case and whose key is k.
func (c *zoneCount) add(k *key, name []byte) {
	if c.again(k, len(name)) {
		c.zones[c.last].flags++
		return
	}
	c.zones = countZone(c.zones, name, 1)
	dot := bytes.IndexByte(name, '.')
	apex := name[dot+1:]
	c.last = slices.IndexFunc(c.zones, func(z zone) bool { return z.name == string(apex) })
	c.tail, c.size = 0, 0
	if end := name[max(dot, 0):]; dot >= 0 && len(end) <= 8 {
		c.size = uint(len(end))
		for i, b := range end {
			c.tail |= uint64(b) << (8 * i)
		}
	}
}

// again reports whether a name of n bytes, whose key is k, is directly below the zone counted last. It knows from the words
// of the key, without a branch on the length; false if it does not.
func (c *zoneCount) again(k *key, n int) bool {
	if c.size == 0 || !isUsual(n) || k.last>>(64-8*c.size) != c.tail {
		return false
	}
	cut := 8 * uint(max(0, 8+int(c.size)-n)) // what first and next have of the tail
	return dotted(k.first<<cut)|dotted(k.next<<cut)|dotted(k.last<<(8*c.size)) == 0
}

// dotted returns 0 if none of the bytes of w is a dot.
func dotted(w uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	w ^= '.' * ones
	return (w - ones) &^ w & high
}
