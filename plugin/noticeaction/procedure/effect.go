package procedure

import (
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// EffectKind says what sort of thing is to be done.
type EffectKind string

// What is to be done. All effects of one event belong in the commit that records it, in their order.
const (
	Flag       EffectKind = "flag"   // redirect the names until NotAfter; also for a flag that stands already
	Unflag     EffectKind = "unflag" // end the redirect; also when there is none any more
	Mail       EffectKind = "mail"
	PlaceOrder EffectKind = "order" // with the registration system
	Alarm      EffectKind = "alarm" // tell the desk that a deadline has passed
)

// MailKind says which mail.
type MailKind string

// The mails.
const (
	HolderNotice    MailKind = "holder_notice"    // 4(c)
	RegistrarNotice MailKind = "registrar_notice" // 4(c) last para.
	Reminder        MailKind = "reminder"         // 4(a) para. 3
	RelayedWord     MailKind = "relay"            // 4(a) para. 6 and 9; the text is that of the event Word
	ExtensionGiven  MailKind = "extension"        // 4(e) para. 2
	NameReinstated  MailKind = "reinstated"       // 4(a) para. 5
	RemovalDecided  MailKind = "removal_decided"  // 4(a) para. 4 and 8
	NameCancelled   MailKind = "cancelled"        // 4(a) para. 8
)

// Role says who gets a mail. The case knows the address: a registrar's by the mail's names.
type Role string

// Who gets mails.
const (
	ToHolder    Role = "holder"
	ToRegistrar Role = "registrar"
	ToAuthority Role = "authority"
)

// Order is what the registration system is asked to do with a name.
type Order string

// The orders.
const (
	OrderReinstate  Order = "reinstate"
	OrderAccount    Order = "temporary_account"
	OrderCancel     Order = "cancel"
	OrderQuarantine Order = "quarantine"
	OrderRelease    Order = "release"
)

// Effect is one thing to do because of an event. It holds no personal data.
type Effect struct {
	Kind  EffectKind `json:"kind"`
	Names []string   `json:"names"` // of the case that it is about; never none
	Late  bool       `json:"late,omitempty"`

	NotAfter time.Time `json:"not_after,omitzero"` // flag
	Reason   Outcome   `json:"reason,omitempty"`   // unflag, and the mail and order with it: why

	Mail MailKind `json:"mail,omitempty"`
	To   Role     `json:"to,omitempty"`
	Copy Role     `json:"copy,omitempty"` // empty: none
	Word int      `json:"word,omitempty"` // relay: number of the event whose text is passed on

	Order Order     `json:"order,omitempty"`
	Alarm *Deadline `json:"alarm,omitempty"`
}

func (s *step) add(e Effect) {
	e.Late = s.e.Late
	s.effects = append(s.effects, e)
}

// tell writes to the holder with a copy to the authority, and to each registrar about its names only.
func (s *step) tell(mail MailKind, names []string, reason Outcome) {
	s.add(Effect{Kind: Mail, Mail: mail, To: ToHolder, Copy: ToAuthority, Names: names, Reason: reason})
	s.tellRegistrars(mail, names, reason)
}

func (s *step) tellRegistrars(mail MailKind, names []string, reason Outcome) {
	var registrars []Contact
	managed := make(map[Contact][]string)
	for _, name := range names {
		r := s.c.Parties.Site(name).Registrar
		if managed[r] == nil {
			registrars = append(registrars, r)
		}
		managed[r] = append(managed[r], name)
	}
	for _, r := range registrars {
		s.add(Effect{Kind: Mail, Mail: mail, To: ToRegistrar, Names: managed[r], Reason: reason})
	}
}

// order places an order about the names.
func (s *step) order(order Order, names []string, reason Outcome) {
	for i := range s.c.Names {
		if n := &s.c.Names[i]; contains(names, n.Name) {
			n.Orders = append(n.Orders, Placed{Order: order, At: s.e.At})
		}
	}
	s.add(Effect{Kind: PlaceOrder, Order: order, Names: names, Reason: reason})
}

// settle makes the state that of the deadline that governs, and has the flags stand until the day on which
// silence would lift them, with a day of grace.
func (s *step) settle() {
	c := &s.c
	if c.State.Ended() {
		c.Deadlines = nil
		return
	}
	if governing, ok := s.governing(); ok {
		c.State = State(governing.Kind)
	}
	if !c.State.Redirected() {
		return
	}
	notAfter := (s.restoredOn() + graceDays).End()
	if !notAfter.Equal(c.NotAfter) {
		c.NotAfter = notAfter
		flag := Effect{Kind: Flag, Names: c.Live(), NotAfter: notAfter, Late: s.e.Late}
		s.effects = append([]Effect{flag}, s.effects...)
	}
}

// governing returns the deadline that gives the case its state: of those that restore, the first to end;
// else the only one there is.
func (s *step) governing() (Deadline, bool) {
	var governing Deadline
	found := false
	for _, d := range s.c.Deadlines {
		switch {
		case d.IfSilent() == RaisesAlarm:
		case !found, d.restores() && (!governing.restores() || compareDeadlines(d, governing) < 0):
			governing, found = d, true
		}
	}
	return governing, found
}

// restoredOn returns the last day of the redirect if nobody does anything from now on. In the holder's
// window that is the end of the authority's time after the reminder. In the removal run it is the day before
// the cancellation: a desk that cannot cancel must not leave a name redirected.
func (s *step) restoredOn() workday.Date {
	governing, _ := s.governing()
	if governing.Kind == WindowDeadline {
		return s.reminderEnd(workday.Of(governing.Ends()))
	}
	return governing.Due
}
