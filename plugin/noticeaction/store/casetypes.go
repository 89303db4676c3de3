package store

import (
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

// CaseEvent is one event of a case as it was applied. Its place among the events of the case is Number,
// from 1. The journal holds the SHA-256 of the stored record; Nonce keeps that from being guessed from once
// the personal data is erased.
type CaseEvent struct {
	Number  int                `json:"number"`
	Event   procedure.Event    `json:"event"`
	Effects []procedure.Effect `json:"effects,omitempty"`
	Nonce   string             `json:"nonce,omitempty"`  // 32 hex digits of chance; empty once erased
	Erased  bool               `json:"erased,omitempty"` // the record is no longer the one that the journal tells of
}

// CaseQuery selects cases. Empty fields select all.
type CaseQuery struct {
	After     string // only ids that sort after it
	State     procedure.State
	Authority string
	Name      string // only cases that this name is or was in
	Running   bool   // only cases that have not ended
}

// OutgoingKind says what sort of thing leaves.
type OutgoingKind string

// What leaves.
const (
	Mail  OutgoingKind = "mail"
	Order OutgoingKind = "order" // to the registration system
)

// Status says how far something that leaves has come.
type Status string

// The statuses.
const (
	Queued  Status = "queued"  // due at Next
	Sending Status = "sending" // handed over, outcome not known yet; after a crash it is sent again
	Sent    Status = "sent"    // taken by the other side
	Failed  Status = "failed"  // refused for good, or tried for too long; a task tells the operator
	Bounced Status = "bounced" // taken, and returned later; a task tells the operator
	Manual  Status = "manual"  // an order that waits for an operator's word, as nothing is configured to take it, or a message about its case was not read
	Done    Status = "done"    // an order that was confirmed

	Withdrawn Status = "withdrawn" // must not leave any more: an order whose names were given back, a mail whose place another took
)

// Statuses are all there are.
var Statuses = []Status{Queued, Sending, Sent, Failed, Bounced, Manual, Done, Withdrawn}

// Outgoing is a mail or an order on its way out of the desk. Its payload is kept apart.
type Outgoing struct {
	ID      uint64       `json:"id"` // from 1, in the order in which they were committed
	Kind    OutgoingKind `json:"kind"`
	Case    string       `json:"case"`
	Event   int          `json:"event"` // number of the event that it is an effect of
	Names   []string     `json:"names"`
	Created time.Time    `json:"created"`

	Status   Status    `json:"status"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next,omitzero"`   // queued, sending: when it is tried next
	Sent     time.Time `json:"sent,omitzero"`   // when the other side took it
	Error    string    `json:"error,omitempty"` // of the last attempt; personal data may be in it
	Resent   bool      `json:"resent,omitempty"`

	Mail       procedure.MailKind `json:"mail,omitempty"`
	To         procedure.Role     `json:"to,omitempty"`
	Language   string             `json:"language,omitempty"`
	MessageID  string             `json:"message_id,omitempty"` // without angle brackets
	Recipients []string           `json:"recipients,omitempty"` // of the envelope; personal data
	Subject    string             `json:"subject,omitempty"`
	About      *procedure.Case    `json:"about,omitempty"` // of a mail that could not be written: the case after its event; personal data

	Order procedure.Order `json:"order,omitempty"`
}

// OutgoingQuery selects what leaves. Empty fields select all.
type OutgoingQuery struct {
	After  uint64
	Kind   OutgoingKind
	Case   string
	Status Status
}

// TaskKind says what a person is asked to see to.
type TaskKind string

// The tasks.
const (
	TaskDeadline TaskKind = "deadline" // a deadline of the registry has passed
	TaskOrder    TaskKind = "order"    // an order is to be carried out by hand, or was refused
	TaskMail     TaskKind = "mail"     // a mail could not be delivered
	TaskNotice   TaskKind = "notice"   // a mail that came in waits to be read
)

// Task is something that only a person can see to. It holds no personal data.
type Task struct {
	ID       uint64                 `json:"id"`
	Kind     TaskKind               `json:"kind"`
	Case     string                 `json:"case,omitempty"`
	Outgoing uint64                 `json:"outgoing,omitempty"` // id of what leaves, if it is about that
	Notice   string                 `json:"notice,omitempty"`   // id of the notice, if it is about one
	Deadline procedure.DeadlineKind `json:"deadline,omitempty"`
	Detail   string                 `json:"detail"`
	Opened   time.Time              `json:"opened"`
	Closed   time.Time              `json:"closed,omitzero"`
	ClosedBy string                 `json:"closed_by,omitempty"`
}

// TaskQuery selects tasks.
type TaskQuery struct {
	After uint64
	Open  bool   // only those that are not closed
	Case  string // empty: all
}

// NoticeStatus says what has become of a message that came in.
type NoticeStatus string

// The statuses of a notice.
const (
	Draft      NoticeStatus = "draft"      // read; a person is to confirm it
	Unreadable NoticeStatus = "unreadable" // kept; a person is to read it
	Bounce     NoticeStatus = "bounce"     // a delivery report on a mail of ours
	Filed      NoticeStatus = "filed"      // it is about a case, and in its timeline; decided once a person has recorded what it says
	Opened     NoticeStatus = "opened"     // it became a case
	Discarded  NoticeStatus = "discarded"  // by a person, with a reason
)

// Notice is a message that came in by mail, and what could be read of it. All but its id, times and statuses
// may be personal data. The message itself is kept apart, as evidence.
type Notice struct {
	ID       string       `json:"id"`       // as "N2026-00001"
	Received time.Time    `json:"received"` // UTC, whole seconds
	Via      string       `json:"via"`      // "api", "smtp" or "lmtp"
	Status   NoticeStatus `json:"status"`
	SHA256   string       `json:"sha256"` // of the message, hex
	Size     int          `json:"size"`   // of the message, bytes

	From       string   `json:"from,omitempty"`       // of the header
	Subject    string   `json:"subject,omitempty"`    // decoded
	MessageID  string   `json:"message_id,omitempty"` // without angle brackets
	References []string `json:"references,omitempty"` // that it answers, the nearest first; without angle brackets
	Text       string   `json:"text,omitempty"`       // of its body
	DKIM       []string `json:"dkim,omitempty"`       // one for each signature: "apd-gba.be: pass"
	SMIME      string   `json:"smime,omitempty"`      // "none", "valid: NAME", "invalid: WHY"
	Problem    string   `json:"problem,omitempty"`    // unreadable: why

	Draft   procedure.Notice `json:"draft"`
	Missing []string         `json:"missing,omitempty"` // items of Art. 4(b) that were not found

	Report    string   `json:"report,omitempty"`    // bounce: what it reports: "failed", "delayed", "delivered", "relayed", "expanded" or "unknown"
	Bounced   string   `json:"bounced,omitempty"`   // bounce: Message-ID of our mail
	Case      string   `json:"case,omitempty"`      // opened, filed: the case; bounce: that of the mail
	Suggested []string `json:"suggested,omitempty"` // cases that it may be about

	Decided   time.Time `json:"decided,omitzero"`
	DecidedBy string    `json:"decided_by,omitempty"`
	Reason    string    `json:"reason,omitempty"` // discarded: why
	Erased    bool      `json:"erased,omitempty"`
}

// NoticeQuery selects notices. Empty fields select all.
type NoticeQuery struct {
	After  string
	Status NoticeStatus
}
