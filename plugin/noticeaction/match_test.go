package noticeaction

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestRegistrable(t *testing.T) {
	served := newZones([]string{"be.", "vlaanderen.", "gov.be."})
	for _, tc := range []struct{ name, qname, want, zone string }{
		{"the name itself", "example.be.", "example.be.", "be."},
		{"below the name", "www.example.be.", "example.be.", "be."},
		{"far below the name", strings.Repeat("a.", 100) + "example.be.", "example.be.", "be."},
		{"mixed case", "wWw.ExAmPlE.bE.", "ExAmPlE.bE.", "be."},
		{"another zone", "www.example.vlaanderen.", "example.vlaanderen.", "vlaanderen."},
		{"the most specific zone", "www.tax.gov.be.", "tax.gov.be.", "gov.be."},
		{"the apex", "be.", "", ""},
		{"the apex of a zone below a zone", "gov.be.", "", ""},
		{"the root", ".", "", ""},
		{"outside", "example.nl.", "", ""},
		{"a zone as suffix of a label", "example.maybe.", "", ""},
		{"a zone as a label further up", "be.example.nl.", "", ""},
		{"shorter than the zone", "e.", "", ""},
		{"an escaped dot before the zone", `example\.be.`, "", ""},
		{"an escaped backslash before the zone", `example\\.be.`, `example\\.be.`, "be."},
		{"an escaped dot in the label", `foo\.example.be.`, `foo\.example.be.`, "be."},
		{"an escaped dot below the name", `foo\.bar.example.be.`, "example.be.", "be."},
		{"an escaped backslash before the label", `foo\\.example.be.`, "example.be.", "be."},
		{"an octet by number", `\101xample.be.`, `\101xample.be.`, "be."},
		{"an empty label", ".be.", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			zone, start, ok := served.registrable(tc.qname)
			if ok != (tc.want != "") {
				t.Fatalf("registrable(%q) = %v, want %v", tc.qname, ok, tc.want != "")
			}
			if ok && (tc.qname[start:] != tc.want || served[zone] != tc.zone) {
				t.Errorf("registrable(%q) = %q in %q, want %q in %q", tc.qname, tc.qname[start:], served[zone], tc.want, tc.zone)
			}
		})
	}
}

func TestUnescape(t *testing.T) {
	for _, tc := range []struct {
		in, want string
		ok       bool
	}{
		{`\101xample.be`, "example.be", true},
		{`e\xample.be`, "example.be", true},
		{`exampl\069.be`, "examplE.be", true},
		{`foo\.example.be`, "", false},
		{`foo\046example.be`, "", false},
		{`foo\\example.be`, "", false},
		{`foo\256.be`, "", false},
		{`foo\10`, "", false},
		{`foo\`, "", false},
	} {
		got, ok := unescape(nil, tc.in)
		if ok != tc.ok || string(got) != tc.want {
			t.Errorf("unescape(%q) = %q, %v, want %q, %v", tc.in, got, ok, tc.want, tc.ok)
		}
	}
}

// FuzzRegistrable holds the matching against miekg/dns's own splitting into labels.
func FuzzRegistrable(f *testing.F) {
	for _, s := range []string{"www.example.be.", `foo\.example.be.`, `\\.be.`, "be.", ".", `a\.be.`, "EXAMPLE.gov.BE."} {
		f.Add(s)
	}
	served := newZones([]string{"be.", "gov.be.", "vlaanderen."})
	f.Fuzz(func(t *testing.T, s string) {
		// What the handler sees has been through the wire format.
		buf := make([]byte, 512)
		end, err := dns.PackDomainName(dns.Fqdn(s), buf, 0, nil, false)
		if err != nil {
			return
		}
		qname, _, err := dns.UnpackDomainName(buf[:end], 0)
		if err != nil {
			return
		}
		want := ""
		for _, origin := range served {
			if dns.IsSubDomain(origin, qname) {
				if labels := dns.Split(qname); len(labels) > dns.CountLabel(origin) {
					want = qname[labels[len(labels)-dns.CountLabel(origin)-1]:]
				}
				break
			}
		}
		_, start, ok := served.registrable(qname)
		if got := qname[start:]; ok != (want != "") || ok && got != want {
			t.Errorf("registrable(%q) = %q, %v, want %q", qname, got, ok, want)
		}
	})
}
