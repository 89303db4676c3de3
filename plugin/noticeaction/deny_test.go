package noticeaction

import (
	"slices"
	"strings"
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
			asked := new(dns.Msg).SetQuestion(tc.owner, dns.TypeHTTPS)
			got := n.types(&query{req: asked, owner: tc.owner, name: "example.be.", apex: n.view.apex(0)})
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

func TestNextName(t *testing.T) {
	long := func(first string, total int) string { // a name of that many octets on the wire
		name := "example.be."
		for need := total - len(name) - 1 - len(first) - 1; need > 0; need = total - len(name) - 1 - len(first) - 1 {
			n := min(need-1, 60)
			if need-1-n == 1 { // no room for a label of one octet with its length
				n--
			}
			name = strings.Repeat("x", n) + "." + name
		}
		return first + "." + name
	}
	full := strings.Repeat("m", 63)
	for _, tc := range []struct{ name, owner, want string }{
		{"short", "www.example.be.", `\000.www.example.be.`},
		{"just fits below", long("www", 253), `\000.` + long("www", 253)},
		{"fits in the label", long("www", 254), `www\000` + long("www", 254)[3:]},
		{"nothing fits", long("www", 255), "wwx" + long("www", 255)[3:]},
		{"the label is full", long(full, 254), full[:62] + "n" + long(full, 254)[63:]},
		{"the last octet is the highest", long(`ww\255`, 255+3), "wx" + long(`ww\255`, 255+3)[6:]},
		{"over the upper case", long("ww@", 255), "ww[" + long("ww@", 255)[3:]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := nextName(tc.owner)
			if got != tc.want {
				t.Errorf("after %q comes %q, want %q", tc.owner, got, tc.want)
			}
			if _, err := dns.PackDomainName(got, make([]byte, 255), 0, nil, false); err != nil {
				t.Errorf("%q: %v", got, err)
			}
		})
	}
}
