package redirect

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// text is a name as a reader holds it. The two shapes compile to two copies of the code below, so
// neither pays for the other.
type text interface{ string | []byte }

// secret keys the hash. Registrants choose the names, so a fixed hash would let them choose a bucket.
var secret = [4]uint64{rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64()}

// key is a name's hash, and the words that hold its first 8 and last 16 bytes in lower case: for a
// name of up to 24 bytes that is all of it, and comparing needs no second look at the name.
type key struct {
	hash              uint64
	first, next, last uint64
}

// keyOf hashes name, folding A-Z to a-z and nothing else (RFC 4343 section 3). From 8 to 24 bytes
// there is no branch on the length, which no predictor could guess. The mixing is that of wyhash: the xored
// halves of a 128-bit product of data and secret.
func keyOf[S text](name S) key {
	first, next, last := words(name)
	k := key{first: lower(first), next: lower(next), last: lower(last)}
	h := secret[0]
	for i := 8; i < len(name)-16; i += 8 {
		h = mix(h^lower(load64(name, i)), secret[3])
	}
	k.finish(h, len(name))
	return k
}

// keyOfLower is keyOf for a name that is in lower case; false: it is not, and the key is none.
func keyOfLower(name []byte) (k key, ok bool) {
	k.first, k.next, k.last = words(name)
	upper := upperOf(k.first) | upperOf(k.next) | upperOf(k.last)
	h := secret[0]
	for i := 8; i < len(name)-16; i += 8 {
		w := load64(name, i)
		upper |= upperOf(w)
		h = mix(h^w, secret[3])
	}
	k.finish(h, len(name))
	return k, upper == 0
}

// finish hashes the words of a name of n bytes, after h is the hash of those between.
func (k *key) finish(h uint64, n int) {
	h = mix(k.first^h, k.next^secret[1])
	k.hash = mix(h^uint64(n), k.last^secret[2])
}

// words loads the first 8 and the last 16 bytes, which overlap where name is shorter than 24. Only
// names of one length are ever compared by their words.
func words[S text](name S) (first, next, last uint64) {
	n := len(name)
	switch {
	case n >= 8:
		return load64(name, 0), load64(name, tail(n)), load64(name, n-8)
	case n >= 4:
		return uint64(load32(name, 0)), 0, uint64(load32(name, n-4))
	case n >= 1:
		return uint64(name[0]) | uint64(name[n/2])<<8 | uint64(name[n-1])<<16, 0, 0
	}
	return 0, 0, 0
}

// tail returns where the last 16 of n bytes begin, or 0. The compiler makes a branch of max(0, n-16).
func tail(n int) int {
	i := n - 16
	return i &^ (i >> 63)
}

// same reports whether the lower-case stored is name, whose key is k. They have the same length.
func same[S text](k *key, name S, stored []byte) bool {
	first, next, last := words(stored)
	if (first^k.first)|(next^k.next)|(last^k.last) != 0 {
		return false
	}
	for i := 8; i < len(name)-16; i += 8 {
		if lower(load64(name, i)) != load64(stored, i) {
			return false
		}
	}
	return true
}

// isUsual reports whether a name is of a length for which sameWords will do.
func isUsual(n int) bool { return n >= 8 && n <= 24 }

// sameWords is same for the usual lengths, and so short that it is compiled into the look-up.
func sameWords(k *key, stored []byte) bool {
	n := len(stored)
	first := binary.LittleEndian.Uint64(stored)
	next, last := binary.LittleEndian.Uint64(stored[tail(n):]), binary.LittleEndian.Uint64(stored[n-8:])
	return (first^k.first)|(next^k.next)|(last^k.last) == 0
}

// write copies name, which is in lower case and whose key is k, to where it is stored, of its length.
func write[S text](stored []byte, k *key, name S) {
	n := len(stored)
	if !isUsual(n) {
		copy(stored, name)
		return
	}
	binary.LittleEndian.PutUint64(stored, k.first)
	binary.LittleEndian.PutUint64(stored[tail(n):], k.next)
	binary.LittleEndian.PutUint64(stored[n-8:], k.last)
}

// isLower reports whether name, whose key is k, is in lower case.
func isLower[S text](k *key, name S) bool {
	first, next, last := words(name)
	if (first^k.first)|(next^k.next)|(last^k.last) != 0 {
		return false
	}
	for i := 8; i < len(name)-16; i += 8 {
		if w := load64(name, i); w != lower(w) {
			return false
		}
	}
	return true
}

// lower folds the bytes A-Z among the eight of w.
func lower(w uint64) uint64 { return w | upperOf(w)>>2 }

// upperOf returns the high bit of each of the eight bytes of w that is one of A-Z. Of a byte below 0x80, one sum has the high
// bit from A on and the other after Z.
func upperOf(w uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	low := w &^ high
	return ((low + (0x80-'A')*ones) ^ (low + (0x80-'Z'-1)*ones)) &^ w & high
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// load64 reads eight bytes little-endian. encoding/binary does so for slices only; written out, the
// compiler makes one load of it for strings too.
func load64[S text](s S, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load32[S text](s S, i int) uint32 {
	s = s[i : i+4]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}
