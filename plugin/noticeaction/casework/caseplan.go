package casework

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// casePlan is all that the steps of one case bring about, judged and not written yet.
type casePlan struct {
	order   Order
	steps   []procedure.Step
	c       procedure.Case // after the last step
	flags   []flagWish
	newly   int // names newly redirected
	leaving []Leaving
	alarms  []procedure.Deadline
	seen    map[string]examined
}

// flagWish is how the flag of a name of a case is to stand.
type flagWish struct {
	name   string
	old    *store.Flag // as it stands now
	keep   *store.Flag // nil: none
	reason string      // why it goes
}

// plan judges what the steps bring about. With strict, what stands in the way is refused; else, when the
// clock asks, it is left out, since silence must restore a name whatever else is wrong.
func (b *batch) plan(o Order, steps []procedure.Step, seen map[string]examined, strict bool) (*casePlan, error) {
	p := &casePlan{order: o, steps: steps, c: steps[len(steps)-1].Case, seen: seen}
	if err := b.planFlags(p, strict); err != nil {
		return nil, err
	}
	for _, s := range steps {
		for i, e := range s.Effects {
			switch e.Kind {
			case procedure.Mail:
				l, err := b.planMail(p, s, i, e)
				if err != nil && strict && e.Mail == procedure.HolderNotice {
					return nil, &Error{Kind: Unavailable, Detail: "the mail to the holder could not be written, and nothing was changed", Err: err}
				}
				p.leaving = append(p.leaving, l)
			case procedure.PlaceOrder:
				l, err := b.planOrder(s, e)
				if err != nil {
					return nil, err
				}
				p.leaving = append(p.leaving, l)
			case procedure.Alarm:
				p.alarms = append(p.alarms, *e.Alarm)
			}
		}
	}
	if p.newly > 0 && strict {
		return p, b.checkBrake(o, p.newly)
	}
	return p, nil
}

// planFlags works out how the flags stand in the end: within one commit only that counts.
func (b *batch) planFlags(p *casePlan, strict bool) error {
	wishes := make(map[string]*flagWish)
	var names []string
	for _, s := range p.steps {
		for _, e := range s.Effects {
			if e.Kind != procedure.Flag && e.Kind != procedure.Unflag {
				continue
			}
			for _, name := range e.Names {
				if wishes[name] == nil {
					names = append(names, name)
				}
				w := &flagWish{name: name, reason: fmt.Sprintf("case %s: %s", p.c.ID, e.Reason)}
				if e.Kind == procedure.Flag {
					w.reason = liftReason
				}
				if e.Kind == procedure.Flag && e.NotAfter.After(b.now) {
					w.keep = &store.Flag{
						Name: name, Authority: p.c.Notice.Authority, Reference: p.c.Notice.Reference,
						Case: p.c.ID, NotAfter: wholeSecond(e.NotAfter),
					}
				}
				wishes[name] = w
			}
		}
	}
	for _, name := range names {
		if err := b.planFlag(p, wishes[name], strict); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) planFlag(p *casePlan, w *flagWish, strict bool) error {
	old, was, err := b.tx.Flag(w.name)
	if err != nil {
		return err
	}
	if was {
		w.old = &old
	}
	mine := was && old.Case == p.c.ID
	if w.keep == nil {
		if mine {
			p.flags = append(p.flags, *w)
		}
		return nil
	}
	objection := b.objection(p, w, was, mine)
	if objection == nil {
		objection = b.admit(w.keep.Authority)
	}
	if objection == nil && !(mine && same(old, *w.keep)) {
		if !was {
			p.newly++
		}
		p.flags = append(p.flags, *w)
	}
	if strict {
		return objection
	}
	return nil
}

// objection says what stands against a case's flag. One that was set by hand for the same authority is taken
// over.
func (b *batch) objection(p *casePlan, w *flagWish, was, mine bool) error {
	switch {
	case mine:
		return nil
	case !was:
		return p.seen[w.name].objection
	case w.old.Case != "" || w.old.Authority != w.keep.Authority:
		return &Error{Kind: Conflict, Field: "names", Value: w.name, Detail: fmt.Sprintf("expected names that are not flagged, or by hand for the same authority; %s is flagged for %s", w.name, w.old.Authority)}
	}
	return nil
}

// errNoComposer says why a mail was not written.
var errNoComposer = errors.New("the configuration says of nobody from whom mails leave")

// planMail writes a mail. One that cannot be written is kept as failed.
func (b *batch) planMail(p *casePlan, s procedure.Step, index int, e procedure.Effect) (Leaving, error) {
	l := Leaving{Outgoing: store.Outgoing{
		Kind: store.Mail, Case: p.c.ID, Event: s.Case.Events, Names: e.Names, Created: b.now,
		Status: store.Queued, Next: b.now, Mail: e.Mail, To: e.To,
		MessageID: b.messageID(p.c.ID, s.Case.Events, index),
	}}
	composed, err := b.compose(p, s, e, l.MessageID)
	if err != nil {
		l.Status, l.Next, l.Error, l.About = store.Failed, time.Time{}, err.Error(), &s.Case
		return l, err
	}
	l.Recipients, l.Language, l.Subject, l.Payload = composed.Recipients, composed.Language, composed.Subject, composed.Message
	return l, nil
}

// messageID is that of the mail for an effect of an event.
func (b *batch) messageID(id string, event, index int) string {
	return fmt.Sprintf("%s.%d.%d@%s", id, event, index+1, b.policy.Procedure.MailHost)
}

func (b *batch) compose(p *casePlan, s procedure.Step, e procedure.Effect, id string) (Composed, error) {
	if b.policy.Procedure.Compose == nil {
		return Composed{}, errNoComposer
	}
	letter := Letter{Case: s.Case, Effect: e, At: b.now, MessageID: id}
	if e.Word > 0 {
		word, err := b.event(p, e.Word)
		if err != nil {
			return Composed{}, err
		}
		letter.Word = &word
	}
	return b.policy.Procedure.Compose(letter)
}

// event returns an event of the case by its number, written already or not.
func (b *batch) event(p *casePlan, number int) (procedure.Event, error) {
	for _, s := range p.steps {
		if s.Case.Events == number {
			return s.Event, nil
		}
	}
	events, err := b.tx.CaseEvents(p.c.ID)
	if err != nil {
		return procedure.Event{}, err
	}
	i := slices.IndexFunc(events, func(e store.CaseEvent) bool { return e.Number == number })
	if i < 0 {
		return procedure.Event{}, fmt.Errorf("%w: event %d of case %s is missing", store.ErrDamaged, number, p.c.ID)
	}
	return events[i].Event, nil
}

// orderData is what an order tells the registration system.
type orderData struct {
	Case   string            `json:"case"`
	Order  procedure.Order   `json:"order"`
	Names  []string          `json:"names"`
	At     time.Time         `json:"at"`
	Reason procedure.Outcome `json:"reason"`
}

func (b *batch) planOrder(s procedure.Step, e procedure.Effect) (Leaving, error) {
	l := Leaving{Outgoing: store.Outgoing{
		Kind: store.Order, Case: s.Case.ID, Event: s.Case.Events, Names: e.Names, Created: b.now,
		Status: store.Queued, Next: b.now, Order: e.Order,
	}}
	unread, err := 0, error(nil)
	if e.Reason == procedure.Cancelled { // which may be the claim that stops the cancellation (Art. 4(a) para. 7)
		unread, err = b.unread(s.Case.ID)
	}
	if err != nil {
		return l, err
	}
	if unread > 0 && e.Order != procedure.OrderRelease || !b.policy.Procedure.OrdersLeave {
		l.Status, l.Next = store.Manual, time.Time{}
	}
	l.Payload, err = json.Marshal(orderData{Case: s.Case.ID, Order: e.Order, Names: e.Names, At: s.Event.At, Reason: e.Reason})
	return l, err
}
