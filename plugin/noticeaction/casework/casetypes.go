package casework

import (
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// Procedure is the part of a policy that concerns cases.
type Procedure struct {
	Rules     procedure.Rules
	Retention time.Duration // how long after its end a case keeps its personal data; 0: for ever

	// Compose writes a mail. It is called while the change is judged, so it must be quick and must not fail
	// for a case that the procedure accepts; may be nil, and then no case can be opened. It may be called concurrently.
	Compose func(Letter) (Composed, error)

	// Readdress has a mail that Compose wrote go to the addresses that the case of the letter has now, and says whose
	// they are; all else of the mail stays. nil when Compose is. It may be called concurrently.
	Readdress func(l Letter, message []byte) (Composed, error)

	MailHost string // the domain part of the Message-IDs, such as dnsbelgium.be

	// OrdersLeave tells whether something takes orders to the registration system; else an operator does.
	OrdersLeave bool
}

// Letter is a mail to be written.
type Letter struct {
	Case      procedure.Case
	Effect    procedure.Effect // that asks for it
	Word      *procedure.Event // relay: the holder's word
	At        time.Time        // of the Date header
	MessageID string           // without angle brackets
}

// Composed is a mail as it will leave.
type Composed struct {
	Recipients []string // of the envelope
	Language   string   // nl, fr, de or en
	Subject    string
	Message    []byte // RFC 5322, with CRLF
}

// OpenRequest asks that a case be opened for a notice.
type OpenRequest struct {
	Notice  procedure.Notice // names in any form; brought into that of the store
	Parties *procedure.Parties
	At      time.Time // when the notice was received; zero: now
	Text    string
	Message string // id of the notice by mail that it was read from; empty: none

	// Key makes the same request of the same actor, sent again within 24 hours, give the same result; 0..200
	// characters.
	Key string
}

// EventRequest asks that an event be recorded in a case.
type EventRequest struct {
	Case  string
	Event procedure.Event // without Recorded and Actor; a zero At stands for now
	Match *int            // If-Match: the number of events that the case has; nil: any
	Key   string          // as in OpenRequest
}

// CaseResult says what Open or Record did.
type CaseResult struct {
	Case       procedure.Case
	Steps      []procedure.Step // the event and the deadlines around it, in their order
	Outgoing   []Leaving        // the mails and orders that leave because of it
	Warnings   []Warning
	Generation uint64      // the one that holds the change; for a dry run, the one that would
	Replayed   bool        // it was done before under the same key; nothing was done now, and Steps hold the case of now
	Approved   *CaseResult // dry run of opening a case that lacks nothing: what an approval now would do
}

// Leaving is something that leaves, with what it says.
type Leaving struct {
	store.Outgoing
	Payload []byte // a mail as RFC 5322, an order as JSON
}

// CaseView is a case with what happened in it.
type CaseView struct {
	Case   procedure.Case
	Events []store.CaseEvent
	Tasks  []store.Task // that are open
}

// RunningDeadline is a deadline that runs in a case.
type RunningDeadline struct {
	Case      string
	Authority string
	State     procedure.State
	Names     []string // still in the procedure
	Deadline  procedure.Deadline
}

// NoticeResult is a notice by mail with its message.
type NoticeResult struct {
	store.Notice
	Message []byte // RFC 5322; nil once erased
}
