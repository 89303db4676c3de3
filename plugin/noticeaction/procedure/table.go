package procedure

import (
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// inForce is the day on which the protocol took effect (Art. 10).
var inForce = workday.On(2020, time.December, 1)

var (
	notOpen   = []State{""}
	anyone    = []ActorKind{Operator, Authority}
	registry  = []ActorKind{Operator}
	software  = []ActorKind{System}
	restored  = []State{Reinstated}
	told      = append([]State{Quarantine}, redirected...) // the holder was written to
	window    = []State{HolderWindow, ReviewReminder}
	undecided = append([]State{HolderWindow}, underReview...)
	freed     = append([]State{Reinstated, Withdrawn}, running...) // all names, or some of them
	ordering  = append([]State{Reinstated, Released}, told...)
)

// rule is one line of the procedure: an event, the states that allow it, who records it, what it says
// besides its time and text, and the states it may lead to.
type rule struct {
	on      Kind
	in      []State
	by      []ActorKind
	takes   []string
	to      []State
	article string
	do      func(*step) error
}

// table is the half of the procedure that people write; the other half is silences.
var table = []rule{
	// The authority notifies; the registry writes to the holder and redirects.
	{Open, notOpen, append(software, anyone...), []string{"case", "notice", "parties"}, []State{Received}, "4(a) para. 1, 4(b)", (*step).open},
	{Describe, []State{Received}, registry, []string{"parties"}, []State{Received}, "4(c)", (*step).describe},
	{Approve, []State{Received}, registry, nil, []State{HolderWindow}, "4(a) para. 2, 4(c)", (*step).approve},
	{Correct, ordering, registry, []string{"parties", "resend"}, ordering, "4(c) para. 2 and last para.; 4(a) para. 2", (*step).correct},
	{Discard, []State{Received}, registry, nil, []State{Withdrawn}, "4(b)", (*step).discard},

	// A message comes in. It starts no clock until a person has read it.
	{File, States, append(software, registry...), nil, States, "4(a) para. 1 and 9", (*step).file},

	// The holder speaks, to one side or the other, and each tells the other.
	{Claim, redirected, registry, nil, underReview, "4(a) para. 6 and 7", (*step).claim},
	{ClaimAtAuthority, redirected, anyone, []string{"reached"}, underReview, "4(a) para. 7", (*step).claimAtAuthority},
	{Word, running, registry, nil, running, "4(a) para. 9", (*step).word},
	{Relay, running, registry, []string{"word"}, running, "4(a) para. 6 and 9", (*step).relay},

	// The authority speaks.
	{Extend, window, anyone, []string{"days", "until"}, append([]State{HolderWindow}, underReview...), "4(e) para. 2", (*step).extend},
	{Reinstate, running, anyone, []string{"names"}, freed, "4(a) para. 2, 5, 6 and 7; 4(e) 1", (*step).reinstate},
	{Suspend, running, anyone, []string{"names"}, freed, "4(a) para. 2 and 5", (*step).suspend},
	{Stop, running, anyone, []string{"names"}, freed, "4(a) para. 2 and 5", (*step).stop},
	{Remove, undecided, anyone, nil, []State{RemovalRun, ReviewClaim, ReviewAuthority}, "4(a) para. 8; 4(e) 2", (*step).remove},

	// The registration system answers.
	{ConfirmOrder, ordering, append(software, registry...), []string{"order", "names"}, ordering, "4(a) para. 5 and 8", (*step).confirm},

	// Nobody speaks.
	{Expire, running, software, []string{"deadline"}, append([]State{Released}, append(restored, running...)...), "4(a)", (*step).expire},
}

// Allowed returns the events that a case in this state takes, without those that time or the mail writes. The empty
// state is that of a case that is not open yet.
func Allowed(s State) []Kind {
	var kinds []Kind
	for _, r := range table {
		if r.on != Expire && r.on != File && slices.Contains(r.in, s) {
			kinds = append(kinds, r.on)
		}
	}
	return kinds
}

// By returns who may record events of the kind; nil when there is no such kind.
func By(k Kind) []ActorKind {
	if i := find(k); i >= 0 {
		return slices.Clone(table[i].by)
	}
	return nil
}

// Article returns the articles of the protocol that the kind of event rests on.
func (k Kind) Article() string {
	if i := find(k); i >= 0 {
		return table[i].article
	}
	return ""
}

func find(k Kind) int {
	return slices.IndexFunc(table, func(r rule) bool { return r.on == k })
}

// judge returns the rule for the event, or why there is none.
func judge(c Case, e Event, now time.Time) (rule, error) {
	i := find(e.Kind)
	if i < 0 {
		return rule{}, invalid("kind", "expected the kind of an event, got %.40q", string(e.Kind))
	}
	r := table[i]
	if !slices.Contains(r.by, e.Actor.Kind) {
		return rule{}, &ActorError{Kind: e.Kind, Actor: e.Actor.Kind, By: slices.Clone(r.by)}
	}
	if !slices.Contains(r.in, c.State) {
		return rule{}, &StateError{Kind: e.Kind, State: c.State, Allowed: Allowed(c.State)}
	}
	for _, field := range e.given() {
		if !slices.Contains(r.takes, field) {
			return rule{}, invalid(field, "expected none with %s", e.Kind)
		}
	}
	if err := e.check(); err != nil {
		return rule{}, err
	}
	return r, checkTime(c, e, now)
}

// checkTime refuses an event outside of the case's time, and one that overtakes a deadline.
func checkTime(c Case, e Event, now time.Time) error {
	switch {
	case e.At.IsZero():
		return invalid("at", "expected the time of the event")
	case e.At.After(now):
		return invalid("at", "expected a time not in the future, got %s", e.At.Format(time.RFC3339))
	case e.Kind == Open && workday.Of(e.At) < inForce:
		return invalid("at", "expected a time since the protocol is in force, %v", inForce)
	case e.At.Before(c.Received):
		return invalid("at", "expected a time not before the notice, %s", c.Received.Format(time.RFC3339))
	}
	first, runs := Next(c)
	switch {
	case e.Kind == Expire && (e.Deadline == nil || !runs || *e.Deadline != first || !e.At.Equal(first.Ends())):
		return invalid("deadline", "expected the one that ends first, at its end")
	case e.Kind != Expire && runs && !e.At.Before(first.Ends()):
		return ErrDueFirst
	}
	return nil
}
