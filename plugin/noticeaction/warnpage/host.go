package warnpage

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// hostName reads a Host header (RFC 9110 section 7.2): the host name in lowercase A-labels, without port and
// final dot. It is false for an address and for what no name in the DNS could be.
func hostName(header string) (string, bool) {
	if strings.HasPrefix(header, "[") || !utf8.ValidString(header) { // the former is an IPv6 address
		return "", false
	}
	host, port, _ := strings.Cut(header, ":")
	if strings.ContainsFunc(port, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", false
	}
	host = strings.TrimSuffix(host, ".")
	if strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", false
		}
		host = strings.TrimSuffix(ascii, ".")
	}
	host = strings.ToLower(host)
	if len(host) > 253 {
		return "", false
	}
	for label := range strings.SplitSeq(host, ".") {
		if len(label) == 0 || len(label) > 63 || strings.ContainsFunc(label, notLDH) {
			return "", false
		}
	}
	return host, true
}

// notLDH lets the underscore pass: there are hosts with one.
func notLDH(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
