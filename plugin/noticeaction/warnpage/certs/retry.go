package certs

import "time"

const (
	minRetry     = time.Minute
	maxRetry     = 24 * time.Hour
	minPause     = 5 * time.Second // of all orders, while the CA is not available
	maxPause     = 10 * time.Minute
	limitedRetry = time.Hour // when the CA itself said that a limit is reached
)

// retry is when something that failed is tried again: each time after twice as long.
type retry struct {
	tries int
	since time.Time // when at was set
	at    time.Time // zero: it did not fail
}

// failed sets the next time, at least least and at most most away.
func (r *retry) failed(now time.Time, least, most time.Duration) {
	wait := most
	if r.tries < 30 {
		wait = min(least<<r.tries, most)
	}
	r.tries++
	r.until(now, now.Add(wait))
}

func (r *retry) until(now, at time.Time) { r.since, r.at = now, at }

// waits is false too once the clock was set back: at may be years away then.
func (r *retry) waits(now time.Time) bool { return !now.Before(r.since) && now.Before(r.at) }
