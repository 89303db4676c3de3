package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"

	bolt "go.etcd.io/bbolt"
)

// NextCaseID returns the id for the next case of a year, as "2026-00001": one more than the highest.
func (tx *Tx) NextCaseID(year int) string {
	return nextID(tx.bucket(casesBucket), fmt.Sprintf("%d-", year))
}

// nextID returns the prefix with a number one higher than the highest behind it.
func nextID(b *bolt.Bucket, prefix string) string {
	n := uint64(0)
	if k := last(b, []byte(prefix)); k != nil {
		n, _ = strconv.ParseUint(string(k[len(prefix):]), 10, 32)
	}
	for {
		n++
		// From 100000 on the highest does not sort last.
		if id := fmt.Sprintf("%s%05d", prefix, n); b.Get([]byte(id)) == nil {
			return id
		}
	}
}

// PutCase adds a case or replaces that of the same id, which is 1..100 bytes without a zero byte. It
// refuses a case that runs for a name that another running case has. A case that has ended, and is put
// after it was erased, is one to erase again.
func (tx *Tx) PutCase(c procedure.Case) error {
	if err := checkID("case "+c.ID, c.ID); err != nil {
		return err
	}
	old, _, err := tx.Case(c.ID)
	if err != nil {
		return err
	}
	for _, name := range inProcedure(c) {
		if other, ok := tx.RunningCaseOf(name); ok && other != c.ID {
			return fmt.Errorf("putting case %s: expected names of no other running case, but %s is in %s", c.ID, name, other)
		}
	}
	if err := tx.putCase(c); err != nil {
		return err
	}
	return tx.indexCase(old, c)
}

// putCase puts the record alone.
func (tx *Tx) putCase(c procedure.Case) error {
	what := "case " + c.ID
	record, err := json.Marshal(c)
	if err == nil {
		_, err = decodeCase(c.ID, record)
	}
	if err != nil {
		return unfit(what, record)
	}
	return tx.set(tx.bucket(casesBucket), what, []byte(c.ID), record)
}

// Case returns the case of an id, if there is one.
func (tx *Tx) Case(id string) (c procedure.Case, ok bool, err error) {
	v := tx.bucket(casesBucket).Get([]byte(id))
	if v == nil {
		return procedure.Case{}, false, nil
	}
	c, err = decodeCase(id, v)
	return c, err == nil, err
}

// Cases yields the selected cases in the order of their ids, until the first error. None must be put while
// it runs.
func (tx *Tx) Cases(q CaseQuery) iter.Seq2[procedure.Case, error] {
	return func(yield func(procedure.Case, error) bool) {
		for id, v := range beyond(tx.bucket(casesBucket), []byte(q.After)) {
			c, err := decodeCase(string(id), v)
			if err == nil && !q.selects(c) {
				continue
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

func (q CaseQuery) selects(c procedure.Case) bool {
	return (q.State == "" || c.State == q.State) &&
		(q.Authority == "" || c.Notice.Authority == q.Authority) &&
		(!q.Running || !c.State.Ended()) &&
		(q.Name == "" || slices.ContainsFunc(c.Names, func(n procedure.Name) bool { return n.Name == q.Name }))
}

// AppendCaseEvent adds an event to those of a case and returns the SHA-256 of the record as it is stored.
// Its number must be the next one.
func (tx *Tx) AppendCaseEvent(id string, e CaseEvent) (sum [32]byte, err error) {
	if err := checkID(fmt.Sprintf("event %d of case %s", e.Number, id), id); err != nil {
		return sum, err
	}
	next := 1
	if k := last(tx.bucket(eventsBucket), idPrefix(id)); k != nil {
		_, number, _ := splitKey(k)
		next += int(number)
	}
	if e.Number != next {
		return sum, fmt.Errorf("appending event %d of case %s: expected number %d", e.Number, id, next)
	}
	record, err := tx.putCaseEvent(id, e)
	return sha256.Sum256(record), err
}

func (tx *Tx) putCaseEvent(id string, e CaseEvent) (record []byte, err error) {
	what, key := fmt.Sprintf("event %d of case %s", e.Number, id), eventKey(id, e.Number)
	record, err = json.Marshal(e)
	if err == nil {
		_, err = decodeCaseEvent(key, record)
	}
	if err != nil {
		return nil, unfit(what, record)
	}
	return record, tx.set(tx.bucket(eventsBucket), what, key, record)
}

// CaseEvents returns the events of a case in their order.
func (tx *Tx) CaseEvents(id string) (all []CaseEvent, err error) {
	err = tx.eachCaseEvent(id, func(e CaseEvent, _ []byte) { all = append(all, e) })
	return all, err
}

// CaseEventSums returns the SHA-256 of each record of an event of a case, in their order, and which of them
// are erased, so that it is no longer the one that the journal tells of.
func (tx *Tx) CaseEventSums(id string) (sums [][32]byte, erased []bool, err error) {
	err = tx.eachCaseEvent(id, func(e CaseEvent, record []byte) {
		sums, erased = append(sums, sha256.Sum256(record)), append(erased, e.Erased)
	})
	return sums, erased, err
}

func (tx *Tx) eachCaseEvent(id string, each func(e CaseEvent, record []byte)) error {
	n := 0
	for k, v := range under(tx.bucket(eventsBucket), idPrefix(id)) {
		n++
		e, err := decodeCaseEvent(k, v)
		if err == nil && e.Number != n {
			err = fmt.Errorf("%w: event %d of case %s is missing", ErrDamaged, n, id)
		}
		if err != nil {
			return err
		}
		each(e, v)
	}
	return nil
}

func decodeCase(id string, b []byte) (procedure.Case, error) {
	c, err := procedure.DecodeCase(b)
	if err != nil || c.ID != id {
		return procedure.Case{}, unreadable("case " + id)
	}
	return c, nil
}

// decodeCaseEvent decodes the event that is stored under a key of events.
func decodeCaseEvent(key, b []byte) (CaseEvent, error) {
	id, number, ok := splitKey(key)
	if e, err := decodeRecord[CaseEvent](b); ok && err == nil && uint64(e.Number) == number {
		return e, nil
	}
	return CaseEvent{}, unreadable(fmt.Sprintf("event %d of case %s", number, id))
}

func eventKey(id string, number int) []byte {
	return binary.BigEndian.AppendUint64(idPrefix(id), uint64(number))
}
