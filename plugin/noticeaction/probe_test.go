package noticeaction

import (
	"net/netip"
	"testing"

	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// TestProbe: one name, type and class is answered, to those who may know; all else of class CH passes untouched.
func TestProbe(t *testing.T) {
	const client = "10.240.0.1" // of test.ResponseWriter
	tests := []struct {
		name    string
		probes  []string
		qname   string
		qtype   uint16
		class   uint16
		answers bool
	}{
		{"from one who may", []string{client + "/32"}, "generation.noticeaction.", dns.TypeTXT, dns.ClassCHAOS, true},
		{"from a network that may", []string{"10.0.0.0/8"}, "Generation.NoticeAction.", dns.TypeTXT, dns.ClassCHAOS, true},
		{"from another", []string{"192.0.2.0/24"}, "generation.noticeaction.", dns.TypeTXT, dns.ClassCHAOS, false},
		{"without a line", nil, "generation.noticeaction.", dns.TypeTXT, dns.ClassCHAOS, false},
		{"another name", []string{"0.0.0.0/0"}, "version.bind.", dns.TypeTXT, dns.ClassCHAOS, false},
		{"a flagged name", []string{"0.0.0.0/0"}, "example.be.", dns.TypeTXT, dns.ClassCHAOS, false},
		{"another type", []string{"0.0.0.0/0"}, "generation.noticeaction.", dns.TypeA, dns.ClassCHAOS, false},
		{"class IN", []string{"0.0.0.0/0"}, "generation.noticeaction.", dns.TypeTXT, dns.ClassINET, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := flaggedHandler(t, profileInsecure)
			n.desk = &desk{set: n.redirect}
			for _, p := range tt.probes {
				n.probes = append(n.probes, netip.MustParsePrefix(p))
			}
			w := dnstest.NewRecorder(&test.ResponseWriter{})
			q := new(dns.Msg).SetQuestion(tt.qname, tt.qtype)
			q.Question[0].Qclass = tt.class
			if _, err := n.ServeDNS(t.Context(), w, q); err != nil {
				t.Fatal(err)
			}
			txt, _ := w.Msg.Answer[0].(*dns.TXT)
			if got := txt != nil && txt.Txt[0] == "generation=7"; got != tt.answers {
				t.Errorf("answered %v, want %v: %v", got, tt.answers, w.Msg)
			}
			if tt.answers && (txt.Hdr.Class != dns.ClassCHAOS || txt.Hdr.Name != tt.qname || w.Msg.Question[0].Name != tt.qname) {
				t.Errorf("got %v", w.Msg)
			}
		})
	}
}
