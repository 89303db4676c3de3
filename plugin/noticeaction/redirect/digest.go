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
func (d *Digest) Add(e Entry) { d.sum(e, bits.Add64) }

// Remove takes out an entry that was counted in, with the same authority and NotAfter.
func (d *Digest) Remove(e Entry) { d.sum(e, bits.Sub64) }

// String returns the digest in lowercase hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

func (d *Digest) sum(e Entry, op func(x, y, carry uint64) (uint64, uint64)) {
	h := hashEntry(e)
	var carry, word uint64
	for i := len(d) - 8; i >= 0; i -= 8 {
		word, carry = op(binary.BigEndian.Uint64(d[i:]), binary.BigEndian.Uint64(h[i:]), carry)
		binary.BigEndian.PutUint64(d[i:], word)
	}
}

func hashEntry(e Entry) [sha256.Size]byte {
	b := make([]byte, 0, 2+maxName+2+maxAuthority+8)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Name)))
	b = append(b, e.Name...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Authority)))
	b = append(b, e.Authority...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.NotAfter))
	return sha256.Sum256(b)
}
