package procedure

import (
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// step is one event on its way through a case.
type step struct {
	rules   Rules
	c       Case // becomes the next case
	e       Event
	now     time.Time
	today   workday.Date // of the event
	effects []Effect
}

// run starts a deadline. None ends before the day of the event that starts it.
func (s *step) run(kind DeadlineKind, from, due workday.Date, word int) {
	s.c.Deadlines = append(s.c.Deadlines, Deadline{Kind: kind, From: from, Due: max(due, s.today), Word: word})
}

// end ends the deadlines of these kinds.
func (s *step) end(kinds ...DeadlineKind) {
	s.endIf(func(d Deadline) bool { return slices.Contains(kinds, d.Kind) })
}

func (s *step) endIf(over func(Deadline) bool) {
	s.c.Deadlines = slices.DeleteFunc(s.c.Deadlines, over)
}

// open: the notice is complete (4(b)), and the registry has 1 working day (4(a) para. 2).
func (s *step) open() error {
	if s.e.Notice == nil {
		return invalid("notice", "expected the notice")
	}
	if err := checkText("case", s.e.Case, 1, maxLabel); err != nil {
		return err
	}
	n := *s.e.Notice
	if err := n.check(); err != nil {
		return err
	}
	if items := n.Missing(); items != nil {
		return &MissingError{Items: items}
	}
	if n.Signed > s.today {
		return invalid("notice.signed", "expected a date not after the notice came in, got %v", n.Signed)
	}
	s.c.ID, s.c.Notice, s.c.Opener, s.c.Received = s.e.Case, n, s.e.Actor, s.e.At
	for _, name := range n.Names {
		s.c.Names = append(s.c.Names, Name{Name: name})
	}
	s.run(ApprovalDeadline, s.today, s.rules.Calendar.WorkingDays(s.today, approvalWorkingDays), 0)
	s.c.State = Received
	if s.e.Parties == nil {
		return nil
	}
	return s.describe()
}

// describe: what 4(c) asks the registry to add. The last description counts, whole.
func (s *step) describe() error {
	if s.e.Parties == nil {
		return invalid("parties", "expected the holder and the registrars")
	}
	if err := s.e.Parties.check(s.c.Notice.Names); err != nil {
		return err
	}
	s.c.Parties = *s.e.Parties
	return nil
}

// approve: at the same time the holder is written to and the names are redirected; then the registrar is
// told (4(a) para. 2, 4(c)). The mail leaves now, so the holder's 14 days cannot begin earlier.
func (s *step) approve() error {
	if s.rules.FourEyes && s.e.Actor == s.c.Opener {
		return ErrFourEyes
	}
	if s.today != workday.Of(s.now) {
		return invalid("at", "expected the day on which the holder is written to, %v", workday.Of(s.now))
	}
	live := s.c.Live()
	if items := s.c.Parties.Missing(live); items != nil {
		return &MissingError{Items: items}
	}
	s.c.Started = s.e.At
	s.c.Window = s.rules.Calendar.Days(s.today, windowDays)
	s.end(ApprovalDeadline)
	s.run(WindowDeadline, s.today, s.c.Window, 0)
	s.add(Effect{Kind: Mail, Mail: HolderNotice, To: ToHolder, Copy: ToAuthority, Names: live})
	s.tellRegistrars(RegistrarNotice, live, "")
	return nil
}

// file: see the table.
func (s *step) file() error {
	if s.e.Evidence == "" {
		return invalid("evidence", "expected the id of the message")
	}
	return nil
}

// word: each side informs the other within 2 working days (4(a) para. 9).
func (s *step) word() error {
	s.oweRelay()
	return nil
}

// oweRelay returns the last day on which the holder's word is to be relayed.
func (s *step) oweRelay() workday.Date {
	by := s.rules.Calendar.WorkingDays(s.today, relayWorkingDays)
	s.run(RelayDeadline, s.today, by, s.c.Events)
	return by
}

// claim: one made in the holder's window gives the authority 14 working days from its relay (4(a) para. 6); a
// later one reaches the authority with its relay (para. 7). Either stops the reminder (para. 3) and the
// removal (para. 8) until it is answered.
func (s *step) claim() error {
	kind := ClaimDeadline
	if s.today > s.c.Window {
		kind = AuthorityDeadline
	}
	by := s.oweRelay()
	s.c.Claims++
	s.end(WindowDeadline, RemovalDeadline)
	s.run(kind, by, s.answerBy(kind, by), s.c.Events)
	return nil
}

// claimAtAuthority: 14 days from when it reached the authority (4(a) para. 7), which may be earlier than when
// the registry is told.
func (s *step) claimAtAuthority() error {
	reached := s.e.Reached
	if reached.IsZero() {
		reached = s.e.At
	}
	if reached.After(s.e.At) || reached.Before(s.c.Received) {
		return invalid("reached", "expected a time from the notice to the event's own")
	}
	s.c.Claims++
	s.end(WindowDeadline, RemovalDeadline)
	s.run(AuthorityDeadline, workday.Of(reached), s.answerBy(AuthorityDeadline, workday.Of(reached)), 0)
	return nil
}

// answerBy returns the last day of the authority's time to answer a claim it was told of on a day.
func (s *step) answerBy(kind DeadlineKind, told workday.Date) workday.Date {
	if kind == ClaimDeadline {
		return s.rules.Calendar.WorkingDays(told, claimWorkingDays)
	}
	return s.rules.Calendar.Days(told, authorityDays)
}

// relay: the authority's time to answer the claim runs from it (4(a) para. 6 and 7).
func (s *step) relay() error {
	var words []int
	for _, d := range s.c.Deadlines {
		if d.Kind == RelayDeadline && (s.e.Word == 0 || s.e.Word == d.Word) {
			if s.today < d.From {
				return invalid("at", "expected a day not before the holder's word, %v", d.From)
			}
			words = append(words, d.Word)
		}
	}
	if words == nil {
		return invalid("word", "expected the number of a word of the holder that is not relayed yet")
	}
	s.endIf(func(d Deadline) bool { return d.Kind == RelayDeadline && contains(words, d.Word) })
	for i, d := range s.c.Deadlines {
		if d.restores() && contains(words, d.Word) {
			s.c.Deadlines[i].From, s.c.Deadlines[i].Due = s.today, max(s.today, s.answerBy(d.Kind, s.today))
		}
	}
	for _, word := range words {
		s.add(Effect{Kind: Mail, Mail: RelayedWord, To: ToAuthority, Names: s.c.Live(), Word: word})
	}
	return nil
}

func contains[T comparable](all []T, one T) bool { return slices.Contains(all, one) }
