package procedure

import (
	"slices"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// expire: nobody has spoken.
func (s *step) expire() error {
	switch d := *s.e.Deadline; d.IfSilent() {
	case RaisesAlarm:
		s.alarm(d)
	case Reminds:
		s.remind()
	case Reinstates:
		return s.release(Silent)
	case Cancels:
		s.cancel()
	case Releases:
		s.free(d)
	}
	return nil
}

// alarm: the registry itself is late, and still owes what it owed.
func (s *step) alarm(d Deadline) {
	i := slices.Index(s.c.Deadlines, d)
	s.c.Deadlines[i].Overdue = true
	s.c.Missed++
	s.add(Effect{Kind: Alarm, Names: s.c.Live(), Alarm: &d})
}

// remind: the holder's time is over and nobody claimed anything (4(a) para. 3); the authority has 14 days from
// the reminder (para. 5).
func (s *step) remind() {
	s.end(WindowDeadline)
	s.run(ReminderDeadline, s.today, s.reminderEnd(s.today), 0)
	s.add(Effect{Kind: Mail, Mail: Reminder, To: ToAuthority, Names: s.c.Live()})
}

func (s *step) reminderEnd(sent workday.Date) workday.Date {
	return s.rules.Calendar.Days(sent, reminderDays)
}

// cancel: the names go to a temporary account of the registry and are cancelled and put in quarantine
// (4(a) para. 8). The redirect ends when the cancellation is confirmed, or by the flag's own end.
func (s *step) cancel() {
	live := s.c.Live()
	s.end(RemovalDeadline)
	s.run(ReleaseDeadline, s.today, s.quarantineEnd(), 0)
	for _, order := range []Order{OrderAccount, OrderCancel, OrderQuarantine} {
		s.order(order, live, Cancelled)
	}
	s.tell(NameCancelled, live, Cancelled)
}

// quarantineEnd returns the last day of a quarantine that begins today: for names of several zones the latest,
// since they go together.
func (s *step) quarantineEnd() workday.Date {
	days := 0
	for _, name := range s.c.Live() {
		n := s.rules.Quarantine[zone(name)]
		if n < 1 {
			n = quarantineDays
		}
		days = max(days, n)
	}
	return s.rules.Calendar.Days(s.today, days)
}

// free: the names can be registered again (4(a) para. 8). One whose cancellation nobody confirmed is not: the
// desk is told, on each working day.
func (s *step) free(d Deadline) {
	live := s.c.Live()
	s.end(ReleaseDeadline)
	if !s.allCancelled() {
		s.run(ReleaseDeadline, d.From, s.rules.Calendar.Next(s.today), 0)
		s.c.Missed++
		s.add(Effect{Kind: Alarm, Names: live, Alarm: &d})
		return
	}
	for i := range s.c.Names {
		if s.c.Names[i].Outcome == "" {
			s.c.Names[i].Outcome = Cancelled
		}
	}
	s.close(Released, Cancelled)
	s.add(Effect{Kind: Unflag, Names: live, Reason: Cancelled})
	s.order(OrderRelease, live, Cancelled)
}

// allCancelled tells whether the cancellation of every name that is still in the procedure is confirmed.
func (s *step) allCancelled() bool {
	for _, n := range s.c.Names {
		done := slices.ContainsFunc(n.Orders, func(p Placed) bool { return p.Order == OrderCancel && !p.Confirmed.IsZero() })
		if n.Outcome == "" && !done {
			return false
		}
	}
	return true
}

// confirm: the registration system did what was ordered. A cancelled name is no longer redirected, and is in
// quarantine for its whole time from then on (4(a) para. 8).
func (s *step) confirm() error {
	var names []string
	for i := range s.c.Names {
		n := &s.c.Names[i]
		for j, p := range n.Orders {
			chosen := len(s.e.Names) == 0 || contains(s.e.Names, n.Name)
			if p.Order == s.e.Order && p.Confirmed.IsZero() && chosen && !s.e.At.Before(p.At) {
				n.Orders[j].Confirmed = s.e.At
				names = append(names, n.Name)
			}
		}
	}
	if len(names) == 0 || len(s.e.Names) > len(names) {
		return invalid("order", "expected one that was placed by then for these names and is not confirmed")
	}
	if s.e.Order != OrderCancel || s.c.State != Quarantine {
		return nil
	}
	s.add(Effect{Kind: Unflag, Names: names, Reason: Cancelled})
	for i, d := range s.c.Deadlines {
		if d.Kind == ReleaseDeadline {
			s.c.Deadlines[i].From, s.c.Deadlines[i].Due = s.today, max(d.Due, s.quarantineEnd())
		}
	}
	return nil
}
