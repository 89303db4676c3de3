package store

import (
	"errors"
	"maps"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

// rightCounts fails unless the counts that are kept are those of what the database holds.
func rightCounts(t *testing.T, s *Store, after string) {
	t.Helper()
	want := newCounts()
	if err := s.View(func(tx *Tx) error { return want.read(tx) }); err != nil {
		t.Fatal(err)
	}
	got, err := s.Counts()
	if err != nil || !alike(got.Cases, want.Cases) || !alike(got.Overdue, want.Overdue) || !alike(got.Outgoing, want.Outgoing) || !alike(got.Tasks, want.Tasks) {
		t.Errorf("after %s: got %+v, %v; want %+v", after, got, err, *want)
	}
}

// alike compares counts, where none is as good as 0.
func alike[K comparable](a, b map[K]int) bool {
	none := func(_ K, n int) bool { return n == 0 }
	a, b = maps.Clone(a), maps.Clone(b)
	maps.DeleteFunc(a, none)
	maps.DeleteFunc(b, none)
	return maps.Equal(a, b)
}

func TestCountsAreKept(t *testing.T) {
	s := testStore(t)
	rightCounts(t, s, "nothing")
	c := fullCase(t, s, "2026-00001", "a.be")
	rightCounts(t, s, "a case that ended")
	open := record(t, s, procedure.Case{}, opening("2026-00002", "b.be"), noon)
	rightCounts(t, s, "a case that runs")

	open.Deadlines[0].Overdue = true
	var id uint64
	mustUpdate(t, s, func(tx *Tx) (err error) {
		id, err = tx.AddTask(Task{Kind: TaskDeadline, Case: open.ID, Opened: noon})
		return errors.Join(err, tx.PutCase(open))
	})
	rightCounts(t, s, "a deadline that passed")
	mustUpdate(t, s, func(tx *Tx) error {
		task, _, err := tx.Task(id)
		task.Closed = noon
		return errors.Join(err, tx.PutTask(task), tx.PutTask(task))
	})
	rightCounts(t, s, "a task that was closed")

	off := errors.New("off")
	forget := func(tx *Tx) error {
		_, err := tx.AddTask(Task{Kind: TaskMail, Opened: noon})
		return err
	}
	if err := s.Try(forget); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(func(tx *Tx) error { return errors.Join(forget(tx), off) }); !errors.Is(err, off) {
		t.Fatal(err)
	}
	rightCounts(t, s, "what was not kept")
	mustUpdate(t, s, func(tx *Tx) error { return tx.EraseCase(c.ID) })
	rightCounts(t, s, "an erasure")
}

func TestNobodyCanChangeTheCounts(t *testing.T) {
	s := testStore(t)
	counts, err := s.Counts()
	if err != nil {
		t.Fatal(err)
	}
	counts.Tasks[TaskMail] = 7
	rightCounts(t, s, "a change of what was handed out")
}
