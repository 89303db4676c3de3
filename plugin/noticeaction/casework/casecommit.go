package casework

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

const actionCase = "case"

// runCase is an event's turn in the writer: all of it is judged before anything is written.
func (b *batch) runCase(w *caseWork) error {
	if done, err := b.replayCase(w); done || err != nil {
		return err
	}
	c, err := b.caseOf(w)
	if err != nil {
		return err
	}
	e := w.event
	e.Actor, e.Recorded, e.Late, e.Deadline = w.order.actor(), time.Time{}, false, nil
	if e.Kind != procedure.Open {
		if err := b.takeUp(w, &e); err != nil {
			return err
		}
	}
	if e.At.IsZero() {
		e.At = b.now
	}
	if e.Kind == procedure.Open {
		e.Case = w.id
	}
	steps, err := b.policy.Procedure.Rules.Run(c, e, b.now)
	if err != nil {
		return fromProcedure(err)
	}
	plan, err := b.plan(w.order, steps, w.seen, true)
	if err != nil {
		return err
	}
	if e.Kind == procedure.Open && w.order.DryRun {
		w.result.Approved = b.ifApproved(plan.c)
	}
	if e.Kind == procedure.Correct {
		if err := b.readdressAll(plan); err != nil {
			return err
		}
	}
	if err := b.keepCase(plan); err != nil {
		return err
	}
	w.result.Case, w.result.Steps, w.result.Outgoing, w.result.Generation = plan.c, plan.steps, plan.leaving, b.tx.Generation()
	if w.event.Evidence != "" {
		settle := b.tookUp
		if e.Kind == procedure.Open {
			settle = b.useNotice
		}
		if err := settle(w); err != nil {
			return err
		}
	}
	return b.rememberCase(w)
}

// caseOf returns the case that the event is about, or gives a new one its id.
func (b *batch) caseOf(w *caseWork) (procedure.Case, error) {
	if w.event.Kind != procedure.Open {
		c, err := b.openCase(w.order, w.id)
		if err == nil && w.match != nil && *w.match != c.Events {
			err = &Error{Kind: Precondition, Detail: fmt.Sprintf("expected a case of %d events; it has %d", *w.match, c.Events)}
		}
		return c, err
	}
	for _, name := range w.event.Notice.Names {
		if id, ok := b.tx.RunningCaseOf(name); ok {
			return procedure.Case{}, &Error{Kind: Conflict, Field: "notice.names", Value: name, Detail: "expected names that are in no case that runs; " + name + " is in case " + id}
		}
	}
	if w.event.Evidence != "" {
		if err := b.usable(w.event.Evidence); err != nil {
			return procedure.Case{}, err
		}
	}
	w.id = b.tx.NextCaseID(yearOf(b.now))
	return procedure.Case{}, nil
}

func (b *batch) openCase(o Order, id string) (procedure.Case, error) { return caseFor(b.tx, o, id) }

func caseFor(tx *store.Tx, o Order, id string) (procedure.Case, error) {
	c, ok, err := tx.Case(id)
	if err != nil {
		return c, err
	}
	if !ok {
		return c, &Error{Kind: NotFound, Field: "case", Value: Clip(id), Detail: "expected the id of a case, such as 2026-00001"}
	}
	return c, o.sees(c)
}

// yearOf is the calendar year in Belgium.
func yearOf(t time.Time) int {
	var year int
	_, _ = fmt.Sscanf(workday.Of(t).String(), "%d-", &year)
	return year
}

// ifApproved returns what an approval at this moment would do; nil when something is missing for it.
func (b *batch) ifApproved(c procedure.Case) *CaseResult {
	rules := b.policy.Procedure.Rules
	rules.FourEyes = false
	steps, err := rules.Run(c, procedure.Event{Kind: procedure.Approve, At: b.now, Actor: procedure.Actor{Kind: procedure.Operator, Name: c.Opener.Name}}, b.now)
	if err != nil {
		return nil
	}
	mark := *b.brake
	plan, err := b.plan(Order{Force: []Force{ForceBrake}}, steps, nil, true)
	*b.brake = mark
	if err != nil {
		return nil
	}
	return &CaseResult{Case: plan.c, Steps: plan.steps, Outgoing: plan.leaving, Generation: b.tx.Generation()}
}

// keepCase writes what was planned.
func (b *batch) keepCase(p *casePlan) error {
	b.touched = true
	if err := b.keepFlags(p); err != nil {
		return err
	}
	for _, s := range p.steps {
		if err := b.keepStep(p, s); err != nil {
			return err
		}
	}
	if err := b.tx.PutCase(p.c); err != nil {
		return err
	}
	if err := b.withdraw(p.c); err != nil {
		return err
	}
	for i := range p.leaving {
		if err := b.keepLeaving(&p.leaving[i]); err != nil {
			return err
		}
	}
	for _, a := range p.alarms {
		if err := b.raise(store.Task{Kind: store.TaskDeadline, Case: p.c.ID, Deadline: a.Kind, Detail: fmt.Sprintf("the %s deadline of the registry ended on %v and what it asks for is still owed (Art. %s)", a.Kind, a.Due, a.Article())}); err != nil {
			return err
		}
	}
	return b.settleTasks(p)
}

// keepStep writes one event and its line in the journal.
func (b *batch) keepStep(p *casePlan, s procedure.Step) error {
	nonce := make([]byte, 16)
	rand.Read(nonce)
	sum, err := b.tx.AppendCaseEvent(p.c.ID, store.CaseEvent{
		Number: s.Case.Events, Event: s.Event, Effects: s.Effects, Nonce: hex.EncodeToString(nonce),
	})
	if err != nil {
		return err
	}
	return b.tx.Append(store.Entry{
		Time: b.now, Generation: b.tx.Generation(), Actor: s.Event.Actor.Name, Action: actionCase, Forced: p.order.forced(),
		Case: p.c.ID, Event: s.Case.Events, Kind: string(s.Event.Kind), State: string(s.Case.State), Late: s.Event.Late,
		Record: hex.EncodeToString(sum[:]),
	})
}

// keepFlags brings the flags of the case to where they are to stand, in one generation.
func (b *batch) keepFlags(p *casePlan) error {
	if len(p.flags) == 0 {
		return nil
	}
	o := p.order
	if o.Actor == "" {
		o.Actor = actorSystem
	}
	generation := b.tx.NextGeneration()
	for _, w := range p.flags {
		if w.keep == nil {
			if err := b.drop(o, generation, *w.old, w.reason); err != nil {
				return err
			}
			continue
		}
		action := actionReplace
		f := *w.keep
		if w.old == nil {
			action, f.Since = actionFlag, b.now
		}
		if err := b.put(b.tx.PutFlag, b.entry(o, action, generation), w.old, &f, p.seen[w.name].found); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) keepLeaving(l *Leaving) (err error) {
	if l.Status == store.Queued {
		if l.Next, err = b.turn(l.Outgoing); err != nil {
			return err
		}
	}
	id, err := b.tx.AddOutgoing(l.Outgoing, l.Payload)
	if err != nil {
		return err
	}
	l.ID = id
	b.leaves = append(b.leaves, l.Kind)
	switch l.Status {
	case store.Failed:
		return b.raise(store.Task{Kind: store.TaskMail, Case: l.Case, Outgoing: id, Detail: fmt.Sprintf("the mail %s could not be written", l.Mail)})
	case store.Manual:
		detail := fmt.Sprintf("carry out the order %s in the registration system and confirm it", l.Order)
		if b.policy.Procedure.OrdersLeave {
			detail = fmt.Sprintf("the order %s waits, as a message about the case was not read by then; read it, and if the name is to be cancelled all the same have the order sent", l.Order)
		}
		return b.raise(store.Task{Kind: store.TaskOrder, Case: l.Case, Outgoing: id, Detail: detail})
	}
	return nil
}

// caseReceipt is what is remembered of a request with an idempotency key.
type caseReceipt struct {
	Case        string `json:"case"`
	First, Last int    // numbers of the events
	Generation  uint64
}

// replayCase gives the result of the same request before, if there was one.
func (b *batch) replayCase(w *caseWork) (bool, error) {
	if w.key == "" || w.order.DryRun {
		return false, nil
	}
	r, ok, err := b.tx.Receipt(w.receiptKey())
	if err != nil || !ok || !r.Time.After(b.now.Add(-receiptsStand)) {
		return false, err
	}
	if r.Body != w.body {
		return false, &Error{Kind: Conflict, Field: "idempotency_key", Value: w.key, Detail: "expected the same request as before under the same key; take another key for another request"}
	}
	var done caseReceipt
	if err := json.Unmarshal(r.Done, &done); err != nil {
		return false, fmt.Errorf("%w: receipt: %w", store.ErrDamaged, err)
	}
	w.result, err = b.resultOf(w.order, done)
	return true, err
}

// resultOf puts together what events of a case did.
func (b *batch) resultOf(o Order, done caseReceipt) (CaseResult, error) {
	c, err := b.openCase(o, done.Case)
	if err != nil {
		return CaseResult{}, err
	}
	result := CaseResult{Case: c, Generation: done.Generation, Replayed: true}
	events, err := b.tx.CaseEvents(c.ID)
	if err != nil {
		return CaseResult{}, err
	}
	for _, e := range events {
		if done.First <= e.Number && e.Number <= done.Last {
			result.Steps = append(result.Steps, procedure.Step{Event: e.Event, Case: c, Effects: e.Effects})
		}
	}
	for out, err := range b.tx.Outbox(store.OutgoingQuery{Case: c.ID}) {
		if err != nil {
			return CaseResult{}, err
		}
		if done.First <= out.Event && out.Event <= done.Last {
			result.Outgoing = append(result.Outgoing, Leaving{Outgoing: out, Payload: b.tx.Payload(out.ID)})
		}
	}
	return result, nil
}

func (b *batch) rememberCase(w *caseWork) error {
	if w.key == "" {
		return nil
	}
	steps := w.result.Steps
	done, err := json.Marshal(caseReceipt{
		Case: w.id, First: steps[0].Case.Events, Last: steps[len(steps)-1].Case.Events, Generation: w.result.Generation,
	})
	if err != nil {
		return fmt.Errorf("encoding receipt: %w", err)
	}
	if err := b.tx.PruneReceipts(b.now.Add(-receiptsStand)); err != nil {
		return err
	}
	return b.tx.PutReceipt(w.receiptKey(), store.Receipt{Time: b.now, Body: w.body, Done: done})
}

func (w *caseWork) receiptKey() string { return "case\x00" + w.order.Actor + "\x00" + w.key }
