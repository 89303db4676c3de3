package casework

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

const (
	maxInput = 1024 // bytes of a name as it is typed, in whatever form
	maxName  = 253  // octets in presentation form without final dot, RFC 1035 section 2.3.4
	maxLabel = 63
)

// registration is IDNA2008 as a registry applies it (RFC 5891 section 4): nothing is mapped, and
// labels are checked whichever form they come in.
var registration = idna.New(
	idna.ValidateForRegistration(),
	idna.VerifyDNSLength(false), // ours say which label
	idna.CheckHyphens(true),
)

// canonical returns a name in lowercase A-labels without final dot. It takes U-labels and A-labels in
// any case. The refusal is an *Error of kind Invalid.
func canonical(input string) (string, error) {
	if plain(input) {
		return input, nil
	}
	invalid := func(detail string) (string, error) { return "", refuse(Invalid, input, "%s", detail) }
	name := strings.TrimSuffix(input, ".")
	switch {
	case len(input) > maxInput:
		return "", refuse(Invalid, input[:32]+"...", "expected a name of at most %d octets, got %d", maxName, len(input))
	case name == "":
		return invalid("expected a name, got none")
	case !utf8.ValidString(name):
		return invalid("expected UTF-8")
	case strings.Contains(name, `\`):
		return invalid("expected a name without backslash escapes")
	case isAddress(name):
		return invalid("expected a name, got an IP address")
	}
	name = norm.NFC.String(strings.Map(unicode.ToLower, name))
	labels := strings.Split(name, ".")
	for i, label := range labels {
		if label == "" {
			return invalid("expected no empty label")
		}
		a, err := asciiLabel(label)
		if err != nil {
			return invalid(err.Error())
		}
		labels[i] = a
	}
	name = strings.Join(labels, ".")
	if len(name) > maxName {
		return "", refuse(Invalid, input, "expected a name of at most %d octets, got %d", maxName, len(name))
	}
	return name, nil
}

type labelError string

func (e labelError) Error() string { return string(e) }

// asciiLabel returns the A-label or LDH form of a label in lower case and NFC.
func asciiLabel(label string) (string, error) {
	for _, r := range label {
		if r < utf8.RuneSelf && !ldh(byte(r)) {
			return "", labelError("expected letters, digits and hyphens in the label " + quote(label) + ", got " + quote(string(r)))
		}
	}
	a, err := registration.ToASCII(label)
	if err != nil || a == "" {
		return "", labelError("expected a label that IDNA2008 and its registration rules allow, got " + quote(label))
	}
	if len(a) > maxLabel {
		return "", labelError("expected labels of at most 63 octets, got one of more: " + quote(a))
	}
	u, err := registration.ToUnicode(a)
	if err != nil {
		return "", labelError("expected a valid A-label, got " + quote(label))
	}
	if back, err := registration.ToASCII(u); err != nil || back != a {
		return "", labelError("expected an A-label that is the form of its U-label, got " + quote(label))
	}
	return a, nil
}

// plain reports whether a name is canonical beyond doubt: short LDH labels in lower case without
// double hyphens, and not all digits. Most names are, and an import has many.
func plain(name string) bool {
	if len(name) == 0 || len(name) > maxName {
		return false
	}
	start, letter := 0, false
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '.' {
			c := name[i]
			if !ldh(c) || c == '-' && (i == start || name[i-1] == '-') {
				return false
			}
			letter = letter || c >= 'a'
			continue
		}
		if i == start || i-start > maxLabel || name[i-1] == '-' {
			return false
		}
		start = i + 1
	}
	return letter
}

func ldh(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-'
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return err == nil
}

// Unicode returns the U-label form of a name, for display; the name itself when it has none.
func Unicode(name string) string {
	if !strings.Contains(name, "xn--") {
		return name
	}
	u, err := registration.ToUnicode(name)
	if err != nil {
		return name
	}
	return u
}
