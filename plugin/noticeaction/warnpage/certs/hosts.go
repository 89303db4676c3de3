package certs

import "strings"

const (
	maxHost   = 253 // octets, RFC 1035 section 2.3.4
	maxLabel  = 63
	maxLabels = 10 // what Let's Encrypt takes
)

// validHost reports whether a public CA would certify the host: letters, digits and hyphens (RFC 5280 section
// 4.2.1.6, RFC 1123 section 2.1), in lower case, without the final dot.
func validHost(host string) bool {
	labels := 0
	for label := range strings.SplitSeq(host, ".") {
		labels++
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool {
				return (r < 'a' || 'z' < r) && (r < '0' || '9' < r) && r != '-'
			}) {
			return false
		}
	}
	return 2 <= labels && labels <= maxLabels && len(host) <= maxHost
}

// within reports whether host is name or lies below it.
func within(host, name string) bool {
	front, ok := strings.CutSuffix(host, name)
	return ok && (front == "" || strings.HasSuffix(front, "."))
}

// chief are the hosts of a flagged name that get certificates without being asked for.
func chief(name string) []string {
	if www := "www." + name; validHost(www) {
		return []string{name, www}
	}
	return []string{name}
}

func isChief(host, name string) bool { return host == name || host == "www."+name }

// canonical turns a host as a client sent it into the form of this package. It is not necessarily valid.
func canonical(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }
