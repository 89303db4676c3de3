// Package procedure is the protocol between DNS Belgium and the Data Protection Authority of
// 1 December 2020, Article 4, as a pure table: a case, an event and the time give the next case and
// what has to be done about it. Articles in this package are those of the protocol; paragraphs are
// counted within their article.
//
// How the text is read where it leaves room; in doubt, for the holder:
//
//   - Silence reinstates. Only a decision to remove that the authority gave, and that is recorded, leads
//     to a cancellation (4(a) para. 5 to 8).
//   - A case has one holder, one set of clocks and one state, though a notice may name several domain
//     names. An event may single out some of them only to set them free; the others go on together.
//     Names of different holders belong in different cases: one must not read of the other (6).
//   - The state is that of the clock that governs: of several restoring clocks, the earliest.
//   - Suspending restores the name at once, as stopping does (4(a) para. 2). The protocol knows no way
//     back and no clock for one, so the case ends; a new notice, with a new 14 days, may follow.
//   - A claim gets an answer even if the registry is slow to relay it: until it is relayed, the authority's
//     time runs from the last day on which that was due; from then on, from the relay.
//   - A contact that was not right may be corrected after the approval (4(c)). When the holder mail leaves anew, as
//     it had not reached the holder, the holder has 14 days from it (4(a) para. 2); the authority is reminded, and
//     silence restores, when they would have been. Only the end of a removal that was decided moves, and once.
//   - A decision to remove answers only the claims that the authority knew of.
//   - Further time (4(e) para. 2) may be given in the holder's window or as answer to the reminder. A claim
//     is answered by a decision, not by further time.
//   - A deadline that nobody applied at its time is applied later as of its own time, and marked late.
//
// The package refuses to know the clock, the store, the mail or the DNS. It judges no website. It never
// cancels a name by itself: it says what to order, to whom to write, which flags to set and until when.
package procedure

import (
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// Rules is what the protocol leaves to the registry. Its methods are pure and may be called concurrently.
// A replay gives the same case only under the same Rules; deadlines that are set do not move when they change.
type Rules struct {
	Calendar   workday.Calendar // the registry's closing days
	Quarantine map[string]int   // days by zone, as "be"; 40 for a zone that is not there
	FourEyes   bool             // a case is approved by another than who opened it
}

// Step is an event as it was applied and what came of it.
type Step struct {
	Event   Event
	Case    Case // after the event
	Effects []Effect
}

// Apply returns the case after the event, and what has to be done. The case given is left as it is, and
// returned when the event is refused. A case begins with an [Open] event applied to the zero Case.
//
// now is when the event is recorded, and says what lies in the future. The refusal is a [*StateError],
// [*InvalidError], [*MissingError] or [*ActorError], or [ErrFourEyes] or [ErrDueFirst].
func (r Rules) Apply(c Case, e Event, now time.Time) (Case, []Effect, error) {
	e.At, e.Reached = wholeSecond(e.At), wholeSecond(e.Reached)
	rule, err := judge(c, e, now)
	if err != nil {
		return c, nil, err
	}
	s := step{rules: r, c: c.clone(), e: e, now: now, today: workday.Of(e.At)}
	s.c.Events++
	if err := rule.do(&s); err != nil {
		return c, nil, err
	}
	s.settle()
	return s.c, s.effects, nil
}

// Run records an event that came in from outside: it applies the deadlines that ended by the time of the
// event, the event, and the deadlines that have ended since. The steps are in that order. When the event is
// refused there are none; the errors are those of [Rules.Apply].
func (r Rules) Run(c Case, e Event, now time.Time) ([]Step, error) {
	e.At, e.Reached = wholeSecond(e.At), wholeSecond(e.Reached)
	e.Recorded, e.Late = wholeSecond(now), false
	steps, c, err := r.advance(nil, c, earlier(e.At, now), now)
	if err != nil {
		return nil, err
	}
	c, effects, err := r.Apply(c, e, now)
	if err != nil {
		return nil, err
	}
	steps, _, err = r.advance(append(steps, Step{Event: e, Case: c, Effects: effects}), c, now, now)
	return steps, err
}

// Advance applies the deadlines that have ended by now, in their order and each at its own time.
func (r Rules) Advance(c Case, now time.Time) ([]Step, error) {
	steps, _, err := r.advance(nil, c, now, now)
	return steps, err
}

// advance appends to steps the deadlines of c that have ended by a time not after now.
func (r Rules) advance(steps []Step, c Case, by, now time.Time) ([]Step, Case, error) {
	for {
		e, ended := due(c, by, now)
		if !ended {
			return steps, c, nil
		}
		next, effects, err := r.Apply(c, e, now)
		if err != nil {
			return nil, c, err
		}
		c = next
		steps = append(steps, Step{Event: e, Case: c, Effects: effects})
	}
}

// Replay returns the case that its recorded events lead to.
func (r Rules) Replay(events []Event) (Case, error) {
	var c Case
	for _, e := range events {
		next, _, err := r.Apply(c, e, e.Recorded)
		if err != nil {
			return Case{}, err
		}
		c = next
	}
	return c, nil
}

func wholeSecond(t time.Time) time.Time {
	return t.UTC().Truncate(time.Second)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
