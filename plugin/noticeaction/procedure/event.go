package procedure

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// Kind says what happened.
type Kind string

// The events. The table says who records them, in which states, and what follows.
const (
	Open             Kind = "open"               // a complete notice was received
	Describe         Kind = "describe"           // the registry adds the holder and the registrars
	Correct          Kind = "correct"            // the registry corrects the contacts of the holder or of registrars, after the approval
	Approve          Kind = "approve"            // the registry writes to the holder and redirects
	Discard          Kind = "discard"            // the registry gives up a notice before it acted on it
	File             Kind = "file"               // a message about the case came in, and is kept as evidence; nobody has said yet what it is
	Claim            Kind = "claim"              // the holder tells the registry that the infringement has ended
	ClaimAtAuthority Kind = "claim_at_authority" // the same, or a request to suspend or stop, reached the authority
	Word             Kind = "word"               // the holder tells the registry anything else
	Relay            Kind = "relay"              // the registry passes the holder's word on to the authority
	Extend           Kind = "extend"             // the authority gives the holder further time
	Reinstate        Kind = "reinstate"          // the authority decides: complied, or no infringement
	Remove           Kind = "remove"             // the authority decides: not complied, to be removed
	Suspend          Kind = "suspend"            // the authority asks to suspend the procedure
	Stop             Kind = "stop"               // the authority asks to stop the procedure
	ConfirmOrder     Kind = "confirm_order"      // the registration system has carried out an order
	Expire           Kind = "expire"             // a deadline has ended; see Due
)

// ActorKind says on whose behalf an event is recorded.
type ActorKind string

// Who records events. What the authority or a holder wrote, an operator may record for them.
const (
	Operator  ActorKind = "operator"  // a person at the registry
	Authority ActorKind = "authority" // the authority, by its own access
	System    ActorKind = "system"    // this software
)

// Actor is who records an event.
type Actor struct {
	Kind ActorKind `json:"kind"`
	Name string    `json:"name"` // 1..200 characters
}

// Event is one thing that happened in a case. Which of its fields a kind takes, the table says; the others
// stay empty. Its number is its place among the events of its case, from 1.
type Event struct {
	Kind     Kind      `json:"kind"`
	At       time.Time `json:"at"`                // when it happened; cut to whole seconds
	Recorded time.Time `json:"recorded,omitzero"` // when it was applied; set by Run, Advance and Due
	Late     bool      `json:"late,omitempty"`    // expire: applied later than at its time
	Actor    Actor     `json:"actor"`

	Case     string       `json:"case,omitempty"`    // open: id of the new case
	Notice   *Notice      `json:"notice,omitempty"`  // open
	Parties  *Parties     `json:"parties,omitempty"` // open, describe; correct: only what is corrected
	Resend   bool         `json:"resend,omitempty"`  // correct: the holder is written to anew
	Names    []string     `json:"names,omitempty"`   // only these of the case; none: all
	Days     int          `json:"days,omitempty"`    // extend: by so many, 1..366
	Until    workday.Date `json:"until,omitzero"`    // extend: instead of Days, the last day
	Reached  time.Time    `json:"reached,omitzero"`  // claim_at_authority: when; zero: At
	Word     int          `json:"word,omitempty"`    // relay: number of the event that is passed on; 0: all that are owed
	Order    Order        `json:"order,omitempty"`   // confirm_order
	Deadline *Deadline    `json:"deadline,omitempty"`

	Text     string `json:"text,omitempty"`     // what was written, or why; personal data
	Evidence string `json:"evidence,omitempty"` // id of the message that is kept
}

// given names the fields that are set besides those that every event may have.
func (e Event) given() []string {
	return pick(true, []item{
		{"case", e.Case != ""}, {"notice", e.Notice != nil}, {"parties", e.Parties != nil}, {"resend", e.Resend},
		{"names", len(e.Names) > 0}, {"days", e.Days != 0}, {"until", e.Until != 0},
		{"reached", !e.Reached.IsZero()}, {"word", e.Word != 0}, {"order", e.Order != ""},
		{"deadline", e.Deadline != nil},
	})
}

// check refuses what no event may hold, whatever its kind.
func (e Event) check() error {
	if len(e.Text) > maxText || !utf8.ValidString(e.Text) {
		return invalid("text", "expected at most %d bytes of UTF-8, got %d", maxText, len(e.Text))
	}
	if err := checkText("evidence", e.Evidence, 0, maxLine); err != nil {
		return err
	}
	if err := checkText("actor", e.Actor.Name, 1, 200); err != nil {
		return err
	}
	return checkNames("names", e.Names)
}

// DecodeEvent reads an event from JSON of at most 1 MiB, with no unknown field and nothing behind it.
// It is for [Rules.Apply] to say whether the event makes sense.
func DecodeEvent(b []byte) (Event, error) {
	return decode[Event]("event", b, maxEventBytes)
}

// DecodeCase reads a case from the JSON that was made of it, of at most 4 MiB. One with a state or a deadline
// that the procedure does not know is refused.
func DecodeCase(b []byte) (Case, error) {
	c, err := decode[Case]("case", b, maxCaseBytes)
	if err != nil {
		return Case{}, err
	}
	if !slices.Contains(States, c.State) {
		return Case{}, fmt.Errorf("decoding case: expected a state of the procedure, got %.40q", string(c.State))
	}
	for _, d := range c.Deadlines {
		if d.IfSilent() == "" {
			return Case{}, fmt.Errorf("decoding case: expected a deadline of the procedure, got %.40q", string(d.Kind))
		}
	}
	return c, nil
}

func decode[T any](what string, b []byte, most int) (T, error) {
	var v, none T
	if len(b) > most {
		return none, fmt.Errorf("decoding %s: expected at most %d bytes, got %d", what, most, len(b))
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return none, fmt.Errorf("decoding %s: %w", what, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return none, fmt.Errorf("decoding %s: expected one JSON value and nothing behind it", what)
	}
	return v, nil
}
