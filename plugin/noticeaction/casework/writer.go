package casework

import (
	"errors"
	"maps"
	"runtime"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/leeway"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const (
	maxGroup = 1024        // operations in one commit
	maxWait  = time.Minute // between two looks at the clock, which may be set while timers run on
)

// operation is one order on its way through the writer.
type operation struct {
	alone bool // not to be grouped: it is large, or nothing of it is kept
	dry   bool
	run   func(*batch) error // judges first and writes then, so that a refusal leaves nothing behind
	err   error              // set before done is closed
	done  chan struct{}
}

// batch is what the operations of one commit share.
type batch struct {
	tx          *store.Tx
	now         time.Time // whole seconds, UTC
	policy      *Policy
	brake       *brake
	authorities map[string]struct{}
	newcomers   map[string]struct{} // authorities first seen in this batch

	changes    []redirect.Change
	reached    map[string]*reach.Record // by name; nil: not flagged any more
	generation uint64                   // after the last operation
	next       time.Time                // when the next flag ends that is still in the table

	nextCase time.Time            // when the first deadline of any case ends
	touched  bool                 // a case, a message or a task is not what it was
	leaves   []store.OutgoingKind // what is new in the outbox
	stuck    error                // of the cases that could not go on
	refusals *refusals
	pages    []store.Page // that were published
}

// write is the writing goroutine.
func (d *Desk) write() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case op := <-d.operations:
			d.serve(d.drain(op))
		case <-timer.C:
		case <-d.inForce:
		case <-d.stop:
			return
		}
		d.byTheClock()
		timer.Reset(d.wait())
	}
}

// byTheClock does what is due. A case goes first: what it does about its flags is worth more than their own
// end.
func (d *Desk) byTheClock() {
	d.advance()
	d.lift()
	d.erase()
}

// wait returns how long until the clock may ask for something.
func (d *Desk) wait() time.Duration {
	wait := d.w.lifts.wait(d.now())
	if d.ruled() {
		wait = min(wait, d.w.clock.wait(d.now()))
	}
	return wait
}

// drain returns the operation and those that wait behind it. The callers of the last group, just
// answered, get the chance to come back first.
func (d *Desk) drain(op *operation) []*operation {
	runtime.Gosched()
	ops := []*operation{op}
	for len(ops) < maxGroup {
		select {
		case op := <-d.operations:
			ops = append(ops, op)
		default:
			return ops
		}
	}
	return ops
}

// serve carries the operations out in the order of their arrival.
func (d *Desk) serve(ops []*operation) {
	for len(ops) > 0 {
		n := 1
		for !ops[0].alone && n < len(ops) && !ops[n].alone {
			n++
		}
		d.byTheClock()
		if ops[0].alone {
			leeway.Aside(func() { d.commit(ops[:n]) })
		} else {
			d.commit(ops[:n])
		}
		for _, op := range ops[:n] {
			close(op.done)
		}
		ops = ops[n:]
	}
}

// commit carries out a group of operations in one commit, publishes, and sets their outcome.
func (d *Desk) commit(group []*operation) {
	b := d.newBatch()
	write := d.update
	if group[0].dry {
		write = d.store.Try
	}
	mark := d.w.brake
	err := write(func(tx *store.Tx) error {
		b.tx = tx
		if err := d.setBrake(b); err != nil {
			return err
		}
		mark = d.w.brake
		for _, op := range group {
			var refusal *Error
			if op.err = op.run(b); op.err != nil && !errors.As(op.err, &refusal) {
				return op.err
			}
		}
		b.generation = tx.Generation()
		b.next, _ = tx.NextExpiry(d.w.lifts.freed)
		b.nextCase, _ = tx.NextCaseDeadline()
		return nil
	})
	if err != nil || group[0].dry {
		d.w.brake = mark
	}
	if err == nil && !group[0].dry {
		d.w.lifts.next, d.w.clock.next = b.next, b.nextCase
		maps.Copy(d.w.authorities, b.newcomers)
		err = d.publish(b)
		d.tellCases(b)
		d.tellPages(b)
	}
	if err == nil {
		return
	}
	d.onStoreError(err)
	for _, op := range group {
		op.err = unavailable(err)
	}
}

func (d *Desk) newBatch() *batch {
	return &batch{
		now:         wholeSecond(d.now()),
		policy:      d.policy.Load(),
		brake:       &d.w.brake,
		authorities: d.w.authorities,
		newcomers:   make(map[string]struct{}),
		reached:     make(map[string]*reach.Record),
		refusals:    &d.w.refusals,
	}
}

// publish brings what was committed into the table.
func (d *Desk) publish(b *batch) error {
	if !d.w.loaded {
		return nil
	}
	d.tellReach(b, false)
	if len(b.changes) == 0 {
		return nil
	}
	start := time.Now()
	if err := d.set.Apply(b.generation, b.changes); err != nil {
		if err = d.reload(); err != nil {
			return &Error{Kind: Unavailable, Detail: "the change is recorded but not in effect", Err: err}
		}
	}
	d.onPublish(time.Since(start))
	d.onChange(b.changes)
	d.tellReach(b, true)
	if d.set.NeedsMerge() {
		select {
		case d.merge <- struct{}{}:
		default:
		}
	}
	return nil
}
