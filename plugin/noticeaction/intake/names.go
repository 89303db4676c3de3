package intake

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// names returns the domain names in a text: those one label below a zone, in lowercase A-labels without final
// dot, each once and in the order of the text. They may be U-labels, quoted, in brackets, or the host of a URL.
func (r Reader) names(text string, p *problems) []string {
	var names []string
	for _, word := range strings.FieldsFunc(norm.NFC.String(utf(text)), between) {
		for _, host := range hosts(word) {
			name, below := r.name(host)
			switch {
			case !below:
			case name == "":
				p.add("expected domain names one label below " + strings.Join(r.Zones, ", "))
			case slices.Contains(names, name):
			case len(names) == maxNames:
				p.add("expected at most 100 domain names")
			default:
				names = append(names, name)
			}
		}
	}
	return names
}

// between tells whether a character stands between words rather than in one.
func between(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(`,;|"'()[]{}<>`+"`", r) || unicode.In(r, unicode.Pi, unicode.Pf, unicode.Ps, unicode.Pe)
}

// hosts returns what in a word may be a name: the host of a URL, nothing of an address, else its parts.
func hosts(word string) []string {
	if _, rest, isURL := strings.Cut(word, "://"); isURL {
		host, _, _ := strings.Cut(rest, "/")
		host, _, _ = strings.Cut(host, ":")
		return []string{strings.TrimPrefix(strings.ToLower(host), "www.")}
	}
	if strings.Contains(word, "@") {
		return nil
	}
	return strings.FieldsFunc(word, func(r rune) bool { return r == ':' || r == '/' || r == '=' })
}

// name returns the name that a host is; below says whether it lies below a zone at all.
func (r Reader) name(host string) (name string, below bool) {
	host = strings.ToLower(strings.Trim(host, ".*!?-–—_•·…"))
	for _, zone := range r.Zones {
		zone = strings.Trim(strings.ToLower(zone), ".")
		label, found := strings.CutSuffix(host, "."+zone)
		if !found || label == "" {
			continue
		}
		ascii, err := idna.Registration.ToASCII(label)
		if err != nil || strings.Contains(label, ".") || len(ascii) > 63 {
			return "", true
		}
		// The text may hold an A-label that stands for nothing.
		if _, err := idna.Registration.ToUnicode(ascii); err != nil {
			return "", true
		}
		return ascii + "." + zone, true
	}
	return "", false
}

// sameNames tells whether both hold the same, in whatever order.
func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
