// Package workday does the calendar arithmetic of the procedure: days in Belgium, which of them are
// working days, and on which day a period ends.
//
// Periods are counted as Regulation (EEC, Euratom) No 1182/71 counts them, by analogy: the day of the
// event is not counted (Art. 3(1)), a period ends with the last hour of its last day (Art. 3(2)), and
// one that would end on a Saturday, a Sunday or a holiday ends with the next working day (Art. 3(4)).
//
// A day is a [Date], not 24 hours: the days on which the clocks change have 23 and 25. The package never
// asks what time it is, adds no durations and knows nothing of cases.
package workday

import (
	"fmt"
	"time"
	_ "time/tzdata" // here and not in main, so that no program and no test finds itself without Brussels
)

// brussels is the legal time of Belgium.
var brussels = func() *time.Location {
	location, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		panic("workday: loading the embedded Europe/Brussels: " + err.Error())
	}
	return location
}()

// Date is a calendar day in Belgium, as the number of days since 1 January 1970. Dates compare with <,
// and date + 14 is fourteen days later. As text and in JSON it is "2026-05-12". The zero Date serves
// as "none".
type Date int

const secondsPerDay = 24 * 60 * 60 // of UTC, which has no summer time

// On returns the date of a year, month and day, which are normalised as in [time.Date].
func On(year int, month time.Month, day int) Date {
	return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

// Of returns the date in Belgium at the instant t.
func Of(t time.Time) Date {
	return On(t.In(brussels).Date())
}

// Parse reads a date as "2026-05-12".
func Parse(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("expected a date as 2026-05-12, got %.40q", s)
	}
	return On(t.Date()), nil
}

func (d Date) utc() time.Time {
	return time.Unix(int64(d)*secondsPerDay, 0).UTC()
}

// Start is the instant at which the day begins: 00:00 in Belgium, in UTC.
func (d Date) Start() time.Time {
	year, month, day := d.utc().Date()
	return time.Date(year, month, day, 0, 0, 0, 0, brussels).UTC()
}

// End is the instant at which a period ends that has d as its last day: 24:00 in Belgium, in UTC. It
// is the first instant that is no longer within the period.
func (d Date) End() time.Time {
	return (d + 1).Start()
}

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday {
	return d.utc().Weekday()
}

// AddMonths returns the same day n months later, or the last day of that month when it has no such
// day: six months after 31 August is 28 or 29 February (Reg. 1182/71 Art. 3(2)(c)).
func (d Date) AddMonths(n int) Date {
	year, month, day := d.utc().Date()
	return min(On(year, month+time.Month(n), day), On(year, month+time.Month(n)+1, 0))
}

// String returns the date as "2026-05-12".
func (d Date) String() string {
	return d.utc().Format(time.DateOnly)
}

// MarshalText writes the date as [Date.String] does.
func (d Date) MarshalText() ([]byte, error) {
	return []byte(d.String()), nil
}

// UnmarshalText reads what [Parse] takes.
func (d *Date) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
