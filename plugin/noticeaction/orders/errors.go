package orders

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	mostShown = 200           // bytes of the receiver's own words
	mostWait  = 6 * time.Hour // that a receiver is believed to need
)

// Error is an order that the receiver has not taken.
type Error struct {
	detail    string
	permanent bool
	after     time.Duration
}

func (e *Error) Error() string { return "sending order: " + e.detail }

// Permanent tells whether it is no use to send the same order again: the receiver refuses it.
func (e *Error) Permanent() bool { return e.permanent }

// RetryAfter is how long the receiver asked to be left alone, 0 when it did not; at most 6 hours.
func (e *Error) RetryAfter() time.Duration { return e.after }

// unreachable is the error when there was no answer. The address stays out of it.
func unreachable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return fmt.Errorf("%w: %w", &Error{detail: "no answer"}, err)
}

// passing are the answers of class 4xx that say "not now" (RFC 9110 section 15.5.9, RFC 8470, RFC 6585).
var passing = []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}

// judge reads the receiver's answer. A redirect is not followed: an order goes to the address that was
// configured, and nowhere else.
func judge(resp *http.Response, reply []byte) error {
	class := resp.StatusCode / 100
	if class == 2 {
		return nil
	}
	detail := fmt.Sprintf("expected an answer of class 2xx, got %d", resp.StatusCode)
	if words := shown(reply); words != "" {
		detail += fmt.Sprintf(" %q", words)
	}
	return &Error{
		detail:    detail,
		permanent: class == 4 && !slices.Contains(passing, resp.StatusCode),
		after:     retryAfter(resp.Header.Get("Retry-After")),
	}
}

// shown is the beginning of what the receiver said, as one line.
func shown(reply []byte) string {
	words := strings.Join(strings.Fields(strings.ToValidUTF8(string(reply), "")), " ")
	if len(words) > mostShown {
		words = strings.ToValidUTF8(words[:mostShown], "") + "..."
	}
	return words
}

// retryAfter reads a number of seconds (RFC 9110 section 10.2.3); a date is not heeded.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, mostWait)
}
