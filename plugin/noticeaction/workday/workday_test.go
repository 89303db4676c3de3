package workday

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rickar/cal/v2"
	"pgregory.net/rapid"
)

func date(t testing.TB, s string) Date {
	t.Helper()
	d, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestTheDayIsTheOneInBrussels(t *testing.T) {
	tests := []struct{ name, at, want string }{
		{"noon", "2026-05-12T12:00:00Z", "2026-05-12"},
		{"winter: last second", "2026-01-10T22:59:59Z", "2026-01-10"},
		{"winter: midnight", "2026-01-10T23:00:00Z", "2026-01-11"},
		{"summer: last second", "2026-07-10T21:59:59Z", "2026-07-10"},
		{"summer: midnight", "2026-07-10T22:00:00Z", "2026-07-11"},
		{"new year", "2026-12-31T23:00:00Z", "2027-01-01"},
		{"another zone's clock", "2026-05-12T23:30:00-04:00", "2026-05-13"},
		{"before 1970", "1969-12-31T12:00:00Z", "1969-12-31"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Of(instant(t, tt.at)); got != date(t, tt.want) {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestADayEndsAtTheNextMidnight(t *testing.T) {
	tests := []struct {
		name, day, end string
		hours          int
	}{
		{"winter", "2026-01-10", "2026-01-10T23:00:00Z", 24},
		{"summer", "2026-07-10", "2026-07-10T22:00:00Z", 24},
		{"last Sunday of March", "2026-03-29", "2026-03-29T22:00:00Z", 23},
		{"last Sunday of October", "2026-10-25", "2026-10-25T23:00:00Z", 25},
		{"29 February", "2028-02-29", "2028-02-29T23:00:00Z", 24},
		{"31 December", "2026-12-31", "2026-12-31T23:00:00Z", 24},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := date(t, tt.day)
			if got := d.End(); !got.Equal(instant(t, tt.end)) || got.Location() != time.UTC {
				t.Errorf("ends %v, want %s in UTC", got, tt.end)
			}
			if got := d.End().Sub(d.Start()); got != time.Duration(tt.hours)*time.Hour {
				t.Errorf("has %v, want %d hours", got, tt.hours)
			}
		})
	}
}

func TestMonths(t *testing.T) {
	tests := []struct {
		name, from string
		n          int
		want       string
	}{
		{"same date", "2026-05-12", 6, "2026-11-12"},
		{"31 August to a common February", "2026-08-31", 6, "2027-02-28"},
		{"31 August to a leap February", "2027-08-31", 6, "2028-02-29"},
		{"30 August to February", "2026-08-30", 6, "2027-02-28"},
		{"28 August to February", "2026-08-28", 6, "2027-02-28"},
		{"29 February to August", "2028-02-29", 6, "2028-08-29"},
		{"29 February to the next year's", "2028-02-29", 12, "2029-02-28"},
		{"31 March to September", "2026-03-31", 6, "2026-09-30"},
		{"over the year's end", "2026-12-31", 2, "2027-02-28"},
		{"none", "2026-05-31", 0, "2026-05-31"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := date(t, tt.from).AddMonths(tt.n); got != date(t, tt.want) {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestDateAsText(t *testing.T) {
	for _, s := range []string{"", "2026-5-12", "2026-02-29", "2026-13-01", "12/05/2026", "2026-05-12T00:00:00Z", "10000-01-01"} {
		if d, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", s, d)
		}
		var d Date
		if err := json.Unmarshal([]byte(`"`+s+`"`), &d); err == nil {
			t.Errorf("JSON %q = %v, want an error", s, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := anyDate.Draw(t, "d")
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back Date
		if err := json.Unmarshal(text, &back); err != nil || back != d {
			t.Fatalf("%v came back from %s as %v, %v", d, text, back, err)
		}
	})
}

var anyDate = rapid.Custom(func(t *rapid.T) Date {
	return Date(rapid.IntRange(int(On(1975, 1, 1)), int(On(2200, 12, 31))).Draw(t, "days"))
})

func TestAnyDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDate.Draw(t, "d")
		if Of(d.Start()) != d || Of(d.End().Add(-1)) != d || Of(d.End()) != d+1 {
			t.Fatalf("%v is not the day from %v to %v", d, d.Start(), d.End())
		}
		switch length := d.End().Sub(d.Start()); length {
		case 23 * time.Hour, 24 * time.Hour, 25 * time.Hour:
		default:
			t.Fatalf("%v has %v", d, length)
		}
		n := rapid.IntRange(0, 240).Draw(t, "months")
		later := d.AddMonths(n)
		_, _, day := d.utc().Date()
		_, month, got := later.utc().Date()
		_, tomorrow, _ := (later + 1).utc().Date()
		if got != day && (got > day || tomorrow == month) {
			t.Fatalf("%v + %d months = %v: neither the same date nor the month's last", d, n, later)
		}
	})
}

func TestTheMachinesZoneHasNoPart(t *testing.T) {
	if cal.DefaultLoc != time.UTC {
		t.Errorf("holidays are calculated in %v, want UTC", cal.DefaultLoc)
	}
}
