package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
)

// NextNoticeID returns the id for the next notice of a year, as "N2026-00001": one more than the highest.
func (tx *Tx) NextNoticeID(year int) string {
	return nextID(tx.bucket(noticesBucket), fmt.Sprintf("N%d-", year))
}

// PutNotice adds a notice or replaces that of the same id, which is 1..100 bytes without a zero byte. It
// refuses a second notice of the same SHA256.
func (tx *Tx) PutNotice(n Notice) error {
	what, key := "notice "+n.ID, []byte(n.ID)
	if err := checkID(what, n.ID); err != nil {
		return err
	}
	old, _, err := tx.Notice(n.ID)
	if err != nil {
		return err
	}
	if v := tx.bucket(sumsBucket).Get([]byte(n.SHA256)); v != nil && string(v) != n.ID {
		return fmt.Errorf("putting %s: expected a message that there is no notice of, but it is that of %s", what, v)
	}
	if err := tx.ofCase(what, n.Case); err != nil {
		return err
	}
	record, err := json.Marshal(n)
	if err == nil {
		_, err = decodeNotice(n.ID, record)
	}
	if err != nil {
		return unfit(what, record)
	}
	if err := tx.set(tx.bucket(noticesBucket), what, key, record); err != nil {
		return err
	}
	if err := tx.reindex(tx.bucket(noticesOfBucket), what, ofCaseKey(old.Case, key), ofCaseKey(n.Case, key), nil); err != nil {
		return err
	}
	return tx.reindex(tx.bucket(sumsBucket), what, textKey(old.SHA256), textKey(n.SHA256), key)
}

// Notice returns the notice of an id, if there is one.
func (tx *Tx) Notice(id string) (n Notice, ok bool, err error) {
	v := tx.bucket(noticesBucket).Get([]byte(id))
	if v == nil {
		return Notice{}, false, nil
	}
	n, err = decodeNotice(id, v)
	return n, err == nil, err
}

// Notices yields the selected notices in the order of their ids, until the first error. None must be put
// while it runs.
func (tx *Tx) Notices(q NoticeQuery) iter.Seq2[Notice, error] {
	return func(yield func(Notice, error) bool) {
		for id, v := range beyond(tx.bucket(noticesBucket), []byte(q.After)) {
			n, err := decodeNotice(string(id), v)
			if err == nil && q.Status != "" && n.Status != q.Status {
				continue
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// NoticeBySum returns the notice of the message that has a SHA-256, in hex, if there is one.
func (tx *Tx) NoticeBySum(sha256 string) (n Notice, ok bool, err error) {
	id := tx.bucket(sumsBucket).Get([]byte(sha256))
	if id == nil {
		return Notice{}, false, nil
	}
	n, err = decodeNotice(string(id), tx.bucket(noticesBucket).Get(id))
	return n, err == nil, err
}

// PutEvidence keeps the message that a notice was read from.
func (tx *Tx) PutEvidence(id string, message []byte) error {
	return tx.set(tx.bucket(evidenceBucket), "evidence of notice "+id, []byte(id), tx.keep(message))
}

// Evidence returns the message that a notice was read from; nil when there is none, or when it was erased.
func (tx *Tx) Evidence(id string) []byte {
	return bytes.Clone(tx.bucket(evidenceBucket).Get([]byte(id)))
}

func decodeNotice(id string, b []byte) (Notice, error) {
	n, err := decodeRecord[Notice](b)
	if err != nil || n.ID != id {
		return Notice{}, unreadable("notice " + id)
	}
	return n, nil
}
