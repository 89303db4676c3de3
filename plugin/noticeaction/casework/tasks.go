package casework

import (
	"context"
	"slices"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const actionTask = "task"

// Tasks returns what people are asked to see to, oldest first, and what to put in After for the next page; 0
// at the end. An authority has no tasks.
func (d *Desk) Tasks(o Order, q store.TaskQuery, limit int) (tasks []store.Task, next uint64, err error) {
	if err := o.registryOnly("tasks"); err != nil {
		return nil, 0, err
	}
	err = d.view(func(tx *store.Tx) error {
		tasks, next, err = page(tx.Tasks(q), limit, func(t store.Task) uint64 { return t.ID }, func(store.Task) bool { return true })
		return err
	})
	return tasks, next, err
}

// CloseTask says that a task was seen to, and how, in 1 to 2000 characters without personal data. Those that
// end with what they ask for close by themselves. The refusal is an *Error of kind Invalid, NotFound, Conflict
// when it is closed, or Unavailable.
func (d *Desk) CloseTask(ctx context.Context, o Order, id uint64, reason string) (t store.Task, err error) {
	if err := checkOrder(o); err != nil {
		return t, err
	}
	if err := o.registryOnly("tasks"); err != nil {
		return t, err
	}
	if err := checkText("reason", reason, 1, maxNote, true); err != nil {
		return t, err
	}
	err = d.do(ctx, &operation{alone: true, dry: o.DryRun, run: func(b *batch) error {
		var ok bool
		if t, ok, err = b.tx.Task(id); err != nil {
			return err
		}
		if !ok {
			return &Error{Kind: NotFound, Field: "id", Detail: "expected the id of a task"}
		}
		if !t.Closed.IsZero() {
			return &Error{Kind: Conflict, Field: "id", Detail: "expected a task that is open; " + t.ClosedBy + " has closed it"}
		}
		if err := b.closeTask(&t, o.Actor); err != nil {
			return err
		}
		return b.tx.Append(store.Entry{
			Time: b.now, Generation: b.tx.Generation(), Actor: o.Actor, Action: actionTask, Case: t.Case, Kind: string(t.Kind), Reason: reason,
		})
	}})
	return t, err
}

// raise opens a task, unless one like it is open.
func (b *batch) raise(t store.Task) error {
	for old, err := range b.tx.Tasks(store.TaskQuery{Open: true, Case: t.Case}) {
		if err != nil {
			return err
		}
		if old.Kind == t.Kind && old.Outgoing == t.Outgoing && old.Notice == t.Notice && old.Deadline == t.Deadline && old.Case == t.Case {
			return nil
		}
	}
	b.touched = true
	t.Opened = b.now
	_, err := b.tx.AddTask(t)
	return err
}

func (b *batch) closeTask(t *store.Task, by string) error {
	b.touched = true
	t.Closed, t.ClosedBy = b.now, by
	return b.tx.PutTask(*t)
}

// settleTasks closes the tasks of the case that the steps have seen to, and notes which orders are carried out.
func (b *batch) settleTasks(p *casePlan) error {
	done, err := b.confirmOrders(p.c)
	if err != nil {
		return err
	}
	var over []store.Task
	for t, err := range b.tx.Tasks(store.TaskQuery{Open: true, Case: p.c.ID}) {
		if err != nil {
			return err
		}
		if t.Kind == store.TaskOrder && slices.Contains(done, t.Outgoing) || t.Kind == store.TaskDeadline && !owed(p.c, t.Deadline) {
			over = append(over, t)
		}
	}
	by := p.steps[len(p.steps)-1].Event.Actor.Name
	for i := range over {
		if err := b.closeTask(&over[i], by); err != nil {
			return err
		}
	}
	return nil
}

// owed tells whether what a deadline asks of the registry is still to be done after its end.
func owed(c procedure.Case, kind procedure.DeadlineKind) bool {
	return kind == procedure.ReleaseDeadline && c.State == procedure.Quarantine ||
		slices.ContainsFunc(c.Deadlines, func(d procedure.Deadline) bool { return d.Kind == kind && d.Overdue })
}

// confirmOrders marks the orders of the case that are confirmed for all their names, and returns their ids.
func (b *batch) confirmOrders(c procedure.Case) (done []uint64, err error) {
	var confirmed []store.Outgoing
	for out, err := range b.tx.Outbox(store.OutgoingQuery{Case: c.ID, Kind: store.Order}) {
		if err != nil {
			return nil, err
		}
		if out.Status != store.Done && carriedOut(c, out) {
			confirmed = append(confirmed, out)
		}
	}
	for _, out := range confirmed {
		out.Status, out.Next = store.Done, zeroTime
		if err := b.tx.PutOutgoing(out); err != nil {
			return nil, err
		}
		done = append(done, out.ID)
	}
	return done, nil
}

func carriedOut(c procedure.Case, out store.Outgoing) bool {
	for _, n := range c.Names {
		if !slices.Contains(out.Names, n.Name) {
			continue
		}
		if !slices.ContainsFunc(n.Orders, func(p procedure.Placed) bool { return p.Order == out.Order && !p.Confirmed.IsZero() }) {
			return false
		}
	}
	return true
}
