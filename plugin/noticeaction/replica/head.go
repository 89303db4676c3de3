package replica

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// Head says what the set is. The publisher signs one for each change, and again each minute.
type Head struct {
	// Sequence numbers the heads. It only ever grows, whatever becomes of the desk or of etcd: it is
	// the time of signing in Unix milliseconds, or one more than that of the head before.
	Sequence uint64

	Generation uint64          // of the desk
	Count      uint64          // records in the set
	Digest     redirect.Digest // of the set as the desk's status shows it
	Root       [32]byte        // hash of the set; what makes a signed head vouch for each record
	Signed     time.Time       // by the publisher's clock; UTC, milliseconds

	// Journal and JournalHash are the length of the desk's journal and the SHA-256 of its last line, by
	// which a desk knows its own work.
	Journal     uint64
	JournalHash [32]byte

	// Removed counts the flags that the journal says were lifted, since its beginning. So many names may
	// be gone at a follower that has an older head.
	Removed uint64

	// Override is the Sequence of the last head that a person ordered to be believed whatever it says; 0: none.
	Override uint64
}

const (
	headVersion = 1
	maxHead     = 512 // bytes, with the signature
)

// A head is a version byte and then its fields as in a record, hashes as they are; then the signature.
func appendHead(b []byte, h Head) []byte {
	b = append(b, headVersion)
	b = binary.AppendUvarint(b, h.Sequence)
	b = binary.AppendUvarint(b, h.Generation)
	b = binary.AppendUvarint(b, h.Count)
	b = append(b, h.Digest[:]...)
	b = append(b, h.Root[:]...)
	b = binary.AppendVarint(b, h.Signed.UnixMilli())
	b = binary.AppendUvarint(b, h.Journal)
	b = append(b, h.JournalHash[:]...)
	b = binary.AppendUvarint(b, h.Removed)
	return binary.AppendUvarint(b, h.Override)
}

// decodeHead reads a head without checking its signature.
func decodeHead(value []byte) (Head, error) {
	body, _, ok := unseal(value)
	if !ok || len(value) > maxHead || len(body) == 0 || body[0] != headVersion {
		return Head{}, fmt.Errorf("%w: expected version %d in at most %d bytes, got %d bytes", ErrHead, headVersion, maxHead, len(value))
	}
	c := cursor{b: body[1:]}
	h := Head{Sequence: c.uvarint(), Generation: c.uvarint(), Count: c.uvarint(), Digest: c.array(), Root: c.array()}
	h.Signed = time.UnixMilli(c.varint()).UTC()
	h.Journal, h.JournalHash = c.uvarint(), c.array()
	h.Removed, h.Override = c.uvarint(), c.uvarint()
	if c.bad || len(c.b) != 0 {
		return Head{}, ErrHead
	}
	return h, nil
}

func headMessage(prefix string, body []byte) []byte {
	return message([]byte(headDomain), []byte(prefix), body)
}

// head is the head as etcd holds it.
func (s *Signer) head(prefix string, h Head) []byte {
	body := appendHead(make([]byte, 0, maxHead), h)
	return s.seal(body, headMessage(prefix, body))
}

// verifyHead reads a head that a trusted key has signed for that prefix.
func (k Keys) verifyHead(prefix string, value []byte) (Head, error) {
	h, err := decodeHead(value)
	if err != nil {
		return Head{}, err
	}
	body, seal, _ := unseal(value)
	if !k.verify(headMessage(prefix, body), seal) {
		return Head{}, fmt.Errorf("%w: head", ErrSignature)
	}
	return h, nil
}

// covers tells whether the records are those that the head is of.
func (h Head) covers(set *records) bool {
	return h.Count == uint64(set.count) && h.Root == set.root()
}
