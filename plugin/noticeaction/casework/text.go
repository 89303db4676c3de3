package casework

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxReference = 200  // characters
	maxNote      = 2000 // characters, of notes and reasons
	maxActor     = 200  // characters
	maxYear      = 9999 // RFC 3339 knows no later one
)

// CheckAuthority wants 1 to 63 lowercase letters, digits and hyphens, with no hyphen at either end:
// the authority is part of role names and of answers. The refusal is an *Error.
func CheckAuthority(s string) error {
	ok := 1 <= len(s) && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-'
	for i := 0; ok && i < len(s); i++ {
		ok = ldh(s[i])
	}
	if !ok {
		return &Error{Kind: Invalid, Field: "authority", Value: Clip(s), Detail: "expected 1 to 63 lowercase letters, digits and hyphens, such as apd-gba"}
	}
	return nil
}

// checkText wants valid UTF-8 of least to most characters that are not all space, with no control
// characters but line ends and tabs where lines are allowed.
func checkText(field, s string, least, most int, lines bool) error {
	bad := func(format string, args ...any) error {
		return &Error{Kind: Invalid, Field: field, Value: Clip(s), Detail: fmt.Sprintf(format, args...)}
	}
	if !utf8.ValidString(s) {
		return bad("expected UTF-8")
	}
	n := utf8.RuneCountInString(s)
	if n < least || n > most {
		return bad("expected %d to %d characters, got %d", least, most, n)
	}
	if least > 0 && strings.TrimSpace(s) == "" {
		return bad("expected more than white space")
	}
	for _, r := range s {
		if unicode.IsControl(r) && !(lines && (r == '\n' || r == '\r' || r == '\t')) {
			return bad("expected no control characters, got %U", r)
		}
	}
	return nil
}

// NotAfter returns the not_after of a request, where nil means none. The zero time is refused with an
// *Error: it would be taken for none.
func NotAfter(given *time.Time) (time.Time, error) {
	if given == nil {
		return time.Time{}, nil
	}
	t := time.Unix(given.Unix(), 0).UTC()
	if t.IsZero() {
		return t, &Error{Kind: Invalid, Field: "not_after", Value: given.Format(time.RFC3339), Detail: "expected a time in the future, or none"}
	}
	return t, nil
}

// checkNotAfter wants zero or a whole second in the future.
func checkNotAfter(t, now time.Time) error {
	switch {
	case t.IsZero():
		return nil
	case !t.After(now):
		return &Error{Kind: Invalid, Field: "not_after", Value: t.Format(time.RFC3339), Detail: "expected a time in the future; it is now " + now.UTC().Format(time.RFC3339)}
	case t.Year() > maxYear:
		return &Error{Kind: Invalid, Field: "not_after", Detail: fmt.Sprintf("expected a year up to %d", maxYear)}
	}
	return nil
}

func wholeSecond(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.Unix(t.Unix(), 0).UTC()
}

// Clip shortens what was given to what an error repeats of it, about 100 bytes.
func Clip(s string) string { return clipTo(s, 100) }

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

func quote(s string) string { return strconv.Quote(Clip(s)) }

func forced(all []Force, f Force) bool { return slices.Contains(all, f) }
