package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
)

// AddTask adds a task and returns the id that it gives it.
func (tx *Tx) AddTask(t Task) (id uint64, err error) {
	if t.ID, err = tx.nextNumber(tx.bucket(tasksBucket), "task"); err != nil {
		return 0, err
	}
	return t.ID, tx.putTask(Task{}, t)
}

// PutTask replaces the task of an id that AddTask gave.
func (tx *Tx) PutTask(t Task) error {
	old, ok, err := tx.Task(t.ID)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("putting task %d: expected one that was added", t.ID)
	}
	return tx.putTask(old, t)
}

func (tx *Tx) putTask(old, t Task) error {
	what, key := fmt.Sprintf("task %d", t.ID), seqKey(t.ID)
	record, err := json.Marshal(t)
	if err == nil {
		_, err = decodeTask(key, record)
	}
	if err != nil {
		return unfit(what, record)
	}
	if err := tx.set(tx.bucket(tasksBucket), what, key, record); err != nil {
		return err
	}
	tx.changed().ofTask(old, -1)
	tx.changed().ofTask(t, 1)
	if !t.Closed.IsZero() {
		return tx.unset(tx.bucket(openBucket), "index of "+what, key)
	}
	return tx.set(tx.bucket(openBucket), "index of "+what, key, nil)
}

// Task returns the task of an id, if there is one.
func (tx *Tx) Task(id uint64) (t Task, ok bool, err error) {
	key := seqKey(id)
	v := tx.bucket(tasksBucket).Get(key)
	if v == nil {
		return Task{}, false, nil
	}
	t, err = decodeTask(key, v)
	return t, err == nil, err
}

// Tasks yields the selected tasks in the order of their ids, until the first error. None must be put while
// it runs.
func (tx *Tx) Tasks(q TaskQuery) iter.Seq2[Task, error] {
	return func(yield func(Task, error) bool) {
		from := tx.bucket(tasksBucket)
		if q.Open {
			from = tx.bucket(openBucket)
		}
		for key := range beyond(from, seqKey(q.After)) {
			t, err := decodeTask(key, tx.bucket(tasksBucket).Get(key))
			if err == nil && q.Case != "" && t.Case != q.Case {
				continue
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// decodeTask decodes what is stored under a key of tasks.
func decodeTask(key, b []byte) (Task, error) {
	t, err := decodeRecord[Task](b)
	if err != nil || !bytes.Equal(key, seqKey(t.ID)) {
		return Task{}, unreadable(fmt.Sprintf("task %x", key))
	}
	return t, nil
}
