package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// AddOutgoing adds what is to leave, and its payload, and returns the id that it gives it.
func (tx *Tx) AddOutgoing(o Outgoing, payload []byte) (id uint64, err error) {
	if o.ID, err = tx.nextNumber(tx.bucket(outgoingBucket), "outgoing"); err != nil {
		return 0, err
	}
	if err := tx.putOutgoing(Outgoing{}, o); err != nil {
		return 0, err
	}
	return o.ID, tx.PutPayload(o.ID, payload)
}

// PutOutgoing replaces what leaves under an id that AddOutgoing gave. The payload stays.
func (tx *Tx) PutOutgoing(o Outgoing) error {
	old, ok, err := tx.Outgoing(o.ID)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("putting outgoing %d: expected one that was added", o.ID)
	}
	return tx.putOutgoing(old, o)
}

func (tx *Tx) putOutgoing(old, o Outgoing) error {
	what, key := fmt.Sprintf("outgoing %d", o.ID), seqKey(o.ID)
	if v := tx.bucket(messageIDsBucket).Get([]byte(o.MessageID)); v != nil && !bytes.Equal(v, key) {
		return fmt.Errorf("putting %s: expected a Message-ID of its own", what)
	}
	if err := tx.ofCase(what, o.Case); err != nil {
		return err
	}
	record, err := json.Marshal(o)
	if err == nil {
		_, err = decodeOutgoing(key, record)
	}
	if err != nil {
		return unfit(what, record)
	}
	if err := tx.set(tx.bucket(outgoingBucket), what, key, record); err != nil {
		return err
	}
	tx.changed().ofOutgoing(old, -1)
	tx.changed().ofOutgoing(o, 1)
	if err := tx.reindex(tx.bucket(outboxBucket), what, outboxKey(old), outboxKey(o), nil); err != nil {
		return err
	}
	if err := tx.reindex(tx.bucket(leavesBucket), what, ofCaseKey(old.Case, seqKey(old.ID)), ofCaseKey(o.Case, key), nil); err != nil {
		return err
	}
	return tx.reindex(tx.bucket(messageIDsBucket), what, textKey(old.MessageID), textKey(o.MessageID), key)
}

// PutPayload gives something that AddOutgoing added another payload.
func (tx *Tx) PutPayload(id uint64, payload []byte) error {
	return tx.set(tx.bucket(payloadsBucket), fmt.Sprintf("payload %d", id), seqKey(id), tx.keep(payload))
}

// Outgoing returns what leaves under an id, if there is such a thing.
func (tx *Tx) Outgoing(id uint64) (o Outgoing, ok bool, err error) {
	key := seqKey(id)
	v := tx.bucket(outgoingBucket).Get(key)
	if v == nil {
		return Outgoing{}, false, nil
	}
	o, err = decodeOutgoing(key, v)
	return o, err == nil, err
}

// Payload returns what leaves under an id; nil when there is none, or when it was erased.
func (tx *Tx) Payload(id uint64) []byte {
	return bytes.Clone(tx.bucket(payloadsBucket).Get(seqKey(id)))
}

// Outbox yields the selected of what leaves in the order of its ids, until the first error.
func (tx *Tx) Outbox(q OutgoingQuery) iter.Seq2[Outgoing, error] {
	return func(yield func(Outgoing, error) bool) {
		for key, v := range tx.outgoingAfter(q) {
			o, err := decodeOutgoing(key, v)
			if err == nil && (q.Kind != "" && o.Kind != q.Kind || q.Status != "" && o.Status != q.Status) {
				continue
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// outgoingAfter yields the records that the query's After and Case select.
func (tx *Tx) outgoingAfter(q OutgoingQuery) iter.Seq2[[]byte, []byte] {
	if q.Case == "" {
		return beyond(tx.bucket(outgoingBucket), seqKey(q.After))
	}
	return func(yield func(k, v []byte) bool) {
		prefix := idPrefix(q.Case)
		for k := range beyond(tx.bucket(leavesBucket), append(prefix, seqKey(q.After)...)) {
			key, ok := bytes.CutPrefix(k, prefix)
			if !ok || !yield(key, tx.bucket(outgoingBucket).Get(key)) {
				return
			}
		}
	}
}

// NextOutgoing returns which of a kind, queued or being sent, is to be tried first.
func (tx *Tx) NextOutgoing(kind OutgoingKind) (o Outgoing, ok bool, err error) {
	for k := range under(tx.bucket(outboxBucket), idPrefix(string(kind))) {
		return tx.indexedOutgoing(k[max(0, len(k)-8):])
	}
	return Outgoing{}, false, nil
}

// OutgoingByMessageID returns the mail of a Message-ID, without angle brackets, if there is one.
func (tx *Tx) OutgoingByMessageID(messageID string) (o Outgoing, ok bool, err error) {
	key := tx.bucket(messageIDsBucket).Get([]byte(messageID))
	if key == nil {
		return Outgoing{}, false, nil
	}
	return tx.indexedOutgoing(key)
}

// indexedOutgoing returns what an index says that there is.
func (tx *Tx) indexedOutgoing(key []byte) (Outgoing, bool, error) {
	o, err := decodeOutgoing(key, tx.bucket(outgoingBucket).Get(key))
	return o, err == nil, err
}

// outboxKey is nil for what is not to be tried.
func outboxKey(o Outgoing) []byte {
	if o.Status != Queued && o.Status != Sending {
		return nil
	}
	b := binary.BigEndian.AppendUint64(idPrefix(string(o.Kind)), uint64(unix(o.Next)))
	return binary.BigEndian.AppendUint64(b, o.ID)
}

// ofCaseKey is nil without a case.
func ofCaseKey(id string, key []byte) []byte {
	if id == "" {
		return nil
	}
	return append(idPrefix(id), key...)
}

// textKey is nil for no text.
func textKey(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// ofCase checks the id of the case that something belongs to, if any, and notes that the case has something
// to erase.
func (tx *Tx) ofCase(what, id string) error {
	if id == "" {
		return nil
	}
	if err := checkID(what, id); err != nil {
		return err
	}
	c, ok, err := tx.Case(id)
	if !ok {
		return err
	}
	return tx.markErasable(c)
}

// decodeOutgoing decodes what is stored under a key of outgoing.
func decodeOutgoing(key, b []byte) (Outgoing, error) {
	o, err := decodeRecord[Outgoing](b)
	if err != nil || !bytes.Equal(key, seqKey(o.ID)) ||
		o.Kind != Mail && o.Kind != Order || !slices.Contains(Statuses, o.Status) {
		return Outgoing{}, unreadable(fmt.Sprintf("outgoing %x", key))
	}
	return o, nil
}

// nextNumber returns a number that no record of the bucket has had.
func (tx *Tx) nextNumber(b *bolt.Bucket, what string) (uint64, error) {
	tx.written = true
	n, err := b.NextSequence()
	if err != nil {
		return 0, fmt.Errorf("numbering %s: %w", what, err)
	}
	return n, nil
}
