package workday

import (
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/be"
)

// legal are the ten legal holidays of the royal decree of 18 April 1974 under the law of 4 January 1974,
// and nothing else. The day that replaces one on a Sunday is each employer's own choice: a closing day.
var legal = cal.Calendar{Holidays: be.Holidays}

func init() {
	cal.DefaultLoc = time.UTC // a holiday does not depend on the machine's zone
}

// Calendar knows which days are working days: Monday to Friday, without the legal holidays of Belgium
// and without the closing days it was made with. The zero Calendar has no closing days. It is immutable
// and may be used concurrently.
type Calendar struct {
	closing map[Date]struct{}
}

// New returns a calendar with days on which the registry is closed besides the legal holidays. A
// closing day that is no working day anyway changes nothing.
func New(closing ...Date) Calendar {
	c := Calendar{closing: make(map[Date]struct{}, len(closing))}
	for _, d := range closing {
		c.closing[d] = struct{}{}
	}
	return c
}

// Working tells whether d is a working day.
func (c Calendar) Working(d Date) bool {
	if day := d.Weekday(); day == time.Saturday || day == time.Sunday {
		return false
	}
	if holiday, _, _ := legal.IsHoliday(d.utc()); holiday {
		return false
	}
	_, closed := c.closing[d]
	return !closed
}

// Next returns d when it is a working day, else the first one after it (Reg. 1182/71 Art. 3(4)).
func (c Calendar) Next(d Date) Date {
	for !c.Working(d) {
		d++
	}
	return d
}

// Days returns the last day of a period of n days from an event on d. n < 1 is a period of no days.
func (c Calendar) Days(d Date, n int) Date {
	return c.Next(d + Date(max(n, 0)))
}

// Months returns the last day of a period of n months from an event on d. n < 1 is a period of no months.
func (c Calendar) Months(d Date, n int) Date {
	return c.Next(d.AddMonths(max(n, 0)))
}

// WorkingDays returns the last day of a period of n working days from an event on d, which need not be
// one. With n < 1 it is [Calendar.Next] of d.
func (c Calendar) WorkingDays(d Date, n int) Date {
	for ; n > 0; n-- {
		d = c.Next(d + 1)
	}
	return c.Next(d)
}
