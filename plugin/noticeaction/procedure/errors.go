package procedure

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	// ErrFourEyes is returned when a case is approved by who opened it, and the rules ask for two persons.
	ErrFourEyes = errors.New("expected approval by another person than who opened the case")
	// ErrDueFirst is returned when an event is applied before a deadline that had ended by the event's time.
	// [Rules.Run] applies them in order.
	ErrDueFirst = errors.New("expected the deadlines that ended before the event to be applied first")
)

// StateError is returned when the case is in a state that does not allow the event.
type StateError struct {
	Kind    Kind
	State   State  // empty: the case is not open yet
	Allowed []Kind // in that state
}

func (e *StateError) Error() string {
	state := string(e.State)
	if state == "" {
		state = "not open"
	}
	if len(e.Allowed) == 0 {
		return fmt.Sprintf("a case that is %s takes no event, got %s", state, e.Kind)
	}
	return fmt.Sprintf("a case that is %s takes %v, got %s", state, e.Allowed, e.Kind)
}

// ActorError is returned when the event is not for this kind of actor to record.
type ActorError struct {
	Kind  Kind
	Actor ActorKind
	By    []ActorKind // who may
}

func (e *ActorError) Error() string {
	return fmt.Sprintf("expected %s to be recorded by %v, got %.40q", e.Kind, e.By, string(e.Actor))
}

// InvalidError is returned when something in the event is not what was expected.
type InvalidError struct {
	Field  string // of the event, as in JSON
	Detail string // what was expected; holds no personal data
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Detail }

// MissingError is returned when a notice lacks items of Art. 4(b), or a case lacks what the mail to its
// holder must say by Art. 4(c).
type MissingError struct {
	Items []string // by name
}

func (e *MissingError) Error() string { return "missing: " + strings.Join(e.Items, "; ") }

func invalid(field, format string, a ...any) error {
	return &InvalidError{Field: field, Detail: fmt.Sprintf(format, a...)}
}

// What an event may hold.
const (
	maxEventBytes = 1 << 20 // of JSON
	maxCaseBytes  = 4 << 20
	maxText       = 64 << 10 // bytes of what a holder wrote
	maxLine       = 500      // characters
	maxEmail      = 320      // RFC 3696 section 3
	maxName       = 253      // octets in presentation form, RFC 1035 section 2.3.4
	maxLabel      = 63
	maxNames      = 100 // of a notice
	maxProvisions = 50
	maxAddresses  = 20 // of a name
	maxAddress    = 64
	maxExtension  = 366 // days
)

// checkText refuses a text that is not one line of least to most characters.
func checkText(name, s string, least, most int) error {
	n := utf8.RuneCountInString(s)
	if n < least || n > most || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return invalid(name, "expected one line of %d to %d characters, got %d", least, most, n)
	}
	return nil
}

func checkNames(name string, names []string) error {
	if len(names) > maxNames {
		return invalid(name, "expected at most %d, got %d", maxNames, len(names))
	}
	for i, n := range names {
		label, zone, _ := strings.Cut(n, ".")
		if label == "" || zone == "" || len(n) > maxName || strings.HasSuffix(n, ".") || strings.ContainsFunc(n, notInName) {
			return invalid(name, "expected names in lowercase A-labels without final dot, got %.100q", n)
		}
		if slices.Contains(names[:i], n) {
			return invalid(name, "expected each name once, got %s twice", n)
		}
	}
	return nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
}
