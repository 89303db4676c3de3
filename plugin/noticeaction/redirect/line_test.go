package redirect

import (
	"math/bits"
	"strings"
	"testing"
)

// TestTaggedIsExact sets each pair of neighbours among the tags, so that nothing carries from one to the next.
func TestTaggedIsExact(t *testing.T) {
	for _, tag := range []byte{0, 1, 7, 0x7f, 0x80, 0x81, 0xff} {
		for a := range 256 {
			for b := range 256 {
				h := head(a) | head(b)<<8 | head(a)<<16 | head(b)<<24 | head(tag)<<32
				var want uint32
				for i, c := range []byte{byte(a), byte(b), byte(a), byte(b)} {
					if c == tag {
						want |= 0x80 << (8 * i)
					}
				}
				if got := h.tagged(tag); got != want {
					t.Fatalf("%x tagged %x: %x, want %x", h, tag, got, want)
				}
			}
		}
	}
}

// TestLineTakesUntilFull gives a line names until it has no room.
func TestLineTakesUntilFull(t *testing.T) {
	const full = len(line{}) - firstRecord // bytes for authorities and names
	for _, test := range []struct {
		what    string
		lengths []int // of the names
		last    bool  // there is room for the last
	}{
		{"four short names", []int{1, 1, 1, 1}, true},
		{"a fifth, without a tag", []int{1, 1, 1, 1, 1}, false},
		{"the longest name", []int{longest}, true},
		{"one longer", []int{longest + 1}, false},
		{"one after the longest", []int{longest, 1}, false},
		{"to the last byte", []int{10, 20, full - 30 - 3*idSize}, true},
		{"a byte more", []int{10, 20, full - 30 - 3*idSize + 1}, false},
		{"no room for a name in what is left", []int{10, 20, full - 30 - 3*idSize, 1}, false},
		{"room for one but no more", []int{10, 20, full - 31 - 4*idSize, 1}, true},
	} {
		for _, hash := range []uint64{0, 1<<64 - 1} {
			var l line
			at := firstRecord
			for i, n := range test.lengths {
				record := l.take(tagOf(hash, n))
				if want := i < len(test.lengths)-1 || test.last; (record != nil) != want {
					t.Fatalf("%s: name %d taken: %t, want %t", test.what, i, !want, want)
				}
				if record == nil {
					continue
				}
				if len(record) != idSize+n || &record[0] != &l[at] {
					t.Errorf("%s: record %d of %d bytes, want %d at %d", test.what, i, len(record), idSize+n, at)
				}
				if got := l.head().record(0x80 << (8 * i)); got != at {
					t.Errorf("%s: record %d begins at %d, want %d", test.what, i, got, at)
				}
				if l.head().tagged(tagOf(hash, n))>>(8*i)&0x80 == 0 {
					t.Errorf("%s: record %d without its tag", test.what, i)
				}
				at += idSize + n
			}
			if l[more] != 0 {
				t.Errorf("%s: more is %d, want 0", test.what, l[more])
			}
		}
	}
}

// TestNamesOfOneTag finds each of four names that only their bytes tell apart, and no fifth.
func TestNamesOfOneTag(t *testing.T) {
	x := newIndex(0, 0)
	hash := uint64(1<<64 - 1)
	names := []string{"aaaa.be", "bbbb.be", "cccc.be", "dddd.be"}
	of := func(name string) *key {
		k := keyOf(name)
		k.hash = hash
		return &k
	}
	for i, name := range names {
		insert(x, of(name), name, AuthorityID(i))
	}
	home := &x.lines[scale(hash, len(x.lines))]
	if found := home.head().tagged(tagOf(hash, 7)); bits.OnesCount32(found) != len(names) {
		t.Fatalf("%d names in the line, want %d", bits.OnesCount32(found), len(names))
	}
	for i, name := range names {
		if id, ok := find(x, of(name), name); !ok || int(id) != i {
			t.Errorf("%s is %d, %t, want %d", name, id, ok, i)
		}
	}
	for _, name := range []string{"eeee.be", "aaaa.bf", "baaa.be", strings.Repeat("a", 7)} {
		if id, ok := find(x, of(name), name); ok {
			t.Errorf("%s is %d, want none", name, id)
		}
	}
}

// TestTagsTellNamesApart has the tags of names of one length differ by the hash.
func TestTagsTellNamesApart(t *testing.T) {
	names := make(map[byte]int)
	for _, name := range missing(4000) {
		names[tagOf(keyOf(name).hash, 7)]++
	}
	if len(names) != 1<<hashBits {
		t.Errorf("%d tags, want %d", len(names), 1<<hashBits)
	}
	for tag, n := range names {
		if n < 900 || n > 1100 {
			t.Errorf("%d of 4000 names have the tag %x, want about 1000", n, tag)
		}
	}
}
