package peer

import "testing"

// An exempt host keeps its address when the name that holds it is flagged, and
// the names it serves go on; the rest of its name is redirected.
func TestExemptHost(t *testing.T) {
	hosters := []struct{ address, name, customer string }{
		{"glue", "victim.be", "myexample.be"},
		{"sibling glue", "exampl.be", "examplee.be"},
	}
	for _, be := range Signings {
		t.Run(string(be), func(t *testing.T) {
			n := NewInternet(t, be, profileOf(be)+"\nexempt ns1.victim.be ns1.exampl.be", "")
			n.Flag(t, "victim.be", "exampl.be")
			all, signed := n.everyone(t)[1:], profileOf(be) == "profile signed"
			for _, h := range hosters {
				t.Run(h.address, func(t *testing.T) {
					for _, r := range all {
						resolves(t, be, r, "first."+h.name, "192.0.2.80", signed)
						resolves(t, be, r, "ns1."+h.name, n.hoster(), signed)
						resolves(t, be, r, "second."+h.name, "192.0.2.80", signed)
						resolves(t, be, r, "www."+h.customer, "198.51.100.2", false)
						resolves(t, be, r, h.name, "192.0.2.80", signed)
						resolves(t, be, r, "below.ns1."+h.name, "192.0.2.80", signed)
					}
				})
			}
		})
	}
}
