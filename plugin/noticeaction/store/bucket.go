package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// The buckets of the procedure. Numbers are big-endian; an id that begins a key of more ends in a zero byte.
var (
	casesBucket      = []byte("cases")      // id: case
	runningBucket    = []byte("running")    // name: id of the running case that it is still in
	deadlinesBucket  = []byte("deadlines")  // end of the first deadline in Unix seconds, and case: nothing
	endedBucket      = []byte("ended")      // end of a case that is not erased in Unix seconds, and case: nothing
	eventsBucket     = []byte("events")     // case and number: event
	outgoingBucket   = []byte("outgoing")   // id: outgoing
	payloadsBucket   = []byte("payloads")   // id of an outgoing: what leaves
	outboxBucket     = []byte("outbox")     // kind, next try in Unix seconds and id of an outgoing: nothing
	leavesBucket     = []byte("leaves")     // case and id of an outgoing: nothing
	messageIDsBucket = []byte("messageids") // Message-ID: id of an outgoing
	tasksBucket      = []byte("tasks")      // id: task
	openBucket       = []byte("open")       // id of an open task: nothing
	noticesBucket    = []byte("notices")    // id: notice
	noticesOfBucket  = []byte("notices_of") // case and id of a notice: nothing
	sumsBucket       = []byte("sums")       // SHA-256 of a message, in hex: id of a notice
	evidenceBucket   = []byte("evidence")   // id of a notice: message
)

// maxRecord is the most bytes in a record of JSON.
const maxRecord = 4 << 20

var errRecord = errors.New("not one JSON value of known fields within the bounds")

// decodeRecord reads a record of one JSON value with no field that is not known. Its error does not say
// what is wrong: that may quote personal data.
func decodeRecord[T any](b []byte) (T, error) {
	var v, none T
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if len(b) > maxRecord || d.Decode(&v) != nil {
		return none, errRecord
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return none, errRecord
	}
	return v, nil
}

// unreadable says that a record of the database cannot be read.
func unreadable(what string) error { return fmt.Errorf("%w: %s cannot be read", ErrDamaged, what) }

// unfit says that a record could not be read again if it were put.
func unfit(what string, record []byte) error {
	return fmt.Errorf("putting %s: expected a record that can be read, of at most %d bytes, got %d", what, maxRecord, len(record))
}

// checkID refuses an id that cannot be the first part of a key.
func checkID(what, id string) error {
	const most = 100
	if id == "" || len(id) > most || strings.ContainsRune(id, 0) {
		return fmt.Errorf("putting %.120q: expected an id of 1..%d bytes without a zero byte", what, most)
	}
	return nil
}

// idPrefix is how the keys begin that hold an id first: a zero byte ends it.
func idPrefix(id string) []byte {
	return append(append(make([]byte, 0, len(id)+1+16), id...), 0)
}

// splitKey takes a key of an id and a number apart.
func splitKey(key []byte) (id string, number uint64, ok bool) {
	before, after, _ := bytes.Cut(key, []byte{0})
	if len(after) != 8 {
		return "", 0, false
	}
	return string(before), binary.BigEndian.Uint64(after), true
}

// set puts a value that stays as it is until the end of the transaction.
func (tx *Tx) set(b *bolt.Bucket, what string, key, value []byte) error {
	tx.written = true
	if err := b.Put(key, value); err != nil {
		return fmt.Errorf("putting %s: %w", what, err)
	}
	return nil
}

func (tx *Tx) unset(b *bolt.Bucket, what string, key []byte) error {
	tx.written = true
	if err := b.Delete(key); err != nil {
		return fmt.Errorf("deleting %s: %w", what, err)
	}
	return nil
}

// reindex replaces the key of a record in an index; nil: it has none.
func (tx *Tx) reindex(b *bolt.Bucket, what string, old, now, value []byte) error {
	if bytes.Equal(old, now) {
		return nil
	}
	if old != nil {
		if err := tx.unset(b, "index of "+what, old); err != nil {
			return err
		}
	}
	if now == nil {
		return nil
	}
	return tx.set(b, "index of "+what, now, value)
}

// beyond yields what lies after a key.
func beyond(b *bolt.Bucket, after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := b.Cursor()
		k, v := c.Seek(after)
		if bytes.Equal(k, after) {
			k, v = c.Next()
		}
		for ; k != nil && yield(k, v); k, v = c.Next() {
		}
	}
}

// under yields what lies under a prefix.
func under(b *bolt.Bucket, prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := b.Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && yield(k, v); k, v = c.Next() {
		}
	}
}

// last returns the last key under a prefix, whose last byte is not 0xff; nil: there is none.
func last(b *bolt.Bucket, prefix []byte) []byte {
	end := bytes.Clone(prefix)
	end[len(end)-1]++
	c := b.Cursor()
	k, _ := c.Seek(end)
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	if !bytes.HasPrefix(k, prefix) {
		return nil
	}
	return k
}

// first returns a copy of the first key that begins with a time of at most so many Unix seconds and lies
// after another key. It holds whatever was changed since the other was found.
func first(b *bolt.Bucket, after []byte, most int64) ([]byte, bool) {
	for k := range beyond(b, after) {
		if len(k) <= 8 || int64(binary.BigEndian.Uint64(k)) > most {
			break
		}
		return bytes.Clone(k), true
	}
	return nil, false
}
