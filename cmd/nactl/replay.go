package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"time"
)

// redirected is what the digest holds of a flag.
type redirected struct {
	Name      string    `json:"name"`
	Authority string    `json:"authority"`
	NotAfter  time.Time `json:"not_after"`
}

// replay is the set of flags that the lines read so far lead to, as its digest: package redirect's Digest
// says what is hashed and how it is added up.
type replay struct{ sum big.Int }

var modulus = new(big.Int).Lsh(big.NewInt(1), 8*sha256.Size)

// apply takes out the flag that was and puts in the one that is; nil: none.
func (r *replay) apply(before, after *redirected) {
	if before != nil {
		r.sum.Sub(&r.sum, before.hash())
	}
	if after != nil {
		r.sum.Add(&r.sum, after.hash())
	}
	r.sum.Mod(&r.sum, modulus)
}

func (r *replay) digest() string { return fmt.Sprintf("%064x", &r.sum) }

func (f *redirected) hash() *big.Int {
	var b []byte
	for _, text := range []string{f.Name, f.Authority} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
		b = append(b, text...)
	}
	var end int64
	if !f.NotAfter.IsZero() {
		end = f.NotAfter.Unix()
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(end)))
	return new(big.Int).SetBytes(sum[:])
}
