package peer

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A resolver that knew the delegation before the flag may go on with the
// holder's servers as long as the delegation lives, or be redirected. The log
// says what each did: all go on. A child without DS never fails.
func TestKnownDelegation(t *testing.T) {
	questions := []string{"during A", "known A", "during MX", "@ MX", "@ HTTPS", "@ NS", "@ SOA", "a.b.c A", "@ DS", "x.y.z A", "fresh A"}
	for _, be := range Signings {
		t.Run(string(be), func(t *testing.T) {
			n := NewInternet(t, be, profileOf(be), "")
			all := n.everyone(t)[1:]
			for _, r := range all {
				resolves(t, be, r, "known.example.be", "198.51.100.2", false)
			}
			n.Flag(t, "example.be")
			for _, r := range all {
				var did []string
				for _, question := range questions {
					qname, rrtype := about(question, "example.be")
					m := r.Ask(t, qname, rrtype)
					did = append(did, question+": "+whose(m))
					if m.Rcode != dns.RcodeSuccess {
						t.Errorf("%s: want NOERROR, got:\n%s", r.Name, m)
					}
				}
				t.Logf("%s: %s", r.Name, strings.Join(did, ", "))
			}
		})
	}
}

// whose says who made an answer about a name: the holder or the registry.
func whose(m *dns.Msg) string {
	text := m.String()
	switch {
	case m.Rcode != dns.RcodeSuccess:
		return dns.RcodeToString[m.Rcode]
	case strings.Contains(text, "198.51.100."), strings.Contains(text, "ns.hoster.example."), strings.Contains(text, "10 mail."):
		return "holder"
	case strings.Contains(text, "192.0.2.80"), strings.Contains(text, "a.nsset.be."), strings.Contains(text, "MX\t0 ."):
		return "registry"
	}
	return "no data"
}
