package workday

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The ten legal holidays: six on a date, four that follow Easter Sunday, here from the published tables.
func TestLegalHolidays(t *testing.T) {
	fixed := []string{"01-01", "05-01", "07-21", "08-15", "11-01", "11-11", "12-25"}
	moving := map[string][]string{ // Easter Monday, Ascension, Whit Monday
		"2020": {"04-13", "05-21", "06-01"},
		"2024": {"04-01", "05-09", "05-20"},
		"2025": {"04-21", "05-29", "06-09"},
		"2026": {"04-06", "05-14", "05-25"},
		"2027": {"03-29", "05-06", "05-17"},
		"2028": {"04-17", "05-25", "06-05"},
		"2035": {"03-26", "05-03", "05-14"},
		"2038": {"04-26", "06-03", "06-14"}, // the latest Easter
	}
	for year, days := range moving {
		t.Run(year, func(t *testing.T) {
			for d := date(t, year+"-01-01"); d <= date(t, year+"-12-31"); d++ {
				short := d.String()[5:]
				weekend := d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
				want := !weekend && !slices.Contains(fixed, short) && !slices.Contains(days, short)
				if got := (Calendar{}).Working(d); got != want {
					t.Errorf("%v, a %v: working %v, want %v", d, d.Weekday(), got, want)
				}
			}
		})
	}
}

func TestPeriods(t *testing.T) {
	closed := New(On(2026, 5, 15), On(2026, 12, 28), On(2026, 12, 29))
	tests := []struct {
		name     string
		calendar Calendar
		count    func(Calendar, Date, int) Date
		from     string
		n        int
		want     string
	}{
		// 14 May 2026 is Ascension, 25 May Whit Monday.
		{"1 working day", Calendar{}, Calendar.WorkingDays, "2026-05-12", 1, "2026-05-13"},
		{"2 working days over Ascension", Calendar{}, Calendar.WorkingDays, "2026-05-12", 2, "2026-05-15"},
		{"14 working days over Ascension and Whit Monday", Calendar{}, Calendar.WorkingDays, "2026-05-12", 14, "2026-06-03"},
		{"1 working day over Christmas and a weekend", Calendar{}, Calendar.WorkingDays, "2026-12-24", 1, "2026-12-28"},
		{"1 working day from a Saturday", Calendar{}, Calendar.WorkingDays, "2026-05-16", 1, "2026-05-18"},
		{"1 working day from a Sunday", Calendar{}, Calendar.WorkingDays, "2026-05-17", 1, "2026-05-18"},
		{"2 working days over the new year", Calendar{}, Calendar.WorkingDays, "2026-12-31", 2, "2027-01-05"},
		{"1 working day over Easter", Calendar{}, Calendar.WorkingDays, "2026-04-03", 1, "2026-04-07"},
		{"1 working day before a closing day", closed, Calendar.WorkingDays, "2026-05-13", 1, "2026-05-18"},
		{"1 working day over Christmas and closing days", closed, Calendar.WorkingDays, "2026-12-24", 1, "2026-12-30"},

		{"14 days", Calendar{}, Calendar.Days, "2026-05-12", 14, "2026-05-26"},
		{"14 days to a holiday on a Monday", Calendar{}, Calendar.Days, "2026-05-11", 14, "2026-05-26"},
		{"14 days to a Saturday before Whit Monday", Calendar{}, Calendar.Days, "2026-05-09", 14, "2026-05-26"},
		{"14 days to Good Friday, which is no holiday", Calendar{}, Calendar.Days, "2026-03-20", 14, "2026-04-03"},
		{"14 days to Easter Sunday", Calendar{}, Calendar.Days, "2026-03-22", 14, "2026-04-07"},
		{"14 days over the start of summer time", Calendar{}, Calendar.Days, "2026-03-18", 14, "2026-04-01"},
		{"14 days over the end of summer time", Calendar{}, Calendar.Days, "2026-10-13", 14, "2026-10-27"},
		{"14 days to the Sunday the clocks change", Calendar{}, Calendar.Days, "2026-10-11", 14, "2026-10-26"},
		{"14 days to Christmas", Calendar{}, Calendar.Days, "2026-12-11", 14, "2026-12-28"},
		{"14 days to Christmas and closing days", closed, Calendar.Days, "2026-12-11", 14, "2026-12-30"},
		{"40 days", Calendar{}, Calendar.Days, "2026-05-12", 40, "2026-06-22"},

		{"6 months", Calendar{}, Calendar.Months, "2026-05-12", 6, "2026-11-12"},
		{"6 months to a Sunday", Calendar{}, Calendar.Months, "2026-08-31", 6, "2027-03-01"},
		{"6 months to 29 February", Calendar{}, Calendar.Months, "2027-08-31", 6, "2028-02-29"},
		{"6 months to All Saints on a Sunday", Calendar{}, Calendar.Months, "2026-05-01", 6, "2026-11-02"},
		{"6 months to New Year", Calendar{}, Calendar.Months, "2026-07-01", 6, "2027-01-04"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.count(tt.calendar, date(t, tt.from), tt.n); got != date(t, tt.want) {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

var anyCalendar = rapid.Custom(func(t *rapid.T) Calendar {
	closing := rapid.SliceOfN(anyDate, 0, 20).Draw(t, "closing")
	if len(closing) > 0 { // a chain as well
		closing = append(closing, closing[0]+1, closing[0]+2)
	}
	return New(closing...)
})

func TestAnyPeriod(t *testing.T) {
	counts := map[string]func(Calendar, Date, int) Date{
		"days": Calendar.Days, "working days": Calendar.WorkingDays, "months": Calendar.Months,
	}
	rapid.Check(t, func(t *rapid.T) {
		c, d := anyCalendar.Draw(t, "calendar"), anyDate.Draw(t, "from")
		n := rapid.IntRange(0, 60).Draw(t, "n")
		for name, count := range counts {
			end := count(c, d, n)
			if !c.Working(end) {
				t.Fatalf("%d %s from %v end on %v, no working day", n, name, d, end)
			}
			if n > 0 && end <= d {
				t.Fatalf("%d %s from %v end on %v", n, name, d, end)
			}
			if count(c, d+1, n) < end {
				t.Fatalf("%d %s from a day after %v end earlier", n, name, d)
			}
			if count(c, d, n+1) < end {
				t.Fatalf("%d %s from %v end earlier than %d", n+1, name, d, n)
			}
		}

		end, counted := c.WorkingDays(d, n), 0
		for day := d + 1; day <= end; day++ {
			if c.Working(day) {
				counted++
			}
		}
		if n > 0 && counted != n {
			t.Fatalf("%d working days from %v end on %v: counted %d", n, d, end, counted)
		}
	})
}
