package store

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTasks(t *testing.T) {
	s := testStore(t)
	tasks := []Task{
		{Kind: TaskDeadline, Case: "2026-00001", Deadline: "approval", Detail: "approve it", Opened: noon},
		{Kind: TaskMail, Case: "2026-00001", Outgoing: 7, Detail: "a mail was refused", Opened: noon},
		{Kind: TaskNotice, Notice: "N2026-00001", Detail: "a mail came in", Opened: noon},
		{Kind: TaskOrder, Case: "2026-00002", Outgoing: 8, Detail: "cancel a.be", Opened: noon},
	}
	mustUpdate(t, s, func(tx *Tx) (err error) {
		for i := range tasks {
			if tasks[i].ID, err = tx.AddTask(tasks[i]); err != nil {
				return err
			}
		}
		return nil
	})
	tasks[1].Closed, tasks[1].ClosedBy = noon.Add(time.Hour), "uid:1000"
	mustUpdate(t, s, func(tx *Tx) error { return tx.PutTask(tasks[1]) })
	for _, tt := range []struct {
		name string
		q    TaskQuery
		want []uint64
	}{
		{"all", TaskQuery{}, []uint64{1, 2, 3, 4}},
		{"after one", TaskQuery{After: 2}, []uint64{3, 4}},
		{"after the last", TaskQuery{After: 4}, nil},
		{"open", TaskQuery{Open: true}, []uint64{1, 3, 4}},
		{"open, after one that is closed", TaskQuery{Open: true, After: 2}, []uint64{3, 4}},
		{"of a case", TaskQuery{Case: "2026-00001"}, []uint64{1, 2}},
		{"open, of a case", TaskQuery{Open: true, Case: "2026-00001"}, []uint64{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := s.View(func(tx *Tx) error {
				var ids []uint64
				all, err := collect(tx.Tasks(tt.q))
				for _, task := range all {
					ids = append(ids, task.ID)
					if want := tasks[task.ID-1]; !reflect.DeepEqual(task, want) {
						t.Errorf("task = %+v, want %+v", task, want)
					}
				}
				if !slices.Equal(ids, tt.want) {
					t.Errorf("tasks = %d, want %d", ids, tt.want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("one that is opened again", func(t *testing.T) {
		again := tasks[1]
		again.Closed = time.Time{}
		mustUpdate(t, s, func(tx *Tx) error { return tx.PutTask(again) })
		open := view(t, s, func(tx *Tx) int { all, _ := collect(tx.Tasks(TaskQuery{Open: true})); return len(all) })
		if open != 4 {
			t.Errorf("%d open tasks, want 4", open)
		}
	})
	t.Run("an id that was not given", func(t *testing.T) {
		err := s.Try(func(tx *Tx) error { return tx.PutTask(Task{ID: 5}) })
		if err == nil || !strings.Contains(err.Error(), "expected one that was added") {
			t.Errorf("error = %v, want one that says so", err)
		}
		err = s.View(func(tx *Tx) error {
			_, ok, err := tx.Task(5)
			if ok {
				t.Error("there is a task 5")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
