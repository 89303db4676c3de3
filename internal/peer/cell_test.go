package peer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// outcome is a resolver's answer in the words of the table: rcode with "+ad"
// when it vouches for the answer, and the two sections.
type outcome struct{ rcode, answer, authority string }

func (o outcome) String() string {
	return fmt.Sprintf("%-12s | %-40s | %s", o.rcode, o.answer, o.authority)
}

func outcomeOf(m *dns.Msg) outcome {
	rcode := dns.RcodeToString[m.Rcode]
	if m.AuthenticatedData {
		rcode += "+ad"
	}
	qname := m.Question[0].Name
	return outcome{rcode, section(m.Answer, qname, true), section(m.Ns, qname, false)}
}

// section writes records as "TYPE+ data", sorted, "-" when there are none. The
// plus stands for a signature over the set. An owner that is not the query's
// is written before the type. Of the authority section only owners and types
// are written.
func section(rrs []dns.RR, qname string, data bool) string {
	var words []string
	for _, rr := range rrs {
		h := rr.Header()
		if h.Rrtype == dns.TypeRRSIG {
			continue
		}
		word := dns.Type(h.Rrtype).String()
		if signed(rr, rrs) {
			word += "+"
		}
		if !data || !strings.EqualFold(h.Name, qname) {
			word = strings.ToLower(h.Name) + " " + word
		}
		if data {
			word += " " + rdata(rr)
		}
		words = append(words, strings.TrimSpace(word))
	}
	if len(words) == 0 {
		return "-"
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ", ")
}

// rdata is the record's data, of a DS or a SOA what does not change from one
// run to the next.
func rdata(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.DS:
		return ""
	case *dns.SOA:
		return rr.Ns
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

// signed reports whether rrs hold a signature over the set that rr is in.
func signed(rr dns.RR, rrs []dns.RR) bool {
	return slices.ContainsFunc(rrs, func(o dns.RR) bool {
		sig, ok := o.(*dns.RRSIG)
		return ok && sig.TypeCovered == rr.Header().Rrtype && strings.EqualFold(sig.Hdr.Name, rr.Header().Name)
	})
}
