package procedure

import (
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// extend: the authority may give the holder further time (4(e) para. 2), at the end of which it is reminded
// again. To give it is to answer the reminder (4(a) para. 5: "any information").
func (s *step) extend() error {
	last, after := s.e.Until, max(s.c.Window, s.today)
	if after > s.today && !slices.ContainsFunc(s.c.Deadlines, func(d Deadline) bool { return d.Kind == WindowDeadline && d.Due == after }) {
		after-- // the holder, written to anew, has until then; the authority may wait for that
	}
	switch {
	case s.e.Days < 0 || s.e.Days > maxExtension || (s.e.Days == 0) == (last == 0):
		return invalid("days", "expected 1 to %d days, or the last day in until", maxExtension)
	case last == 0:
		last = max(s.c.Window, s.today) + workday.Date(s.e.Days)
	case last <= after || last > after+maxExtension:
		return invalid("until", "expected a day after %v, at most %d days after", after, maxExtension)
	}
	s.c.Window = s.rules.Calendar.Next(last)
	s.c.Extensions++
	s.end(WindowDeadline, ReminderDeadline)
	if _, other := s.governing(); !other {
		s.run(WindowDeadline, workday.Of(s.c.Started), s.c.Window, 0)
	}
	s.add(Effect{Kind: Mail, Mail: ExtensionGiven, To: ToHolder, Copy: ToAuthority, Names: s.c.Live()})
	return nil
}

// remove: the redirect goes on for 6 months (4(a) para. 8), and for no less than 6 months and 14 days from its
// start (para. 2). A claim that the authority had not been told of keeps its clock. A decision after a claim
// in the removal run goes back to the same end, or ends today when that has passed.
func (s *step) remove() error {
	if s.c.Removed == 0 {
		s.c.Removed = s.today
		s.c.Removal = max(
			s.rules.Calendar.Months(max(s.today, s.c.Window), removalMonths),
			s.rules.Calendar.Months(workday.Of(s.c.Started)+windowDays, removalMonths),
		)
	}
	var untold []int
	for _, d := range s.c.Deadlines {
		if d.Kind == RelayDeadline {
			untold = append(untold, d.Word)
		}
	}
	s.end(WindowDeadline, ReminderDeadline)
	s.endIf(func(d Deadline) bool { return d.restores() && !contains(untold, d.Word) && d.From <= s.today })
	if _, waits := s.governing(); !waits {
		s.run(RemovalDeadline, s.c.Removed, s.c.Removal, 0)
	}
	s.tell(RemovalDecided, s.c.Live(), "")
	return nil
}

func (s *step) reinstate() error { return s.release(Complied) }
func (s *step) suspend() error   { return s.release(Suspended) }
func (s *step) stop() error      { return s.release(Stopped) }
func (s *step) discard() error   { return s.release(Discarded) }

// release frees the names of the event, or all: the redirect ends at once and the name is reinstated
// (4(a) para. 2 and 5). The case ends with its last name.
func (s *step) release(why Outcome) error {
	live := s.c.Live()
	names := live
	if len(s.e.Names) > 0 {
		names = slices.Clone(s.e.Names)
	}
	for _, name := range names {
		if !contains(live, name) {
			return invalid("names", "expected names that are still in the procedure, %v, got %s", live, name)
		}
	}
	for i := range s.c.Names {
		if contains(names, s.c.Names[i].Name) {
			s.c.Names[i].Outcome = why
		}
	}
	last := len(names) == len(live)
	if s.c.State == Received { // nothing was done yet
		if last {
			s.close(Withdrawn, why)
		}
		return nil
	}
	if last {
		s.close(Reinstated, why)
	}
	s.add(Effect{Kind: Unflag, Names: names, Reason: why})
	s.order(OrderReinstate, names, why)
	s.tell(NameReinstated, names, why)
	return nil
}

func (s *step) close(state State, why Outcome) {
	s.c.State, s.c.Outcome, s.c.Ended, s.c.NotAfter = state, why, s.e.At, time.Time{}
}
