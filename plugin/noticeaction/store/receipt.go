package store

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Receipt is what is remembered of a request that carried an idempotency key.
type Receipt struct {
	Time time.Time // UTC, whole seconds
	Body [32]byte  // SHA-256 of the request
	Done []byte    // what was answered
}

// A receipt is stored as its time in 8 bytes big-endian, the 32 of the body, and what was answered.
const receiptHead = 8 + 32

// Receipt returns what is remembered under a key, if anything.
func (tx *Tx) Receipt(key string) (r Receipt, ok bool, err error) {
	v := tx.bucket(receiptsBucket).Get([]byte(key))
	if v == nil {
		return Receipt{}, false, nil
	}
	r, err = decodeReceipt(v)
	return r, err == nil, err
}

// PutReceipt remembers r under a key of 1..32768 bytes.
func (tx *Tx) PutReceipt(key string, r Receipt) error {
	tx.written = true
	v := binary.BigEndian.AppendUint64(nil, uint64(unix(r.Time)))
	v = append(v, r.Body[:]...)
	if err := tx.bucket(receiptsBucket).Put([]byte(key), append(v, r.Done...)); err != nil {
		return fmt.Errorf("putting receipt: %w", err)
	}
	return nil
}

// PruneReceipts forgets the receipts from before a time.
func (tx *Tx) PruneReceipts(before time.Time) error {
	var old [][]byte
	c := tx.bucket(receiptsBucket).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		r, err := decodeReceipt(v)
		if err != nil {
			return err
		}
		if r.Time.Before(before) {
			old = append(old, k)
		}
	}
	for _, k := range old {
		tx.written = true
		if err := tx.bucket(receiptsBucket).Delete(k); err != nil {
			return fmt.Errorf("deleting receipt: %w", err)
		}
	}
	return nil
}

func decodeReceipt(v []byte) (Receipt, error) {
	if len(v) < receiptHead {
		return Receipt{}, fmt.Errorf("%w: receipt of %d bytes, expected at least %d", ErrDamaged, len(v), receiptHead)
	}
	r := Receipt{Time: fromUnix(int64(binary.BigEndian.Uint64(v)))}
	copy(r.Body[:], v[8:])
	r.Done = append(r.Done, v[receiptHead:]...)
	return r, nil
}
