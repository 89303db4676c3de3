package mail

import (
	"fmt"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// brussels is the time zone of the Date header. Package workday embeds what it takes.
var brussels = func() *time.Location {
	location, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		panic("mail: loading the embedded Europe/Brussels: " + err.Error())
	}
	return location
}()

// language is how a language writes dates, and what it calls itself.
type language struct {
	name   string
	months [12]string
	first  string // how the first of a month is written; empty: as the others
	day    string // of the month, month, year
	end    string // of a period, from its last day
}

// The spaces within dates and times do not break.
var languages = map[string]language{
	"nl": {
		name:   "Nederlands",
		months: [12]string{"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"},
		day:    "%s\u00a0%s\u00a0%d",
		end:    "%s om 24.00\u00a0uur (Belgische tijd)",
	},
	"fr": {
		name:   "Français",
		months: [12]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"},
		first:  "1er",
		day:    "%s\u00a0%s\u00a0%d",
		end:    "%s à 24\u00a0heures (heure belge)",
	},
	"de": {
		name:   "Deutsch",
		months: [12]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
		day:    "%s.\u00a0%s\u00a0%d",
		end:    "%s um 24:00\u00a0Uhr (belgische Zeit)",
	},
	"en": {
		name:   "English",
		months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
		day:    "%s\u00a0%s\u00a0%d",
		end:    "%s at 24:00 (Belgian time)",
	},
}

// day writes a date out; nothing for none.
func day(in string, d workday.Date) string {
	if d == 0 {
		return ""
	}
	year, month, n := d.Start().In(brussels).Date()
	l := languages[in]
	dayOfMonth := fmt.Sprint(n)
	if n == 1 && l.first != "" {
		dayOfMonth = l.first
	}
	return fmt.Sprintf(l.day, dayOfMonth, l.months[month-1], year)
}

// until writes the end of a period out that has d as its last day; nothing for none.
func until(in string, d workday.Date) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf(languages[in].end, day(in, d))
}

// dayOf returns the day in Belgium; none for the zero time.
func dayOf(t time.Time) workday.Date {
	if t.IsZero() {
		return 0
	}
	return workday.Of(t)
}
