package noticeaction

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// flaggedHandler answers for zones be. and vlaanderen. with example.be,
// xn--caf-dma.be and example.vlaanderen flagged, in front of a zone that
// answers every query with the TXT record "behind".
func flaggedHandler(tb testing.TB, p profile, addrs ...string) *NoticeAction {
	tb.Helper()
	if addrs == nil {
		addrs = []string{"192.0.2.80", "2001:db8::80"}
	}
	var parsed []netip.Addr
	for _, a := range addrs {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	set := redirect.NewSet()
	err := set.Load(7, slices.Values([]redirect.Entry{
		{Name: "example.be", Authority: "apd-gba"},
		{Name: "xn--caf-dma.be", Authority: "apd-gba"},
		{Name: "example.vlaanderen", Authority: "fps-economy"},
	}))
	if err != nil {
		tb.Fatal(err)
	}
	n := newNoticeAction(&config{
		origins: []string{"be.", "vlaanderen."}, host: "warning.authority.example.",
		addresses: parsed, profile: p, ttl: 300, mailNull: true,
	})
	n.redirect = set
	n.Next = plugin.HandlerFunc(zoneBehind)
	if err := n.view.learnApexes(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return n
}

// zoneBehind is a zone with an apex and the same TXT record everywhere below.
func zoneBehind(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	m := new(dns.Msg)
	m.SetReply(r)
	m.Authoritative = true
	switch zone := r.Question[0].Name; r.Question[0].Qtype {
	case dns.TypeSOA:
		m.Answer = []dns.RR{test.SOA(zone + " 3600 IN SOA a.nsset.be. tech.dnsbelgium.be. 2026112201 3600 1800 2419200 600")}
	case dns.TypeNS:
		m.Answer = []dns.RR{test.NS(zone + " 3600 IN NS a.nsset.be."), test.NS(zone + " 3600 IN NS b.nsset.be.")}
	default:
		m.Answer = []dns.RR{test.TXT(zone + " 60 IN TXT behind")}
	}
	_ = w.WriteMsg(m)
	return dns.RcodeSuccess, nil
}

func ask(tb testing.TB, h plugin.Handler, qname string, qtype uint16, change ...func(*dns.Msg)) *dns.Msg {
	tb.Helper()
	req := new(dns.Msg)
	req.SetQuestion(qname, qtype)
	for _, f := range change {
		f(req)
	}
	rec := dnstest.NewRecorder(&test.ResponseWriter{})
	rcode, err := h.ServeDNS(context.Background(), rec, req)
	if err != nil || rcode != dns.RcodeSuccess || rec.Msg == nil {
		tb.Fatalf("%s %s: rcode %d, error %v, message %v", qname, dns.Type(qtype), rcode, err, rec.Msg)
	}
	return rec.Msg
}

// sections renders a message's records, fields parted by single spaces.
func sections(m *dns.Msg) string {
	var lines []string
	for _, s := range []struct {
		name string
		rrs  []dns.RR
	}{{"answer", m.Answer}, {"authority", m.Ns}} {
		for _, rr := range s.rrs {
			lines = append(lines, s.name+": "+strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	return strings.Join(lines, "\n")
}

const (
	childSOA = "authority: example.be. 300 IN SOA a.nsset.be. tech.dnsbelgium.be. 2026112201 3600 1800 2419200 600"
	zoneSOA  = "authority: be. 300 IN SOA a.nsset.be. tech.dnsbelgium.be. 2026112201 3600 1800 2419200 600"
	behind   = " 60 IN TXT \"behind\""
)

func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, qname string
		qtype       uint16
		insecure    string
		signed      string // "" when the same
	}{
		{"A", "example.be.", dns.TypeA, "answer: example.be. 300 IN A 192.0.2.80", ""},
		{"AAAA", "example.be.", dns.TypeAAAA, "answer: example.be. 300 IN AAAA 2001:db8::80", ""},
		{"A below", "a.b.c.example.be.", dns.TypeA, "answer: a.b.c.example.be. 300 IN A 192.0.2.80", ""},
		{"A mixed case", "wWw.ExAmple.BE.", dns.TypeA, "answer: www.example.be. 300 IN A 192.0.2.80", ""},
		{"A wildcard", "*.example.be.", dns.TypeA, "answer: *.example.be. 300 IN A 192.0.2.80", ""},
		{"A of an IDN", "xn--caf-dma.be.", dns.TypeA, "answer: xn--caf-dma.be. 300 IN A 192.0.2.80", ""},
		{"A in another zone", "example.vlaanderen.", dns.TypeA, "answer: example.vlaanderen. 300 IN A 192.0.2.80", ""},
		{"A by number", `ex\097mple.be.`, dns.TypeA, `answer: ex\097mple.be. 300 IN A 192.0.2.80`, ""},
		{"ANY", "example.be.", dns.TypeANY, "answer: example.be. 300 IN A 192.0.2.80\nanswer: example.be. 300 IN AAAA 2001:db8::80", ""},
		{"MX", "example.be.", dns.TypeMX, "answer: example.be. 300 IN MX 0 .", ""},
		{"MX below", "mail.example.be.", dns.TypeMX, "answer: mail.example.be. 300 IN MX 0 .", ""},
		{"TXT", "example.be.", dns.TypeTXT, `answer: example.be. 300 IN TXT "v=spf1 -all"`, ""},
		{"TXT below", "_dmarc.example.be.", dns.TypeTXT, childSOA, zoneSOA},
		{"CAA", "example.be.", dns.TypeCAA, `answer: example.be. 300 IN CAA 0 issue ";"`, ""},
		{"CAA below", "www.example.be.", dns.TypeCAA, childSOA, zoneSOA},
		{"SOA", "example.be.", dns.TypeSOA, strings.Replace(childSOA, "authority", "answer", 1), zoneSOA},
		{"SOA below", "www.example.be.", dns.TypeSOA, childSOA, zoneSOA},
		{"NS", "example.be.", dns.TypeNS, childSOA, zoneSOA},
		{"NS below", "www.example.be.", dns.TypeNS, childSOA, zoneSOA},
		{"DS", "example.be.", dns.TypeDS, "answer: example.be." + behind, zoneSOA},
		{"DS below", "www.example.be.", dns.TypeDS, childSOA, zoneSOA},
		{"DNSKEY", "example.be.", dns.TypeDNSKEY, childSOA, zoneSOA},
		{"HTTPS", "example.be.", dns.TypeHTTPS, childSOA, zoneSOA},
		{"SVCB", "example.be.", dns.TypeSVCB, childSOA, zoneSOA},
		{"CNAME", "www.example.be.", dns.TypeCNAME, childSOA, zoneSOA},
		{"an unknown type", "example.be.", 65280, childSOA, zoneSOA},
		{"not flagged", "exampl.be.", dns.TypeA, "answer: exampl.be." + behind, ""},
		{"same suffix", "myexample.be.", dns.TypeA, "answer: myexample.be." + behind, ""},
		{"same label, other zone", "example.nl.", dns.TypeA, "answer: example.nl." + behind, ""},
		{"an escaped dot", `foo\.example.be.`, dns.TypeA, `answer: foo\.example.be.` + behind, ""},
		{"the apex", "be.", dns.TypeA, "answer: be." + behind, ""},
		{"a transfer", "example.be.", dns.TypeAXFR, "answer: example.be." + behind, ""},
	} {
		if tc.signed == "" {
			tc.signed = tc.insecure
		}
		for _, p := range []struct {
			name string
			profile
			want string
		}{{"insecure", profileInsecure, tc.insecure}, {"signed", profileSigned, tc.signed}} {
			t.Run(tc.name+"/"+p.name, func(t *testing.T) {
				m := ask(t, flaggedHandler(t, p.profile), tc.qname, tc.qtype)
				if got := sections(m); got != p.want {
					t.Errorf("%s %s:\n%s\nwant\n%s", tc.qname, dns.Type(tc.qtype), got, p.want)
				}
			})
		}
	}
}

func TestAnswerWithoutAddressIsNoData(t *testing.T) {
	v4only := flaggedHandler(t, profileInsecure, "192.0.2.80")
	if got := sections(ask(t, v4only, "example.be.", dns.TypeAAAA)); got != childSOA {
		t.Errorf("AAAA with only an IPv4 address: %s", got)
	}
	many := flaggedHandler(t, profileInsecure, "192.0.2.1", "192.0.2.2", "192.0.2.3")
	if got := ask(t, many, "example.be.", dns.TypeA).Answer; len(got) != 3 {
		t.Errorf("A with three addresses: %v", got)
	}
}

func TestMailNone(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	n.answers.mailNull = false
	for _, qtype := range []uint16{dns.TypeMX, dns.TypeTXT} {
		if got := sections(ask(t, n, "example.be.", qtype)); got != childSOA {
			t.Errorf("%s with mail none: %s", dns.Type(qtype), got)
		}
	}
}

func TestAnswerHeader(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	m := ask(t, n, "wWw.ExAmPlE.bE.", dns.TypeA, func(r *dns.Msg) { r.Id, r.CheckingDisabled = 4711, true })
	want := dns.MsgHdr{Id: 4711, Response: true, Authoritative: true, RecursionDesired: true, CheckingDisabled: true}
	if m.MsgHdr != want {
		t.Errorf("header %+v, want %+v", m.MsgHdr, want)
	}
	if got := m.Question[0].Name; got != "wWw.ExAmPlE.bE." {
		t.Errorf("question %q, want it echoed byte for byte", got)
	}
	if len(m.Extra) != 0 {
		t.Errorf("additional %v to a query without OPT", m.Extra)
	}
}

func TestExtendedErrors(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	for _, tc := range []struct {
		qname  string
		qtype  uint16
		code   uint16
		reason string
	}{
		{"example.be.", dns.TypeA, dns.ExtendedErrorCodeForgedAnswer, "apd-gba"},
		{"example.be.", dns.TypeHTTPS, dns.ExtendedErrorCodeCensored, "apd-gba"},
		{"www.example.vlaanderen.", dns.TypeA, dns.ExtendedErrorCodeForgedAnswer, "fps-economy"},
	} {
		m := ask(t, n, tc.qname, tc.qtype, func(r *dns.Msg) { r.SetEdns0(1232, true) })
		opt := m.IsEdns0()
		if opt == nil || len(opt.Option) != 1 {
			t.Fatalf("%s %s: OPT %v, want one option", tc.qname, dns.Type(tc.qtype), opt)
		}
		if ede, ok := opt.Option[0].(*dns.EDNS0_EDE); !ok || ede.InfoCode != tc.code || ede.ExtraText != tc.reason {
			t.Errorf("%s %s: %v, want code %d from %s", tc.qname, dns.Type(tc.qtype), opt.Option[0], tc.code, tc.reason)
		}
	}
}

func TestPassesWhatIsNotAQuery(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	for name, change := range map[string]func(*dns.Msg){
		"NOTIFY":     func(r *dns.Msg) { r.Opcode = dns.OpcodeNotify },
		"UPDATE":     func(r *dns.Msg) { r.Opcode = dns.OpcodeUpdate },
		"class CH":   func(r *dns.Msg) { r.Question[0].Qclass = dns.ClassCHAOS },
		"class ANY":  func(r *dns.Msg) { r.Question[0].Qclass = dns.ClassANY },
		"IXFR":       func(r *dns.Msg) { r.Question[0].Qtype = dns.TypeIXFR },
		"observe on": func(*dns.Msg) { n.observe = true },
	} {
		if got := sections(ask(t, n, "example.be.", dns.TypeA, change)); got != "answer: example.be."+behind {
			t.Errorf("%s: %s", name, got)
		}
		n.observe = false
	}
}

func TestCAANamesThePagesCA(t *testing.T) {
	tests := []struct{ name, issuer, want string }{
		{"the CA is known", "ca.example", "ca.example"},
		{"it is not known yet", "", ";"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := flaggedHandler(t, profileInsecure)
			n.answers.issuer = func() string { return tt.issuer }
			want := `answer: example.be. 300 IN CAA 0 issue "` + tt.want + `"`
			if got := sections(ask(t, n, "example.be.", dns.TypeCAA)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestAnswersAreIndependent appends to one answer's sections, as dnssec does,
// and expects the next answer to be untouched.
func TestAnswersAreIndependent(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	for _, qtype := range []uint16{dns.TypeA, dns.TypeHTTPS, dns.TypeANY, dns.TypeNS, dns.TypeSOA} {
		before := ask(t, n, "example.be.", qtype)
		want := before.String()
		extra := test.TXT("spoiled. 1 IN TXT spoiled")
		_, _, _ = append(before.Answer, extra), append(before.Ns, extra), append(before.Extra, extra)
		for _, rr := range append(slices.Clone(before.Answer), before.Ns...) {
			rr.Header().Ttl = 1
		}
		after := ask(t, n, "example.be.", qtype)
		after.Id = before.Id
		if got := after.String(); got != want {
			t.Errorf("%s: %s\nwant %s", dns.Type(qtype), got, want)
		}
	}
}

func TestUnknownApexStillAnswers(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	n.view = newView(&config{origins: n.zones, host: "warning.authority.example.", ttl: 300})
	m := ask(t, n, "example.be.", dns.TypeHTTPS)
	if len(m.Ns) != 1 || m.Ns[0].(*dns.SOA).Ns != "warning.authority.example." {
		t.Errorf("NODATA before the zone is there: %v", m)
	}
}
