package noticeaction

import (
	"slices"
	"strings"
)

// zones are the zones of one directive in CoreDNS form ("be."), the most
// specific first.
type zones []string

func newZones(origins []string) zones {
	z := zones(slices.Clone(origins))
	slices.SortStableFunc(z, func(a, b string) int { return len(b) - len(a) })
	return z
}

// registrable finds the registrable name that qname lies at or below: the one
// label in front of the zone, and the zone. It returns the index of the zone
// and the offset in qname at which the name starts, or ok false for a zone's
// apex and for names outside the zones. qname is in presentation form with the
// final dot, in any case.
//
// It allocates nothing and reads only the zone's part of qname and the label
// in front of it, however many labels stand before.
func (z zones) registrable(qname string) (zone, start int, ok bool) {
	for i, origin := range z {
		label := len(qname) - len(origin)
		if label < 0 || !equalFold(qname[label:], origin) {
			continue
		}
		if label == 0 {
			return 0, 0, false
		}
		end := label - 1
		if qname[end] != '.' || escaped(qname, end) {
			continue
		}
		return i, labelStart(qname, end), end > 0
	}
	return 0, 0, false
}

// labelStart returns where the label that ends before the dot at end begins.
func labelStart(name string, end int) int {
	for {
		dot := strings.LastIndexByte(name[:end], '.')
		if dot < 0 || !escaped(name, dot) {
			return dot + 1
		}
		end = dot
	}
}

// escaped reports whether the byte at i is taken literally: an odd number of
// backslashes stands before it (RFC 1035 section 5.1).
func escaped(name string, i int) bool {
	n := 0
	for n < i && name[i-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// equalFold compares a name in any case with one in lower case; only ASCII
// letters have a case in the DNS (RFC 4343).
func equalFold(name, lower string) bool {
	for i := range len(lower) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// unescape appends the octets of a presentation-form name to buf (RFC 1035
// section 5.1). It reports false when the name has a malformed escape, or an
// escaped dot or backslash, which no registrable name holds.
func unescape(buf []byte, name string) ([]byte, bool) {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '\\' {
			switch {
			case i+3 < len(name) && digit(name[i+1]) && digit(name[i+2]) && digit(name[i+3]):
				v := int(name[i+1]-'0')*100 + int(name[i+2]-'0')*10 + int(name[i+3]-'0')
				if v > 255 {
					return nil, false
				}
				c, i = byte(v), i+3
			case i+1 < len(name) && !digit(name[i+1]):
				c, i = name[i+1], i+1
			default:
				return nil, false
			}
			if c == '.' || c == '\\' {
				return nil, false
			}
		}
		buf = append(buf, c)
	}
	return buf, true
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
