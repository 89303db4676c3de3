package store

import (
	"encoding/binary"
	"iter"
	"math"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

// indexCase brings the indexes from one state of a case to the next.
func (tx *Tx) indexCase(old, now procedure.Case) error {
	what := "case " + now.ID
	tx.changed().ofCase(old, -1)
	tx.changed().ofCase(now, 1)
	for _, name := range inProcedure(old) {
		if err := tx.unset(tx.bucket(runningBucket), "index of "+what, []byte(name)); err != nil {
			return err
		}
	}
	for _, name := range inProcedure(now) {
		if err := tx.set(tx.bucket(runningBucket), "index of "+what, []byte(name), []byte(now.ID)); err != nil {
			return err
		}
	}
	if err := tx.reindex(tx.bucket(deadlinesBucket), what, deadlineKey(old), deadlineKey(now), nil); err != nil {
		return err
	}
	if old.State.Ended() {
		if err := tx.unset(tx.bucket(endedBucket), "index of "+what, endedKey(old)); err != nil {
			return err
		}
	}
	return tx.markErasable(now)
}

// markErasable puts a case that has ended among those to erase.
func (tx *Tx) markErasable(c procedure.Case) error {
	if !c.State.Ended() {
		return nil
	}
	return tx.set(tx.bucket(endedBucket), "index of case "+c.ID, endedKey(c), nil)
}

// inProcedure returns the names that no other case may run for.
func inProcedure(c procedure.Case) []string {
	if c.State.Ended() {
		return nil
	}
	return c.Live()
}

// deadlineKey is nil for a case without a deadline to apply.
func deadlineKey(c procedure.Case) []byte {
	d, runs := procedure.Next(c)
	if !runs {
		return nil
	}
	return timeKey(d.Ends(), c.ID)
}

func endedKey(c procedure.Case) []byte { return timeKey(c.Ended, c.ID) }

func timeKey(at time.Time, id string) []byte { return expiryKey(unix(at), id) }

// RunningCaseOf returns the id of the running case that a name is still in.
func (tx *Tx) RunningCaseOf(name string) (id string, ok bool) {
	v := tx.bucket(runningBucket).Get([]byte(name))
	return string(v), v != nil
}

// DueCases yields the cases whose first deadline has ended by now, the earliest first. They may be put
// while it runs; one whose next deadline has ended too comes again.
func (tx *Tx) DueCases(now time.Time) iter.Seq[string] {
	return func(yield func(string) bool) {
		var seen []byte
		for {
			k, ok := first(tx.bucket(deadlinesBucket), seen, now.Unix())
			if !ok || !yield(string(k[8:])) {
				return
			}
			seen = k
		}
	}
}

// NextCaseDeadline returns when the earliest deadline of all cases ends, which may have passed; false when
// none runs.
func (tx *Tx) NextCaseDeadline() (time.Time, bool) {
	k, ok := first(tx.bucket(deadlinesBucket), nil, math.MaxInt64)
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(k)), 0).UTC(), true
}

// Erasable returns the ids of the cases that ended before a time and have not been erased since they were
// last written to, those that ended first coming first.
func (tx *Tx) Erasable(before time.Time) ([]string, error) {
	var all []string
	c := tx.bucket(endedBucket).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if len(k) <= 8 {
			return nil, unreadable("index of cases that ended")
		}
		if at := time.Unix(int64(binary.BigEndian.Uint64(k)), 0); !at.Before(before) {
			break
		}
		all = append(all, string(k[8:]))
	}
	return all, nil
}
