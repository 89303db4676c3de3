// Package email says which mail addresses are taken, at every door where one comes in: what it takes can be
// written into a mail and an envelope. It takes local@domain and no more: no name, comment, quoted local part
// (RFC 5321 section 4.1.2 asks that no mailbox need one), address literal or route. It refuses to ask anyone
// whether there is such a mailbox.
package email

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// The lengths in octets, RFC 5321 section 4.5.3.1: a path of 256 holds an address between angle brackets.
const (
	maxAddress = 254
	maxLocal   = 64
)

// domains is IDNA as for a look-up, with the lengths of the DNS. Labels are letters, digits and hyphens.
var domains = idna.New(
	idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.CheckHyphens(false), idna.VerifyDNSLength(true),
)

// What is wrong with an address. None repeats it, as an address is personal data.
var (
	errShape  = errors.New("expected an address as local@domain, with nothing around it")
	errLength = errors.New("expected an address as local@domain of at most 254 bytes, at most 64 of them before the @")
	errLocal  = errors.New("expected an address as local@domain, with letters, digits and !#$%&'*+-/=?^_`{|}~ before the @, and single dots between them")
	errDomain = errors.New("expected an address as local@domain, with a domain such as example.be behind the @")
)

// Canonical returns the address with its domain in lowercase A-labels, as mails and envelopes have it. The local
// part may hold more than ASCII (RFC 6531). The error says what was expected.
func Canonical(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || !utf8.ValidString(address) {
		return "", errShape
	}
	local, domain := address[:at], address[at+1:]
	if len(address) > 4*maxAddress || len(local) > maxLocal {
		return "", errLength
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, notInAtom) {
			return "", errLocal
		}
	}
	domain, err := domains.ToASCII(domain)
	if err != nil || !isHostName(domain) {
		return "", errDomain
	}
	if len(local)+1+len(domain) > maxAddress {
		return "", errLength
	}
	return local + "@" + domain, nil
}

// Check says what is wrong with an address; nil when it is taken.
func Check(address string) error {
	_, err := Canonical(address)
	return err
}

// ASCII tells whether nothing of the address is beyond ASCII, so that any mail server takes it.
func ASCII(address string) bool {
	return !strings.ContainsFunc(address, func(r rune) bool { return r > unicode.MaxASCII })
}

// notInAtom is what an atom may not hold (RFC 5322 section 3.2.3, RFC 6532 section 3.2).
func notInAtom(r rune) bool {
	if r > unicode.MaxASCII {
		return r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S)
	}
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// isHostName wants two labels or more of which the last is no number: mail to a bare top-level domain, or to an
// address of IPv4 without brackets, is a slip.
func isHostName(domain string) bool {
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(labels) > 1 && strings.Trim(last, "0123456789") != ""
}
