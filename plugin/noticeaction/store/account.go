package store

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	bolt "go.etcd.io/bbolt"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// account is what every commit says of the flags as they are stored, whole records, so that reading them all shows
// whether one was lost, came twice or was changed. That takes a tenth of the time of their digest. It finds damage, not
// forgery: whoever can write to the file can write an account.
type account struct {
	octets uint64 // of all names
	sum    uint64 // modulo 2^64, of the hashes of all flags
}

func (a *account) add(name, record []byte) {
	a.octets += uint64(len(name))
	a.sum += hash(hash(0, name), record)
}

func (a *account) remove(name, record []byte) {
	a.octets -= uint64(len(name))
	a.sum -= hash(hash(0, name), record)
}

// of tells what it says of so many flags.
func (a account) of(flags uint64) string {
	return fmt.Sprintf("%d flags, with names of %d bytes and the sum %016x", flags, a.octets, a.sum)
}

// errAccount says that the flags are not those that the changes made so far have led to.
func errAccount(found, want string) error {
	return fmt.Errorf("%w: it holds %s, but its own account says %s; restore a backup", ErrDamaged, found, want)
}

// hash hashes b after what h is the hash of. It is part of the format. It takes 16 octets at a time, the last of which it may
// have taken before, as numbers little-endian; the mixing is that of wyhash.
func hash(h uint64, b []byte) uint64 {
	const (
		one = 0xa0761d6478bd642f
		two = 0xe7037ed1a0b428db
		far = 0x9e3779b97f4a7c15 // brings lengths away from what octets differ by
	)
	n := len(b)
	h ^= uint64(n) * far
	if n < 8 {
		w := uint64(0)
		for _, c := range b {
			w = w<<8 | uint64(c)
		}
		return mix(w^two, h^one)
	}
	for i := 0; i+16 < n; i += 16 {
		h = mix(binary.LittleEndian.Uint64(b[i:])^one, binary.LittleEndian.Uint64(b[i+8:])^h)
	}
	return mix(binary.LittleEndian.Uint64(b[max(0, n-16):])^two, binary.LittleEndian.Uint64(b[n-8:])^h)
}

// mix returns the xored halves of the product.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// openAccount brings schema 4, where the digest was the account, to 5. It checks the flags by the digest once more.
func openAccount(tx *bolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	old := meta.Get(stateKey)
	if len(old) != stateSizeOld {
		return fmt.Errorf("%w: state of %d bytes, expected %d", ErrDamaged, len(old), stateSizeOld)
	}
	s := splitState(old)
	var flags uint64
	var digest redirect.Digest
	err := tx.Bucket(flagsBucket).ForEach(func(name, record []byte) error {
		h, err := decodeHead(record)
		if err != nil {
			return fmt.Errorf("flag %s: %w", name, err)
		}
		flags++
		digest.Add(redirect.Entry{Name: string(name), Authority: string(h.authority), NotAfter: h.notAfter})
		s.account.add(name, record)
		return nil
	})
	if err != nil {
		return err
	}
	if flags != s.flags || digest != s.digest {
		return errAccount(fmt.Sprintf("%d flags of digest %s", flags, digest), fmt.Sprintf("%d of %s", s.flags, s.digest))
	}
	return meta.Put(stateKey, encodeState(s))
}
