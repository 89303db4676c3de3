package procedure

import (
	"slices"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// correct: the mail to the holder goes to the address in the registration system (4(c) para. 2), the mail to the
// registrar to the one that manages the name (4(c) last para.); either may turn out to be another once the names
// are redirected. A registrar that is new to a name is told of the redirect.
func (s *step) correct() error {
	if !s.e.Resend && (s.e.Parties == nil || s.e.Parties.empty()) {
		return invalid("parties", "expected the contacts that are not right, or resend")
	}
	before := s.c.Parties
	if s.e.Parties != nil {
		if err := s.e.Parties.checkCorrection(s.c.Notice.Names); err != nil {
			return err
		}
		s.c.Parties = before.corrected(*s.e.Parties)
	}
	if s.e.Resend {
		if err := s.resend(); err != nil {
			return err
		}
	}
	if s.c.State.Redirected() {
		s.tellRegistrars(RegistrarNotice, slices.DeleteFunc(s.c.Live(), func(name string) bool {
			return before.Site(name).Registrar.Email == s.c.Parties.Site(name).Registrar.Email
		}), "")
	}
	return nil
}

// resend: a holder who was not reached has had no 14 days (4(a) para. 2), so they begin with the mail that does
// reach the holder, and the 6 months of a removal that was decided follow them (para. 2 and 8), but once: the names
// are not redirected on and on. Silence gives them back when it would have: neither the reminder (para. 3) nor a
// clock that restores is put off. That is for the authority alone, by further time (4(e) para. 2).
func (s *step) resend() error {
	if !s.c.State.Redirected() {
		return invalid("resend", "expected names that are redirected")
	}
	if s.today != workday.Of(s.now) {
		return invalid("at", "expected the day on which the holder is written to, %v", workday.Of(s.now))
	}
	first := s.c.Notified.IsZero() || workday.Of(s.c.Notified) < s.c.Removed // since the decision to remove
	s.c.Notified = s.e.At
	s.c.Window = max(s.c.Window, s.rules.Calendar.Days(s.today, windowDays))
	if s.c.Removed != 0 && first {
		s.c.Removal = max(s.c.Removal, s.rules.Calendar.Months(s.c.Window, removalMonths))
	}
	for i, d := range s.c.Deadlines {
		if d.Kind == RemovalDeadline {
			s.c.Deadlines[i].Due = max(d.Due, s.c.Removal)
		}
	}
	s.add(Effect{Kind: Mail, Mail: HolderNotice, To: ToHolder, Copy: ToAuthority, Names: s.c.Live()})
	return nil
}

// corrected returns the parties with what the correction gives in place of what they held. A contact counts whole.
func (p Parties) corrected(by Parties) Parties {
	p.Sites = slices.Clone(p.Sites)
	if by.Holder != (Contact{}) {
		p.Holder = by.Holder
	}
	if by.Language != "" {
		p.Language = by.Language
	}
	for i := range p.Sites {
		if r := by.Site(p.Sites[i].Name).Registrar; r.Email != "" {
			p.Sites[i].Registrar = r
		}
	}
	return p
}

// empty tells whether the parties say nothing.
func (p Parties) empty() bool {
	return p.Holder == (Contact{}) && p.Language == "" && !p.Prosecutor && len(p.Sites) == 0
}

// checkCorrection refuses what is recorded before the redirect and told with it, once and for all, and a contact
// that cannot be written to.
func (p Parties) checkCorrection(names []string) error {
	if err := p.check(names); err != nil {
		return err
	}
	contacts := []item{{"e-mail address of the holder", p.Holder == (Contact{}) || p.Holder.Email != ""}}
	for _, s := range p.Sites {
		contacts = append(contacts, item{"e-mail address of the registrar of " + s.Name, s.Registrar.Email != ""})
	}
	if items := pick(false, contacts); items != nil {
		return &MissingError{Items: items}
	}
	if p.Prosecutor {
		return invalid("parties", "expected no prosecutor with a correction: the holder was told whether the office had intervened")
	}
	for _, s := range p.Sites {
		if len(s.Addresses) > 0 || s.Offline {
			return invalid("addresses", "expected none with a correction: those of %s are from before the redirect", s.Name)
		}
	}
	return nil
}
