package redirect

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
)

// Digest is that of a set of entries, whatever their order: the sum modulo 2^256, big-endian, of the
// SHA-256 of each. The zero Digest is that of the empty set. Hashed are the name, its length in two
// bytes before it, the authority likewise, and NotAfter in eight bytes; all numbers are big-endian.
//
// It shows that two copies differ; it does not authenticate one. Who may choose entries at will can
// make two sets of one sum (Wagner, A Generalized Birthday Problem, 2002).
type Digest [sha256.Size]byte

// Add counts an entry in. The entry must not be counted already.
func (d *Digest) Add(e Entry) {
	h, carry := hashEntry(e), uint64(0)
	for i := len(d) - 8; i >= 0; i -= 8 {
		var word uint64
		word, carry = bits.Add64(d.word(i), h.word(i), carry)
		binary.BigEndian.PutUint64(d[i:], word)
	}
}

// Remove takes out an entry that was counted in, with the same authority and NotAfter.
func (d *Digest) Remove(e Entry) {
	h, borrow := hashEntry(e), uint64(0)
	for i := len(d) - 8; i >= 0; i -= 8 {
		var word uint64
		word, borrow = bits.Sub64(d.word(i), h.word(i), borrow)
		binary.BigEndian.PutUint64(d[i:], word)
	}
}

func (d *Digest) word(i int) uint64 { return binary.BigEndian.Uint64(d[i:]) }

// String returns the digest in lowercase hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

func hashEntry(e Entry) Digest {
	b := make([]byte, 0, 2+maxName+2+maxAuthority+8)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Name)))
	b = append(b, e.Name...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Authority)))
	b = append(b, e.Authority...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.NotAfter))
	return sha256.Sum256(b)
}
