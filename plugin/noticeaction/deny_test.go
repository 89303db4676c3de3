package noticeaction

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func TestTypesOfANameAreThoseAnswered(t *testing.T) {
	for _, tc := range []struct {
		name, owner string
		addrs       []string
		mailNull    bool
		want        []uint16
	}{
		{"at the name", "example.be.", nil, true, []uint16{dns.TypeA, dns.TypeMX, dns.TypeTXT, dns.TypeAAAA, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeCAA}},
		{"below", "www.example.be.", nil, true, []uint16{dns.TypeA, dns.TypeMX, dns.TypeAAAA, dns.TypeRRSIG, dns.TypeNSEC}},
		{"one family", "www.example.be.", []string{"192.0.2.80"}, true, []uint16{dns.TypeA, dns.TypeMX, dns.TypeRRSIG, dns.TypeNSEC}},
		{"mail none", "example.be.", nil, false, []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeCAA}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := flaggedHandler(t, profileSigned, tc.addrs...)
			n.answers.mailNull = tc.mailNull
			got := n.types(&query{owner: tc.owner, name: "example.be.", apex: n.view.apex(0)})
			if !slices.Equal(got, tc.want) {
				t.Errorf("types %v, want %v", got, tc.want)
			}
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT, dns.TypeCAA} {
				answered := len(ask(t, n, tc.owner, qtype).Answer) > 0
				if answered != slices.Contains(tc.want, qtype) {
					t.Errorf("%s: answered %v, listed %v", dns.Type(qtype), answered, !answered)
				}
			}
		})
	}
}
