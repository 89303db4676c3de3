package procedure

import (
	"cmp"
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// The lengths of the periods.
const (
	approvalWorkingDays = 1  // from receipt to the holder mail: 4(a) para. 2
	windowDays          = 14 // from the holder mail: 4(a) para. 2
	relayWorkingDays    = 2  // from the holder's word: 4(a) para. 6 and 9
	reminderDays        = 14 // from the reminder to the authority's answer: 4(a) para. 5
	claimWorkingDays    = 14 // from the relay of a claim made in the window: 4(a) para. 6
	authorityDays       = 14 // from when a claim reached the authority: 4(a) para. 7
	removalMonths       = 6  // 4(a) para. 2 and 8
	quarantineDays      = 40 // 4(a) para. 8
	graceDays           = 1  // of a flag, past the day on which silence would lift it
)

// DeadlineKind says what a deadline is for. Those that govern a state bear its name.
type DeadlineKind string

// The deadlines, in the order in which those that end together are applied.
const (
	ApprovalDeadline  DeadlineKind = "approval"
	RelayDeadline     DeadlineKind = "relay"
	ReminderDeadline  DeadlineKind = "review_reminder"
	ClaimDeadline     DeadlineKind = "review_claim"
	AuthorityDeadline DeadlineKind = "review_authority"
	WindowDeadline    DeadlineKind = "holder_window"
	RemovalDeadline   DeadlineKind = "removal_run"
	ReleaseDeadline   DeadlineKind = "quarantine"
)

// Silence is what happens at the end of a deadline when nobody has spoken.
type Silence string

// What silence brings.
const (
	RaisesAlarm Silence = "alarm"
	Reminds     Silence = "reminder"
	Reinstates  Silence = "reinstated"
	Cancels     Silence = "cancelled"
	Releases    Silence = "released"
)

// silences is the half of the procedure that time writes; the other half is the table of events.
var silences = []struct {
	kind    DeadlineKind
	silence Silence
	article string
}{
	{ApprovalDeadline, RaisesAlarm, "4(a) para. 2"},
	{RelayDeadline, RaisesAlarm, "4(a) para. 6 and 9"},
	{ReminderDeadline, Reinstates, "4(a) para. 5"},
	{ClaimDeadline, Reinstates, "4(a) para. 6"},
	{AuthorityDeadline, Reinstates, "4(a) para. 7"},
	{WindowDeadline, Reminds, "4(a) para. 3"},
	{RemovalDeadline, Cancels, "4(a) para. 8"},
	{ReleaseDeadline, Releases, "4(a) para. 8"},
}

// Deadline is a period that runs in a case. It ends at 24:00 in Belgium of its last day.
type Deadline struct {
	Kind    DeadlineKind `json:"kind"`
	From    workday.Date `json:"from"`              // day of the event, not counted
	Due     workday.Date `json:"due"`               // last day
	Word    int          `json:"word,omitempty"`    // number of the event with the holder's word, if one is waited on
	Overdue bool         `json:"overdue,omitempty"` // it has ended, the alarm was raised, and it is still owed
}

// Ends returns the instant at which the deadline is over.
func (d Deadline) Ends() time.Time { return d.Due.End() }

// IfSilent says what happens when nobody speaks until then.
func (d Deadline) IfSilent() Silence {
	if i := d.Kind.rank(); i < len(silences) {
		return silences[i].silence
	}
	return ""
}

// Article returns the article and paragraph that sets the deadline.
func (d Deadline) Article() string {
	if i := d.Kind.rank(); i < len(silences) {
		return silences[i].article
	}
	return ""
}

// rank is the place of the kind among the deadlines; past the end for one that is none.
func (k DeadlineKind) rank() int {
	for i, s := range silences {
		if s.kind == k {
			return i
		}
	}
	return len(silences)
}

func (d Deadline) restores() bool { return d.IfSilent() == Reinstates }

func compareDeadlines(a, b Deadline) int {
	return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.Kind.rank(), b.Kind.rank()), cmp.Compare(a.Word, b.Word))
}

// Next returns the deadline of the case that ends first, and false when none runs.
func Next(c Case) (Deadline, bool) {
	open := slices.DeleteFunc(slices.Clone(c.Deadlines), func(d Deadline) bool { return d.Overdue })
	if len(open) == 0 {
		return Deadline{}, false
	}
	return slices.MinFunc(open, compareDeadlines), true
}

// lateAfter is how long the application of a deadline may take without being called late.
const lateAfter = 5 * time.Minute

// Due returns the event of the first deadline that has ended by now and is not applied yet. The event is as
// of the deadline's own end, and late when that is more than five minutes ago.
func Due(c Case, now time.Time) (Event, bool) { return due(c, now, now) }

func due(c Case, by, now time.Time) (Event, bool) {
	d, runs := Next(c)
	if !runs || by.Before(d.Ends()) {
		return Event{}, false
	}
	return Event{
		Kind: Expire, At: d.Ends(), Recorded: wholeSecond(now), Late: now.Sub(d.Ends()) > lateAfter,
		Actor: Actor{Kind: System, Name: "deadline"}, Deadline: &d,
	}, true
}
