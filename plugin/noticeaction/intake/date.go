package intake

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// months in the four languages, as fold leaves them.
var months = func() map[string]int {
	m := make(map[string]int)
	for i, names := range []string{
		"january januari janvier januar jänner", "february februari février februar feber", "march maart mars märz",
		"april avril", "may mei mai", "june juni juin", "july juli juillet", "august augustus août",
		"september septembre", "october oktober octobre", "november novembre", "december décembre dezember",
	} {
		for _, name := range strings.Fields(names) {
			m[fold(name)] = i + 1
		}
	}
	return m
}()

var (
	isoDate     = regexp.MustCompile(`\b(\d{4})-(\d{1,2})-(\d{1,2})\b`)
	numericDate = regexp.MustCompile(`\b(\d{1,2})[./-](\d{1,2})[./-](\d{4})\b`)
	writtenDate = regexp.MustCompile(`\b(\d{1,2})(?:\.|er|ste|de|e|st|nd|rd|th)?\s+(?:of\s+)?(\p{L}+)\.?,?\s+(\d{4})\b`)
	monthFirst  = regexp.MustCompile(`(\p{L}+)\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b`)
)

// date reads the day that a text names: 2026-05-12, 12/5/2026 (the day first), 12.5.2026, 12-5-2026, or
// written out in nl, fr, de or en. A place or a weekday may stand before it.
func date(s string) (workday.Date, bool) {
	if m := isoDate.FindStringSubmatch(s); m != nil {
		return day(m[1], m[2], m[3])
	}
	if m := numericDate.FindStringSubmatch(s); m != nil {
		return day(m[3], m[2], m[1])
	}
	if m := writtenDate.FindStringSubmatch(s); m != nil {
		return day(m[3], month(m[2]), m[1])
	}
	if m := monthFirst.FindStringSubmatch(s); m != nil {
		return day(m[3], month(m[1]), m[2])
	}
	return 0, false
}

func month(name string) string { return strconv.Itoa(months[fold(name)]) }

func day(y, m, d string) (workday.Date, bool) {
	date, err := workday.Parse(y + "-" + two(m) + "-" + two(d))
	return date, err == nil
}

func two(digits string) string {
	if len(digits) == 1 {
		return "0" + digits
	}
	return digits
}
