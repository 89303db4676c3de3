package casework

import (
	"errors"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

// Kind says what sort of refusal an Error is; it decides the HTTP status.
type Kind int

const (
	Invalid      Kind = iota + 1 // 422: the request is not what was expected
	NotFound                     // 404: the name is not flagged
	Conflict                     // 409: something else holds the name or the key
	Precondition                 // 412: Match did not hold
	Forbidden                    // 403: a registrable name that must not be flagged
	Braked                       // 429: too many names newly flagged; see Error.RetryAt
	Unavailable                  // 503: the store failed or the zone is not known yet; nothing was changed
)

func (k Kind) String() string {
	names := [...]string{"", "invalid", "not found", "conflict", "precondition failed", "forbidden", "brake", "unavailable"}
	if k < 1 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// ErrClosed is wrapped by the refusal of a change that reaches a closed Desk.
var ErrClosed = errors.New("the desk is closed")

// Error is what every refusal is.
type Error struct {
	Kind    Kind
	Field   string    // of the request, as the API names it; empty: the whole
	Value   string    // what was given, when it helps
	Detail  string    // what was expected, for people
	RetryAt time.Time // Braked: when it could be tried again; zero: only with force
	Err     error     // the cause, if any

	State   procedure.State  // Conflict with the state of a case: that state
	Allowed []procedure.Kind // and the events that it takes
	Items   []string         // Invalid for what is missing: each by name
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Detail)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func isKind(err error, kind Kind) bool {
	var refusal *Error
	return errors.As(err, &refusal) && refusal.Kind == kind
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
